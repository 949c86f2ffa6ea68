/** The disks: what each node holds, in pencil until it is durable, then in ink. */

import { make, say, set } from "benmo/dom.js";
import { isSame } from "benmo/fold.js";
import { ballotText, ownerClass } from "benmo/marks.js";
import { nameOf, standing } from "benmo/members.js";

const FIELDS = [
  [
    "promised",
    "Promised",
    (held) => ballotText(held.promised),
    (held) => held.promised[1],
    (a, b) => isSame(a.promised, b.promised),
  ],
  [
    "accepted",
    "Accepted",
    (held) => acceptedText(held.accepted),
    (held) => held.accepted?.b[1] ?? 0,
    (a, b) => a.accepted === b.accepted || acceptedText(a.accepted) === acceptedText(b.accepted),
  ],
  ["height", "Height", (held) => held.height, () => 0, (a, b) => a.height === b.height],
  [
    "queue",
    "Queue",
    (held) => `${held.isQueueExact ? "" : "≤ "}${held.queue}`,
    () => 0,
    (a, b) => a.queue === b.queue,
  ],
];

const acceptedText = (held) =>
  held === null ? "–" : `slot ${held.block.s} in ${ballotText(held.b)}`;

const HINTS = [
  "In ink: on the disk. In pencil: in memory only.",
  "This is what a power cut now would leave.",
];

/** Says why a decision may stand in pencil for long: nothing that was said relies on the disk for it. */
const lateDecisions = (nodes) =>
  nodes.some(({ known, ink, pencil }) => known && ink.height < pencil.height)
    ? " A decision is written with whatever has to be on the disk next: the votes for it are there."
    : "";

/** Says of members that came in place of others what their letters mean. */
function newcomers(state, ids) {
  const names = ids.map((id) => [id, nameOf(state, state.nodes[id])]);
  return names
    .filter(([id, name]) => name !== String(id))
    .map(([id, name]) => ` ${name} is a new member of node ${id}: its disk began empty.`)
    .join("");
}

function rowOf(id) {
  const cells = FIELDS.map(() => {
    const ink = make("span", { class: "ink" });
    const pencil = make("span", { class: "pencil" });
    return { ink, pencil, cell: make("td", {}, ink, pencil) };
  });
  const name = make("span", { class: `chip ${ownerClass(id)}` });
  const stands = make("small", { class: "stands" });
  const head = make("th", { scope: "row" }, name, stands);
  return { row: make("tr", {}, head, ...cells.map((each) => each.cell)), cells, name, stands };
}

function changeRow({ row, cells, name, stands }, node, { state, isLens }) {
  say(name, nameOf(state, node));
  say(stands, standing(state, node));
  set(row, {
    class:
      [!node.known && "unknown", node.is === "down" && "down"].filter(Boolean).join(" ") || null,
  });
  FIELDS.forEach(([, , text, owner, isAlike], at) => {
    const { ink, pencil } = cells[at];
    if (!node.known) {
      say(ink, at === 0 ? "not known" : "?");
      set(ink, { class: "ink o0" });
      set(pencil, { class: "pencil absent" });
      return;
    }
    say(ink, text(node.ink));
    set(ink, { class: `ink ${ownerClass(owner(node.ink))}` });
    const isSameText = isAlike(node.ink, node.pencil);
    if (!isSameText) say(pencil, `${text(node.pencil)}`);
    set(pencil, {
      class: `pencil ${ownerClass(owner(node.pencil))}${isSameText ? " absent" : isLens ? " gone" : ""}`,
    });
  });
}

/** Makes the disks in `root`. Returns what draws a moment. */
export function disksView(root, ids, { toggleLens }) {
  const rows = new Map(ids.map((id) => [id, rowOf(id)]));
  const head = make(
    "tr",
    {},
    make("th", { scope: "col" }, "Node"),
    ...FIELDS.map(([, title]) => make("th", { scope: "col" }, title)),
  );
  const lens = make(
    "button",
    { type: "button", class: "lens", "aria-pressed": "false", onclick: toggleLens },
    "Power-cut lens",
  );
  const words = make("p", { class: "hint" });
  root.replaceChildren(
    make("div", { class: "panel-tools" }, lens, words),
    make(
      "table",
      { class: "disks" },
      make("thead", {}, head),
      make("tbody", {}, ...[...rows.values()].map((each) => each.row)),
    ),
  );
  return (moment) => {
    set(lens, { "aria-pressed": String(moment.isLens) });
    const late = lateDecisions(ids.map((id) => moment.state.nodes[id]));
    say(words, `${HINTS[Number(moment.isLens)]}${late}${newcomers(moment.state, ids)}`);
    set(root, { class: moment.isLens ? "panel-body with-lens" : "panel-body" });
    for (const [id, row] of rows) changeRow(row, moment.state.nodes[id], moment);
  };
}
