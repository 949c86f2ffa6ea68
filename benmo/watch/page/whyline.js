/** The why-line: what happens now, and why, and why that, down to a timer or a person. */

import { keeper, make, say, set } from "benmo/dom.js";
import { isBroken, ruleOf } from "benmo/rules.js";
import { why } from "benmo/why.js";
import { secondsText, tell } from "benmo/words.js";

const SPOKEN_EVERY_MS = 500;
const NOTICES = [
  "BlockReported",
  "LeadershipWon",
  "ProposalMade",
  "BallotRefused",
  "BallotGivenUp",
  "CampaignBegun",
  "LeaderLost",
  "QuorumMissing",
  "ProposalAccepted",
  "PromiseMade",
  "CaughtUp",
];
const KINDS = [
  "violation",
  "note",
  "gap",
  "process",
  "cut",
  "slowed",
  "healed",
  "lost",
  "world",
  "noticed",
  "decided",
  "dropped",
  "asked",
  "promised",
  "accepted",
  "due",
  "state",
  "received",
  "sent",
  "did",
];

function weight(record) {
  if (record.k === "state" && record.n === 1) return 20 * KINDS.indexOf("process");
  const kind = KINDS.indexOf(record.k);
  if (kind < 0) return 900;
  return kind * 20 + (record.k === "noticed" ? (NOTICES.indexOf(record.what) + 20) % 20 : 0);
}

/** The record that tells most of what the layer shows so far; -1 if there is none yet. */
export function headline(moment) {
  const { trace, count } = moment;
  let best = -1;
  const isNote = trace.records[count - 1]?.k === "note";
  if (count > 0 && trace.layers.futile.has(moment.layer))
    return [...trace.short.keys()].findLast((at) => at < count);
  if (isNote || (count > 0 && count < trace.layers.countAt(moment.layer))) return count - 1;
  for (let index = trace.layers.starts[moment.layer] ?? 0; index < count; index += 1) {
    if (trace.checks.choices.has(index)) return index;
    if (best < 0 || weight(trace.records[index]) < weight(trace.records[best])) best = index;
  }
  return best;
}

/** Before which of `KINDS` a record tells enough to stand beside the headline. */
const TOLD_UPTO = 20 * KINDS.indexOf("asked");
const OTHERS_MAX = 3;

/** What else the layer shows so far: the most telling record of each other event, if it tells enough. */
function others(moment, best) {
  const { trace, count, layer } = moment;
  const { records } = trace;
  const eventOf = ({ i, l, c, n }) => `${i}.${l}.${c || n}`;
  const first = new Map([[eventOf(records[best]), best]]);
  for (let index = trace.layers.starts[layer] ?? 0; index < count; index += 1) {
    const event = eventOf(records[index]);
    const known = first.get(event) ?? index;
    if (known !== best && weight(records[index]) <= weight(records[known])) first.set(event, index);
  }
  const found = [...first.values()].filter((at) => at !== best && weight(records[at]) < TOLD_UPTO);
  return found.slice(0, OTHERS_MAX).map((index) => ({ index, text: tell(trace, index) }));
}

/** The links of the chain that is open: each with its sentence, its rule, and what it follows from. */
function linksOf(trace, chain) {
  return chain.map((index, at) => {
    const record = trace.records[index];
    const { causes, end } = why(trace, index);
    const rule = ruleOf(trace, index, trace.records[causes.at(-1)]);
    return {
      index,
      record,
      text: tell(trace, index),
      causes,
      end,
      rule,
      isBroken: isBroken(trace, index) && !document.body.classList.contains("unsolved"),
      isFirst: at === 0,
      next: chain[at + 1] ?? -1,
    };
  });
}

function linkMark(trace, follow, visit) {
  return (link) => {
    const text = make("button", {
      type: "button",
      class: "why-text",
      onclick: () => visit(link.index),
    });
    const rule = make("p", { class: "rule" });
    const causes = make("ul", { class: "causes" });
    const keep = keeper(
      causes,
      (each) =>
        make(
          "li",
          {},
          make(
            "button",
            { type: "button", onclick: () => follow(link.index, each.index) },
            tell(trace(), each.index),
          ),
        ),
      (element, each) => set(element.firstChild, { "aria-pressed": String(each.isChosen) }),
    );
    const element = make("li", {}, text, rule, causes);
    element.keep = keep;
    return element;
  };
}

function changeLink(element, link) {
  const [text, rule] = element.children;
  say(text, `${secondsText(link.record.t)} s · ${link.text}`);
  const isKnown = link.rule && (!link.end || link.record.k === "due");
  const words = isKnown ? `${link.rule[0]} (${link.rule[1]})` : "";
  say(rule, [link.end, words, link.isBroken && "Here it was broken."].filter(Boolean).join(" "));
  element.keep(
    link.causes.map((index) => ({ index, isChosen: index === link.next })),
    (each) => String(each.index),
  );
}

/** Makes the why-line in `root`. Returns what draws a moment, and what opens the chain. */
export function whyView(root, { pick, visit }) {
  const said = make("p", { class: "headline" });
  const spoken = make("p", { class: "spoken", role: "status", "aria-live": "polite" });
  const ask = make("button", { type: "button", class: "ask", "aria-expanded": "false" }, "Why?");
  const list = make("ol", { class: "why-chain" });
  const also = make("ul", { class: "also", "aria-label": "At the same time" });
  const words = make("div", { class: "headline-words" }, said, also);
  root.replaceChildren(make("div", { class: "headline-row" }, words, ask), spoken, list);
  const keepAlso = keeper(
    also,
    (each) => make("li", {}, make("button", { type: "button", onclick: () => pick(each.index) }, each.text)),
    () => {},
  );
  said.addEventListener("click", () => shownAt >= 0 && pick(shownAt));
  let [chain, now, told, toldAt, shownAt] = [[], null, "", 0, -1];
  const trace = () => now.trace;
  const follow = (from, to) => {
    chain = [...chain.slice(0, chain.indexOf(from) + 1), to];
    show();
  };
  const keep = keeper(list, linkMark(trace, follow, visit), changeLink);
  const show = () => {
    keep(linksOf(now.trace, chain), (link) => String(link.index));
    set(ask, { "aria-expanded": String(chain.length > 0) });
    say(ask, chain.length ? "Close" : "Why?");
  };
  const open = (index) => {
    chain = index < 0 ? [] : [index];
    if (now !== null) show();
  };
  ask.addEventListener("click", () => {
    const at = now.picked >= 0 ? now.picked : headline(now);
    pick(chain.length ? -1 : at);
  });
  const draw = (moment) => {
    if (now !== null && now.trace !== moment.trace) chain = [];
    now = moment;
    const at = moment.picked >= 0 ? moment.picked : headline(moment);
    shownAt = at;
    keepAlso(at < 0 || moment.picked >= 0 ? [] : others(moment, at), (each) => String(each.index));
    const start = moment.trace.length > 0 ? " Press Space to play." : "";
    const text = at < 0 ? `Nothing has happened yet.${start}` : tell(moment.trace, at);
    say(said, text.charAt(0).toUpperCase() + text.slice(1));
    set(ask, { class: at < 0 ? "ask absent" : "ask" });
    const clock = performance.now();
    if (text !== told && clock - toldAt >= SPOKEN_EVERY_MS) {
      [told, toldAt] = [text, clock];
      say(spoken, text);
    }
    if (chain.length) show();
    else keep([], String);
  };
  return { draw, open };
}
