/**
 * The ballot table of a slot: a row for each ballot, a cell for each node. It is made of the records
 * of the slot alone, so any moment's table can be asked for.
 */

import { isHigher, isSame, isZero, ZERO } from "benmo/fold.js";
import { addTo } from "benmo/lists.js";
import { quorumOf } from "benmo/members.js";
import { holders } from "benmo/votes.js";

const keyOf = (ballot) => ballot.join(".");

function rowOf(rows, ballot) {
  const key = keyOf(ballot);
  if (!rows.has(key)) {
    rows.set(key, {
      key,
      ballot,
      cells: new Map(),
      block: null,
      takenOver: null,
      reports: [],
      from: [],
      holders: [],
      chosenAt: -1,
      at: -1,
    });
  }
  return rows.get(key);
}

function cellOf(row, node) {
  if (!row.cells.has(node))
    row.cells.set(node, {
      node,
      promised: -1,
      accepted: -1,
      held: -1,
      isLost: false,
      nack: -1,
      report: null,
      reported: -1,
    });
  return row.cells.get(node);
}

function take(table, record, index) {
  const { rows } = table;
  if (record.k === "promised") cellOf(rowOf(rows, record.b), record.i).promised = index;
  if (record.k === "accepted") {
    const row = rowOf(rows, record.b);
    Object.assign(cellOf(row, record.i), { accepted: index });
    row.block ??= record.block;
  }
  if (record.k === "decided") table.known.set(record.i, index);
  if (record.k === "noticed") takeNotice(table, record, index);
  if ("m" in record) takeMessage(table, record, index);
}

/** A leader tells of each block that its promises reported, and then what it proposes. */
function takeNotice({ rows, told }, { i, what, fields, b }, index) {
  if (what === "BlockReported" && fields.accepted_in && fields.reporters) {
    addTo(told, i, { ballot: b, b: fields.accepted_in, nodes: fields.reporters });
  }
  if (what === "ProposalMade" && fields.ballot) {
    const over = fields.taken_over;
    const reports = (told.get(i) ?? []).filter((each) => isSame(each.ballot, fields.ballot));
    const takenOver = over === null || isZero(over) ? null : over;
    Object.assign(rowOf(rows, fields.ballot), { at: index, takenOver, reports });
    told.delete(i);
  }
}

function takeMessage({ rows }, record, index) {
  const { m } = record;
  if (m.k === "Prepare" && record.k === "sent") rowOf(rows, m.b);
  if (m.k === "Accept") {
    const row = rowOf(rows, m.b);
    row.block ??= m.block;
  }
  if (m.k === "Promise" && record.k === "received") {
    Object.assign(cellOf(rowOf(rows, m.b), record.from), { report: m.accepted, reported: index });
  }
  if (m.k === "Nack" && record.k !== "received") {
    Object.assign(cellOf(rowOf(rows, m.b), record.i), { nack: index, higher: m.promised });
  }
}

/** Which reports bind a leader: of those that it counted, the ones of the highest ballot. */
export function binding(reports) {
  const highest = reports.reduce((top, each) => (isHigher(each.b, top) ? each.b : top), ZERO);
  return reports.filter((each) => isSame(each.b, highest));
}

/** Says of a row whose block its leader had to take over, from whom it knew, and which block. */
function bind(row) {
  if (row.takenOver === null) return;
  const found = binding(row.reports);
  row.from = found.flatMap((each) => each.nodes).sort((a, b) => a - b);
  row.takenOver = found[0]?.b ?? row.takenOver;
  row.block ??= row.cells.get(row.from[0])?.report?.block ?? null;
}

/** Says of a cell since when the node's disk is known to hold the vote, and whether it is lost again. */
function hold(row, { given }, count) {
  for (const [node, { at, until }] of given)
    if (at < count) Object.assign(cellOf(row, node), { held: at, isLost: until < count });
}

/** Counts a vote in its row: which disks hold it, and since when a quorum's do, if they do. */
function vote({ rows, voters }, each, count) {
  const shown = [...each.given.values()].some(({ at }) => at < count);
  if (!shown) return;
  const row = rowOf(rows, each.b);
  hold(row, each, count);
  const found = holders(each, voters, count);
  if (found.length > row.holders.length) row.holders = found;
  row.block ??= each.block;
  if (each.wonAt < 0 || each.wonAt >= count || row.chosenAt >= 0) return;
  row.chosenAt = each.wonAt;
  row.block = each.block;
}

/**
 * The table of a slot after `count` records: `rows` from the lowest ballot up, `known` the nodes that
 * know the decision with the record that told them, `chosen` the row that decided it, or null. A row's
 * `holders` are the voters whose disks hold its block, each with the record that shows it.
 */
export function ballotTable(trace, slot, count) {
  const voters = trace.votersOf(slot);
  const table = {
    slot,
    voters,
    rows: new Map(),
    known: new Map(),
    told: new Map(),
    quorum: quorumOf(voters),
  };
  for (const index of trace.ofSlot(slot, count)) take(table, trace.records[index], index);
  for (const each of trace.checks.votes.ofSlot(slot)) vote(table, each, count);
  const rows = [...table.rows.values()].sort((a, b) => (isHigher(a.ballot, b.ballot) ? 1 : -1));
  for (const row of rows) bind(row);
  const chosen =
    rows.filter((row) => row.chosenAt >= 0).sort((a, b) => a.chosenAt - b.chosenAt)[0] ?? null;
  return { ...table, rows, chosen };
}
