/** A lab: a run with a planted mistake. Find the record that breaks a rule, and name the rule. */

import { readPacked } from "benmo/file.js";
import { make, say, set } from "benmo/dom.js";
import { withBallots } from "benmo/marks.js";
import { secondsText, tell } from "benmo/words.js";
import { causesOf } from "benmo/why.js";

const TEXTS = {
  hit: "✓ That is the record.",
  sibling: "✓ That belongs to it: the same event led to both.",
  before: "Close: this led to it. What came of it?",
  after: "Close: this came of it. What led to it?",
  again: "Close: this breaks a rule, too. But another record did so first.",
  afterAgain: "Close: this came of a record that breaks a rule, too. But another did so first.",
  no: "✗ No: by the records, this neither led to it, nor came of it.",
};

/** The page's checks of what a rule forbids a node; what the others find may come of another's break. */
const RULED = ["promise", "ballot", "disk"];

/** What the page was made with besides the run: a lab's tasks, and what is right. Or null. */
export async function embeddedLab() {
  const text = await readPacked("lab-data");
  return text === null ? null : JSON.parse(text);
}

/** How near a record is to the one that is to be found: a key of `TEXTS`. */
export function nearness(trace, index, wanted) {
  if (index === wanted) return "hit";
  if (isOfOneEvent(trace, index, wanted)) return "sibling";
  const later = RULED.flatMap((check) => trace.checks.broken[check]).filter((at) => at > wanted);
  if (later.some((at) => isOfOneEvent(trace, index, at))) return "again";
  if (causesOf(trace, wanted).has(index)) return "before";
  const causes = causesOf(trace, index);
  if (causes.has(wanted)) return "after";
  return later.some((at) => causes.has(at)) ? "afterAgain" : "no";
}

function isOfOneEvent(trace, one, other) {
  const [a, b] = [trace.records[one], trace.records[other]];
  return a.i === b.i && a.l === b.l && (a.c || a.n) === (b.c || b.n);
}

const code = (title, text) =>
  make("figure", {}, make("figcaption", {}, title), make("pre", { tabindex: 0 }, text));

function solution(trace, lab, wanted, visit) {
  const see = make("button", { type: "button", onclick: () => visit(wanted) }, tell(trace, wanted));
  return [
    make("p", {}, make("b", {}, `The planted mistake: ${lab.mistake}. `), withBallots(lab.found)),
    make("p", {}, "The record: ", see),
    make("p", { class: "hint" }, lab.setting),
    make(
      "div",
      { class: "codes" },
      code("Benmo’s code", lab.source),
      code("In this lab", lab.patch),
    ),
  ];
}

/**
 * Makes the panel of a lab in `root`. Returns what draws a moment, and `rows` for the sheet.
 */
export function labView(root, lab, clock, { visit, changed }) {
  const { trace } = clock;
  const wanted = trace.indexOf(...lab.about);
  const tried = { records: [], rules: [], isShown: false };
  const [found, named] = [make("p", { role: "status" }), make("p", { role: "status" })];
  const picked = make("p", { class: "hint" });
  const claim = make("button", { type: "button" }, "This is it");
  const choice = make(
    "select",
    { "aria-label": "The broken rule" },
    make("option", { value: "" }, "Choose a rule …"),
    ...lab.rules.map(([rule, text]) => make("option", { value: rule }, `${rule}: ${text}`)),
  );
  const show = make("button", { type: "button" }, "Show me");
  const answer = make("div", { class: "solution" });
  root.replaceChildren(
    make("h2", {}, `Lab ${lab.number}: ${lab.title}`),
    make("p", {}, lab.task),
    make(
      "ol",
      { class: "tasks" },
      make(
        "li",
        {},
        "Predict: go to the beginning, turn ",
        make("b", {}, "Predict"),
        " on, and play on past the first note.",
      ),
      make(
        "li",
        {},
        "Find the record that broke the rule: pick it in any view. ",
        picked,
        claim,
        found,
      ),
      make("li", {}, "Name the broken rule: ", choice, " ", named),
      make("li", {}, "See the lines that differ: when the rule is named. ", show),
    ),
    answer,
  );
  let index = -1;
  const solve = () => {
    if (tried.isShown) return;
    tried.isShown = true;
    document.body.classList.remove("unsolved");
    answer.replaceChildren(...solution(trace, lab, wanted, visit));
    set(show, { disabled: true });
    changed();
  };
  claim.addEventListener("click", () => {
    tried.records.push(index);
    say(found, TEXTS[nearness(trace, index, wanted)]);
  });
  choice.addEventListener("change", () => {
    if (choice.value === "") return;
    tried.rules.push(choice.value);
    const isRight = choice.value === lab.rule;
    say(
      named,
      isRight ? "✓ Yes." : `✗ ${choice.value} was kept, or broken only because of another.`,
    );
    if (isRight) solve();
  });
  show.addEventListener("click", () => {
    if (!tried.rules.includes(lab.rule)) tried.rules.push("");
    say(named, `It was ${lab.rule}.`);
    solve();
  });
  document.body.classList.add("unsolved");
  set(root, { hidden: false });
  return {
    draw(moment) {
      index = moment.picked;
      say(picked, index < 0 ? "No record is picked." : `Picked: ${tell(trace, index)}`);
      set(claim, { disabled: index < 0 });
    },
    rows: () => [
      ...tried.records.map((at) => claimRow(trace, at, wanted)),
      ...tried.rules.map((rule) => [
        "–",
        "Which rule is broken?",
        rule || "shown",
        lab.rule,
        rule === lab.rule ? "right" : rule ? "wrong" : "skipped",
      ]),
    ],
  };
}

function claimRow(trace, at, wanted) {
  const near = nearness(trace, at, wanted);
  const result = { hit: "right", sibling: "right", no: "wrong" };
  const text = (index) => `${secondsText(trace.records[index].t)} s: ${tell(trace, index)}`;
  return ["–", "Which record broke the rule?", text(at), text(wanted), result[near] ?? "near"];
}
