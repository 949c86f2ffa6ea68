/** What stands around the views: tabs, legend, and the page's own buttons. */

import { VIEWS } from "benmo/address.js";
import { draw, make, say, set } from "benmo/dom.js";
import { ownerClass, SHAPES } from "benmo/marks.js";
import { idsIn } from "benmo/members.js";

export const byId = (id) => document.getElementById(id);
const WIDE = matchMedia("(min-width: 1400px)");

/** Shows the panel that is chosen; all of them where there is room. */
export function showPanels(chosen) {
  const isWide = WIDE.matches && !chosen.isProjector;
  for (const view of VIEWS) {
    byId(`panel-${view}`).hidden = !isWide && view !== chosen.view;
    const isShown = view === chosen.view;
    set(byId(`tab-${view}`), { "aria-selected": String(isShown), tabindex: isShown ? 0 : -1 });
  }
  byId("tabs").hidden = isWide;
}

/** Calls `show` with the view that is chosen. */
export function listenToTabs(chosen, show) {
  for (const view of VIEWS) byId(`tab-${view}`).addEventListener("click", () => show(view));
  byId("tabs").addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    show(VIEWS[(VIEWS.indexOf(chosen.view) + by + VIEWS.length) % VIEWS.length]);
    byId(`tab-${chosen.view}`).focus();
  });
}

/** Draws moments by what `makeView` returns for the nodes that are there; anew where others are. */
export function forNodes(makeView) {
  let [ids, drawMoment] = [null, null];
  return (moment) => {
    const there = idsIn(moment.state);
    if (String(there) !== String(ids)) [ids, drawMoment] = [there, makeView(there)];
    drawMoment(moment);
  };
}

/** Lets `draw` draw frames: `next` asks for one, which may wait for some seconds. */
export function framesOf(draw) {
  let [isDue, later] = [false, 0];
  function next(patience = 0) {
    if (patience > 0) later ||= setTimeout(soon, 1000 * patience);
    else if (!isDue) {
      isDue = true;
      requestAnimationFrame(begin);
    }
  }
  function soon() {
    later = 0;
    next();
  }
  function begin(now) {
    isDue = false;
    draw(now);
  }
  return { next };
}

const MORE_SIGNS = [
  [
    "The ring",
    "○ small: any other message, such as a block for one who lacks it. × over a message: lost. × on a link: cut.",
    "An arc around a node: how long until it asks for promises, or, in blue, gives its round up.",
    "A black ring: it leads; dashed: it asks for promises. A dashed, pale node: its promise is not on the disk yet. " +
      "Dotted: it is down, not known, or has no vote.",
  ],
  [
    "Ballots",
    "◆ promised, ■ accepted, ⊖ refused; pale: not on the disk yet. had 6.1: with its promise, " +
      "it reported a block that it had accepted in 6.1. Grey cells are votes on disks; green ones decide.",
  ],
  [
    "Space and time",
    "◆ ■ ● it promises, accepts, knows a decision. ☺ somebody asks. ◷ a time is up. " +
      "▲ it says how it is, at its start or later. Small ○: anything else. " +
      "Dashed lines: not received yet, or sent when nobody recorded it.",
  ],
];

/** Explains the signs. */
export function legend(header) {
  byId("signs").open = matchMedia("(min-width: 900px)").matches;
  const shapes = Object.entries(SHAPES).map(([kind, shape]) => {
    const path = draw("path", { d: shape.path, class: shape.filled ? "shape filled" : "shape" });
    const sign = draw(
      "svg",
      { viewBox: "-12 -12 24 24", class: "sign", "aria-hidden": true },
      path,
    );
    return make("li", {}, sign, make("b", {}, kind), ` ${shape.says}`);
  });
  const chips = header.nodes.map((id) =>
    make("span", { class: `chip ${ownerClass(id)}` }, String(id)),
  );
  const colours = make(
    "p",
    { class: "hint" },
    "Each node has a colour and a pattern. A ballot, like 7.3 (round 7 of node 3), has those of its node: ",
    ...chips,
  );
  const more = MORE_SIGNS.flatMap(([where, ...lines]) => [
    make("dt", {}, where),
    ...lines.map((line) => make("dd", {}, line)),
  ]);
  byId("legend").replaceChildren(make("ul", {}, ...shapes), colours, make("dl", {}, ...more));
}

/** Says what the trace is. */
export function describe(header, name) {
  const source =
    {
      live: "real nodes",
      simulated: "a simulated run",
      explored: "an explored run",
      played: "a run played by hand",
    }[header.source] ?? header.source;
  const words = [
    `${header.nodes.length} nodes`,
    header.tenure === "block" ? "a leader for each block" : `tenure ${header.tenure}`,
    source,
    header.command,
    name,
  ].filter(Boolean);
  say(byId("about"), words.join(" · "));
}

/** Listens to the buttons of the page; `redraw` is called when its size or look has changed. */
export function listenToFrame(chosen, redraw) {
  byId("lights").addEventListener("change", (event) =>
    set(document.documentElement, { "data-theme": event.target.value }),
  );
  byId("projector").addEventListener("click", () => {
    chosen.isProjector = !chosen.isProjector;
    set(byId("projector"), { "aria-pressed": String(chosen.isProjector) });
    document.documentElement.classList.toggle("for-projector", chosen.isProjector);
    showPanels(chosen);
    redraw();
  });
  byId("ask-help").addEventListener("click", () => byId("help").showModal());
  byId("choose").addEventListener("click", () => byId("file").click());
  WIDE.addEventListener("change", () => {
    showPanels(chosen);
    redraw();
  });
  addEventListener("resize", redraw);
}
