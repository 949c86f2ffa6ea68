/**
 * Space and time: a column for each node, a line for each layer, an arrow for each message. Only
 * the last layers are drawn. A record that is picked keeps its causes and effects; the rest fades.
 */

import { draw, keeper, make, say, set } from "benmo/dom.js";
import { ballotText, ownerClass, shapeOf } from "benmo/marks.js";
import { nameOf } from "benmo/members.js";
import { causesOf, effectsOf } from "benmo/why.js";
import { secondsText, tell } from "benmo/words.js";
import { LAYERS_SHOWN, windowOf } from "benmo/window.js";

const ROW = 26;
const LEFT = 72;
const WIDTH = 420;
const TOP = 30;
const RECORDS_LISTED = 12;

const SIGNS = { decided: "●", accepted: "■", promised: "◆", due: "◷", asked: "☺", state: "▲" };

/** Makes the picture in `root`. Returns what draws a moment. */
export function spaceView(root, ids, { pick }) {
  const columns = new Map(
    ids.map((id, at) => [
      id,
      LEFT + 20 + (at * (WIDTH - LEFT - 50)) / Math.max(1, ids.length - 1),
    ]),
  );
  const [layers, links, dots] = [draw("g"), draw("g"), draw("g")];
  const height = TOP + LAYERS_SHOWN * ROW + 8;
  const threads = ids.map((id) =>
    draw("line", {
      x1: columns.get(id),
      x2: columns.get(id),
      y1: TOP - 6,
      y2: height,
      class: "thread",
    }),
  );
  const heads = new Map(ids.map((id) => [id, headMark(id, columns.get(id))]));
  const picture = draw(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${height}`, class: "space-picture", "aria-hidden": true },
    ...threads,
    ...heads.values(),
    layers,
    links,
    dots,
  );
  const clear = make(
    "button",
    { type: "button", class: "clear", onclick: () => pick(-1) },
    "Show all",
  );
  const hint = make("p", { class: "hint" });
  const list = make("ol", { class: "records", "aria-label": "The last records" });
  root.replaceChildren(make("div", { class: "panel-tools" }, clear, hint), picture, list);
  const view = { first: 0, columns, faded: () => false };
  const keepLayers = keeper(layers, layerMark, (element, each) => changeLayer(element, each, view));
  const keepLinks = keeper(links, linkMark, (element, line) => changeLink(element, line, view));
  const keepDots = keeper(dots, dotMark(pick), (element, each) => changeDot(element, each, view));
  const keepList = keeper(list, listMark(pick), changeItem);
  let cone = null;
  return (moment) => {
    const shown = windowOf(moment, columns);
    cone = coneOf(moment, cone);
    view.first = shown.first;
    view.faded =
      cone === null ? () => false : (indices) => !indices.some((index) => cone.all.has(index));
    set(clear, { class: cone === null ? "clear absent" : "clear" });
    say(
      hint,
      cone === null
        ? "Time runs down, a step a line, often several in a millisecond. In a step, nothing depends on a " +
            "message sent in it. Click a mark to see what led to it, and what came of it."
        : `Led to it: ${cone.causes} records. Came of it: ${cone.effects}.`,
    );
    for (const [id, head] of heads)
      say(head.lastChild, nameOf(moment.state, moment.state.nodes[id]));
    keepLayers(layersIn(moment, shown.first), (each) => String(each.layer));
    keepLinks(shown.lines, (line) => String(line.index));
    keepDots(shown.marks, (each) => each.key);
    keepList(listed(moment), (each) => String(each.index));
  };
}

function coneOf(moment, before) {
  const { picked, trace, count } = moment;
  if (picked < 0) return null;
  if (before?.picked === picked && before.count === count) return before;
  const [causes, effects] = [causesOf(trace, picked), effectsOf(trace, picked, count)];
  return {
    picked,
    count,
    causes: causes.size,
    effects: effects.size,
    all: new Set([picked, ...causes, ...effects]),
  };
}

const listed = (moment) =>
  Array.from({ length: Math.min(RECORDS_LISTED, moment.count) }, (_, back) => {
    const index = moment.count - 1 - back;
    return {
      index,
      record: moment.trace.records[index],
      text: tell(moment.trace, index),
      isPicked: index === moment.picked,
    };
  });

function layersIn(moment, first) {
  const { count } = moment;
  const { layers, records } = moment.trace;
  const shown = [];
  for (let layer = first; layer <= moment.layer && layer < layers.length; layer += 1) {
    shown.push({
      layer,
      t: records[layers.starts[layer]].t,
      until: records[Math.max(layers.starts[layer], Math.min(layers.countAt(layer), count) - 1)].t,
      idle: layers.idleBefore.get(layer) ?? 0,
    });
  }
  return shown;
}

const yOf = (layer, view) => TOP + (layer - view.first) * ROW + ROW / 2;

function headMark(id, x) {
  const name = draw("text", { x, y: 17, class: "space-head" });
  return draw(
    "g",
    { class: ownerClass(id) },
    draw("rect", { x: x - 13, y: 2, width: 26, height: 20, rx: 6, class: "head-box" }),
    name,
  );
}

function layerMark() {
  return draw(
    "g",
    {},
    draw("text", { x: 4, class: "layer-time" }),
    draw("text", { x: 4, class: "layer-time idle" }),
    draw("line", { x1: LEFT - 4, x2: WIDTH - 4, class: "idle-line" }),
  );
}

/** When the records of a layer were made: `4.118–.127` where it took a while. */
function spanText({ t, until }) {
  const [from, to] = [secondsText(t), secondsText(until)];
  if (from === to) return from;
  const [whole, part] = to.split(".");
  return `${from}–${whole === from.split(".")[0] ? `.${part}` : to}`;
}

function changeLayer(element, each, view) {
  const [time, idle, line] = element.children;
  const y = yOf(each.layer, view);
  set(time, { y: y + 4 });
  say(time, spanText(each));
  set(idle, { y: y - ROW / 2 + 3 });
  say(idle, each.idle ? `… ${each.idle.toFixed(1)} s …` : "");
  set(line, {
    y1: y - ROW / 2,
    y2: y - ROW / 2,
    class: each.idle ? "idle-line" : "idle-line absent",
  });
}

function linkMark(line) {
  const owner = ownerClass(line.m.b?.[1] ?? 0);
  const parts = [
    draw("line", { class: "flight" }),
    draw("path", { class: "flight-head" }),
    draw("text", { class: "lost-to" }),
  ];
  return draw("g", { class: `flight-group ${owner} is-${line.m.k}` }, ...parts);
}

function changeLink(element, line, view) {
  const [stroke, head, to] = element.children;
  const [x1, x2, y1, y2] = line.lost ? lostEnds(line, view) : ends(line, view);
  const share = line.open && !line.lost ? 0.7 : 1;
  const [x, y] = [x1 + (x2 - x1) * share, y1 + (y2 - y1) * share];
  set(stroke, { x1, y1, x2: x, y2: y });
  const shape = shapeOf(line.m.k);
  set(head, {
    d: line.lost ? "M-6,-6L6,6M6,-6L-6,6" : shape.path,
    transform: headPlace(x1, y1, x2, y2, share, line),
  });
  say(to, line.lost ? `to ${line.to}` : "");
  if (line.lost) set(to, { x: x2 + Math.sign(x2 - x1) * 18, y: y2 + 3.5 });
  const isFaded = view.faded(line.other === undefined ? [line.index] : [line.index, line.other]);
  const sorts = [
    line.lost && "lost",
    line.stub && "stub",
    line.open && "open",
    isFaded && "faded",
    shape.filled && "filled",
  ];
  set(element, {
    class: ["flight-group", ownerClass(line.m.b?.[1] ?? 0), ...sorts].filter(Boolean).join(" "),
  });
}

const ends = (line, { columns, ...view }) => [
  columns.get(line.from),
  columns.get(line.to),
  yOf(line.layer, view),
  yOf(line.end, view),
];

/** A lost message ends before the next node's line, which never saw it: lower, the farther it was to go. */
function lostEnds(line, view) {
  const [x1, x2, y1] = ends(line, view);
  const columns = [...view.columns.keys()];
  const far = columns.indexOf(line.to) - columns.indexOf(line.from);
  const gap = Math.abs((x2 - x1) / far);
  return [x1, x1 + Math.sign(far) * 0.45 * gap, y1, y1 + (ROW * Math.abs(far)) / columns.length];
}

function headPlace(x1, y1, x2, y2, share, line) {
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const along = line.lost ? share : Math.max(0.2, share - 17 / length);
  return `translate(${(x1 + (x2 - x1) * along).toFixed(1)} ${(y1 + (y2 - y1) * along).toFixed(1)}) scale(0.62)`;
}

function dotMark(pick) {
  return () => {
    const element = draw(
      "g",
      { class: "event" },
      draw("circle", { r: 8 }),
      draw("text", { y: 4.5 }),
    );
    element.addEventListener("click", () => pick(Number(element.dataset.at)));
    return element;
  };
}

function changeDot(element, each, view) {
  const sign = each.nack ? "⊖" : (SIGNS[each.record.k] ?? "");
  set(element, {
    transform: `translate(${view.columns.get(each.node).toFixed(1)} ${yOf(each.layer, view)})`,
    class: [
      "event",
      `is-${each.nack ? "nack" : each.record.k}`,
      ownerClass(each.record.b?.[1] ?? 0),
      view.faded(each.all) && "faded",
    ]
      .filter(Boolean)
      .join(" "),
    "data-at": each.index,
  });
  const [circle, text] = element.children;
  set(circle, { r: sign ? 8 : 3.5 });
  say(text, sign);
}

function listMark(pick) {
  return (each) => {
    const button = make("button", { type: "button", onclick: () => pick(each.index) });
    return make("li", {}, button);
  };
}

function changeItem(element, each) {
  const ballot = each.record.b ? ` (${ballotText(each.record.b)})` : "";
  say(
    element.firstChild,
    `${secondsText(each.record.t)} s · ${each.text}${each.record.k === "role" ? ballot : ""}`,
  );
  set(element, { class: each.isPicked ? "picked" : null });
}
