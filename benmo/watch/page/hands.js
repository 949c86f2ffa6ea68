/**
 * Hands on: buttons for the demo's commands. Each shows the line that one would type for it, and
 * has the demo carry out just that line.
 */

import { make, say, set } from "benmo/dom.js";

const LINES_KEPT = 50;
const DELAYS_MS = [0, 100, 300, 1000];

const inOrder = (nodes) => [...nodes].sort((a, b) => a - b);

/** The commands for nodes that are chosen: what a button says, and its line. */
function nodeCommands(some, delay_ms) {
  const list = some.join(" ");
  const commands = [
    ["Kill", `kill ${list}`],
    ["Pause", `stop ${list}`],
    ["Continue", `continue ${list}`],
    ["Restart", `restart ${list}`],
  ];
  if (some.length === 1) {
    commands.push(["Lose its disk", `lose ${list}`], ["Replace", `replace ${list}`]);
    commands.push(["Where it stands", `${list}> printStatus`]);
  }
  if (some.length === 2) commands.push(...linkCommands(some, delay_ms));
  return commands;
}

/** The commands for the link between two nodes, and those that take two nodes. */
function linkCommands([a, b], delay_ms) {
  return [
    ["Cut both ways", `cut ${a} ${b}`],
    [`Cut ${a} → ${b}`, `cut ${a} ${b} --one-way`],
    [`Cut ${b} → ${a}`, `cut ${b} ${a} --one-way`],
    ["Slow", `slow ${a} ${b} ${delay_ms}`],
    ["Mend", `heal ${a} ${b}`],
    ["Duel", `duel ${a} ${b}`],
    [`Ambush ${a}`, `ambush ${a} ${b}`],
    [`Ambush ${b}`, `ambush ${b} ${a}`],
  ];
}

/** The command that parts the nodes that are chosen from the others. */
function partition(some, nodes) {
  const others = nodes.filter((node) => !some.includes(node));
  return ["Part them from the rest", `partition ${some.join(" ")} | ${others.join(" ")}`];
}

export const lineButton = (label, line, run) =>
  make(
    "button",
    { type: "button", class: "command", "aria-label": `${label}: ${line}`, onclick: () => run(line) },
    make("span", {}, label),
    make("code", {}, line),
  );

export const choice = (label, values, text = String) =>
  make(
    "select",
    { "aria-label": label },
    ...values.map((value) => make("option", { value }, text(value))),
  );

/** Shows in the ring which nodes are chosen. */
export function markNodes(chosen) {
  for (const mark of document.querySelectorAll(".node-button"))
    set(mark, { "aria-pressed": String(chosen.has(Number(mark.dataset.node))) });
}

/** The buttons that choose nodes. Returns them, and what shows which are chosen. */
function chooser(nodes, toggle, chooseAll) {
  const buttons = new Map(
    nodes.map((id) => [
      id,
      make(
        "button",
        { type: "button", class: "control", "aria-label": `Node ${id}`, onclick: () => toggle(id) },
        String(id),
      ),
    ]),
  );
  const all = make("button", { type: "button", onclick: () => chooseAll(nodes) }, "All");
  const none = make("button", { type: "button", onclick: () => chooseAll([]) }, "None");
  const row = make(
    "div",
    { class: "hands-row", role: "group", "aria-label": "Nodes" },
    ...buttons.values(),
    all,
    none,
  );
  const show = (chosen) => {
    for (const [id, button] of buttons) set(button, { "aria-pressed": String(chosen.has(id)) });
    markNodes(chosen);
  };
  return [row, show];
}

/** A transfer, in fields. */
function transfer(nodes, run) {
  const amount = make("input", { type: "number", min: 1, value: 10, "aria-label": "Amount" });
  const [from, to] = [choice("From node", nodes), choice("To node", nodes)];
  to.value = String(nodes[1] ?? nodes[0]);
  const line = () => `${from.value}> moneyTransfer ${amount.value},${from.value},${to.value}`;
  const typed = make("code", {});
  const form = make(
    "form",
    { class: "hands-row", "aria-label": "A transfer" },
    amount,
    "from",
    from,
    "to",
    to,
    make("button", {}, "Pay"),
    typed,
  );
  const tell = () => say(typed, line());
  form.addEventListener("input", tell);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run(line());
  });
  tell();
  return form;
}

/** A field for any line, in which `example` stands. Returns it, and what puts a line there. */
export function lineField(run, name, example) {
  const field = make("input", {
    type: "text",
    class: "line",
    maxlength: 4000,
    placeholder: example,
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    "aria-label": name,
  });
  const form = make("form", { class: "hands-row" }, field, make("button", {}, "Do"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const line = field.value.trim();
    if (line === "") return;
    field.value = "";
    run(line);
  });
  const put = (line) => {
    field.value = line;
    field.focus();
  };
  return [form, put];
}

/** The lines that were done, the last one first. Returns the list, and what adds a line. */
export function linesDone(put) {
  const list = make("ol", { class: "lines-done", "aria-label": "Lines done" });
  const add = (line) => {
    const answer = make("pre", { role: "status" }, "…");
    const again = make("button", { type: "button", title: "Put it in the field" }, line);
    again.addEventListener("click", () => put(line));
    const item = make("li", {}, again, answer);
    list.prepend(item);
    if (list.children.length > LINES_KEPT) list.lastElementChild.remove();
    return ({ status, text }) => {
      set(item, { "data-status": status });
      set(answer, { class: text.startsWith(" ") ? "table" : null });
      say(answer, text === "" ? status : text);
    };
  };
  return [list, add];
}

/**
 * Makes the buttons in `root`. `act` asks for a line, and resolves to its `status` and `text`.
 * Returns what chooses nodes from outside: `toggle(node)` and `choose(nodes)`.
 */
export function handsView(root, nodes, act) {
  const chosen = new Set();
  const run = async (line) => add(line)(await act(line));
  const [field, put] = lineField(run, "A line of the demo", "ls");
  const [list, add] = linesDone(put);
  const commands = make("div", { class: "hands-row commands" });
  const delay = choice("Delay", DELAYS_MS, (ms) => (ms === 0 ? "no delay" : `${ms} ms`));
  delay.value = "300";
  const show = () => {
    showChosen(chosen);
    const some = inOrder(chosen);
    const shown = some.length > 0 ? nodeCommands(some, delay.value) : [];
    if (some.length > 0 && some.length < nodes.length) shown.push(partition(some, nodes));
    shown.push(["Mend every link", "heal"]);
    const buttons = shown.map(([label, line]) => lineButton(label, line, run));
    const slow = buttons.findIndex((_, at) => shown[at][0] === "Slow");
    if (slow >= 0) buttons.splice(slow + 1, 0, delay);
    commands.replaceChildren(...buttons);
  };
  const toggle = (id) => {
    if (!chosen.delete(id)) chosen.add(id);
    show();
  };
  const choose = (some) => {
    chosen.clear();
    for (const id of some) chosen.add(id);
    show();
  };
  const [row, showChosen] = chooser(nodes, toggle, choose);
  delay.addEventListener("change", () => {
    show();
    delay.focus();
  });
  const hint = "Choose nodes here or in the ring: one, two for their link, or a side.";
  root.replaceChildren(
    make("h2", {}, "Hands on"),
    make("p", { class: "hint" }, hint),
    row,
    commands,
    transfer(nodes, run),
    field,
    list,
  );
  show();
  return { toggle, choose };
}
