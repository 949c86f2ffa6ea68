/** The ballot table of one slot: the proof that a slot gets one block, as a picture. */

import { draw, keeper, make, say, set } from "benmo/dom.js";
import { ballotText, ownerClass } from "benmo/marks.js";
import { nameOf } from "benmo/members.js";
import { ballotTable } from "benmo/tables.js";
import { blockText } from "benmo/words.js";

const ROWS_SHOWN = 9;

/** The slot that a moment is about: that of the latest record that is about one. */
export function slotNow(moment) {
  for (let index = moment.count - 1; index >= 0 && moment.count - index < 600; index -= 1) {
    const slot = moment.trace.slotOf.get(index);
    if (slot !== undefined) return slot;
  }
  return moment.trace.slots[0] ?? 1;
}

/** Whether a node is known to have accepted a row's block, and whether its disk holds that. */
const isVote = (cell) => cell.accepted >= 0 || cell.held >= 0;
const isHeld = (cell) => cell.held >= 0 && !cell.isLost;

function cellParts(cell, ballot, inked) {
  const { node } = cell;
  const parts = [];
  if (cell.promised >= 0)
    parts.push({
      node,
      at: cell.promised,
      text: "◆",
      says: `promised ${ballot}`,
      ink: inked(cell.promised),
    });
  if (cell.report)
    parts.push({
      node,
      at: cell.reported,
      text: `had ${ballotText(cell.report.b)}`,
      says: `reported a block accepted in ${ballotText(cell.report.b)}`,
      ink: true,
      report: cell.report,
    });
  if (isVote(cell))
    parts.push({
      node,
      at: cell.accepted >= 0 ? cell.accepted : cell.held,
      text: "■",
      says: `accepted in ${ballot}${cell.isLost ? ", on a disk that was lost" : ""}`,
      ink: isHeld(cell),
      vote: true,
    });
  if (cell.nack >= 0)
    parts.push({
      node,
      at: cell.nack,
      text: "⊖",
      says: `refused ${ballot}: it had promised ${ballotText(cell.higher)}`,
      ink: true,
      nack: true,
    });
  return parts;
}

function partButton(pick) {
  return () => {
    const button = make("button", { type: "button" });
    button.addEventListener("click", () => pick(Number(button.dataset.at)));
    return button;
  };
}

function changePart(button, part) {
  say(button, part.text);
  const owner = part.report ? ownerClass(part.report.b[1]) : "";
  const sorts = [
    part.ink ? "in-ink" : "in-pencil",
    part.vote && "vote",
    part.nack && "nack",
    part.report && `report ${owner}`,
  ];
  set(button, {
    class: ["mark", ...sorts].filter(Boolean).join(" "),
    "data-at": part.at,
    title: `${part.time.toFixed(3)} s: node ${part.node} ${part.says}`,
    "aria-label": `node ${part.node} ${part.says}${part.ink ? "" : ", not durable yet"}`,
  });
}

function rowMaker(nodes, pick) {
  return (row) => {
    const cells = nodes.map((node) => {
      const box = make("td", { "data-node": node });
      return { node, box, keep: keeper(box, partButton(pick), changePart) };
    });
    const block = make(
      "td",
      { class: "proposal" },
      ...["hash", "over", "outcome"].map((each) => make("span", { class: each })),
    );
    const head = make(
      "th",
      { scope: "row" },
      make("span", { class: `chip wide ${ownerClass(row.ballot[1])}` }, ballotText(row.ballot)),
    );
    const element = make("tr", {}, head, block, ...cells.map((each) => each.box));
    element.parts = { cells, block };
    return element;
  };
}

function outcomeText(trace, table, row) {
  if (row.chosenAt < 0) return "";
  const isOther = row.block?.h !== table.chosen.block?.h;
  if (row !== table.chosen && !isOther) return "the same, again";
  const is = isOther ? "another block, decided too" : "decided";
  const known = [...table.known]
    .filter(([, index]) => trace.records[index].block.h === row.block?.h)
    .map(([node]) => node)
    .sort((a, b) => a - b);
  if (!known.length) return `${is}, and nobody knows it yet`;
  return `${is}; ${known.length === 1 ? `node ${known[0]} knows` : `nodes ${known.join(", ")} know`}`;
}

function changeRow(element, row, table, trace, count) {
  const { cells, block } = element.parts;
  const [hash, over, outcome] = block.children;
  const inked = (index) => (trace.inkOf.get(index) ?? Infinity) < count;
  set(element, { class: row === table.chosen ? "chosen" : null, "data-ballot": row.key });
  say(hash, row.block === null ? "" : row.block.h.slice(0, 4));
  set(block, { title: row.block === null ? null : blockText(row.block) });
  const from = row.from.length ? ` from ${row.from.join(", ")}` : "";
  say(
    over,
    row.takenOver === null ? "" : `must take over ${ballotText(row.takenOver)}’s block${from}`,
  );
  for (const { node, keep, box } of cells) {
    const cell = row.cells.get(node);
    const parts = cell === undefined ? [] : cellParts(cell, row.key, inked);
    for (const part of parts) part.time = trace.records[part.at].t;
    keep(parts, (part) => part.text.slice(0, 3));
    set(box, {
      class:
        cell !== undefined && isHeld(cell)
          ? row.chosenAt >= 0
            ? "voted won"
            : "voted"
          : null,
    });
  }
  say(outcome, outcomeText(trace, table, row));
  const isFork = row.chosenAt >= 0 && row.block?.h !== table.chosen.block?.h;
  set(outcome, { class: isFork ? "outcome fork" : "outcome" });
}

/** Draws an arrow from each report of the block that a leader took over to its proposal. */
function arrows(frame, body, keep, table) {
  const box = frame.getBoundingClientRect();
  const lines = [];
  for (const row of table.rows.filter((each) => each.takenOver !== null && each.from.length)) {
    const element = body.querySelector(`[data-ballot="${row.key}"]`);
    if (element === null) continue;
    const target = element.querySelector(".hash").getBoundingClientRect();
    for (const node of row.from) {
      const report = element.querySelector(`[data-node="${node}"] .report`);
      if (report === null) continue;
      const from = report.getBoundingClientRect();
      const [x1, y1] = [from.left + from.width / 2 - box.left, from.top - box.top];
      const [x2, y2] = [target.right - box.left + 4, target.top + target.height / 2 - box.top];
      lines.push({
        key: `${row.key}:${x1}`,
        d: `M${x1},${y1}C${x1 - 6},${y1 - 15} ${x2 + 36},${y2 - 12} ${x2},${y2}`,
      });
    }
  }
  keep(lines, (each) => each.key);
}

/** Makes the table in `root`. Returns what draws a moment. */
export function ballotsView(root, ids, { pick, chooseSlot }) {
  const choice = make("input", {
    type: "number",
    min: 1,
    "aria-label": "Slot",
    class: "slot-choice",
  });
  const follow = make(
    "button",
    { type: "button", class: "follow", onclick: () => chooseSlot(0) },
    "Follow",
  );
  choice.addEventListener("change", () => chooseSlot(Number(choice.value) || 0));
  const state = make("p", { class: "hint" });
  const names = ids.map((id) =>
    make("th", { scope: "col" }, make("span", { class: `chip ${ownerClass(id)}` })),
  );
  const head = make(
    "tr",
    {},
    make("th", { scope: "col" }, "Ballot"),
    make("th", { scope: "col" }, "Block"),
    ...names,
  );
  const body = make("tbody");
  const frame = make("div", { class: "table-frame" });
  const lines = draw("g");
  const tip = draw(
    "marker",
    {
      id: "tip",
      viewBox: "0 0 8 8",
      refX: 7,
      refY: 4,
      markerWidth: 7,
      markerHeight: 7,
      orient: "auto",
    },
    draw("path", { d: "M0,0L8,4L0,8Z", class: "tip" }),
  );
  const overlay = draw(
    "svg",
    { class: "arrows", "aria-hidden": true },
    draw("defs", {}, tip),
    lines,
  );
  frame.append(make("table", { class: "ballots" }, make("thead", {}, head), body), overlay);
  root.replaceChildren(
    make("div", { class: "panel-tools" }, make("label", {}, "Slot ", choice), follow, state),
    frame,
  );
  const arrow = keeper(
    lines,
    () => draw("path", { class: "arrow", "marker-end": "url(#tip)" }),
    (path, line) => set(path, { d: line.d }),
  );
  let now = null;
  const keep = keeper(body, rowMaker(ids, pick), (element, row) =>
    changeRow(element, row, now.table, now.trace, now.count),
  );
  return (moment) => {
    const slot = moment.slot || slotNow(moment);
    if (document.activeElement !== choice) choice.value = String(slot);
    set(follow, { "aria-pressed": String(moment.slot === 0) });
    const table = ballotTable(moment.trace, slot, moment.count);
    names.forEach((name, at) => changeHead(name, moment.state.nodes[ids[at]], moment.state, table));
    now = { table, trace: moment.trace, count: moment.count };
    const hidden = Math.max(0, table.rows.length - ROWS_SHOWN);
    keep(table.rows.slice(hidden), (row) => `${slot}:${row.key}`);
    say(state, verdict(table, hidden));
    arrows(frame, body, arrow, table);
  };
}

function changeHead(element, node, state, { voters }) {
  say(element.firstChild, nameOf(state, node));
  const isOut = !voters.includes(node.id);
  set(element, { class: isOut ? "voteless" : null, title: isOut ? "no vote on this slot" : null });
}

function verdict(table, hidden) {
  const more = hidden ? ` ${hidden} lower ballots aren’t shown.` : "";
  if (table.chosen === null)
    return `Decided are ${table.quorum} ■ in one row. There is none yet.${more}`;
  const { ballot, block } = table.chosen;
  const name = block === null ? "its block" : `block ${block.h.slice(0, 4)}`;
  return `Ballot ${ballotText(ballot)} has ${table.quorum} ■: ${name} is decided.${more}`;
}
