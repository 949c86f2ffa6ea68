/** A trace that grows: what it is made of when records come, when some never came, and when it is long. */

import { checkRecord } from "benmo/records.js";
import { Trace } from "benmo/trace.js";

export const KEPT_MAX = 200_000;

/**
 * Adds records, as objects, to a trace. Of too long a trace, a new one is made that begins in its
 * middle: returns the trace to go on with, and which of the records is its first.
 */
export function appendTo(trace, records, kept_max = KEPT_MAX) {
  for (const record of records) trace.append(checkRecord(record));
  if (trace.length <= kept_max) return { trace, first: 0 };
  const first = trace.length - Math.floor(kept_max / 2);
  const kept = new Trace(trace.header, trace.records.slice(first), earlierOf(trace, first));
  return { trace: kept, first };
}

/** All that a trace has to know of the first records of another, which it goes on with. */
function earlierOf(trace, first) {
  const { checks, electorates } = trace;
  return { first, checks, electorates, state: later(trace.state(first), first) };
}

/** The state for a trace that begins `first` records later: it points at none of those before. */
function later(state, first) {
  const kept = (list) =>
    list.map((each) => ({ ...each, index: each.index - first })).filter((each) => each.index >= 0);
  const moved = (nodes) =>
    Object.fromEntries(
      Object.entries(nodes).map(([id, node]) => [
        id,
        { ...node, waiting: node.waiting.map((fact) => ({ ...fact, index: fact.index - first })) },
      ]),
    );
  const [nodes, aside] = [moved(state.nodes), moved(state.aside)];
  return { ...state, count: 0, nodes, aside, note: null, flying: kept(state.flying), lost: [] };
}

/** Returns the gaps that stand for records which never came; `last` lists node, life, number. */
export function missingIn(state, last) {
  return last.flatMap(([i, l, n]) => {
    const node = state.nodes[i];
    const seen = node?.life === l ? node.n : 0;
    if (node === undefined || node.life < 0 || node.life > l || n <= seen) return [];
    const why = "this page read too slowly";
    return [{ k: "gap", i, l, n, t: state.t, first: seen + 1, last: n, why }];
  });
}

/** Says what was passed over, from `Clock.passed`; `""` if nothing was. */
export function passedText({ heartbeats, blocks }) {
  const words = [
    heartbeats > 0 && `${heartbeats} ${heartbeats === 1 ? "heartbeat" : "heartbeats"}`,
    blocks > 0 && `${blocks} ${blocks === 1 ? "block" : "blocks"} caught up`,
  ].filter(Boolean);
  return words.length ? `; passed over: ${words.join(", ")}` : "";
}

/** Says what a run has yet to show after the first `count` records. */
export function aheadOf(trace, count) {
  const blocks = [...trace.decidedAt.values()].filter((at) => at >= count).length;
  const words = [`${trace.length - count} records`];
  if (blocks > 0) words.push(`${blocks} ${blocks === 1 ? "block" : "blocks"} decided`);
  return words.join(", ");
}
