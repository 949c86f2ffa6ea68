/**
 * A trace with all that is looked up in it: the state after any number of records, causes, sends
 * with their receipts, the records of a slot, the layers.
 */

import { begin, isHigher, isSame, processOf, step } from "benmo/fold.js";
import { isRoutine, Layers } from "benmo/layers.js";
import { Checks } from "benmo/checks.js";
import { addTo, countBelow } from "benmo/lists.js";
import { quorumOf, reachedBy } from "benmo/members.js";

export const SNAPSHOT_EVERY = 256;
const BEGINNING_MAX = 60;

const placeOf = (i, l, n) => `${i}.${l}.${n}`;

export class Trace {
  /** `earlier` tells of the records that were let go before these: see live.js. */
  constructor(header, records = [], earlier = null) {
    this.header = header;
    this.records = [];
    this.head = earlier?.state ?? begin(header);
    this.snapshots = [this.head];
    this.layers = new Layers();
    this.checks = new Checks(earlier);
    this.places = new Map();
    this.sends = new Map();
    this.sentOf = new Map();
    this.receiptOf = new Map();
    this.lossOf = new Map();
    this.inkOf = new Map();
    this.bySlot = new Map();
    this.slotOf = new Map();
    this.promisesOf = new Map();
    this.proposals = new Map();
    this.starts = new Map();
    this.lives = new Map();
    this.decidedAt = new Map();
    /** By a record of a time that is up, how many nodes that node reaches, if too few. */
    this.short = new Map();
    this.gaps = [];
    /** By node, from which record to which one it was not known. */
    this.unknown = new Map();
    this.drops = [];
    this.ends = [];
    this.turningPoints = [];
    this.notes = [];
    this.slots = [];
    /** By slot, who votes from that slot on, where it changes. */
    this.electorates = new Map(earlier?.electorates ?? [[1, header.nodes]]);
    for (const record of records) this.append(record);
  }

  get length() {
    return this.records.length;
  }

  /** Adds a record at the end. */
  append(record) {
    const index = this.records.length;
    const before = this.head;
    const after = step(before, record, index);
    this.records.push(record);
    this.head = after;
    if ((index + 1) % SNAPSHOT_EVERY === 0) this.snapshots.push(after);
    this.places.set(placeOf(record.i, record.l, record.n), index);
    const sent = this.#link(record, index);
    this.#fallsShort(record, index, before);
    this.layers.add(record, index, sent, this.#isFutile(record, index));
    const { voters } = after;
    if (voters.ids !== before.voters.ids) this.electorates.set(voters.height + 1, voters.ids);
    if (record.i !== 0) this.#inNode(record, index, before, after);
    if (after.lost !== before.lost)
      this.drops.push(...after.lost.filter((each) => !before.lost.includes(each)).map(() => index));
    if (record.i === 0 && hasEnded(before, after)) this.ends.push(index);
    const cause = this.records[record.k === "received" ? sent : this.causeIn(record)];
    this.checks.add(record, index, before, after, cause, (slot) => this.votersOf(slot));
    const isChoice = this.checks.choices.has(index);
    if (isChoice) this.#ofSlot(this.checks.choices.get(index).s, index);
    if (isChoice || !isRoutine(record, cause)) this.layers.tells(index);
    if (record.k === "note") this.notes.push(index);
    const isNews = record.k !== "decided" || this.decidedAt.get(record.block.s) === index;
    if ((isTurningPoint(record) && isNews) || isChoice) this.turningPoints.push(index);
  }

  #link(record, index) {
    let sent = -1;
    if ((record.k === "sent" || record.k === "dropped") && record.id)
      this.sends.set(record.id, index);
    if (record.k === "received" && record.id) {
      sent = this.sends.get(record.id) ?? -1;
      if (sent >= 0) {
        this.sentOf.set(index, sent);
        if (!this.receiptOf.has(sent)) this.receiptOf.set(sent, index);
      }
    }
    if (record.k === "lost" && this.sends.has(record.id))
      this.lossOf.set(this.sends.get(record.id), index);
    return sent;
  }

  #inNode(record, index, before, after) {
    const was = processOf(before, record);
    const node = processOf(after, record);
    if (was === null) return;
    if (after.gaps > before.gaps) this.gaps.push(index);
    if (was?.known && !node.known) addTo(this.unknown, record.i, { begin: index, end: Infinity });
    else if (!was?.known && node.known && this.unknown.has(record.i))
      this.unknown.get(record.i).at(-1).end = index;
    if (record.k === "state") this.#started(record, index);
    if (record.k === "promised" || record.k === "accepted") {
      addTo(this.promisesOf, `${record.i}:${record.b}`, index);
    }
    if (record.what === "ProposalMade" && record.fields.ballot)
      addTo(this.proposals, String(record.fields.ballot), index);
    if (record.k === "durable" && was !== undefined) {
      const left = new Set(node.waiting.map((fact) => fact.index));
      for (const fact of was.waiting) if (!left.has(fact.index)) this.#inked(fact.index, index);
    }
    if (record.k === "decided" && !this.decidedAt.has(record.block.s)) {
      this.decidedAt.set(record.block.s, index);
    }
    const slot = slotIn(record, was);
    if (slot > 0) this.#ofSlot(slot, index);
  }

  #fallsShort(record, index, before) {
    if (!record.what?.includes?.("election delay")) return;
    const was = processOf(before, record);
    if (was?.known && reachedBy(was) < quorumOf(was.members))
      this.short.set(index, { reached: reachedBy(was), nodes: was.members.length });
  }

  /** Whether a node only waits for another election delay, as it reaches no majority. */
  #isFutile(record, index) {
    return this.short.has(index) || (record.k === "timer" && this.short.has(this.causeIn(record)));
  }

  /** How often a node waited in vain, in the layer of this record up to it, and since when. */
  waits(index) {
    const { i } = this.records[index];
    const start = this.layers.starts[this.layers.layerOf[index]];
    const own = [...this.short.keys()].filter((at) => at >= start && at <= index);
    const times = own.filter((at) => this.records[at].i === i);
    return { times: times.length, since: this.records[times[0]].t };
  }

  /** A start shows what the disk kept, also of what no `durable` came to tell of before the end. */
  #started(record, index) {
    const start = placeOf(record.i, record.l, 0);
    if (!this.starts.has(start)) {
      this.starts.set(start, index);
      addTo(this.lives, record.i, record.l);
    }
    const kept =
      record.accepted === null ? [record.promised] : [record.promised, record.accepted.b];
    for (const ballot of kept) {
      const facts = this.promisesOf.get(`${record.i}:${ballot}`) ?? [];
      for (const fact of facts)
        if (!this.inkOf.has(fact) && isKept(this.records[fact], record)) this.#inked(fact, index);
    }
  }

  #inked(fact, index) {
    this.inkOf.set(fact, index);
    const slot = this.slotOf.get(fact);
    if (slot !== undefined) this.#ofSlot(slot, index);
  }

  #ofSlot(slot, index) {
    if (!this.bySlot.has(slot)) this.slots.push(slot);
    this.slotOf.set(index, slot);
    if (this.bySlot.get(slot)?.at(-1) !== index) addTo(this.bySlot, slot, index);
  }

  /** The index of the record that a record names as its cause, or -1. */
  causeIn(record) {
    return record.c ? (this.places.get(placeOf(record.i, record.l, record.c)) ?? -1) : -1;
  }

  /** The index of the record at a place, or -1. */
  indexOf(i, l, n) {
    return this.places.get(placeOf(i, l, n)) ?? -1;
  }

  /** Whether a node's records tell of a process before this one. */
  hadLife(i, life) {
    return (this.lives.get(i) ?? []).some((each) => each < life);
  }

  /** The index of the `state` with which a life of a node begins, or -1. */
  startOf(record) {
    return this.starts.get(placeOf(record.i, record.l, 0)) ?? -1;
  }

  /** The state after the first `count` records: a snapshot, and at most 255 steps. */
  state(count) {
    const at = Math.min(Math.floor(count / SNAPSHOT_EVERY), this.snapshots.length - 1);
    let state = this.snapshots[at];
    for (let index = at * SNAPSHOT_EVERY; index < count; index += 1) {
      state = step(state, this.records[index], index);
    }
    return state;
  }

  /** How many processes ended and how many messages were lost among the first `count` records. */
  tally(count) {
    return { ends: countBelow(this.ends, count), lost: countBelow(this.drops, count) };
  }

  /** Whether all records of a node are there from an index up to another. */
  isWhole(id, from, upto) {
    const gaps = this.unknown.get(id) ?? [];
    return !gaps.some(({ begin, end }) => begin < upto && end > from);
  }

  /** The nodes that vote on a slot. */
  votersOf(slot) {
    const from = [...this.electorates.keys()].filter((each) => each <= slot);
    return this.electorates.get(Math.max(1, ...from));
  }

  /** The records of a slot among the first `count`. */
  ofSlot(slot, count) {
    const all = this.bySlot.get(slot) ?? [];
    return all.slice(0, countBelow(all, count));
  }
}

/** Whether a disk that is read at a start kept what a record says. */
function isKept(fact, start) {
  if (fact.k === "promised")
    return isSame(fact.b, start.promised) || isHigher(start.promised, fact.b);
  return (
    start.accepted !== null &&
    start.accepted.block.h === fact.block.h &&
    isSame(start.accepted.b, fact.b)
  );
}

const hasEnded = (before, after) =>
  ["nodes", "aside"].some((where) =>
    Object.values(after[where]).some(
      (node) => node.is === "down" && before[where][node.id]?.is !== "down",
    ),
  );

const TURNS = new Set([
  "LeadershipWon",
  "BlockReported",
  "LeaderLost",
  "QuorumMissing",
  "BallotGivenUp",
  "ProposalMade",
  "BallotRefused",
]);

const TURNING_KINDS = new Set([
  ...["violation", "note", "gap", "decided"],
  ...["cut", "slowed", "healed", "world"],
]);

function isTurningPoint(record) {
  if (record.k === "noticed") return TURNS.has(record.what);
  if (record.k === "process") return !["starts", "restarted"].includes(record.event);
  return TURNING_KINDS.has(record.k);
}

/** The notices that the ballot table of a slot is made of. */
const TOLD = new Set(["BlockReported", "ProposalMade"]);

/** The slot that a record is about; 0 if it is about none. `node` is its node before it. */
function slotIn(record, node) {
  const next = node === undefined || !node.known ? 0 : node.pencil.height + 1;
  switch (record.k) {
    case "accepted":
    case "decided":
      return record.block.s;
    case "promised":
      return next;
    case "noticed":
      return TOLD.has(record.what) ? (record.fields.slot ?? 0) : 0;
    case "sent":
    case "dropped":
    case "received":
      return ofMessage(record.m, next);
    default:
      return 0;
  }
}

function ofMessage(message, next) {
  switch (message.k) {
    case "Promise":
      return message.height + 1;
    case "Accept":
      return message.block.s;
    case "Accepted":
    case "Decide":
      return message.s;
    case "Nack":
    case "Prepare":
      return next;
    default:
      return 0;
  }
}

/** How many records come before every node is known; 0 if that takes long. */
export function beginningOf(trace) {
  for (let count = 1; count <= Math.min(BEGINNING_MAX, trace.length); count += 1) {
    if (Object.values(trace.state(count).nodes).every((node) => node.known)) return count;
  }
  return 0;
}

/**
 * Plays a trace from its beginning and compares the state with the one that seeking gives, after
 * each `every`-th record. Returns the counts at which they differ: none, if all is well.
 */
export function differences(trace, every = 97) {
  const found = [];
  let state = begin(trace.header);
  trace.records.forEach((record, index) => {
    state = step(state, record, index);
    const isSampled = (index + 1) % every === 0 || index + 1 === trace.length;
    if (isSampled && JSON.stringify(state) !== JSON.stringify(trace.state(index + 1)))
      found.push(index + 1);
  });
  return found;
}
