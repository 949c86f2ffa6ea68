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
    /** The nodes that have lost a disk. */
    this.wiped = new Set();
  }

  /** Adds the durable vote of the process of the record at `index`; `state` is that after it. */
  add(state, record, index, { b, block }) {
    this.#give(record.i, { at: index, until: Infinity, isVoter: votesAs(state, record) }, b, block);
  }

  /** Adds the vote that a received Promise tells of, if its sender can be no other than that voter. */
  report(state, { from, m }, index) {
    const isOne = (state.members[from] ?? []).length < 2 && !state.replaced.includes(from);
    if (!isOne || this.wiped.has(from)) return;
    this.#give(from, { at: index, until: Infinity, isVoter: true }, m.accepted.b, m.accepted.block);
  }

  #give(node, hold, b, block) {
    const { s, h } = block;
    const key = keyOf(s, b, h);
    if (!this.all.has(key)) {
      const vote = { s, b, h, block, given: new Map(), wonAt: -1 };
      this.all.set(key, vote);
      addTo(this.bySlot, s, vote);
    }
    const vote = this.all.get(key);
    const before = vote.given.get(node);
    const isNews = before === undefined || before.until < hold.at || hold.isVoter > before.isVoter;
    if (isNews) vote.given.set(node, hold);
    if (vote.wonAt < 0) this.changed.add(vote);
  }

  /** The votes on this block in this ballot; undefined if there are none. */
  on(slot, ballot, hash) {
    return this.all.get(keyOf(slot, ballot, hash));
  }

  /** Ends with the record at `index` the votes of a node whose disk is lost, but in what is won. */
  wipe(id, index) {
    this.wiped.add(id);
    for (const { given, wonAt } of this.all.values()) {
      const hold = given.get(id);
      if (wonAt < 0 && hold?.until === Infinity) given.set(id, { ...hold, until: index });
    }
  }

  /** Yields what a majority holds from this record on, in slots up to `top`: their voters are known. */
  *won(top, voters, index) {
    for (const vote of this.changed) {
      if (vote.s > top) continue;
      this.changed.delete(vote);
      const ids = voters(vote.s);
      if (holders(vote, ids, index + 1).length < quorumOf(ids)) continue;
      vote.wonAt = index;
      yield vote;
    }
  }

  /** The votes on a slot, by ballot and block. */
  ofSlot(slot) {
    return this.bySlot.get(slot) ?? [];
  }
}

/**
 * The voters whose disks hold a vote's block after `count` records, as `[node, index]`: the index is
 * that of the record which shows it. Whatever counts votes counts these.
 */
export const holders = (vote, voters, count) =>
  [...vote.given]
    .filter(([node, { isVoter }]) => isVoter && voters.includes(node))
    .filter(([, { at, until }]) => at < count && count <= until)
    .map(([node, { at }]) => [node, at]);
