/** The controls of time: buttons, slider, keys. */

import { draw, make, say, set } from "benmo/dom.js";
import { BEHIND_SAID_S, SPEEDS } from "benmo/clock.js";
import { aheadOf, passedText } from "benmo/live.js";
import { secondsText } from "benmo/words.js";

const MARKS_ANEW_MS = 500;

const ICONS = {
  start: "M5,5V19M19,5L9,12L19,19Z",
  end: "M19,5V19M5,5L15,12L5,19Z",
  pointBack: "M12,6L3,12L12,18ZM21,6L12,12L21,18Z",
  pointOn: "M12,6L21,12L12,18ZM3,6L12,12L3,18Z",
  layerBack: "M17,5L6,12L17,19Z",
  layerOn: "M7,5L18,12L7,19Z",
  play: "M6,3L21,12L6,21Z",
  pause: "M6,4H10V20H6ZM14,4H18V20H14Z",
};

const icon = (name) =>
  draw(
    "svg",
    { viewBox: "0 0 24 24", class: "icon", "aria-hidden": true },
    draw("path", { d: ICONS[name] }),
  );

const BUTTONS = [
  ["start", "To the beginning (Home)", (clock) => clock.toLayer(-1)],
  ["pointBack", "To the turning point before (Page Up)", (clock) => clock.stepPoint(-1)],
  ["layerBack", "A step back (Shift+←)", (clock) => clock.stepLayer(-1)],
  ["play", "Play (Space)", (clock) => (clock.isPlaying ? clock.pause() : clock.play())],
  ["layerOn", "A step on (Shift+→)", (clock) => clock.stepLayer(1)],
  ["pointOn", "To the next turning point (Page Down)", (clock) => clock.stepPoint(1)],
  ["end", "To the end (End)", (clock) => clock.toLayer(clock.layers.length - 1)],
];

const KEYS = {
  " ": (clock) => (clock.isPlaying ? clock.pause() : clock.play()),
  ArrowLeft: (clock, event) => (event.shiftKey ? clock.stepLayer(-1) : clock.stepRecord(-1)),
  ArrowRight: (clock, event) => (event.shiftKey ? clock.stepLayer(1) : clock.stepRecord(1)),
  PageUp: (clock) => clock.stepPoint(-1),
  PageDown: (clock) => clock.stepPoint(1),
  Home: (clock) => clock.toLayer(-1),
  End: (clock) => clock.toLayer(clock.layers.length - 1),
};

/** Whether an element needs a key itself. */
function needs(element, key) {
  if (!(element instanceof Element)) return false;
  if (key === " " && element.matches("[type=range]")) return false;
  if (element.closest("input, select, textarea, dialog")) return true;
  if (element.closest("[role=tablist]") && key.startsWith("Arrow")) return true;
  return key === " " && element.closest("button, summary, a") !== null;
}

/** Takes the focus from what a pointer was used on, so that Space plays, and doesn't use it again. */
function freeSpace() {
  let isPointed = false;
  const leave = (event, what) => isPointed && event.target.closest(what)?.blur();
  document.addEventListener("pointerdown", () => (isPointed = true), true);
  document.addEventListener("keydown", () => (isPointed = false), true);
  document.addEventListener("click", (event) => leave(event, "button, summary"));
  document.addEventListener("change", (event) => leave(event, "select"));
}

/** Lets keys move a clock. */
export function listenToKeys(clock, { changed, help, lens, leave }) {
  freeSpace();
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (needs(event.target, event.key)) return;
    if (event.key === "?") return help();
    if (event.key === "Escape") return leave();
    if (event.key === "l" && !event.repeat) return lens(true);
    const move = KEYS[event.key];
    if (move === undefined) return;
    event.preventDefault();
    move(clock, event);
    changed();
  });
  document.addEventListener("keyup", (event) => event.key === "l" && lens(false));
}

function speedChoice(clock) {
  const options = Object.keys(SPEEDS).map((name) => make("option", { value: name }, name));
  const choice = make("select", { "aria-label": "Speed" }, ...options);
  choice.value = clock.speed;
  choice.addEventListener("change", () => {
    clock.speed = choice.value;
  });
  return choice;
}

/**
 * Marks beside the slider: where blocks were decided, processes ended, records are missing. Returns
 * the picture, and what draws it; a trace that grows is drawn anew now and then.
 */
function overviewOf() {
  const paths = ["blocks-decided", "processes-ended", "records-missing"].map((name) =>
    draw("path", { class: name }),
  );
  const picture = draw(
    "svg",
    { viewBox: "0 0 1000 10", preserveAspectRatio: "none", class: "overview", "aria-hidden": true },
    ...paths,
  );
  const drawn = { trace: null, layers: -1, at: 0 };
  const show = (trace) => {
    const { layers } = trace;
    const now = performance.now();
    if (drawn.trace === trace && drawn.layers === layers.length) return;
    if (drawn.trace === trace && now - drawn.at < MARKS_ANEW_MS) return;
    Object.assign(drawn, { trace, layers: layers.length, at: now });
    const decided = trace.slots.map((slot) => trace.decidedAt.get(slot)).filter((at) => at >= 0);
    [decided, trace.ends, trace.gaps].forEach((indices, at) => {
      const marked = new Set(indices.map((index) => layers.layerOf[index]));
      const marks = [...marked].map((layer) => `M${(1000 * (layer + 0.5)) / layers.length},0V10`);
      set(paths[at], { d: marks.join("") });
    });
  };
  return [picture, show];
}

/** Whether the page shows what happens now, or is about to. */
const isNow = (clock) => clock.isPlaying && clock.layers.length - 1 - clock.layer <= 1;

function timeText(clock, moment) {
  if (moment.behind > BEHIND_SAID_S) return `showing ${moment.behind.toFixed(0)} s ago`;
  const isIdle = clock.isPlaying && clock.idleNext > 0;
  return isIdle ? `… ${clock.idleNext.toFixed(1)} s …` : `${secondsText(moment.time)} s`;
}

/** Where one may type a time, to see what had happened by then. */
function timeChoice(clock, changed) {
  const choice = make("input", { type: "number", min: 0, step: "any", "aria-label": "Go to a time, in seconds" });
  choice.addEventListener("keydown", (event) => event.key === "Enter" && choice.blur());
  choice.addEventListener("change", () => {
    if (choice.value !== "") clock.toTime(Number(choice.value));
    changed();
  });
  return make("label", { class: "to-time" }, "go to ", choice, " s");
}

/** Makes the controls in `root`. Returns what draws a moment. */
export function controlsView(root, clock, changed) {
  const buttons = new Map(
    BUTTONS.map(([name, label, move]) => {
      const act = () => {
        move(clock);
        changed();
      };
      return [
        name,
        make(
          "button",
          {
            type: "button",
            class: `control ${name}`,
            "aria-label": label,
            title: label,
            onclick: act,
          },
          icon(name),
        ),
      ];
    }),
  );
  const slider = make("input", {
    type: "range",
    min: -1,
    step: 1,
    value: -1,
    "aria-label": "Time, in steps",
    class: "slider",
  });
  slider.addEventListener("input", () => {
    clock.toLayer(Number(slider.value));
    changed();
  });
  const [time, place] = [make("span", { class: "time" }), make("span", { class: "place" })];
  const [overview, showMarks] = overviewOf();
  const toNow = make(
    "button",
    {
      type: "button",
      class: "to-now",
      onclick: () => {
        clock.toNow();
        changed();
      },
    },
  );
  const ahead = make("span", { class: "ahead" });
  const nowRow = make("div", { class: "now-row" }, toNow, ahead);
  root.replaceChildren(
    make(
      "div",
      { class: "slider-row" },
      time,
      make("div", { class: "slider-box" }, slider, overview),
      place,
    ),
    make("div", { class: "button-row" }, ...buttons.values(), speedChoice(clock), timeChoice(clock, changed)),
    nowRow,
  );
  return (moment) => {
    const { layers } = moment.trace;
    const play = buttons.get("play");
    set(play, { "aria-label": clock.isPlaying ? "Pause (Space)" : "Play (Space)" });
    set(play.querySelector("path"), { d: ICONS[clock.isPlaying ? "pause" : "play"] });
    set(slider, { max: Math.max(0, layers.length - 1) });
    const layer = moment.count === 0 ? -1 : moment.layer;
    if (Number(slider.value) !== layer) slider.value = String(layer);
    set(slider, {
      "aria-valuetext": `${moment.time.toFixed(2)} seconds, step ${layer + 1} of ${layers.length}`,
    });
    showMarks(moment.trace);
    set(nowRow, { class: clock.isLive ? "now-row" : "absent" });
    set(toNow, { disabled: isNow(clock) });
    say(toNow, isNow(clock) ? "Live" : "Back to live");
    say(ahead, isNow(clock) ? "" : `to come: ${aheadOf(moment.trace, moment.count)}${passedText(clock.passed)}`);
    say(time, timeText(clock, moment));
    say(place, `record ${moment.count} of ${moment.trace.length}`);
  };
}
