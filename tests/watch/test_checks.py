"""The page's checks and decisions, on small traces: what is broken, and what isn't known."""

from __future__ import annotations

import pytest

from tests.watch.shown_page import Opener, ShownRun, ask

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

CASES = r"""
const { Trace } = await import('benmo/trace.js');
const { appendTo } = await import('benmo/live.js');
const { ballotTable } = await import('benmo/tables.js');
const { checkHeader, checkRecord } = await import('benmo/records.js');
const { questionsAt } = await import('benmo/questions.js');
const { why } = await import('benmo/why.js');
const { tell } = await import('benmo/words.js');
const { headline } = await import('benmo/whyline.js');
const { ruleOf } = await import('benmo/rules.js');

const ALL = [1, 2, 3, 4, 5];
const numbers = {};
let time = 0;
const rec = (k, i, fields = {}, l = 1) => {
  const key = `${i}.${l}`;
  numbers[key] = fields.n ?? (numbers[key] ?? 0) + 1;
  time += 0.01;
  return { k, i, l: i === 0 ? 0 : l, t: time, ...fields, n: numbers[key] };
};
const block = (h, s = 1, change = '') =>
  ({ s, h, first: [1, 1], count: 1, transfers: [], change });
const balances = Object.fromEntries(ALL.map((id) => [id, 100]));
const state = (i, fields = {}, l = 1) =>
  rec('state', i, { role: 'acceptor', b: [0, 0], promised: [0, 0], accepted: null, height: 0,
    chain: [], balances, queue: 0, links: {}, leader: [0, 0], members: ALL, member: `m${i}`,
    ...fields }, l);
const all = (fields) => ALL.map((id) => state(id, fields));
const durable = (i, l = 1) => rec('durable', i, { upto: numbers[`${i}.${l}`] }, l);
const accepts = (i, b, h, s) => [rec('accepted', i, { b, block: block(h, s) }), durable(i)];
const promises = (i, b) => [rec('promised', i, { b }), durable(i)];
const happens = (of, event) => rec('process', 0, { of, event });
const sends = (i, m) => rec('sent', i, { to: 1, m, id: '' });
const decides = (i, b, h) => {
  const got = rec('received', i, { from: 2, m: { k: 'Accepted', b, s: 1 } });
  return [got, rec('decided', i, { b, block: block(h), c: got.n })];
};
const tellsOf = (from) => rec('received', 2, { from, id: 'untold', m: { k: 'Promise', b: [7, 2],
  height: 0, accepted: { b: [5, 1], block: block('aa') } } });
const votes = (...ids) => ids.flatMap((id) => accepts(id, [5, 1], 'aa'));
const killed = (id) => [happens(id, 'killed')];
const unreached = (id) => [happens(id, 'not reached')];

const RUNS = {
  'a promise forgotten where records are missing': () =>
    [...all(), ...promises(3, [9, 1]), ...unreached(3), state(3, { promised: [2, 1] })],
  'a node not reached for a time': () => [...all(), ...votes(1), ...unreached(3), state(3)],
  'a node not reached now': () => [...all(), ...votes(1), ...unreached(3)],
  'a node not reached, long before its end': () => {
    const run = [...all(), ...votes(1), ...unreached(3)];
    time += 5;
    return [...run, ...killed(3)];
  },
  'a node not reached because it ended': () =>
    [...all(), ...votes(1), ...unreached(3), ...killed(3), state(3, {}, 2)],
  'numbers that jump': () => [...all(), ...votes(1), state(3, { n: 50 })],
  'a node that never said how it is': () =>
    [...ALL.slice(1).map((id) => state(id)), ...accepts(2, [5, 1], 'aa')],
  'records before the first state': () =>
    [...ALL.slice(1).map((id) => state(id)), ...promises(1, [9, 2]), ...votes(1), state(1)],
  'a gap before the first state': () => [
    ...ALL.slice(1).map((id) => state(id)),
    rec('gap', 1, { n: 9, first: 1, last: 9, why: '' }), state(1), ...accepts(2, [5, 1], 'aa')],
  'two blocks in one ballot': () => [...all(), ...votes(1, 2), ...accepts(3, [5, 1], 'bb')],
  'a majority': () => [...all(), ...votes(1, 2, 3)],
  'two majorities': () => [...all(), ...accepts(5, [6, 5], 'bb'), ...accepts(4, [6, 5], 'bb'),
    ...votes(1, 2, 3), ...accepts(3, [6, 5], 'bb')],
  'another block accepted above a majority': () =>
    [...all(), ...votes(1, 2, 3), ...accepts(4, [6, 5], 'bb')],
  'a lost disk': () => [...all(), ...votes(1, 2), ...killed(2), happens(2, 'loses its disk'),
    ...votes(3)],
  'a member added in the same step': () => {
    const few = { members: [1, 2, 3], balances: {} };
    const held = { accepted: { b: [5, 1], block: block('ad', 1, 'add node 4') } };
    const step = (id) => [
      rec('decided', id, { b: [5, 1], block: held.accepted.block }),
      ...accepts(id, [5, 1], 'aa', 2),
      rec('applied', id, { s: 1, balances: {}, queue: 0, members: [1, 2, 3, 4] })];
    return [state(4, few), ...[1, 2, 3].map((id) => state(id, { ...few, ...held })),
      ...step(1), ...step(2)];
  },
  'a vote forgotten at a restart': () =>
    [...all(), ...votes(1), ...killed(1), state(1, { promised: [5, 1] }, 2)],
  'a vote kept at a restart': () => [...all(), ...votes(1), ...killed(1),
    state(1, { promised: [5, 1], accepted: { b: [5, 1], block: block('aa') } }, 2)],
  'a promise that hides a vote': () => [...all(), ...votes(3), ...promises(3, [7, 2]),
    sends(3, { k: 'Promise', b: [7, 2], height: 0, accepted: null })],
  'a promise that tells of a vote': () => [...all(), ...votes(3), ...promises(3, [7, 2]),
    sends(3, { k: 'Promise', b: [7, 2], height: 0,
      accepted: { b: [5, 1], block: block('aa') } })],
  'chains that differ': () =>
    ALL.map((id) => state(id, { height: 1, chain: [block(id < 3 ? 'aa' : 'bb')] })),
  'money out of nothing': () =>
    [...all(), rec('applied', 1, { s: 1, balances: { ...balances, 1: 600 }, queue: 0 })],
  'a decision by too few votes': () => [...all(), ...votes(1, 2), ...decides(1, [5, 1], 'aa')],
  'a decision by a majority': () => [...all(), ...votes(1, 2, 3), ...decides(1, [5, 1], 'aa')],
  'a decision whose last vote was lost with its node': () =>
    [...all(), ...votes(1, 2), ...killed(3), ...decides(1, [5, 1], 'aa')],
  'a vote that the next start shows': () => [...all(), ...votes(2, 3), ...unreached(1),
    state(1, { promised: [5, 1], accepted: { b: [5, 1], block: block('aa') } }, 2)],
  'a vote that a promise shows': () => [...all(), ...votes(2, 3), ...unreached(1), tellsOf(1)],
  'a vote that a promise shows, of a lost disk': () =>
    [...all(), ...votes(2, 3), ...unreached(1), happens(1, 'loses its disk'), tellsOf(1)],
};

const SIGNS = { holds: 'v', broken: 'x', 'not known': '?', 'nothing yet': '-' };
const signs = (trace) =>
  trace.checks.verdicts(trace.length).map((each) => SIGNS[each.verdict]).join('');
const headerOf = (nodes) =>
  checkHeader({ benmo: 'trace', version: 1, source: 'live', nodes, tenure: 'block' });
const fresh = (make) => {
  for (const key of Object.keys(numbers)) delete numbers[key];
  time = 0;
  return make();
};
const tellAll = (trace) => {
  const at = trace.length - 1;
  const { rows, chosen } = ballotTable(trace, 1, trace.length);
  const row = rows.find((each) => each.key === '5.1');
  const marks = cellsOf(row, (cell) => cell.accepted >= 0 || cell.held >= 0);
  const questions = questionsAt(trace, at, trace.state(at), trace.state(at + 1));
  const [, asked] = questions.find(([kind]) => kind === 'decided') ?? [];
  return { marks, isChosen: row === chosen, slot: trace.slotOf.get(at), says: tell(trace, at),
    why: why(trace, at).causes.map((each) => trace.records[each]).map(({ k, i }) => `${k} ${i}`),
    answer: asked?.choices[asked.right[0]].text, because: asked?.because,
    evidence: asked?.evidence.map((each) => trace.records[each].k) };
};
const cellsOf = (row, isIt) => [...row.cells.values()].filter(isIt).map((cell) => cell.node).sort();
const told = {};
const found = {};
for (const [name, make] of Object.entries(RUNS)) {
  const records = fresh(make);
  const nodes = name.startsWith('a member') ? [1, 2, 3] : ALL;
  const trace = new Trace(headerOf(nodes), records.map(checkRecord));
  const rows = trace.slots.flatMap((slot) => ballotTable(trace, slot, trace.length).rows);
  const won = rows.filter((row) => row.chosenAt >= 0).map((row) => row.block.h);
  const decided = [...trace.checks.choices.values()].map((choice) => choice.h);
  found[name] = `${signs(trace)} ${decided}/${won}`.replace(/ \/$/, '');
  if (name.startsWith('a vote that')) told[name] = tellAll(trace);
}

const goesOn = (...breaks) => fresh(() => {
  const run = [...all(), ...votes(1), ...breaks.flatMap((make) => make())];
  for (let each = 0; each < 30; each += 1) run.push(rec('due', 1, { what: ['silence'] }));
  const whole = appendTo(new Trace(headerOf(ALL)), run, 20).trace;
  return signs(appendTo(whole, votes(2, 3), 20).trace);
});
found['long and right'] = goesOn();
found['long after a break'] = goesOn(() => accepts(2, [5, 1], 'bb'));
found['long after a gap'] = goesOn(() => [...unreached(3), state(3)]);

const words = ['constructor', '__proto__', 'toString'];
const rules = words.map((what) => {
  const records = fresh(() => [...all(), rec('noticed', 1, { what, fields: {}, text: '' })]);
  return ruleOf(new Trace(headerOf(ALL), records.map(checkRecord)), 5, undefined);
});
const money = fresh(() => {
  const after = (amount) => ({ balances: { ...balances, 1: amount }, queue: 0 });
  const decide = (s) => rec('decided', 1, { b: [5, 1], block: block('aa', s) });
  const [first, second] = [[95, 1], [90, 2]].map(([amount, s]) =>
    [decide(s), rec('applied', 1, { s, ...after(amount) })]);
  const trace = new Trace(headerOf(ALL), [...all(), ...first, durable(1), ...second,
    happens(1, 'killed'), happens(1, 'loses its disk')].map(checkRecord));
  const node = (count, id) => trace.state(count).nodes[id];
  const count = 5 + 5;
  return [0, 1, 2].map((more) => node(count + more, 1).balances[1]);
});
const folded = fresh(() => {
  const due = (i) => {
    time += 4;
    return rec('due', i, { what: ['election delay'] });
  };
  const states = all();
  const waits = [2, 5, 2, 5, 5].map(due);
  const ends = [1, 2].map((i) => rec('decided', i, { b: [5, 1], block: block('aa') }));
  const trace = new Trace(headerOf(ALL), [...states, ...waits, ...ends].map(checkRecord));
  const { layers, turningPoints } = trace;
  const [layer, count] = [layers.layerOf[5], 5 + waits.length];
  const isOne = layers.countAt(layer) === count && layers.starts[layer] === 5;
  return [isOne, tell(trace, headline({ trace, count, layer })), turningPoints];
});
return [found, rules, told, money, folded];
"""
# Agreement, ballot, promise, disk, chosen, money; then what is said to be decided by its votes, and
# what the ballot tables say.
FOUND = {
    "a promise forgotten where records are missing": "??x???",
    "a node not reached for a time": "??????",
    "a node not reached now": "-??--?",
    "a node not reached, long before its end": "??????",
    "a node not reached because it ended": "-vv--v",
    "numbers that jump": "??????",
    "a node that never said how it is": "-??--?",
    "records before the first state": "??????",
    "a gap before the first state": "??????",
    "two blocks in one ballot": "-xv--v",
    "a majority": "-vv--v aa/aa",
    "two majorities": "-vv-xv aa/aa,bb",
    "another block accepted above a majority": "-vv-xv aa/aa",
    "a lost disk": "-vv--v",
    "a member added in the same step": "vvv--v ad/ad",
    "a vote forgotten at a restart": "-vx--v",
    "a vote kept at a restart": "-vv--v",
    "a promise that hides a vote": "-vvx-v",
    "a promise that tells of a vote": "-vvv-v",
    "chains that differ": "x----v",
    "money out of nothing": "-----x",
    "a decision by too few votes": "vvvx-v",
    "a decision by a majority": "vvvv-v aa/aa",
    "a decision whose last vote was lost with its node": "vvv--v",
    "a vote that the next start shows": "?????? aa/aa",
    "a vote that a promise shows": "-??--? aa/aa",
    "a vote that a promise shows, of a lost disk": "-??--?",
    "long and right": "-vv--v",
    "long after a break": "-xv--v",
    "long after a gap": "??????",
}


def test_the_checks_know_what_is_broken_and_what_is_not_known(
    simulated: ShownRun, open_run: Opener
) -> None:
    found, rules, told, money, folded = ask(open_run(simulated), CASES)
    assert found == FOUND
    assert rules == [None, None, None]
    *shown, said, points = folded
    assert shown == [True]
    assert said.endswith("It reaches 1 of 5 nodes: no majority, 3 times in 12 s")
    assert points == [10]
    assert money == [90, 95, 100]
    state, promise, lost = told.values()
    for shown in (state, promise):
        assert shown["marks"] == [1, 2, 3]
        assert shown["isChosen"]
        assert shown["slot"] == 1
        assert shown["why"] == ["accepted 2", "accepted 3"]
        assert shown["answer"] == "Yes, and no node knows it yet."
        assert shown["because"].startswith("At most 3 of 5 disks")
    assert "as node 1’s state shows" in state["says"]
    assert state["evidence"] == ["accepted", "accepted", "state"]
    assert "as node 1’s Promise shows" in promise["says"]
    assert lost["marks"] == [2, 3]
    assert not lost["isChosen"]
