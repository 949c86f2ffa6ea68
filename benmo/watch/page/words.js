/** Records as sentences. */

import { ballotText, withBallots } from "benmo/marks.js";
import { isZero } from "benmo/fold.js";

const plural = (count, thing) => (count === 1 ? `1 ${thing}` : `${count} ${thing}s`);
const heldText = (held) =>
  held === null ? "nothing accepted" : `accepted slot ${held.block.s} in ${ballotText(held.b)}`;

const gapText = (r, count) =>
  `${plural(count, "record")} of node ${r.i} ${count === 1 ? "is" : "are"} not shown: ${r.why}`;

/** A transfer in words: `1-4: 10 to node 2`. */
export function transferText(transfer) {
  const id = transfer.n ? `${transfer.debit}-${transfer.n}` : `node ${transfer.debit}`;
  const memo = transfer.memo ? ` “${transfer.memo}”` : "";
  return `${id}: ${transfer.amount} to node ${transfer.credit}${memo}`;
}

/** What a block holds. */
export function blockText(block) {
  const shown = block.transfers.map(transferText);
  const more = block.count - block.transfers.length;
  return [
    ...shown,
    ...(more > 0 ? [`${more} more`] : []),
    ...(block.change ? [block.change] : []),
  ].join(", ");
}

/** A message in words. */
export function messageText(m) {
  switch (m.k) {
    case "Prepare":
      return `Prepare ${ballotText(m.b)}`;
    case "Promise":
      return `Promise ${ballotText(m.b)} (height ${m.height}, ${heldText(m.accepted)})`;
    case "Accept":
      return `Accept ${ballotText(m.b)} for slot ${m.block.s}`;
    case "Accepted":
      return `Accepted ${ballotText(m.b)} for slot ${m.s}`;
    case "Nack":
      return `Nack ${ballotText(m.b)} (promised ${ballotText(m.promised)})`;
    case "Decide":
      return `Decide slot ${m.s}`;
    case "Behind":
      return `Behind (height ${m.height})`;
    case "Blocks":
      return `Blocks (${m.count})`;
    case "Forward":
      return m.change ? `Forward (${m.change})` : `Forward (${plural(m.count, "transfer")})`;
    default:
      return m.k;
  }
}

const EVENTS = {
  starts: "starts",
  restarted: "is started again",
  ends: "ends",
  killed: "is killed",
  "loses power": "loses power",
  "loses its disk": "loses its disk",
  "stands still": "stands still",
  "goes on": "goes on",
  paused: "is paused",
  woken: "goes on",
  "not reached": "is not reached any more: nobody outside can tell whether it ended or is cut off",
};

/** One-way pairs in words: `between 1 and 2, 1 and 3; from 4 to 5`. */
function waysText(ways) {
  const known = new Set(ways.map(String));
  const isBoth = ([a, b]) => known.has(`${b},${a}`);
  const both = ways.filter((way) => isBoth(way) && way[0] < way[1]).map((way) => way.join(" and "));
  const single = ways.filter((way) => !isBoth(way)).map(([from, to]) => `from ${from} to ${to}`);
  return [both.length ? `between ${both.join(", ")}` : "", single.join(", ")]
    .filter(Boolean)
    .join("; ");
}

const SENTENCES = {
  state: (r) =>
    `node ${r.i} ${r.n === 1 ? "begins its records" : "says how it is"}: ` +
    `promised ${ballotText(r.promised)}, height ${r.height}, ${heldText(r.accepted)}`,
  received: (r) =>
    r.from === r.i
      ? `node ${r.i} gets its own ${messageText(r.m)}`
      : `node ${r.i} receives ${messageText(r.m)} from node ${r.from}`,
  sent: (r) => `node ${r.i} sends ${messageText(r.m)} to node ${r.to}`,
  dropped: (r) => `node ${r.i}’s ${messageText(r.m)} to node ${r.to} is lost: ${r.why}`,
  promised: (r) => `node ${r.i} promises ballot ${ballotText(r.b)}`,
  accepted: (r) => `node ${r.i} accepts a block for slot ${r.block.s} in ballot ${ballotText(r.b)}`,
  decided: (r) => `node ${r.i} knows that slot ${r.block.s} is decided`,
  applied: (r) => `node ${r.i} applies block ${r.s}`,
  queued: (r) =>
    `node ${r.i} queues ${r.transfers.map(transferText).join(", ")}${r.count > r.transfers.length ? ", …" : ""}`,
  durable: (r) => `node ${r.i}’s disk holds all that node ${r.i} has done so far`,
  due: (r) => `time is up at node ${r.i}: ${r.what.join(", ")}`,
  role: (r) => `node ${r.i} was ${r.was}, is ${r.now}`,
  timer: (r) =>
    r.due === null
      ? `node ${r.i} stops its ${r.what} countdown`
      : `node ${r.i} begins its ${r.what} countdown: ${(r.due - r.t).toFixed(2)} s`,
  leader: (r) =>
    isZero(r.b)
      ? `node ${r.i} follows no leader now`
      : `node ${r.i} ${r.b[1] === r.i ? "leads" : `follows node ${r.b[1]}`}, in ballot ${ballotText(r.b)}`,
  link: (r) => `node ${r.i}’s link to node ${r.peer} is ${r.is_up ? "up" : "down"}`,
  asked: (r) => askedText(r),
  answered: (r) => `node ${r.i} answers: ${r.outcome}${r.reason ? `, ${r.reason}` : ""}`,
  noticed: (r) => `node ${r.i} ${noticeText(r)}`,
  misbehaved: (r) => `node ${r.i} caught node ${r.peer}: ${r.reason}`,
  gap: (r) => gapText(r, r.last - r.first + 1),
  process: (r) => `node ${r.of} ${EVENTS[r.event]}${r.status ? `: ${r.status}` : ""}`,
  cut: (r) => `${r.shape ? `${r.shape}: ` : ""}nothing passes ${waysText(r.ways)}`,
  slowed: (r) => `messages ${waysText(r.ways)} are held back for ${r.delay_ms} ms`,
  healed: (r) => `messages pass as ever ${waysText(r.ways)}`,
  lost: (r) => `a message is lost on its way: ${r.why}`,
  world: (r) => r.text,
  did: (r) => `somebody ${r.by === "page" ? "asked from a page" : "typed"}: ${r.line}`,
  violation: (r) => {
    const who = r.checker === "alarm" ? "an alarm" : `the checker of ${r.checker} found`;
    return `${who}: ${withBallots(r.sentence)}`;
  },
  note: (r) => `note: ${r.text}`,
};

function askedText(r) {
  if (r.what === "pay")
    return `somebody asks node ${r.i} to pay: ${r.transfers.map(transferText).join(", ")}`;
  if (r.what === "change") return `an operator asks node ${r.i}: ${r.change}`;
  const more = r.what === "hurry" ? ", and not to wait for its election delay" : "";
  return `somebody asks node ${r.i} to ${r.what}${more}`;
}

/** Notices that quote a memo, which stays as somebody has written it. */
const QUOTING = new Set(["TransferApplied", "TransferVoid"]);
const noticeText = ({ what, text }) => (QUOTING.has(what) ? text : withBallots(text));

/** Notices that don't begin with what their node does. */
const BARE = /^(?:the |node |nodes |answers |queued, )/;

/** A record in one sentence. */
export function sentence(record) {
  if (record.k === "noticed" && BARE.test(record.text))
    return `node ${record.i}: ${noticeText(record)}`;
  return SENTENCES[record.k](record);
}

/** A record of a message that was lost on its way, as one of its sender's that says which it was. */
function wasSent(trace, record) {
  const sent = record.k === "lost" ? trace.records[trace.sends.get(record.id)] : undefined;
  return sent === undefined ? record : { ...sent, k: "dropped", why: record.why };
}

function againText(trace, index) {
  const { times, since } = trace.waits(index);
  const span = Math.round(trace.records[index].t - since);
  return times < 2 ? "" : `, ${times} times in ${span} s`;
}

/** What earlier records add: a node that reaches no majority, or that runs anew. */
function moreText(trace, index) {
  const { k, i, l, n } = trace.records[index];
  const short = trace.short.get(index);
  if (short)
    return `. It reaches ${short.reached} of ${short.nodes} nodes: no majority${againText(trace, index)}`;
  const isAnew = k === "state" && n === 1 && trace.hadLife(i, l);
  return isAnew ? ". It is another process than before" : "";
}

/** Seconds since the trace began, to the millisecond. */
export const secondsText = (t) => (Math.abs(t) < 0.0005 ? 0 : t).toFixed(3);

/** Where a vote shows that no record of its node told of when it was cast. */
function evidenceText({ k, i, from }) {
  if (k === "state") return `, as node ${i}’s state shows`;
  return k === "received" ? `, as node ${from}’s Promise shows` : "";
}

/** What happened at an index of a trace: also what no node knows, but all records together tell. */
export function tell(trace, index) {
  const choice = trace.checks.choices.get(index);
  if (choice === undefined)
    return `${sentence(wasSent(trace, trace.records[index]))}${moreText(trace, index)}`;
  const block = `block ${choice.h.slice(0, 4)} in ballot ${ballotText(choice.b)}`;
  const shown = evidenceText(trace.records[index]);
  return `slot ${choice.s} is decided: a majority’s disks hold ${block}${shown}. Nobody knows it yet.`;
}
