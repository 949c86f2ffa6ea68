/**
 * The cluster as the records tell it: `step(state, record, index)` returns the state after a record
 * and changes nothing that it was given. A node holds everything twice: in `pencil` as its memory has
 * it, in `ink` as its disk has it. After a gap nothing of a node is known before its next `state`.
 */

import { fly, lose, torn } from "benmo/flights.js";
import { hasJustEnded, isAfterGap, isNews } from "benmo/gaps.js";
import { without } from "benmo/lists.js";
import { met, voted, withoutVote } from "benmo/members.js";
import { moneyAfter, NO_MONEY, withMoneyOnDisk } from "benmo/money.js";

export const ZERO = Object.freeze([0, 0]);
const CHAIN_KEPT = 20;

export const isHigher = (a, b) => a[0] > b[0] || (a[0] === b[0] && a[1] > b[1]);
export const isSame = (a, b) => a[0] === b[0] && a[1] === b[1];
export const isZero = (ballot) => ballot[0] === 0;
const highest = (a, b) => (isHigher(a, b) ? a : b);

const EMPTY = Object.freeze({
  promised: ZERO,
  accepted: null,
  height: 0,
  chain: [],
  queue: 0,
  isQueueExact: true,
});

function unborn(id, members) {
  return {
    id,
    life: -1,
    member: "",
    n: 0,
    is: "unknown",
    known: false,
    role: "acceptor",
    ballot: ZERO,
    leader: ZERO,
    pencil: EMPTY,
    ink: EMPTY,
    waiting: [],
    ...NO_MONEY,
    links: {},
    timers: {},
    members,
    promises: [],
    votes: [],
    brokeOffAt: null,
  };
}

/** The state before the first record. */
export function begin(header) {
  const nodes = Object.fromEntries(header.nodes.map((id) => [id, unborn(id, header.nodes)]));
  return {
    count: 0,
    t: 0,
    nodes,
    aside: {},
    members: {},
    voters: { height: -1, ids: header.nodes },
    left: [],
    lastLeft: [],
    replaced: [],
    top: -1,
    flying: [],
    /** Whether what is under way outlasts its process and its link, until a record says otherwise. */
    mayWait: header.source === "played" || header.source === "explored",
    lost: [],
    cuts: {},
    slowed: {},
    gaps: 0,
    note: null,
  };
}

/** The ways that nothing passes, as `"1>2"`. */
export const cutWays = (state) => new Set(Object.values(state.cuts).flat());

/** The ways on which messages are held back, each with for how many milliseconds. */
export const slowedWays = (state) => new Map(Object.values(state.slowed).flat());

// What one record changes in its node. `held` is a part of the pencil or of the ink.

function onto(held, fact, node) {
  switch (fact.k) {
    case "promised":
      return { ...held, promised: highest(fact.b, held.promised) };
    case "accepted":
      return {
        ...held,
        promised: highest(fact.b, held.promised),
        accepted: { b: fact.b, block: fact.block },
      };
    case "decided":
      return {
        ...held,
        height: fact.block.s,
        accepted: null,
        chain: [...held.chain, fact.block].slice(-CHAIN_KEPT),
        ...queueAfter(held, fact.block, node),
      };
    case "queued":
      return { ...held, queue: held.queue + fact.count };
    default:
      return held;
  }
}

/** A record holds a block's first transfers only: with more of them, what waits is an upper bound. */
function queueAfter(held, block, node) {
  const own = block.transfers.filter((each) => each.debit === node.id).length;
  const isExact = held.isQueueExact && block.count === block.transfers.length;
  return { queue: Math.max(0, held.queue - own), isQueueExact: isExact };
}

function penned(node, record, index) {
  const waiting = [...node.waiting, { ...record, index }];
  return { ...node, pencil: onto(node.pencil, record, node), waiting };
}

function inked(node, record) {
  const done = node.waiting.filter((fact) => fact.n <= record.upto);
  const waiting = node.waiting.slice(done.length);
  const ink = done.reduce((held, fact) => onto(held, fact, node), node.ink);
  const { queue, isQueueExact } = node.pencil;
  return { ...node, ink: waiting.length ? ink : { ...ink, queue, isQueueExact }, waiting };
}

/** A `state` says how a node is. Of a node that is known it says nothing new. */
function started(node, record, _index, before) {
  if (before.known && before.life === record.l && before.n + 1 === record.n) return node;
  const { promised, accepted, height, chain, queue } = record;
  const held = { promised, accepted, height, chain, queue, isQueueExact: true };
  const timers =
    record.due_s === null ? {} : { election: { set: record.t, due: record.t + record.due_s } };
  return {
    ...unborn(node.id, record.members),
    life: record.l,
    member: record.member,
    n: record.n,
    is: "up",
    known: true,
    role: record.role,
    ballot: record.b,
    leader: record.leader,
    pencil: held,
    ink: held,
    ...moneyAfter({ ...before, ink: held }, record.height, record.balances),
    links: record.links,
    timers,
  };
}

function heard(node, record) {
  const { m, from } = record;
  const isForIt = m.b !== undefined && isSame(m.b, node.ballot);
  if (m.k === "Promise" && isForIt && !node.promises.includes(from)) {
    return { ...node, promises: [...node.promises, from] };
  }
  if (m.k === "Accepted" && isForIt && !node.votes.includes(from)) {
    return { ...node, votes: [...node.votes, from] };
  }
  return node;
}

function played(node, record) {
  const isNew = !isSame(record.b, node.ballot);
  const promises = record.now === "candidate" || isNew ? [] : node.promises;
  const votes = record.now === "proposing" || isNew ? [] : node.votes;
  return { ...node, role: record.now, ballot: record.b, promises, votes };
}

function timed(node, record) {
  const timers = { ...node.timers };
  delete timers[record.what];
  if (record.due !== null) timers[record.what] = { set: record.t, due: record.due };
  return { ...node, timers };
}

/** What waits is known after a block is applied; on the disk, too, once nothing else awaits it. */
function counted(node, queue) {
  const exact = { queue, isQueueExact: true };
  const ink = node.waiting.length ? node.ink : { ...node.ink, ...exact };
  return { ...node, pencil: { ...node.pencil, ...exact }, ink };
}

const IN_A_NODE = {
  state: started,
  promised: penned,
  accepted: penned,
  decided: penned,
  queued: penned,
  durable: inked,
  received: heard,
  role: played,
  timer: timed,
  leader: (node, record) => ({ ...node, leader: record.b }),
  link: (node, record) => ({ ...node, links: { ...node.links, [record.peer]: record.is_up } }),
  applied: (node, record) => ({
    ...counted(node, record.queue),
    ...moneyAfter(node, record.s, record.balances),
    members: record.members.length ? record.members : node.members,
  }),
  gap: (node, record) => ({ ...node, n: record.last, known: false }),
};

/**
 * The process that a record is of: the one in the picture, or another member's, which is kept aside.
 * Undefined if there is none; null for the record of an earlier process, which is over.
 */
export function processOf(state, record) {
  const [shown, aside] = [state.nodes[record.i], state.aside[record.i]];
  const isIt =
    record.k === "state"
      ? (each) => each.member === record.member
      : (each) => each.life === record.l;
  const found = [shown, aside].find((each) => each !== undefined && isIt(each));
  if (found !== undefined || record.k === "state") return found;
  return shown !== undefined && record.l < shown.life ? null : shown;
}

/** Puts a process into the picture, or aside while another member of its node is up there, and votes. */
function placed(state, node) {
  const shown = state.nodes[node.id];
  const isIt = shown === undefined || ["", node.member].includes(shown.member);
  if (isIt) return { ...state, nodes: { ...state.nodes, [node.id]: node } };
  const isBetter = withoutVote(state, shown) !== "" && withoutVote(state, node) === "";
  if (shown.is === "up" && !isBetter) return { ...state, aside: { ...state.aside, [node.id]: node } };
  return {
    ...state,
    nodes: { ...state.nodes, [node.id]: node },
    aside: { ...state.aside, [node.id]: shown },
  };
}

function inNode(state, record, index) {
  const found = processOf(state, record);
  if (found === null) return state;
  const before = found ?? unborn(record.i, Object.keys(state.nodes).map(Number));
  const isLost = isAfterGap(before, record);
  const place = { life: record.l, n: record.n, is: "up", known: before.known && !isLost };
  const change = IN_A_NODE[record.k];
  const waiting = before.life === record.l ? before.waiting : [];
  const there = { ...before, ...place, waiting, brokeOffAt: null };
  const after = change === undefined ? there : change(there, record, index, before);
  const gaps = state.gaps + (isLost && isNews(before) ? 1 : 0);
  return placed({ ...voted(met(state, record), record), gaps }, after);
}

// What the world, a supervisor or a person does.

/** What an event changes in its node. */
const HAPPENS = {
  "stands still": { is: "paused" },
  paused: { is: "paused" },
  "goes on": { is: "up" },
  woken: { is: "up" },
  "loses its disk": { ink: EMPTY, pencil: EMPTY, waiting: [] },
  "not reached": { is: "silent", known: false, timers: {} },
};
const ENDS = ["ends", "killed", "loses power"];

function inWorld(state, record, index) {
  switch (record.k) {
    case "note":
      return { ...state, note: index };
    case "cut":
      return { ...state, cuts: { ...state.cuts, [record.fault]: waysOf(record) } };
    case "slowed":
      return { ...state, slowed: { ...state.slowed, [record.fault]: delaysOf(record) } };
    case "healed":
      return {
        ...state,
        cuts: without(state.cuts, record.fault),
        slowed: without(state.slowed, record.fault),
      };
    case "lost":
      return lose(state, (message) => message.id === record.id, record.why, index);
    case "process":
      return processed(state, record, index);
    default:
      return state;
  }
}

const waysOf = (record) => record.ways.map((way) => way.join(">"));
const delaysOf = (record) => waysOf(record).map((way) => [way, record.delay_ms]);

function processed(state, record, index) {
  if (ENDS.includes(record.event)) return ended(state, record, index);
  const change = HAPPENS[record.event];
  return change === undefined ? state : became(state, record, change);
}

/** Whether a process that can't be reached is known to have ended. */
const isOver = ({ event, of }, nodes) => event === "not reached" && nodes[of].is === "down";

/** The process that a record is about: `nodes` or `aside`, where it is; null if it is over. */
function placeOf(state, { of, of_life: life }) {
  const isIt = (each) => each !== undefined && (life === 0 || each.life === life);
  if (isIt(state.nodes[of])) return "nodes";
  return isIt(state.aside[of]) ? "aside" : null;
}

function became(state, record, change) {
  const where = placeOf(state, record);
  if (where === null || isOver(record, state[where])) return state;
  const was = state[where][record.of];
  const node = withMoneyOnDisk({ ...was, ...change });
  if (record.event === "not reached" && was.known) node.brokeOffAt = record.t;
  return { ...state, [where]: { ...state[where], [record.of]: node } };
}

/** A dead process has no memory: what its disk holds is all that is left of it. */
function ended(state, record, index) {
  const where = placeOf(state, record);
  if (where === null) return state;
  const id = record.of;
  const [node, aside] = [state[where][id], state.aside[id]];
  const isWhole = hasJustEnded(node, record);
  const gaps = state.gaps + (node.brokeOffAt !== null && !isWhole ? 1 : 0);
  const change = {
    is: "down",
    known: node.known || isWhole,
    brokeOffAt: null,
    role: "acceptor",
    pencil: node.ink,
    waiting: [],
    timers: {},
    links: {},
    leader: ZERO,
  };
  const over = withMoneyOnDisk({ ...node, ...change, promises: [], votes: [] });
  if (where === "aside") return { ...state, gaps, aside: { ...state.aside, [id]: over } };
  const isTurn = aside?.is === "up";
  const nodes = { ...state.nodes, [id]: isTurn ? aside : over };
  const after = { ...state, gaps, nodes, aside: isTurn ? { ...state.aside, [id]: over } : state.aside };
  return torn(after, (message) => message.to === id, `node ${id} ended`, index);
}

/** The state after the record at `index`. */
export function step(state, record, index) {
  const after = record.i === 0 ? inWorld(state, record, index) : inNode(state, record, index);
  const flown = record.i === 0 ? after : fly(after, record, index);
  return { ...flown, count: index + 1, t: record.t };
}
