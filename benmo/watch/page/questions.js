/**
 * Makes questions of records. Each is asked after `count` records, before those that answer it; what
 * is right follows from the state at that moment, by the rules of the protocol.
 *
 * A question: `kind`, `count`, `index` (the record that it is about), `text`, `choices` (each a `text`
 * and the misconception for which it stands where it is wrong), `right` (the numbers of the right
 * choices), `isMany` (any number may be chosen), `because`, `evidence` (indices of the records that
 * show it), and `broken`: the index of a record in which the run did otherwise, or -1.
 */

import { choice, nodesText, shownNode } from "benmo/asking.js";
import { isHigher, isSame, isZero } from "benmo/fold.js";
import { ballotText } from "benmo/marks.js";
import { whatSurvives, whichAreOld, whoDecides } from "benmo/standing.js";
import { ballotTable, binding } from "benmo/tables.js";

const NEAR = 400;

/** The first of a node's next records for which `isIt` holds, before its next event; or -1. */
function next(trace, index, isIt) {
  const { i, l, n } = trace.records[index];
  for (let at = index + 1; at < Math.min(trace.length, index + NEAR); at += 1) {
    const record = trace.records[at];
    if (record.i === i && record.l === l && record.c === n && isIt(record)) return at;
  }
  return -1;
}

/** The record with which a node promised a ballot, or began with that promise. */
function promiseOf(trace, record, ballot, index) {
  const found = (trace.promisesOf.get(`${record.i}:${ballot}`) ?? []).findLast((at) => at < index);
  return found ?? Math.max(0, trace.startOf(record));
}

// Will a node promise, or accept?

function whetherPromises(trace, record, index, after) {
  const node = shownNode(record, after);
  const { b } = record.m;
  if (node === null || !node.members.includes(b[1])) return null;
  const { promised, accepted } = node.pencil;
  if (isSame(promised, b) || isZero(promised)) return null;
  const isRight = isHigher(b, promised);
  const choices = [
    choice("Yes, it promises.", "leader"),
    choice(`No: it has promised ${ballotText(promised)}.`, "broken"),
  ];
  if (accepted !== null)
    choices.push(choice(`No: it has accepted a block for slot ${accepted.block.s}.`, "accepted"));
  else if (!isZero(node.leader) && node.leader[1] !== b[1])
    choices.push(choice(`No: it follows node ${node.leader[1]}.`, "leader"));
  const has = `Node ${record.i} had promised ${ballotText(promised)}`;
  const got = `Node ${record.i} has received Prepare ${ballotText(b)} from node ${record.from}.`;
  return {
    outcome: isRight ? "yes" : "no",
    text: `${got} Will it promise?`,
    choices,
    right: [isRight ? 0 : 1],
    because: `${has}, and ${ballotText(b)} is ${isRight ? "higher" : "lower"}.`,
    evidence: [promiseOf(trace, record, promised, index)],
    broken: isRight ? -1 : next(trace, index, (each) => each.k === "promised" && isSame(each.b, b)),
  };
}

function whetherAccepts(trace, record, index, after) {
  const node = shownNode(record, after);
  if (node === null || record.from === record.i) return null;
  const { b, block } = record.m;
  const { promised, accepted, height } = node.pencil;
  const isRight = !isHigher(promised, b);
  if (isRight && (block.s !== height + 1 || (accepted !== null && isSame(accepted.b, b))))
    return null;
  const choices = [
    choice("Yes, it accepts the block.", "leader"),
    choice(`No: it has promised ${ballotText(promised)}.`, "broken"),
  ];
  const isOther = accepted !== null && accepted.block.h !== block.h;
  if (isOther)
    choices.push(choice(`No: it has accepted block ${accepted.block.h.slice(0, 4)}.`, "final"));
  const than = `${isRight ? "lower" : "higher"} than ${ballotText(b)}`;
  const is = isSame(promised, b) ? "that very ballot" : than;
  const got = `Node ${record.i} has received Accept ${ballotText(b)} for slot ${block.s}`;
  return {
    outcome: isRight ? (isOther ? "again" : "yes") : "no",
    text: `${got} from node ${record.from}. Will it accept?`,
    choices,
    right: [isRight ? 0 : 1],
    because: `What node ${record.i} has promised, ${ballotText(promised)}, is ${is}.`,
    evidence: [promiseOf(trace, record, promised, index)],
    broken: isRight ? -1 : next(trace, index, (each) => each.k === "accepted" && isSame(each.b, b)),
  };
}

// Which block must a leader propose?

/** The last Promise of each node that a leader had received for a ballot. */
function promisesFor(trace, record, ballot, count) {
  const found = new Map();
  for (let at = count - 1; at >= Math.max(0, count - 4_000); at -= 1) {
    const each = trace.records[at];
    if (each.i !== record.i || each.k !== "received" || each.l !== record.l) continue;
    if (each.m.k === "Promise" && isSame(each.m.b, ballot) && !found.has(each.from))
      found.set(each.from, { at, from: each.from, m: each.m });
  }
  return [...found.values()];
}

/** The blocks that were reported, each with its highest ballot and those who reported it in that. */
function blocksOf(reports) {
  const byHash = new Map();
  for (const report of reports) {
    const { b, block } = report.m.accepted;
    const list = byHash.get(block.h) ?? [];
    byHash.set(block.h, [...list, { ...report, b }]);
  }
  return [...byHash].map(([hash, list]) => {
    const top = binding(list);
    return {
      hash,
      b: top[0].b,
      from: top.map((each) => each.from).sort((a, b) => a - b),
      at: top.map((each) => each.at),
    };
  });
}

function whichBlock(trace, record) {
  const { slot, ballot } = record.fields;
  const cause = trace.causeIn(record);
  if (slot === null || ballot === null || cause < 0) return null;
  const count = cause + 1;
  const reports = promisesFor(trace, record, ballot, count).filter(
    ({ m }) => m.height === slot - 1 && m.accepted !== null && m.accepted.block.s === slot,
  );
  if (!reports.length) return null;
  const blocks = blocksOf(reports).sort((a, b) => (a.hash < b.hash ? -1 : 1));
  const top = blocks.reduce((best, each) => (isHigher(each.b, best.b) ? each : best));
  const choices = blocks.map(({ hash, b, from }) =>
    choice(
      `Block ${hash.slice(0, 4)}, which ${nodesText(from)} reported as accepted in ${ballotText(b)}.`,
      "lower",
    ),
  );
  const accept = next(trace, cause, (each) => isAcceptIn(each, ballot, slot));
  const isBroken = accept >= 0 && trace.records[accept].m.block.h !== top.hash;
  return {
    count,
    outcome: blocks.length > 1 ? "several" : "one",
    text: `Node ${record.i} leads in ${ballotText(ballot)}. Which block must it propose for slot ${slot}?`,
    choices: [...choices, choice("A block of its own.", "newest")],
    right: [blocks.indexOf(top)],
    because: `Of all reports, ${ballotText(top.b)} is the highest ballot: its block may be decided already.`,
    evidence: top.at,
    broken: isBroken ? accept : -1,
  };
}

const isAcceptIn = (record, ballot, slot) =>
  ["sent", "dropped"].includes(record.k) &&
  record.m.k === "Accept" &&
  record.m.block.s === slot &&
  isSame(record.m.b, ballot);

// Is a slot decided, and does anybody know?

const DECIDED = ["No.", "Yes, and no node knows it yet.", "Yes, and a node knows it."];

function whetherDecided(trace, slot, index, after, moment, wrong) {
  const count = index + 1;
  const nodes = Object.values(after.nodes);
  const table = ballotTable(trace, slot, count);
  const isKnown =
    table.known.size > 0 || nodes.some((node) => node.known && node.pencil.height >= slot);
  const right = isKnown ? 2 : table.chosen === null ? 0 : 1;
  const most = Math.max(0, ...table.rows.map((row) => row.holders.length));
  const votes = most ? votesOf(table.rows.find((row) => row.holders.length === most)) : [];
  const has = `At most ${most} of ${table.voters.length} disks hold a block for slot ${slot} in one ballot`;
  return {
    outcome: `${moment}${right}`,
    text: `Is slot ${slot} decided now, and does anybody know?`,
    choices: DECIDED.map((text, at) => choice(text, at === 0 ? wrong.no : wrong.yes)),
    right: [right],
    because: `${has}; ${isKnown ? "a node knows of the decision" : `${table.quorum} decide`}.`,
    evidence: votes.length ? votes : [index],
    broken: -1,
  };
}

/** By node, the record in which it accepted a row's block, or else that which shows it. */
const votesOf = (row) =>
  row.holders.map(([node, at]) => {
    const { accepted } = row.cells.get(node);
    return accepted >= 0 ? accepted : at;
  });

// All of them.

const BY_LEADER = { yes: "leader", no: "leader" };
const BY_VOTE = { yes: "accepted", no: "leader" };
const BY_PROMISES = { yes: "promise", no: "known" };

/** The questions, as `[kind, question]`, to which the record at `index` gives occasion. */
export function questionsAt(trace, index, before, after) {
  const record = trace.records[index];
  const found = [];
  const ask = (kind, question) => question !== null && found.push([kind, question]);
  if (trace.checks.choices.has(index)) {
    const wrong = { yes: "known", no: "leader" };
    const { s } = trace.checks.choices.get(index);
    ask("decided", whetherDecided(trace, s, index, after, "choice", wrong));
  }
  if (record.k === "received" && record.m.k === "Prepare")
    ask("promise", whetherPromises(trace, record, index, after));
  if (record.k === "received" && record.m.k === "Accept")
    ask("accept", whetherAccepts(trace, record, index, after));
  if (record.k === "noticed" && record.what === "ProposalMade")
    ask("propose", whichBlock(trace, record));
  if (record.k === "noticed" && record.what === "LeadershipWon") {
    const node = shownNode(record, after);
    const slot = (node?.pencil.height ?? -1) + 1;
    if (slot) ask("decided", whetherDecided(trace, slot, index, after, "won", BY_PROMISES));
  }
  if (record.k === "accepted") {
    const [moment, wrong] = record.b[1] === record.i ? ["own", BY_LEADER] : ["vote", BY_VOTE];
    ask("decided", whetherDecided(trace, record.block.s, index, after, moment, wrong));
  }
  if (["promised", "accepted", "durable"].includes(record.k))
    ask("power", whatSurvives(record, index, before, after));
  if (record.k === "decided") ask("old", whichAreOld(trace, record, index, after));
  if (record.k === "process") ask("who", whoDecides(trace, record, index, before, after));
  return found;
}
