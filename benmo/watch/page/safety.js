/** The safety panel: what was compared, over how many records, and what would break it. */

import { keeper, make, say, set } from "benmo/dom.js";
import { countBelow } from "benmo/lists.js";
import { aboutOf } from "benmo/why.js";
import { sentence } from "benmo/words.js";

const SIGNS = { holds: "✓", broken: "✗", "not known": "?", "nothing yet": "–" };
const CLASSES = {
  holds: "holds",
  broken: "broken",
  "not known": "unknown",
  "nothing yet": "nothing",
};

function checkMark(pick) {
  return () => {
    const show = make("button", { type: "button" }, "Show the record");
    const element = make(
      "li",
      {},
      make("span", { class: "verdict" }),
      make("div", {}, make("b"), make("p"), make("p", { class: "hint" })),
      show,
    );
    show.addEventListener("click", () => pick(Number(element.dataset.at)));
    return element;
  };
}

function changeCheck(element, each) {
  const [verdict, words, show] = element.children;
  const [title, compares, breaks] = words.children;
  say(verdict, SIGNS[each.verdict]);
  set(element, { class: CLASSES[each.verdict], "data-at": each.at });
  say(title, `${each.title}: ${each.verdict}`);
  say(compares, `Compared ${each.compares}: ${each.compared} times.`);
  say(breaks, `It would be broken by ${each.breaks}.`);
  say(show, each.verdict === "broken" ? "Show what broke it" : "Show the latest");
  set(show, { class: each.at < 0 ? "absent" : null });
}

/** Makes the panel in `root`. Returns what draws a moment. */
export function safetyView(root, { pick }) {
  const score = make("p", { class: "score" });
  const alarms = make("ul", { class: "alarms" });
  const list = make("ul", { class: "checks" });
  root.replaceChildren(score, alarms, list);
  const keep = keeper(list, checkMark(pick), changeCheck);
  const keepAlarms = keeper(
    alarms,
    (each) =>
      make(
        "li",
        {},
        make("button", { type: "button", onclick: () => pick(each.at) }, each.text),
      ),
    () => {},
  );
  return (moment) => {
    const { trace, count } = moment;
    keep(trace.checks.verdicts(count), (each) => each.id);
    keepAlarms(
      trace.checks.alarms
        .slice(0, countBelow(trace.checks.alarms, count))
        .map((index) => alarmOf(trace, index)),
      (each) => String(each.index),
    );
    say(score, scoreText(moment));
  };
}

function alarmOf(trace, index) {
  const record = trace.records[index];
  const said = sentence(record);
  const text = `${said[0].toUpperCase()}${said.slice(1)}`;
  return { index, text, at: aboutOf(trace, record)[0] ?? index };
}

const counted = (count, one, more) => `${count} ${count === 1 ? one : more}`;

function scoreText({ trace, count, state }) {
  const { ends, lost } = trace.tally(count);
  const gaps = state.gaps
    ? ` Records are missing in ${counted(state.gaps, "place", "places")}: what lies there is not known.`
    : "";
  const ids = state.voters.ids.filter((id) => !state.nodes[id]?.known);
  const unknown = ids.length ? ` Not known now: ${ids.map((id) => `node ${id}`).join(", ")}.` : "";
  const ended = counted(ends, "process that is known to have ended", "processes that are known to have ended");
  return `So far ${ended}, and ${counted(lost, "lost message", "lost messages")}.${gaps}${unknown}`;
}

/** Makes the chips, one for each check. Returns what draws a moment. */
export function chipsView(root, { showSafety }) {
  root.replaceChildren();
  const keep = keeper(
    root,
    () => make("button", { type: "button", class: "safety-chip", onclick: showSafety }),
    (element, each) => {
      say(element, `${SIGNS[each.verdict]} ${each.title}`);
      set(element, {
        class: `safety-chip ${CLASSES[each.verdict]}`,
        title: `${each.verdict}: ${each.compared} compared`,
      });
    },
  );
  return (moment) => keep(moment.trace.checks.verdicts(moment.count), (each) => each.id);
}
