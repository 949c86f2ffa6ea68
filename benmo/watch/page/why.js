/**
 * Why a record is there: from records and rules only. A cause that no record holds is said to be
 * missing; nothing is guessed.
 */

import { isHigher, isSame, isZero, ZERO } from "benmo/fold.js";
import { isAlone } from "benmo/members.js";
import { binding } from "benmo/tables.js";
import { holders } from "benmo/votes.js";

const CONE_MAX = 20_000;
const BACK_MAX = 4_000;
const KEPT = ["promised", "accepted", "decided", "queued"];

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
  for (let at = index; at >= 0 && index - at < BACK_MAX; at -= 1) {
    const record = trace.records[at];
    if (record.i === i && record.l === life && isIt(record)) found.push(at);
  }
  return found.reverse();
}

/** Whether a record is a message that leaves its node, or that the node hands to itself. */
const isWord = ({ k, i, from }) => ["sent", "dropped"].includes(k) || (k === "received" && from === i);

const answers = (kind, ballot) => (record) =>
  record.k === "received" && record.m.k === kind && isSame(record.m.b, ballot);

/** The promise that stands behind a refusal: as it was given, or as it came with an accepted block. */
function standing(trace, index, promised) {
  const facts = trace.promisesOf.get(`${trace.records[index].i}:${promised}`) ?? [];
  const given = facts.filter((at) => trace.records[at].k === "promised");
  const found = lastBefore(given, index);
  return found < 0 ? lastBefore(facts, index) : found;
}

/** By a message's kind, whether a record of its sender holds what the message says. */
const SAYS = {
  Prepare: (m) => (fact) => fact.k === "promised" && isSame(fact.b, m.b),
  Promise: (m) => (fact) => fact.k === "promised" && isSame(fact.b, m.b),
  Accept: (m) => (fact) => fact.what === "ProposalMade" && isOf(fact.fields, m.b, m.block.s),
  Accepted: (m) => (fact) => fact.k === "accepted" && isSame(fact.b, m.b) && fact.block.s === m.s,
  Decide: (m) => (fact) => fact.k === "decided" && fact.block.s === m.s,
};
const isOf = ({ ballot, slot }, b, s) => slot === s && ballot && isSame(ballot, b);

/** What a node did or noted before it said so in a message, to others or to itself. */
function behind(trace, index, { i, m, l }) {
  const isIt = SAYS[m.k]?.(m);
  return isIt === undefined ? -1 : (earlier(trace, index, isIt, l).at(-1) ?? -1);
}

/** What a write put on a disk. */
function written(trace, index) {
  const { i, l, upto } = trace.records[index];
  const found = [];
  let past = 0;
  for (let at = index - 1; at >= 0 && index - at < BACK_MAX; at -= 1) {
    const record = trace.records[at];
    if (record.i !== i || record.l !== l) continue;
    if (record.k === "durable") past = Math.max(past, record.upto);
    if (record.n <= past || record.k === "state") break;
    if (record.n <= upto && KEPT.includes(record.k)) found.push(at);
  }
  return found.reverse();
}

/** The votes by which a block is decided, as far as they are on disks. */
function votes(trace, index) {
  const { s, b, h } = trace.checks.choices.get(index);
  const found = holders(trace.checks.votes.on(s, b, h), trace.votersOf(s), index + 1);
  return found.map(([node, shown]) => {
    const facts = trace.promisesOf.get(`${node}:${b}`) ?? [];
    const isIt = ({ k, block }) => k === "accepted" && block.s === s && block.h === h;
    return facts.find((at) => at <= shown && isIt(trace.records[at])) ?? shown;
  });
}

/** What, beside the event itself, a record follows from. */
function reasons(trace, index) {
  const record = trace.records[index];
  if (trace.checks.choices.has(index)) return votes(trace, index);
  if (record.k === "noticed") return ofNotice(trace, index, record);
  if ((record.k === "sent" || record.k === "dropped") && record.m.k === "Nack") {
    return [standing(trace, index, record.m.promised)];
  }
  if (isWord(record)) return [behind(trace, index, record)];
  if (record.k === "durable") return written(trace, index);
  if (record.k === "applied") {
    const isIt = (each) => each.k === "decided" && each.block.s === record.s;
    return earlier(trace, index, isIt, record.l);
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

/** Those of a node's links that were down, with the records in which they went down. */
function linksDown(trace, index, { l }) {
  const last = new Map();
  for (const at of earlier(trace, index, (each) => each.k === "link", l))
    last.set(trace.records[at].peer, at);
  return [...last.values()].filter((at) => !trace.records[at].is_up);
}

function ofNotice(trace, index, record) {
  const { fields } = record;
  if (record.what === "QuorumMissing") return linksDown(trace, index, record);
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
  const found = reasons(trace, index).filter((at) => at >= 0);
  const isChoice = trace.checks.choices.has(index);
  const isOwn = !record.id && (isChoice || (found.length && !record.c));
  const event = isOwn ? -1 : eventOf(trace, index);
  const causes = [...new Set([...found, event])].filter((at) => at >= 0 && at !== index);
  if (causes.length) return { causes, end: "" };
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

const known = new WeakMap();

/** The causes of a record; they stay what they are, as a cause comes before what came of it. */
function causesAt(trace, index) {
  if (!known.has(trace)) known.set(trace, []);
  const found = known.get(trace);
  found[index] ??= why(trace, index).causes;
  return found[index];
}

/** The causes of a record, and theirs, as far as they are recorded. */
export function causesOf(trace, index) {
  const seen = new Set([index]);
  const open = [index];
  while (open.length && seen.size < CONE_MAX) {
    const fresh = causesAt(trace, open.pop()).filter((each) => !seen.has(each));
    for (const each of fresh) seen.add(each);
    open.push(...fresh);
  }
  seen.delete(index);
  return seen;
}

/** What came of a record among the first `count`: the records that have it among their causes. */
export function effectsOf(trace, index, count) {
  const seen = new Set([index]);
  for (let at = index + 1; at < count; at += 1)
    if (causesAt(trace, at).some((each) => seen.has(each))) seen.add(at);
  seen.delete(index);
  return seen;
}

/** The notice that says why a node is what it is. */
function noticeOf(node) {
  if (isAlone(node)) return "QuorumMissing";
  if (node.role === "candidate") return "CampaignBegun";
  return node.role === "acceptor" ? "" : "LeadershipWon";
}

/**
 * The index of the record that made a node what it is in a state: its election, its end, or where
 * there is none of these, the last telling thing that it did; -1 if it did nothing.
 */
export function tellingOf(trace, state, id) {
  const [node, upto] = [state.nodes[id], state.count];
  const isIts = ({ i, l }) => i === id && l === node.life;
  const what = noticeOf(node);
  const find = (isIt) => trace.records.findLastIndex((each, at) => at < upto && isIt(each));
  const found = [
    node.is !== "up" && find((each) => each.k === "process" && each.of === id),
    what !== "" && find((each) => each.what === what && isIts(each)),
    find((each) => isIts(each) && !["durable", "timer", "leader", "link"].includes(each.k)),
  ];
  return found.find((index) => index !== false && index >= 0) ?? -1;
}
