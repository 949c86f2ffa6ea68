/**
 * Hands on: buttons for the demo's commands. Each shows the line that one would type for it, and
 * has the demo carry out just that line.
 */

import { make, say, set } from "benmo/dom.js";

const LINES_KEPT = 50;
const DELAYS_MS = [0, 100, 300, 1000];
const SLOW = "Slow";

const inOrder = (nodes) => [...nodes].sort((a, b) => a - b);

const named = (some) =>
  some.length === 1
    ? `Node ${some[0]}`
    : `Nodes ${some.slice(0, -1).join(", ")} and ${some[some.length - 1]}`;

/** The command for those of some nodes that are as wanted; none, if there are none. */
const commandFor = (some, isWanted, label, command) => {
  const wanted = some.filter(isWanted);
  return wanted.length > 0 ? [[label, `${command} ${wanted.join(" ")}`]] : [];
};

/**
 * The commands for nodes that are chosen: what a button says, its line, and more words, if any.
 * `stateOf` says whether a node is `up`, `down`, or something else.
 */
function nodeCommands(some, stateOf) {
  const list = some.join(" ");
  const mayBePaused = (node) => !["up", "down"].includes(stateOf(node));
  const commands = [
    ["Kill", `kill ${list}`, "The process ends at once: memory is lost, the disk stays."],
    ["Pause", `stop ${list}`, "The process stays, and does nothing until it is continued."],
    ...commandFor(some, mayBePaused, "Continue", "continue"),
    ...commandFor(some, (node) => stateOf(node) !== "up", "Restart", "restart"),
  ];
  if (some.length === 1) {
    commands.push(["Lose its disk", `lose ${list}`], ["Replace", `replace ${list}`]);
    commands.push(["Where it stands", `${list}> printStatus`]);
  }
  return commands;
}

/** The commands for the link between two nodes. */
const linkCommands = ([a, b], delay_ms) => [
  ["Cut both ways", `cut ${a} ${b}`],
  [`Cut ${a} → ${b}`, `cut ${a} ${b} --one-way`],
  [`Cut ${b} → ${a}`, `cut ${b} ${a} --one-way`],
  [SLOW, `slow ${a} ${b} ${delay_ms}`],
  ["Mend", `heal ${a} ${b}`],
];

const ambush = (a, b) => [
  `Ambush ${a}`,
  `ambush ${a} ${b}`,
  `Node ${a} wants to lead, and is killed as soon as node ${b} has accepted its block.`,
];

/** The commands that let two nodes meet. */
const meetingCommands = ([a, b]) => [
  ["Duel", `duel ${a} ${b}`, "Both want to lead at the same moment. Neither is killed."],
  ambush(a, b),
  ambush(b, a),
];

/** The commands for all links: the one that parts the chosen nodes from the others, and its end. */
function partCommands(some, nodes) {
  const others = nodes.filter((node) => !some.includes(node));
  const commands = [["Mend every link", "heal"]];
  if (some.length > 0 && others.length > 0) {
    const label = `Part ${some.length === 1 ? "it" : "them"} from the rest`;
    commands.unshift([label, `partition ${some.join(" ")} | ${others.join(" ")}`]);
  }
  return commands;
}

/** All commands for the nodes that are chosen, in groups: what they are about, and the commands. */
function commandGroups(some, nodes, stateOf, delay_ms) {
  const groups = [];
  if (some.length > 0) groups.push([named(some), nodeCommands(some, stateOf)]);
  if (some.length === 2) {
    groups.push(["Their link", linkCommands(some, delay_ms)]);
    groups.push(["Let them lead", meetingCommands(some)]);
  }
  return [...groups, ["All links", partCommands(some, nodes)]];
}

export const lineButton = (label, line, run, title = null) =>
  make(
    "button",
    {
      type: "button",
      class: "command",
      "aria-label": `${label}: ${line}`,
      title,
      onclick: () => run(line),
    },
    make("span", {}, label),
    make("code", {}, line),
  );

/** The buttons of a group; beside the one that slows a link, the choice of the delay. */
function commandRow(name, commands, run, delay) {
  const buttons = commands.flatMap(([label, line, title]) => {
    const button = lineButton(label, line, run, title);
    return label === SLOW ? [button, delay] : [button];
  });
  return make(
    "div",
    { class: "hands-row", role: "group", "aria-label": name },
    make("span", { class: "hint", "aria-hidden": true }, name),
    ...buttons,
  );
}

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

/** Changes what an element holds; whoever has come to something in it by keys stays there. */
function refill(holder, children) {
  const within = holder.contains(document.activeElement) ? document.activeElement : null;
  const label = within?.getAttribute("aria-label");
  holder.replaceChildren(...children);
  if (label) holder.querySelector(`[aria-label="${CSS.escape(label)}"]`)?.focus();
}

/**
 * Makes the buttons in `root`. `act` asks for a line, and resolves to its `status` and `text`.
 * Returns what chooses nodes from outside, `toggle(node)` and `choose(nodes)`; and `follow(state)`,
 * which takes how the nodes are now.
 */
export function handsView(root, nodes, act) {
  const chosen = new Set();
  let now = {};
  const stateOf = (node) => now[node]?.is;
  const run = async (line) => add(line)(await act(line));
  const [field, put] = lineField(run, "A line of the demo", "ls");
  const [list, add] = linesDone(put);
  const commands = make("div", { class: "command-groups" });
  const delay = choice("Delay", DELAYS_MS, (ms) => (ms === 0 ? "no delay" : `${ms} ms`));
  delay.value = "300";
  const show = () => {
    showChosen(chosen);
    const groups = commandGroups(inOrder(chosen), nodes, stateOf, delay.value);
    refill(commands, groups.map(([name, all]) => commandRow(name, all, run, delay)));
  };
  const follow = (state) => {
    const before = now;
    now = state.nodes;
    if ([...chosen].some((node) => before[node]?.is !== stateOf(node))) show();
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
  delay.addEventListener("change", show);
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
  return { toggle, choose, follow };
}
