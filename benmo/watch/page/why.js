/**
 * Why a record is there: from records and rules only. A cause that no record holds is said to be
 * missing; nothing is guessed.
 */

import { isHigher, isSame, isZero, ZERO } from "benmo/fold.js";
import { binding } from "benmo/tables.js";

const CONE_MAX = 20_000;

/** Kinds with which a chain of causes ends, and how. */
const ROOTS = {
  due: "a timer",
  asked: "a user",
  did: "a person",
  process: "the world",
  cut: "the world",
  slowed: "the world",
  healed: "the world",
  lost: "the world",
  world: "the world",
  violation: "a checker",
  note: "a teacher",
  gap: "a gap",
};

/** What a supervisor does to processes, because a person told it to. */
const BY_A_PERSON = ["killed", "restarted", "paused", "woken"];

/** With what a chain of causes ends at a record; links are cut by a person, where nothing is simulated. */
function rootOf(trace, record) {
  if (record.k === "process" && BY_A_PERSON.includes(record.event)) return "a person";
  const isCut = ["cut", "slowed", "healed"].includes(record.k);
  const isLed = ["live", "played"].includes(trace.header.source);
  return isCut && isLed ? "a person" : ROOTS[record.k];
}

/** The last of some records of a node before an index. */
function lastBefore(indices, index) {
  return (indices ?? []).findLast((each) => each < index) ?? -1;
}

function earlier(trace, index, isIt, life) {
  const { i } = trace.records[index];
  const found = [];
  for (let at = index; at >= 0 && index - at < 4_000; at -= 1) {
    const record = trace.records[at];
    if (record.i === i && record.l === life && isIt(record)) found.push(at);
  }
  return found.reverse();
}

const answers = (kind, ballot) => (record) =>
  record.k === "received" && record.m.k === kind && isSame(record.m.b, ballot);

/** The promise that stands behind a refusal. */
function standing(trace, index, promised) {
  const record = trace.records[index];
  return lastBefore(trace.promisesOf.get(`${record.i}:${promised}`), index);
}

/** The votes by which a block is decided, as far as they are on disks. */
function votes(trace, index) {
  const { s, b } = trace.checks.choices.get(index);
  return Object.keys(trace.head.nodes).flatMap((node) =>
    (trace.promisesOf.get(`${node}:${b}`) ?? []).filter((at) => {
      const record = trace.records[at];
      return record.k === "accepted" && record.block.s === s && trace.inkOf.get(at) <= index;
    }),
  );
}

/** What, beside the event itself, a record follows from. */
function reasons(trace, index) {
  const record = trace.records[index];
  if (trace.checks.choices.has(index)) return votes(trace, index);
  if (record.k === "noticed") return ofNotice(trace, index, record);
  if ((record.k === "sent" || record.k === "dropped") && record.m.k === "Nack") {
    return [standing(trace, index, record.m.promised)];
  }
  if (record.k === "decided") {
    const cause = trace.records[trace.causeIn(record)];
    if (cause?.k === "received" && cause.m.k === "Accepted") {
      const isVote = answers("Accepted", record.b);
      const isForIt = (each) => isVote(each) && each.m.s === record.block.s;
      return earlier(trace, index, isForIt, record.l);
    }
  }
  return [];
}

/** The promises that a leader counted: those that came before it had won. */
function counted(trace, index, { fields, l }) {
  const isWin = (each) =>
    each.what === "LeadershipWon" &&
    each.fields.ballot &&
    isSame(each.fields.ballot, fields.ballot);
  const won = earlier(trace, index, isWin, l)[0] ?? index;
  return earlier(trace, won, answers("Promise", fields.ballot), l);
}

function ofNotice(trace, index, record) {
  const { fields } = record;
  if (record.what === "BallotRefused" && fields.promised)
    return [standing(trace, index, fields.promised)];
  if (record.what === "LeadershipWon" && fields.ballot) {
    return earlier(trace, index, answers("Promise", fields.ballot), record.l);
  }
  if (record.what === "ProposalMade" && fields.ballot) {
    const promises = counted(trace, index, record);
    if (fields.taken_over === null || isZero(fields.taken_over)) return promises;
    const reports = promises.map((at) => ({ at, b: trace.records[at].m.accepted?.b ?? ZERO }));
    return binding(reports).map((each) => each.at);
  }
  if (
    record.what === "BallotGivenUp" &&
    fields.higher &&
    fields.ballot &&
    isHigher(fields.higher, fields.ballot)
  ) {
    return [standing(trace, index, fields.higher)];
  }
  return [];
}

function eventOf(trace, index) {
  const record = trace.records[index];
  if (record.k === "received" && record.id) return trace.sentOf.get(index) ?? -1;
  if (record.c) return trace.causeIn(record);
  return record.k === "state" || record.k === "link" ? -1 : trace.startOf(record);
}

/**
 * Why the record at `index` is there: `causes`, indices of records, the most telling first; or, where
 * there are none, `end`, which says with what the chain ends.
 */
export function why(trace, index) {
  const record = trace.records[index];
  const about = aboutOf(trace, record);
  if (about.length) return { causes: about, end: "" };
  if (record.k === "state" && !trace.checks.choices.has(index)) return started(trace, index);
  if (ROOTS[record.k] !== undefined && !record.c)
    return { causes: [], end: `That was ${rootOf(trace, record)}.` };
  if (record.k === "link" && !record.c)
    return { causes: [], end: "A node sees its connections come and go, and not why." };
  if (record.k === "sent" && !record.c && trace.header.source === "explored")
    return { causes: [], end: "In a search, a node may ask for blocks at any time." };
  const event = trace.checks.choices.has(index) ? -1 : eventOf(trace, index);
  const causes = [...reasons(trace, index), event].filter((at) => at >= 0 && at !== index);
  const known = [...new Set(causes)];
  if (known.length) return { causes: known, end: "" };
  const isBeat = record.k === "received" && record.m.k === "Heartbeat" && !trace.header.heartbeats;
  const untold = "Heartbeats are not recorded where they are sent.";
  return { causes: [], end: isBeat ? untold : "The cause was not recorded." };
}

/** The indices of the records in which what a checker found shows, as far as they are there. */
export function aboutOf(trace, record) {
  if (record.k !== "violation") return [];
  return record.about.map(({ i, l, n }) => trace.indexOf(i, l, n)).filter((at) => at >= 0);
}

/** What a `state` follows from: the start of its process, where that was recorded. */
function started(trace, index) {
  const { i, l, n } = trace.records[index];
  if (n > 1 && trace.startOf(trace.records[index]) < index)
    return { causes: [], end: "A node says so again now and then." };
  for (let at = index - 1; at >= 0 && index - at < 50; at -= 1) {
    const { k, of, of_life: life, event } = trace.records[at];
    const isStart = k === "process" && of === i && ["starts", "restarted"].includes(event);
    if (isStart && (life === 0 || life === l)) return { causes: [at], end: "" };
  }
  return { causes: [], end: "Here its records begin." };
}

function reach(from, next) {
  const seen = new Set([from]);
  const open = [from];
  while (open.length && seen.size < CONE_MAX) {
    for (const each of next(open.pop())) {
      if (!seen.has(each)) {
        seen.add(each);
        open.push(each);
      }
    }
  }
  seen.delete(from);
  return seen;
}

/** The causes of a record, and theirs, as far as they are recorded. */
export const causesOf = (trace, index) => reach(index, (at) => why(trace, at).causes);

/** What came of a record among the first `count`. */
export const effectsOf = (trace, index, count) =>
  reach(index, (at) => (trace.children.get(at) ?? []).filter((each) => each < count));
