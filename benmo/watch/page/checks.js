/**
 * What keeps a ledger safe, compared record by record. Each check knows which records it compared,
 * and which of them broke it; after a gap it can't know.
 */

import { isHigher, isSame, isZero, processOf } from "benmo/fold.js";
import { countBelow } from "benmo/lists.js";

const TEXTS = {
  agreement: {
    title: "One block in each slot",
    compares: "the hash of each decided block with the other nodes' block in that slot",
    breaks: "two nodes that decide different blocks in one slot",
  },
  ballot: {
    title: "One block in each ballot",
    compares: "what is accepted in one ballot of a slot, at all nodes",
    breaks: "a leader that proposes two blocks in one ballot",
  },
  promise: {
    title: "Promises are kept",
    compares: "each accepted ballot, and each start from a disk, with the node's promise",
    breaks: "a node that accepts a ballot below its promise, or forgets a promise",
  },
  disk: {
    title: "The disk before the word",
    compares: "each Prepare, Promise and Accepted that leaves with what the sender's disk holds",
    breaks:
      "a message that leaves before its write is durable: a power cut would undo what it says",
  },
  chosen: {
    title: "A chosen block stays",
    compares: "each proposal with the block that a majority had accepted before in a lower ballot",
    breaks: "a leader that proposes its own block although another may be decided",
  },
  money: {
    title: "No money is made or lost",
    compares: "the sum of all balances, and that none is below zero, after each block",
    breaks: "a block that changes the sum, or leaves a node below zero",
  },
};

export class Checks {
  constructor(header) {
    this.compared = Object.fromEntries(Object.keys(TEXTS).map((id) => [id, []]));
    this.broken = Object.fromEntries(Object.keys(TEXTS).map((id) => [id, []]));
    this.alarms = [];
    this.gaps = [];
    this.hashes = new Map();
    this.proposals = new Map();
    this.chosen = new Map();
    this.acceptors = new Map();
    /** By record, the block that a majority's disks hold from then on: it is decided. */
    this.choices = new Map();
    this.sum = null;
    this.size = header.nodes.length;
  }

  /** Compares what a record says with what was before it. */
  add(record, index, before, after) {
    if (record.k === "violation") this.alarms.push(index);
    if (after.gaps > before.gaps) this.gaps.push(index);
    if (record.i === 0) return;
    const [node, then] = [processOf(before, record), processOf(after, record)];
    if (node === null) return;
    if (record.k === "accepted") this.#accepted(record, index, node);
    if (record.k === "decided")
      this.#same("agreement", index, this.hashes, record.block.s, record.block.h);
    if (record.k === "applied") this.#money(record, index);
    if (record.k === "state") this.#started(record, index, node);
    if (record.k === "durable") this.#durable(record, index, node, then);
    if (record.k === "sent") this.#left(record, index, then);
  }

  #note(id, index, isFine) {
    this.compared[id].push(index);
    if (!isFine) this.broken[id].push(index);
  }

  #same(id, index, seen, key, hash) {
    const first = seen.get(key) ?? hash;
    seen.set(key, first);
    this.#note(id, index, first === hash);
  }

  #accepted(record, index, node) {
    const { b, block } = record;
    this.#same("ballot", index, this.proposals, `${block.s}:${b}`, block.h);
    if (node?.known) this.#note("promise", index, !isHigher(node.pencil.promised, b));
  }

  #started(record, index, node) {
    if (record.accepted !== null)
      this.#voted(record.i, index, record.accepted, record.members.length);
    if (node?.known) this.#note("promise", index, !isHigher(node.ink.promised, record.promised));
  }

  /** Counts durable votes: a block that a majority holds in one ballot is chosen. */
  #durable(record, index, before, after) {
    if (!before?.known) return;
    for (const fact of before.waiting) {
      if (fact.k !== "accepted" || fact.n > record.upto) continue;
      this.#voted(record.i, index, fact, after.members.length);
    }
  }

  #voted(node, index, { b, block }, members) {
    const key = `${block.s}:${b}`;
    const voters = this.acceptors.get(key) ?? new Set();
    this.acceptors.set(key, voters.add(node));
    if (voters.size <= members / 2 || this.chosen.has(block.s)) return;
    this.chosen.set(block.s, { b, h: block.h });
    const isKnown = this.hashes.has(block.s);
    if (!isKnown) this.choices.set(index, { s: block.s, b, h: block.h });
  }

  #left(record, index, node) {
    const { m } = record;
    if (m.k === "Accept") {
      const chosen = this.chosen.get(m.block.s);
      if (chosen !== undefined && isHigher(m.b, chosen.b))
        this.#note("chosen", index, chosen.h === m.block.h);
    }
    if (!node.known) return;
    if (m.k === "Promise" || m.k === "Prepare")
      this.#note("disk", index, !isHigher(m.b, node.ink.promised));
    if (m.k === "Accepted") this.#note("disk", index, holds(node.ink, m));
  }

  #money(record, index) {
    const amounts = Object.values(record.balances);
    const sum = amounts.reduce((all, amount) => all + amount, 0);
    this.sum ??= sum;
    this.#note("money", index, sum === this.sum && amounts.every((amount) => amount >= 0));
  }

  /**
   * The verdicts on the first `count` records: `broken`, `not known` after a gap, `nothing yet`, or
   * `holds`, with how many records were compared and the index of the first that broke it.
   */
  verdicts(count) {
    const isGap = countBelow(this.gaps, count) > 0;
    return Object.entries(TEXTS).map(([id, texts]) => {
      const compared = countBelow(this.compared[id], count);
      const broken = countBelow(this.broken[id], count);
      const calm = compared === 0 ? "nothing yet" : "holds";
      const verdict = broken > 0 ? "broken" : isGap ? "not known" : calm;
      const at = broken > 0 ? this.broken[id][0] : (this.compared[id][compared - 1] ?? -1);
      return { id, ...texts, compared, verdict, at };
    });
  }
}

/** Whether a disk holds what an Accepted says: a vote in that ballot, or what came after it. */
function holds(ink, message) {
  if (ink.height >= message.s) return true;
  const { accepted } = ink;
  if (accepted === null || isZero(accepted.b) || accepted.block.s !== message.s) return false;
  return isSame(accepted.b, message.b) || isHigher(accepted.b, message.b);
}
