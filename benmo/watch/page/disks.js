/** The disks: what each node holds, in pencil until it is durable, then in ink. */

import { make, say, set } from "benmo/dom.js";
import { isSame } from "benmo/fold.js";
import { ballotText, ownerClass } from "benmo/marks.js";

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

function rowOf(id) {
  const cells = FIELDS.map(() => {
    const ink = make("span", { class: "ink" });
    const pencil = make("span", { class: "pencil" });
    return { ink, pencil, cell: make("td", {}, ink, pencil) };
  });
  const name = make(
    "th",
    { scope: "row" },
    make("span", { class: `chip ${ownerClass(id)}` }, String(id)),
  );
  return { row: make("tr", {}, name, ...cells.map((each) => each.cell)), cells };
}

function changeRow({ row, cells }, node, isLens) {
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
export function disksView(root, header, { toggleLens }) {
  const rows = new Map(header.nodes.map((id) => [id, rowOf(id)]));
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
    say(
      words,
      moment.isLens
        ? "This is what a power cut now would leave."
        : "In ink: on the disk. In pencil: in memory only.",
    );
    set(root, { class: moment.isLens ? "panel-body with-lens" : "panel-body" });
    for (const [id, row] of rows) changeRow(row, moment.state.nodes[id], moment.isLens);
  };
}
