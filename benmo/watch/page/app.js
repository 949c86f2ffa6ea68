/** The page: one trace, one clock, and the views that draw the moment which the clock shows. */

import { acting, takeHandsAway } from "benmo/acting.js";
import { addressOf, readAddress } from "benmo/address.js";
import { ballotsView } from "benmo/ballots.js";
import { chainsView } from "benmo/chains.js";
import { Clock } from "benmo/clock.js";
import { controlsView, listenToKeys } from "benmo/controls.js";
import { disksView } from "benmo/disks.js";
import { say, set } from "benmo/dom.js";
import { embedded, saveTrace, takeFiles } from "benmo/file.js";
import { step } from "benmo/fold.js";
import { byId, describe, forNodes, framesOf, legend, listenToFrame } from "benmo/frame.js";
import { listenToTabs, showPanels } from "benmo/frame.js";
import { embeddedLab, labView } from "benmo/lab.js";
import { checkHeader, TraceError } from "benmo/records.js";
import { appendTo, missingIn } from "benmo/live.js";
import { quizView } from "benmo/quizview.js";
import { ringView } from "benmo/ring.js";
import { chipsView, safetyView } from "benmo/safety.js";
import { openSheet } from "benmo/sheet.js";
import { spaceView } from "benmo/space.js";
import { beginningOf, Trace } from "benmo/trace.js";
import { tellingOf } from "benmo/why.js";
import { whyView } from "benmo/whyline.js";

const STILL = matchMedia("(prefers-reduced-motion: reduce)");

/** All that the viewer has chosen, but for the time, which is the clock's. */
const chosen = {
  picked: -1,
  slot: 0,
  view: "ballots",
  isLens: false,
  isLensHeld: false,
  isProjector: false,
  isQuiz: false,
};
let clock = null;
let views = [];
let whyLine = null;
let quiz = null;
let lab = null;
let cached = null;
let shownAt = 0;

/** The state of the clock's count: one step from the last one, or a seek. */
function stateNow(trace, count) {
  const isNear =
    cached !== null &&
    cached.trace === trace &&
    count >= cached.state.count &&
    count - cached.state.count < 256;
  let state = isNear ? cached.state : trace.state(count);
  while (state.count < count) state = step(state, trace.records[state.count], state.count);
  cached = { trace, state };
  return state;
}

function momentNow() {
  const { trace, count, layer } = clock;
  const fraction = STILL.matches ? 0.5 : clock.fraction;
  const state = stateNow(trace, count);
  const next = trace.records[count]?.t ?? state.t;
  const time = clock.isPlaying ? state.t + (next - state.t) * Math.min(1, fraction) : state.t;
  const { picked, slot } = chosen;
  return {
    trace,
    count,
    layer,
    fraction,
    state,
    time,
    picked,
    slot,
    isLens: chosen.isLens || chosen.isLensHeld,
    behind: clock.behind,
    situation: acting.situation,
  };
}

function frame(now) {
  if (clock.isPlaying) {
    clock.pass(Math.min(0.1 + clock.patience, (now - shownAt) / 1000));
    if (!clock.isPlaying) writeAddress();
  }
  shownAt = now;
  quiz.halt();
  const moment = momentNow();
  for (const view of views) view(moment);
  set(byId("page"), { "data-count": moment.count, "data-length": moment.trace.length });
  if (clock.isPlaying && !clock.isWaiting) frames.next(clock.patience);
}

const frames = framesOf(frame);
const redraw = () => clock !== null && frames.next();

/** What follows whatever the viewer does. */
function changed() {
  shownAt = performance.now();
  writeAddress();
  redraw();
}

/** Lets the address point at the moment that is shown; while a cluster is followed, at none. */
function writeAddress() {
  if (clock === null || (clock.isPlaying && !clock.isLive)) return;
  const at = chosen.picked >= 0 ? chosen.picked : clock.count - 1;
  const record = clock.isPlaying ? undefined : clock.trace.records[at];
  history.replaceState(null, "", addressOf(record, chosen.view, chosen.slot));
}

function followAddress() {
  const found = readAddress(location.hash);
  if (found.view) chosen.view = found.view;
  chosen.slot = found.slot ?? 0;
  if (found.at && clock?.trace.length) {
    const index = clock.trace.indexOf(...found.at);
    if (index >= 0) clock.seek(index + 1);
    say(byId("message"), index < 0 ? "This trace has no such moment." : "");
  }
  showPanels(chosen);
  redraw();
}

function pick(index) {
  chosen.picked = index;
  if (index >= 0) clock.pause();
  whyLine.open(index);
  changed();
}

/** Goes to the moment right after a record, which stays picked. */
function visit(index) {
  clock.pause();
  clock.seek(index + 1);
  chosen.picked = index;
  changed();
}

/** Picks what made a node what it is; one who may act chooses the node. */
function pickNode(id) {
  if (acting.view !== null) return acting.view.toggle(id);
  return pick(tellingOf(clock.trace, stateNow(clock.trace, clock.count), id));
}

function pickLink(a, b) {
  acting.view?.choose([a, b]);
}

function pickMessage(number) {
  acting.view?.pickMessage(number);
}

function chooseSlot(slot) {
  chosen.slot = slot;
  changed();
}

function show(view) {
  chosen.view = view;
  showPanels(chosen);
  if (clock !== null) changed();
}

function toggleLens() {
  chosen.isLens = !chosen.isLens;
  changed();
}

function holdLens(isHeld) {
  if (clock === null || chosen.isLensHeld === isHeld) return;
  chosen.isLensHeld = isHeld;
  redraw();
}

function showSafety() {
  show("safety");
  byId("panel-safety").scrollIntoView({ block: "nearest" });
}

function toggleQuiz() {
  chosen.isQuiz = !chosen.isQuiz;
  set(byId("predict"), { "aria-pressed": String(chosen.isQuiz) });
  quiz?.turn(chosen.isQuiz);
  if (clock !== null) changed();
}

function showSheet(name) {
  const title = name || clock.trace.header.command || "A run of Benmo";
  openSheet(byId("sheet"), title, clock.trace, quiz.quiz, lab === null ? [] : lab.rows());
}

/** Opens a lab at the end of its run: in front of two chains, or of what a power cut would leave. */
function beginLab(task, trace) {
  lab = labView(byId("lab"), task, clock, { visit, changed });
  views.push(lab.draw);
  chosen.view = task.kind === "harm" ? "chains" : "disks";
  chosen.isLens = task.kind === "alarm";
  clock.seek(trace.length);
}

/** Shows a trace from its beginning; of a cluster that runs, what happens now; a lab from its end. */
function begin({ header, records }, name, { isLive = false, task = null } = {}) {
  const trace = new Trace(header, records);
  Object.assign(chosen, { picked: -1, slot: 0 });
  if (clock === null) {
    clock = new Clock(trace);
    listenToKeys(clock, {
      changed,
      help: () => byId("help").showModal(),
      lens: holdLens,
      leave: () => pick(-1),
    });
  } else {
    clock.follow(trace);
  }
  clock.isLive = isLive;
  byId("save").hidden = !isLive;
  acting.situation = null;
  if (!isLive) takeHandsAway();
  if (isLive && acting.view === null) clock.speed = "live";
  whyLine = whyView(byId("why"), { pick, visit });
  const sheet = () => showSheet(name);
  quiz = quizView(byId("quiz"), clock, { pick, visit, changed, sheet });
  quiz.turn(chosen.isQuiz);
  views = [
    controlsView(byId("controls"), clock, changed),
    forNodes((ids) => ringView(byId("ring"), ids, { pickNode, pickLink, pickMessage })),
    forNodes((ids) => disksView(byId("body-disks"), ids, { toggleLens })),
    forNodes((ids) => ballotsView(byId("body-ballots"), ids, { pick, chooseSlot })),
    forNodes((ids) => spaceView(byId("body-space"), ids, { pick })),
    forNodes((ids) => chainsView(byId("body-chains"), ids)),
    safetyView(byId("body-safety"), { pick }),
    chipsView(byId("chips"), { showSafety }),
    whyLine.draw,
    quiz.draw,
  ];
  legend(header);
  describe(header, name);
  document.body.classList.remove("empty");
  lab = null;
  byId("lab").hidden = true;
  document.body.classList.remove("unsolved");
  clock.seek(beginningOf(trace));
  if (task !== null) beginLab(task, trace);
  followAddress();
}

/** Reads a trace and shows it; says what is wrong with it, and keeps the one that is shown. */
async function open(name, read, readTask = async () => null) {
  say(byId("message"), "Reading …");
  try {
    const [trace, task] = [await read(), await readTask()];
    say(byId("message"), "");
    if (trace !== null) begin(trace, name, { task });
  } catch (error) {
    if (!(error instanceof TraceError)) throw error;
    say(byId("message"), `${name ? `${name}: ` : ""}${error.message}`);
  }
}

/**
 * Shows a cluster that runs: `header` is the object of a trace's first line. From then on `extend`
 * is to be called with what happens.
 */
export function follow(header) {
  begin({ header: checkHeader(header), records: [] }, "", { isLive: true });
  clock.play();
  redraw();
}

/** Takes what a server says of a sandbox: its nodes, the messages that wait, all that was tried. */
export function showSituation(said) {
  acting.situation = said;
  acting.view?.show(said);
  redraw();
}

/** Whether what is shown runs, and is no file. */
export const isFollowing = () => clock !== null && clock.isLive;

/** Goes to what happens now, if the viewer looks at the past, and on from there. */
export function goOn() {
  if (!clock.isAtEnd) clock.seek(clock.trace.length);
  clock.play();
  changed();
}

/**
 * Adds records, as objects, to the trace that is shown. Returns false if that is no cluster's any
 * more, but a file's. Throws a TraceError, and stops there.
 */
export function extend(records) {
  if (clock === null || !clock.isLive) return false;
  const { trace, first } = appendTo(clock.trace, records);
  if (first > 0) letGo(trace, first);
  acting.view?.follow?.(trace.head);
  frames.next(clock.patience);
  return true;
}

/**
 * Shows what happens now, or the moment at which the address points if the page has just been
 * loaded (`isFirst`); called once history is there.
 */
export function settle(isFirst) {
  if (isFirst && readAddress(location.hash).at) {
    clock.pause();
    followAddress();
  } else clock.toNow();
  redraw();
}

/** Notes records that never came: `last` lists node, life and the number of the last of them. */
export const miss = (last) => extend(missingIn(clock.trace.head, last));

/** Goes on without the oldest records, of which there are too many. */
function letGo(trace, first) {
  clock.goOn(trace, first);
  chosen.picked = Math.max(-1, chosen.picked - first);
  whyLine.open(-1);
  say(byId("message"), `${first} older records were let go.`);
}

/** The trace, the clock and the quiz that are shown, for tests. */
export const shown = () => ({
  trace: clock?.trace ?? null,
  clock,
  quiz: quiz?.quiz ?? null,
  state: clock === null ? null : stateNow(clock.trace, clock.count),
});

listenToFrame(chosen, redraw);
listenToTabs(chosen, show);
addEventListener("hashchange", followAddress);
byId("predict").addEventListener("click", toggleQuiz);
byId("save").addEventListener("click", () => saveTrace(clock.trace));
takeFiles(byId("file"), document.body, (name, read) => open(name, read));
showPanels(chosen);
await open("", embedded, embeddedLab);
