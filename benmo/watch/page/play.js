/**
 * Play: the viewer is the network of a sandbox, and moves its nodes and its time. Each button shows
 * the line that one would type at the prompt of benmo play, and sends just that line.
 */

import { make, say, set } from "benmo/dom.js";
import { download } from "benmo/file.js";
import { choice, lineButton, lineField, linesDone, markNodes } from "benmo/hands.js";
import { treeView } from "benmo/tree.js";
import { waitingList } from "benmo/waiting.js";

const FILE = "played.txt";
const FILE_CHARACTERS_MAX = 1_000_000;
const BEGINNINGS = ["nodes 3", "nodes 5", "nodes 3 tenure stable"];
const WHOLE = [
  ["Undo", "undo"],
  ["Redo", "redo"],
  ["Let all arrive", "settle"],
  ["Wait", "wait 3"],
  ["Advance", "advance 3"],
];

/** The commands of a scenario's text, without its comments and what the commands led to. */
export function commandsIn(text) {
  const isCommand = (line) => line !== "" && !line.startsWith("#");
  return text
    .replaceAll("\r\n", "\n")
    .split("\n\n")
    .flatMap((block) => `\n${block}`.split("\n----")[0].split("\n"))
    .map((line) => line.trim())
    .filter(isCommand);
}

/** What one node may be told, by how it is. */
function nodeCommands({ node, is }) {
  if (is === "down") return [["Start", `start ${node}`]];
  const ends = [
    ["Crash", `crash ${node}`],
    ["Cut its power", `crash ${node} power`],
  ];
  if (is === "paused") return [["Resume", `resume ${node}`], ...ends];
  return [["Campaign", `campaign ${node}`], ["Pause", `pause ${node}`], ...ends];
}

const linkCommands = ([a, b]) => [
  ["Cut their link", `cut ${a} ${b}`],
  ["Heal their link", `heal ${a} ${b}`],
];

/** Buttons of nodes, of which one or two may be chosen. */
function nodeButtons(nodes, toggle) {
  return nodes.map((id) =>
    make(
      "button",
      {
        type: "button",
        class: "control",
        "aria-label": `Node ${id}`,
        "data-id": id,
        onclick: () => toggle(id),
      },
      String(id),
    ),
  );
}

/** A payment, in fields. */
function payForm(nodes, run) {
  const amount = make("input", { type: "number", min: 1, value: 10, "aria-label": "Amount" });
  const [from, to] = [choice("From node", nodes), choice("To node", nodes)];
  to.value = String(nodes[1] ?? nodes[0]);
  const line = () => `pay ${from.value} ${to.value} ${amount.value}`;
  const typed = make("code", {});
  const button = make("button", { class: "command" }, make("span", {}, "Pay"), typed);
  const tell = () => {
    say(typed, line());
    set(button, { "aria-label": `Pay: ${line()}` });
  };
  const form = make(
    "form",
    { class: "hands-row", "aria-label": "A payment" },
    ...[from, "pays", to, amount, button],
  );
  form.addEventListener("input", tell);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run(line());
  });
  tell();
  return form;
}

/** Buttons that save the run as a scenario, and open one. */
function fileButtons(run, act, add) {
  const save = async () => {
    const answered = add("save");
    const answer = await act("save");
    if (answer.status !== "done") return answered(answer);
    download(`${answer.text}\n`, FILE, "text/plain");
    return answered({ ...answer, text: `${FILE} is offered: benmo play ${FILE} opens it, too` });
  };
  const input = make("input", { type: "file", accept: ".txt", "aria-label": "A scenario" });
  input.hidden = true;
  input.addEventListener("change", async () => {
    const [file] = input.files;
    input.value = "";
    if (!file || file.size > FILE_CHARACTERS_MAX) return;
    for (const line of commandsIn(await file.text()))
      if ((await run(line)).status !== "done") break;
  });
  const open = make(
    "button",
    { type: "button", onclick: () => input.click() },
    "Open a scenario",
  );
  return [lineButton("Save", "save", save), open, input];
}

/**
 * Makes the view in `root`. `act` sends a line, and resolves to its `status` and `text`. Returns
 * `toggle(node)`, `choose(nodes)` and `pickMessage(number)`, which choose from outside; `show`,
 * which takes what the server says of the sandbox; and `renew(nodes)`, for another run.
 */
export function playView(root, nodes, act) {
  const chosen = new Set();
  const holder = (name, attributes = {}) => make("div", { class: name, ...attributes });
  const [waiting, tree] = [holder("waiting-box"), holder("tree", { tabindex: -1 })];
  const [begin, whole, commands] = ["begin", "whole", "commands"].map((name) =>
    holder(`hands-row ${name}`),
  );
  const chooser = holder("hands-row", { role: "group", "aria-label": "Nodes" });
  const pay = holder("pay");
  const hint = make("p", { class: "hint play-hint", role: "status" });
  const [field, put] = lineField((line) => run(line), "A line of the sandbox", "help");
  const [done, add] = linesDone(put);
  const run = async (line) => {
    const answered = add(line);
    const answer = await act(line);
    answered(answer);
    return answer;
  };
  const files = make("div", { class: "hands-row" }, ...fileButtons(run, act, add));
  const list = waitingList(waiting, run);
  const showTree = treeView(tree, run);
  let situation = { nodes: [] };
  const showCommands = () => {
    markNodes(chosen);
    for (const each of chooser.children)
      set(each, { "aria-pressed": String(chosen.has(Number(each.dataset.id))) });
    const some = situation.nodes.filter(({ node }) => chosen.has(node));
    const shown =
      some.length === 2 ? linkCommands(some.map(({ node }) => node)) : some.flatMap(nodeCommands);
    redo(commands, shown, run);
  };
  const choose = (some) => {
    chosen.clear();
    for (const id of some.slice(-2)) chosen.add(id);
    showCommands();
  };
  const toggle = (id) =>
    choose(chosen.has(id) ? [...chosen].filter((each) => each !== id) : [...chosen, id]);
  const renew = (some) => {
    chooser.replaceChildren(...nodeButtons(some, toggle));
    pay.replaceChildren(payForm(some, run));
    choose([...chosen].filter((id) => some.includes(id)));
  };
  const show = (now) => {
    situation = now;
    const isBegun = now.nodes.length > 0;
    say(hint, now.hint);
    for (const each of [chooser, pay, commands, waiting]) each.hidden = !isBegun;
    begin.hidden = isBegun;
    const [undo, again] = whole.children;
    set(undo, { disabled: now.place === 0 });
    set(again, { disabled: now.redo === null });
    set(files.firstElementChild, { disabled: now.place === 0 });
    list.show(now.messages);
    showTree(now.places);
    showCommands();
  };
  redo(begin, BEGINNINGS.map((line) => ["Begin", line]), run);
  redo(whole, WHOLE, run);
  root.classList.add("play");
  set(root, { "aria-label": "Play" });
  root.replaceChildren(
    make("h2", {}, "Play: you are the network"),
    hint,
    begin,
    waiting,
    whole,
    chooser,
    commands,
    pay,
    make("h3", {}, "All that was tried"),
    tree,
    files,
    field,
    done,
  );
  renew(nodes);
  return { toggle, choose, pickMessage: list.pick, show, renew };
}

/** Shows buttons for commands, unless the same are there: whoever has come to one stays there. */
function redo(row, shown, run) {
  const key = shown.map(([, line]) => line).join("\n");
  if (row.dataset.lines === key) return;
  row.dataset.lines = key;
  row.replaceChildren(...shown.map(([label, line]) => lineButton(label, line, run)));
}
