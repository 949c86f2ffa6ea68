/**
 * Reads a trace: JSON Lines, first the header, then records. A trace may come from anybody, so each
 * line is checked, and only the fields that are listed here are kept. benmo/tape/records.py says
 * what they mean.
 */

export const VERSION = 1;
export const RECORDS_MAX = 1_000_000;
export const LINE_CHARACTERS_MAX = 32_768;

/** Says what is wrong with a trace, in words for people. */
export class TraceError extends Error {}

const fail = (what) => {
  throw new TraceError(what);
};

/** What may be said of a value: to make a text of one that is no text may fail. */
const shown = (value) => (typeof value === "string" ? value.slice(0, 20) : typeof value);

// Checks: each takes a value and returns it, or a copy that holds only what is known.

const whole = (value) =>
  Number.isSafeInteger(value) && value >= 0 ? value : fail("a whole number is missing");
const number = (value) => (Number.isFinite(value) ? value : fail("a number is missing"));
const truth = (value) => (typeof value === "boolean" ? value : fail("true or false is missing"));
const text = (longest) => (value) =>
  typeof value === "string" && value.length <= longest
    ? value
    : fail("a text is missing or too long");
const word = text(80);
const line = text(4_000);
const optional = (check, otherwise) => (value) => (value === undefined ? otherwise : check(value));
const orNull = (check) => (value) => (value === null ? null : check(value));
const list = (check, longest) => (value) =>
  Array.isArray(value) && value.length <= longest
    ? value.map(check)
    : fail("a list is missing or too long");
const shape = (fields) => {
  const checks = Object.entries(fields);
  return (value) => {
    if (typeof value !== "object" || value === null || Array.isArray(value))
      fail("an object is missing");
    return Object.fromEntries(checks.map(([name, check]) => [name, named(name, check, value)]));
  };
};
const byNode = (check) => (value) => {
  if (typeof value !== "object" || value === null) fail("an object by node is missing");
  const entries = Object.entries(value);
  if (entries.length > 99 || !entries.every(([node]) => /^\d{1,6}$/.test(node))) fail("not a node");
  return Object.fromEntries(entries.map(([node, each]) => [node, check(each)]));
};
function named(name, check, value) {
  try {
    return check(Object.hasOwn(value, name) ? value[name] : undefined);
  } catch (error) {
    throw error instanceof TraceError ? new TraceError(`${name}: ${error.message}`) : error;
  }
}

const ballot = (value) =>
  Array.isArray(value) && value.length === 2
    ? [whole(value[0]), whole(value[1])]
    : fail("a ballot is missing");
const count = optional(whole, 0);
const transfer = shape({
  debit: whole,
  n: whole,
  credit: whole,
  amount: number,
  memo: optional(text(80), ""),
});
const transfers = optional(list(transfer, 10), []);
const block = shape({
  s: whole,
  h: word,
  first: ballot,
  count: whole,
  transfers,
  change: optional(word, ""),
});
const held = shape({ b: ballot, block });
const node = whole;
const nodes = list(node, 99);
const way = (value) =>
  Array.isArray(value) && value.length === 2 ? value.map(node) : fail("a way is missing");
const ways = list(way, 99 * 98);
const oneOf = (words) => (value) =>
  words.includes(value) ? value : fail(`no such word: ${shown(value)}`);

const PROCESS_EVENTS = [
  "starts",
  "restarted",
  "ends",
  "killed",
  "loses power",
  "loses its disk",
  "stands still",
  "goes on",
  "paused",
  "woken",
  "not reached",
];

const MESSAGES = {
  Prepare: { b: ballot },
  Promise: { b: ballot, height: whole, accepted: optional(orNull(held), null) },
  Accept: { b: ballot, block },
  Accepted: { b: ballot, s: whole },
  Nack: { b: ballot, promised: ballot },
  Decide: { b: ballot, s: whole, h: word },
  Behind: { height: whole },
  Blocks: { blocks: list(block, 10), height: whole, count: whole },
  Heartbeat: { b: ballot, height: whole },
  Forward: { count: whole, transfers, change: optional(word, "") },
  Confirm: { question: whole },
  Confirmed: { question: whole, height: whole },
};

const KINDS = {
  state: {
    role: word,
    b: ballot,
    promised: ballot,
    accepted: orNull(held),
    height: whole,
    chain: list(block, 20),
    balances: byNode(number),
    queue: whole,
    links: byNode(truth),
    leader: ballot,
    members: nodes,
    due_s: optional(orNull(number), null),
    member: optional(word, ""),
  },
  received: { from: node, m: message, id: optional(word, "") },
  sent: { to: node, m: message, id: word, late_ms: optional(number, 0) },
  dropped: { to: node, m: message, why: word, id: optional(word, "") },
  promised: { b: ballot },
  accepted: { b: ballot, block },
  decided: { b: ballot, block },
  applied: {
    s: whole,
    balances: byNode(number),
    queue: whole,
    refused: count,
    skipped: count,
    members: optional(nodes, []),
  },
  queued: { first: whole, count: whole, transfers },
  durable: { upto: whole },
  due: { what: list(word, 10) },
  role: { was: word, now: word, b: ballot },
  timer: { what: word, due: orNull(number) },
  leader: { b: ballot },
  link: { peer: node, is_up: truth },
  asked: { what: word, ticket: count, count, transfers, change: optional(word, "") },
  answered: { ticket: whole, outcome: word, reason: optional(line, ""), height: count },
  noticed: { what: word, fields: (value) => fieldsOf(value), text: line, b: optional(ballot, [0, 0]) },
  misbehaved: { peer: node, reason: line },
  gap: { first: whole, last: whole, why: line },
  process: { of: node, event: oneOf(PROCESS_EVENTS), of_life: count, status: optional(line, "") },
  cut: { fault: whole, ways, shape: optional(word, "") },
  slowed: { fault: whole, ways, delay_ms: number },
  healed: { fault: whole, ways },
  lost: { id: word, why: line },
  world: { text: line },
  did: { line, where: count, by: optional(line, "") },
  violation: {
    checker: word,
    sentence: line,
    of: count,
    s: count,
    b: optional(ballot, [0, 0]),
    about: optional(list(shape({ i: node, l: whole, n: whole }), 10), []),
  },
  note: { text: line },
};

const PLACE = { i: node, l: whole, n: whole, t: number, c: count };

function tagged(kinds, common, value) {
  const kind = typeof value === "object" && value !== null ? value.k : undefined;
  if (typeof kind !== "string" || !kinds.has(kind))
    fail(`no such kind: ${shown(kind)}`);
  return { k: kind, ...common(value), ...kinds.get(kind)(value) };
}

const compiled = (table) =>
  new Map(Object.entries(table).map(([kind, fields]) => [kind, shape(fields)]));
const messageKinds = compiled(MESSAGES);
const recordKinds = compiled(KINDS);
const place = shape(PLACE);

function message(value) {
  return tagged(messageKinds, () => ({}), value);
}

/** A notice's fields: those that the page uses. Each is null where it isn't what it should be. */
function fieldsOf(value) {
  const gentle = (check) => (each) => {
    try {
      return each === undefined ? null : check(each);
    } catch {
      return null;
    }
  };
  return shape({
    slot: gentle(whole),
    ballot: gentle(ballot),
    promised: gentle(ballot),
    taken_over: gentle(ballot),
    promised_by: gentle(nodes),
    accepted_in: gentle(ballot),
    reporters: gentle(nodes),
    is_reachable: gentle(truth),
    higher: gentle(ballot),
  })(value);
}

const header = shape({
  benmo: (value) => (value === "trace" ? value : fail("this is not a trace of Benmo")),
  version: whole,
  source: word,
  nodes,
  tenure: word,
  began: optional(number, 0),
  cluster: optional(word, ""),
  heartbeats: optional(truth, false),
  command: optional(line, ""),
});

/** Checks the first line's object. */
export function checkHeader(value) {
  const found = header(value);
  if (found.version > VERSION)
    fail(`the trace has version ${found.version}; this page reads up to ${VERSION}`);
  if (!found.nodes.length || new Set(found.nodes).size !== found.nodes.length)
    fail("nodes: no list of nodes");
  return found;
}

/** Checks a record's object. */
export function checkRecord(value) {
  return tagged(recordKinds, place, value);
}

function parsed(raw, at) {
  if (raw.length > LINE_CHARACTERS_MAX) fail(`line ${at} is too long`);
  try {
    return JSON.parse(raw);
  } catch {
    return fail(`line ${at} is not JSON`);
  }
}

/** Yields the lines of a text, without making a list of them all. */
function* linesOf(whole_text) {
  let from = 0;
  while (from < whole_text.length) {
    const end = whole_text.indexOf("\n", from);
    const upto = end < 0 ? whole_text.length : end;
    yield whole_text.slice(from, upto);
    from = upto + 1;
  }
}

/** Reads a whole trace: returns its header and its records, or throws a TraceError. */
export function readTrace(whole_text) {
  let at = 0;
  let first = null;
  const records = [];
  for (const raw of linesOf(whole_text)) {
    at += 1;
    if (raw.trim() === "") continue;
    try {
      if (first === null) first = checkHeader(parsed(raw, at));
      else records.push(checkRecord(parsed(raw, at)));
    } catch (error) {
      throw error instanceof TraceError ? new TraceError(`line ${at}: ${error.message}`) : error;
    }
    if (records.length > RECORDS_MAX) fail(`more than ${RECORDS_MAX} records`);
  }
  return first === null ? fail("the file is empty") : { header: first, records };
}
