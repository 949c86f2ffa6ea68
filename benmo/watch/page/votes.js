/** The votes that disks hold, and the blocks that a majority of them holds in one ballot. */

import { addTo } from "benmo/lists.js";
import { quorumOf, votesAs } from "benmo/members.js";

const keyOf = (slot, ballot, hash) => `${slot}:${ballot}:${hash}`;

export class Votes {
  constructor() {
    this.all = new Map();
    this.bySlot = new Map();
    /** Those that are to be counted: they have a new vote. */
    this.changed = new Set();
  }

  /** Adds the durable vote of a record's process; `state` is that after the record. */
  add(state, record, { b, block }) {
    const { s, h } = block;
    const key = keyOf(s, b, h);
    if (!this.all.has(key)) {
      const vote = { s, b, h, block, given: new Set(), held: new Set(), wonAt: -1 };
      this.all.set(key, vote);
      addTo(this.bySlot, s, vote);
    }
    const vote = this.all.get(key);
    vote.given.add(record.i);
    if (votesAs(state, record)) vote.held.add(record.i);
    if (vote.wonAt < 0) this.changed.add(vote);
  }

  /** The nodes whose disks held, at one time or another, this block in this ballot. */
  given(slot, ballot, hash) {
    return this.all.get(keyOf(slot, ballot, hash))?.given ?? new Set();
  }

  /** Takes away the votes of a node whose disk is lost, but for those in what is won. */
  wipe(id) {
    for (const vote of this.all.values()) if (vote.wonAt < 0) vote.held.delete(id);
  }

  /** Yields what a majority holds from this record on, in slots up to `top`: their voters are known. */
  *won(top, voters, index) {
    for (const vote of this.changed) {
      if (vote.s > top) continue;
      this.changed.delete(vote);
      const ids = voters(vote.s);
      if (ids.filter((id) => vote.held.has(id)).length < quorumOf(ids)) continue;
      vote.wonAt = index;
      yield vote;
    }
  }

  /** The votes of a majority in this ballot of a slot, with the block; undefined if there are none. */
  wonIn(slot, ballot) {
    const isIt = (vote) => vote.wonAt >= 0 && String(vote.b) === String(ballot);
    return (this.bySlot.get(slot) ?? []).find(isIt);
  }
}
