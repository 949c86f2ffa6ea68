/**
 * What keeps a ledger safe, compared record by record. Each check knows which records it compared,
 * and which of them broke it; after a gap it can't know.
 */

import { isHigher, isSame, isZero, processOf } from "benmo/fold.js";
import { addTo, countBelow } from "benmo/lists.js";
import { quorumOf } from "benmo/members.js";
import { Votes } from "benmo/votes.js";

const TEXTS = {
  agreement: {
    title: "One block in each slot",
    compares:
      "the hash of each block that is decided, or in the chain of a node that begins, with the other " +
      "nodes' block in that slot",
    breaks: "two nodes that decide different blocks in one slot",
  },
  ballot: {
    title: "One block in each ballot",
    compares: "what is accepted in one ballot of a slot, at all nodes",
    breaks: "a leader that proposes two blocks in one ballot",
  },
  promise: {
    title: "Promises are kept",
    compares: "each accepted ballot, and each start from a disk, with the node's promise and vote",
    breaks: "a node that accepts a ballot below its promise, or forgets a promise or a vote",
  },
  disk: {
    title: "The disk before the word",
    compares:
      "each Prepare, Promise and Accepted that leaves with what the sender's disk holds, and each " +
      "decision by votes with the voters' disks",
    breaks:
      "a message that leaves, or a vote that is counted, before its write is durable: a power cut " +
      "would undo what it says. Or a Promise that hides a vote",
  },
  chosen: {
    title: "A chosen block stays",
    compares:
      "each proposal and vote with the block that a majority's disks hold in a lower ballot",
    breaks: "a proposal, or a second majority, of another block although one may be decided",
  },
  money: {
    title: "No money is made or lost",
    compares:
      "the sum of all balances, and that none is below zero, at each beginning and after each block",
    breaks: "a block that changes the sum, or leaves a node below zero",
  },
};

export class Checks {
  /** `earlier` tells of records that were let go: of their `checks`, and which is the `first` now. */
  constructor(earlier = null) {
    this.compared = emptyLists();
    this.broken = emptyLists();
    /** How many records were compared, and broke a check, among those that were let go. */
    this.before = Object.fromEntries(Object.keys(TEXTS).map((id) => [id, lostOf(earlier, id)]));
    this.alarms = [];
    this.gaps = [];
    this.hadGap = earlier !== null && earlier.checks.isGapIn(earlier.first);
    /** The records from which on a voter is not known, and again all are, in turn. */
    this.turns = [];
    this.hashes = new Map();
    this.proposals = new Map();
    /** By slot, all that was accepted or proposed in it: ballots and hashes. */
    this.offers = new Map();
    /** By slot, the first block that a majority's disks held, and its ballot. */
    this.chosen = new Map();
    this.votes = new Votes();
    /** By record, the block that a majority's disks hold from then on: it is decided. */
    this.choices = new Map();
    this.sum = earlier?.checks.sum ?? null;
    /** The highest slot whose voters are known: the blocks below it are applied. */
    this.top = earlier === null ? 1 : earlier.checks.top;
    /** The greatest height at which a node began: who voted up to there is not known. */
    this.blind = earlier === null ? 0 : heightOf(earlier.state) + 1;
  }

  /**
   * Compares what a record says with what was before it. `cause` is the record that it names as its
   * cause, or that of a message's sending; undefined if there is none. `voters` gives a slot's.
   */
  add(record, index, before, after, cause, voters) {
    if (record.k === "violation") this.alarms.push(index);
    if (after.gaps > before.gaps) this.gaps.push(index);
    if (isUnsure(after) !== this.turns.length % 2 > 0) this.turns.push(index);
    if (record.event === "loses its disk") this.votes.wipe(record.of, index);
    if (record.i === 0) return;
    const [node, then] = [processOf(before, record), processOf(after, record)];
    if (node === null) return;
    if (record.k === "accepted") this.#accepted(record, index, node);
    if (record.k === "decided") this.#decided(record, index, after, cause, voters);
    if (record.k === "applied") this.#applied(record, index);
    if (record.k === "state") this.#started(record, index, node, after);
    if (record.k === "durable") this.#durable(record, index, node, after);
    if (record.k === "sent") this.#left(record, index, then);
    if (isUnsentReport(record, cause)) this.votes.report(after, record, index);
    if (this.votes.changed.size) this.#count(index, voters);
  }

  /** Whether records are missing among the first `count`, or before them. */
  isGapIn(count) {
    return this.hadGap || countBelow(this.gaps, count) > 0;
  }

  #note(id, index, isFine) {
    const [compared, broken] = [this.compared[id], this.broken[id]];
    compared.push(index);
    if (!isFine && broken.at(-1) !== index) broken.push(index);
  }

  #same(id, index, seen, key, hash) {
    const first = seen.get(key) ?? hash;
    seen.set(key, first);
    this.#note(id, index, first === hash);
  }

  #accepted(record, index, node) {
    const { b, block } = record;
    this.#same("ballot", index, this.proposals, `${block.s}:${b}`, block.h);
    this.#offered(index, b, block);
    if (node?.known) this.#note("promise", index, !isHigher(node.pencil.promised, b));
  }

  /** What is offered above a chosen block must be that block. */
  #offered(index, b, block) {
    addTo(this.offers, block.s, { b, h: block.h });
    const chosen = this.chosen.get(block.s);
    if (chosen !== undefined && isHigher(b, chosen.b))
      this.#note("chosen", index, chosen.h === block.h);
  }

  /** Votes are counted once they are durable: the records that say so are before the decision. */
  #decided(record, index, after, cause, voters) {
    const { s, h } = record.block;
    this.#same("agreement", index, this.hashes, s, h);
    if (!["Accepted", "Decide"].includes(cause?.m?.k)) return;
    const ids = voters(s);
    const given = this.votes.on(s, isZero(record.b) ? cause.m.b : record.b, h)?.given ?? new Map();
    const isShown = (id) => given.has(id) || isSeen(after.nodes[id]);
    const isWhole = after.gaps === 0 && !this.hadGap && s > this.blind && s <= this.top;
    if (!isWhole || !ids.every(isShown)) return;
    this.#note("disk", index, ids.filter((id) => given.has(id)).length >= quorumOf(ids));
  }

  /** A disk keeps promises and votes: what a node had durable before, its next start shows. */
  #started(record, index, node, after) {
    const { accepted, promised, chain, height } = record;
    if (accepted !== null) this.votes.add(after, record, index, accepted);
    if (chain.length) {
      const isSame = (block) => (this.hashes.get(block.s) ?? block.h) === block.h;
      this.#note("agreement", index, chain.every(isSame));
      for (const { s, h } of chain) if (!this.hashes.has(s)) this.hashes.set(s, h);
    }
    if (Object.keys(record.balances).length) this.#money(record, index);
    this.top = Math.max(this.top, height + 1);
    if (!node?.known || node.life !== record.l) this.blind = Math.max(this.blind, height);
    if (node === undefined || node.life < 0) return;
    const { ink } = node;
    const isKept = height >= (ink.accepted?.block.s ?? 0) || isAtLeast(accepted, ink.accepted);
    this.#note("promise", index, !isHigher(ink.promised, promised) && isKept);
  }

  #durable(record, index, before, after) {
    for (const fact of before?.waiting ?? []) {
      if (fact.k !== "accepted" || fact.l !== record.l || fact.n > record.upto) continue;
      this.votes.add(after, record, index, fact);
    }
  }

  /** Looks which blocks a majority's disks hold by now: of slots whose voters are known. */
  #count(index, voters) {
    for (const { s, b, h } of this.votes.won(this.top, voters, index)) {
      const first = this.chosen.get(s);
      if (first !== undefined) {
        this.#note("chosen", index, first.h === h);
        continue;
      }
      this.chosen.set(s, { b, h });
      if (!this.hashes.has(s)) this.choices.set(index, { s, b, h });
      const isOther = (offer) => isHigher(offer.b, b) && offer.h !== h;
      if (this.offers.get(s)?.some(isOther)) this.#note("chosen", index, false);
    }
  }

  #left(record, index, node) {
    const { m } = record;
    if (m.k === "Accept") this.#offered(index, m.b, m.block);
    if (!node.known) return;
    const { ink } = node;
    if (m.k === "Prepare") this.#note("disk", index, !isHigher(m.b, ink.promised));
    if (m.k === "Promise")
      this.#note("disk", index, !isHigher(m.b, ink.promised) && isOpen(ink, m));
    if (m.k === "Accepted") this.#note("disk", index, holds(ink, m));
  }

  #applied(record, index) {
    this.top = Math.max(this.top, record.s + 1);
    this.#money(record, index);
  }

  #money(record, index) {
    const amounts = Object.values(record.balances);
    const sum = amounts.reduce((all, amount) => all + amount, 0);
    this.sum ??= sum;
    this.#note("money", index, sum === this.sum && amounts.every((amount) => amount >= 0));
  }

  /**
   * The verdicts on the first `count` records: `broken`, `not known` after a gap or while a voter is
   * not known, `nothing yet`, or `holds`, with how many records were compared and the index of the first that broke it.
   */
  verdicts(count) {
    const isGap = this.isGapIn(count);
    const isNow = countBelow(this.turns, count) % 2 > 0;
    return Object.entries(TEXTS).map(([id, texts]) => {
      const earlier = this.before[id];
      const shown = countBelow(this.compared[id], count);
      const compared = earlier.compared + shown;
      const broken = countBelow(this.broken[id], count);
      const calm = compared === 0 ? "nothing yet" : isNow ? "not known" : "holds";
      const isBroken = earlier.isBroken || broken > 0;
      const verdict = isBroken ? "broken" : isGap ? "not known" : calm;
      const latest = earlier.isBroken ? -1 : (this.compared[id][shown - 1] ?? -1);
      return { id, ...texts, compared, verdict, at: broken > 0 ? this.broken[id][0] : latest };
    });
  }
}

const emptyLists = () => Object.fromEntries(Object.keys(TEXTS).map((id) => [id, []]));

function lostOf(earlier, id) {
  if (earlier === null) return { compared: 0, isBroken: false };
  const { checks, first } = earlier;
  const { compared, isBroken } = checks.before[id];
  return {
    compared: compared + countBelow(checks.compared[id], first),
    isBroken: isBroken || countBelow(checks.broken[id], first) > 0,
  };
}

const heightOf = ({ nodes }) => Math.max(...Object.values(nodes).map((node) => node.pencil.height));

/** Whether all that a node has done is known: of one that was killed, the last may be missing. */
const isSeen = (node) => node !== undefined && node.known && node.is === "up";

/** Whether a record shows a vote of another node whose own records don't tell of it. */
const isUnsentReport = ({ k, i, from, m }, sent) =>
  k === "received" && m.k === "Promise" && from !== i && m.accepted !== null && sent === undefined;

/** Whether a voter's promises and votes are not known. */
const isUnsure = ({ voters, nodes }) => voters.ids.some((id) => !nodes[id]?.known);

/** Whether a vote is the older one, or one in a higher ballot. */
function isAtLeast(vote, older) {
  if (older === null) return true;
  if (vote === null || isHigher(older.b, vote.b)) return false;
  return !isSame(vote.b, older.b) || vote.block.h === older.block.h;
}

/** Whether a Promise tells of the vote that the disk holds from before it. */
function isOpen({ accepted }, { b, height, accepted: told }) {
  if (accepted === null || isZero(accepted.b)) return true;
  const isAfterIt = isHigher(b, accepted.b) && height < accepted.block.s;
  return !isAfterIt || isAtLeast(told, accepted);
}

/** Whether a disk holds what an Accepted says: a vote in that ballot, or what came after it. */
function holds(ink, message) {
  if (ink.height >= message.s) return true;
  const { accepted } = ink;
  if (accepted === null || isZero(accepted.b) || accepted.block.s !== message.s) return false;
  return isSame(accepted.b, message.b) || isHigher(accepted.b, message.b);
}
