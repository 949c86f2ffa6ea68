/** The ring: who is up, what each node has promised, what is under way, and what was lost. */

import { draw, keeper, make, say, set } from "benmo/dom.js";
import { cutWays, isSame, isZero, slowedWays } from "benmo/fold.js";
import { ballotText, ownerClass, patterns, shapeOf } from "benmo/marks.js";
import { isAlone, nameOf, quorumOf, reachedBy, standing, withoutVote } from "benmo/members.js";
import { waitingIn } from "benmo/waiting.js";

const WIDTH = 424;
const HEIGHT = 408;
const MIDDLE = 208;
const RADIUS = 134;
const DISC = 34;
const ARC = DISC + 7;
const SHOWN_LAYERS = 3;

function placesOf(nodes) {
  return new Map(
    nodes.map((id, at) => {
      const angle = (2 * Math.PI * at) / nodes.length - Math.PI / 2;
      return [id, { x: WIDTH / 2 + RADIUS * Math.cos(angle), y: MIDDLE + RADIUS * Math.sin(angle) }];
    }),
  );
}

/** A point between two nodes, beside the line, so that both directions can be seen. */
function between(a, b, share) {
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const [dx, dy] = [(b.x - a.x) / length, (b.y - a.y) / length];
  const along = DISC + (length - 2 * DISC) * share;
  return {
    x: a.x + dx * along - dy * 8,
    y: a.y + dy * along + dx * 8,
    turn: (Math.atan2(dy, dx) * 180) / Math.PI,
  };
}

/** A node's picture. Its words stand outside of the ring, where no link is. */
function nodeMark({ x, y }) {
  const isAbove = y < MIDDLE;
  const side = !isAbove || Math.abs(x - WIDTH / 2) < DISC ? "" : x < WIDTH / 2 ? " left" : " right";
  const shift = side === "" ? 0 : side === " left" ? DISC / 2 : -DISC / 2;
  const parts = {
    arc: draw("circle", { r: ARC, class: "countdown", pathLength: 100, transform: "rotate(-90)" }),
    halo: draw("circle", { r: DISC + 4, class: "halo" }),
    disc: draw("circle", { r: DISC, class: "disc" }),
    pattern: draw("circle", { r: DISC, class: "disc-pattern" }),
    plate: draw("rect", { x: -19, y: -23, width: 38, height: 43, rx: 9, class: "plate" }),
    name: draw("text", { y: 0, class: "node-name" }),
    ballot: draw("text", { y: 15, class: "node-ballot" }),
    role: draw("text", { x: shift, y: isAbove ? -DISC - 13 : DISC + 22 }),
    minority: draw("text", { x: shift, y: isAbove ? -DISC - 29 : DISC + 38 }),
  };
  set(parts.role, { class: `node-role${side}` });
  set(parts.minority, { class: `node-minority${side}` });
  const mark = draw(
    "g",
    { transform: `translate(${x} ${y})`, class: "node" },
    ...Object.values(parts),
  );
  return { mark, parts };
}

/** What hinders a node that has something to propose: it can't get a majority's promises. */
function minorityText(node) {
  return isAlone(node) ? `reaches ${reachedBy(node)} of ${node.members.length}` : "";
}

/** A node's part in words, with how many have promised or accepted. */
function roleText(node, state) {
  const quorum = quorumOf(node.members);
  const stands = standing(state, node);
  if (stands) return stands;
  if (node.role === "candidate") return `candidate ${node.promises.length}/${quorum}`;
  if (node.role === "proposing") return `proposing ${node.votes.length}/${quorum}`;
  return node.role;
}

function spoken(node, state) {
  const name = `Node ${nameOf(state, node)}`;
  if (!node.known) return `${name}, ${standing(state, node) || "not known"}`;
  const { promised, height, queue } = node.pencil;
  const promise = isZero(promised) ? "promised nothing" : `promised ${ballotText(promised)}`;
  const parts = [
    roleText(node, state),
    minorityText(node),
    promise,
    `height ${height}`,
    `${queue} queued`,
  ];
  return [name, ...parts].filter(Boolean).join(", ");
}

function changeNode({ mark, parts }, node, { state, time, isLens: lens }) {
  const held = lens ? node.ink : node.pencil;
  const owner = node.known ? held.promised[1] : 0;
  const isPencil = !lens && !isSame(node.pencil.promised, node.ink.promised);
  const leads = node.role === "leader" || node.role === "proposing" || node.role === "catching up";
  const states = [
    node.known ? node.is : "unknown",
    leads && "leads",
    node.role === "candidate" && "asks",
    isPencil && "pencil",
    withoutVote(state, node) && "voteless",
  ];
  set(mark, { class: ["node", ownerClass(owner), ...states].filter(Boolean).join(" ") });
  set(parts.pattern, { fill: owner ? `url(#pattern-${((owner - 1) % 7) + 1})` : "none" });
  say(parts.ballot, node.known ? ballotText(held.promised) : "?");
  say(parts.name, nameOf(state, node));
  say(parts.role, node.known ? roleText(node, state) : standing(state, node) || "not known");
  say(parts.minority, minorityText(node));
  const timer = node.timers.round ?? node.timers.election;
  const whole = timer === undefined ? 0 : timer.due - timer.set;
  const left = whole > 0 ? Math.max(0, Math.min(1, (timer.due - time) / whole)) : 0;
  set(parts.arc, {
    "stroke-dasharray": `${(100 * left).toFixed(1)} 100`,
    class: node.timers.round ? "countdown round" : "countdown",
  });
}

function linkMark(a, b, places) {
  const [p, q] = [places.get(a), places.get(b)];
  const line = draw("line", { x1: p.x, y1: p.y, x2: q.x, y2: q.y, class: "link" });
  const middle = { x: (p.x + q.x) / 2, y: (p.y + q.y) / 2 };
  const cuts = [between(p, q, 0.42), between(q, p, 0.42), middle].map((at) =>
    draw("path", { d: "M-6,-7L6,7M-6,7L6,-7", transform: `translate(${at.x} ${at.y})` }),
  );
  const delay = draw("text", { x: middle.x, y: middle.y + 4, class: "link-delay" });
  return { a, b, line, cuts, delay, mark: draw("g", {}, line, ...cuts, delay) };
}

/** A button over a link; it is shown where the viewer may act. */
function linkButton(a, b, places, pickLink) {
  const button = make("button", {
    type: "button",
    class: "link-button",
    onclick: () => pickLink(a, b),
  });
  putAt(button, between(places.get(a), places.get(b), 0.5));
  return button;
}

/** A place over a message that waits: for a mouse, as all that it does is in the list of them. */
const messageButton = (number, pickMessage) =>
  make("button", {
    type: "button",
    class: "message-button",
    tabindex: -1,
    "data-number": number,
    onclick: () => pickMessage(number),
  });

function putAt(button, { x, y }) {
  button.style.left = `${(100 * x) / WIDTH}%`;
  button.style.top = `${(100 * y) / HEIGHT}%`;
}

/** The two directions of a link, as `"1>2"`. */
const waysBetween = ({ a, b }) => [`${a}>${b}`, `${b}>${a}`];

function spokenLink({ a, b }, [isCut, isCutBack], isUp, delay) {
  const cut = isCut && isCutBack ? "cut" : isCut ? `cut from ${a} to ${b}` : `cut from ${b} to ${a}`;
  const parts = [isCut || isCutBack ? cut : isUp ? "up" : "not up", delay && `slowed: ${delay}`];
  return [`Link between ${a} and ${b}`, ...parts].filter(Boolean).join(", ");
}

/** For how long messages of a link are held back: nothing, one time, or one for each direction. */
function delayText({ a, b }, delays_ms) {
  const [there, back] = delays_ms.map((delay_ms) => delay_ms && Math.round(delay_ms));
  if (there === back) return there === undefined ? "" : `${there} ms`;
  if (back === undefined) return `${a}→${b} ${there} ms`;
  return there === undefined ? `${b}→${a} ${back} ms` : `${there}, ${back} ms`;
}

function changeLink(link, state, cuts, delays_ms) {
  const [a, b] = [state.nodes[link.a], state.nodes[link.b]];
  const ways = waysBetween(link);
  const isCut = ways.map((way) => cuts.has(way));
  const delay = delayText(link, ways.map((way) => delays_ms.get(way)));
  const isDown =
    a.links[link.b] === false || b.links[link.a] === false || a.is === "down" || b.is === "down";
  const isUp = a.links[link.b] === true && b.links[link.a] === true;
  const isOver = [a, b].some((each) => each.is !== "up" && withoutVote(state, each) === "retired");
  const sort = isCut.some(Boolean) ? "cut" : isDown ? "down" : isUp ? "up" : "faint";
  set(link.line, { class: isOver ? "absent" : `link ${sort}${delay && " slowed"}` });
  say(link.delay, delay);
  const isWhole = isCut.every(Boolean);
  [...isCut.map((each) => each && !isWhole), isWhole].forEach((isShown, at) =>
    set(link.cuts[at], { class: isShown && !isOver ? "scissors" : "scissors absent" }),
  );
  set(link.button, { "aria-label": spokenLink(link, isCut, isUp, delay) });
}

/** How far a message is on its way; null if it isn't shown any more. */
function shareOf(moment, message) {
  const { layerOf } = moment.trace.layers;
  const begun = layerOf[message.index];
  const received = moment.trace.receiptOf.get(message.index);
  const gone = moment.layer - begun + moment.fraction;
  const isGone = gone > SHOWN_LAYERS && !moment.state.mayWait;
  if (received === undefined) return isGone ? null : Math.min(0.5, 0.12 + gone / 2);
  const whole = Math.max(1, layerOf[received] - begun);
  return Math.max(0.06, Math.min(0.94, gone / whole));
}

function messageMark(message) {
  const shape = shapeOf(message.k);
  const owner = message.b === null ? 0 : message.b[1];
  const label = message.b === null || message.k === "Heartbeat" ? "" : ballotText(message.b);
  const path = draw("path", { d: shape.path, class: shape.filled ? "shape filled" : "shape" });
  const text = draw("text", { y: -12, class: "message-ballot" });
  say(text, label);
  const kind = message.why === undefined ? "message" : "message lost";
  const parts = [path, text, draw("text", { y: 21, class: "message-number" })];
  if (message.why !== undefined) {
    const why = draw("text", { y: 22, class: "message-why" });
    say(why, message.why);
    parts.push(draw("path", { d: "M-11,-11L11,11M11,-11L-11,11", class: "strike" }), why);
  }
  return draw("g", { class: `${kind} ${ownerClass(owner)} is-${message.k}` }, ...parts);
}

const keyOf = (message) => `${message.why ?? ""}${message.sent ?? message.index}.${message.to}`;

/** The way that a message has come, so that a still picture shows who sent it. */
function trailMark(message) {
  const sort = message.why === undefined ? "trail" : "trail lost";
  return draw("line", { class: `${sort} ${ownerClass(message.b === null ? 0 : message.b[1])}` });
}

function underWay(moment, places) {
  const shown = waitingIn(moment);
  const waiting = new Set(shown.map((message) => message.id));
  for (const message of moment.state.flying) {
    if (waiting.has(message.id)) continue;
    const share = shareOf(moment, message);
    if (share !== null && places.has(message.from) && places.has(message.to))
      shown.push({ ...message, share });
  }
  const { layerOf } = moment.trace.layers;
  for (const message of moment.state.lost) {
    const age = moment.layer - layerOf[message.index];
    if (age <= 1 && places.has(message.from) && places.has(message.to))
      shown.push({ ...message, share: message.why === "cut" ? 0.36 : 0.6 });
  }
  return shown;
}

/**
 * Makes the ring in `root`. A click on a node, a link or a message that waits calls `pickNode`,
 * `pickLink` or `pickMessage`. Returns what draws a moment.
 */
export function ringView(root, ids, { pickNode, pickLink, pickMessage }) {
  const places = placesOf(ids);
  const marks = new Map(ids.map((id) => [id, nodeMark(places.get(id))]));
  const pairs = ids.flatMap((a, at) =>
    ids
      .slice(at + 1)
      .map((b) => ({ ...linkMark(a, b, places), button: linkButton(a, b, places, pickLink) })),
  );
  const trails = draw("g");
  const messages = draw("g", { class: "messages" });
  const picture = draw(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": true, class: "ring-picture" },
    patterns(),
    draw("g", {}, ...pairs.map((pair) => pair.mark)),
    trails,
    draw("g", {}, ...[...marks.values()].map((each) => each.mark)),
    messages,
  );
  const buttons = new Map(
    ids.map((id) => [id, nodeButton(id, places.get(id), ids, pickNode)]),
  );
  const links = pairs.map((pair) => pair.button);
  const waiting = make("div", { "aria-hidden": true });
  root.replaceChildren(make("div", { class: "ring-frame" }, picture, ...buttons.values(), ...links, waiting));
  const keep = keeper(messages, messageMark, (mark, message) => {
    const at = between(places.get(message.from), places.get(message.to), message.share);
    set(mark, { transform: `translate(${at.x.toFixed(1)} ${at.y.toFixed(1)})` });
    say(mark.querySelector(".message-number"), message.number ?? "");
  });
  const keepWaiting = keeper(
    waiting,
    ({ number }) => messageButton(number, pickMessage),
    (button, { from, to, share }) => putAt(button, between(places.get(from), places.get(to), share)),
  );
  const keepTrails = keeper(trails, trailMark, (mark, message) => {
    const [from, to] = [places.get(message.from), places.get(message.to)];
    const [start, at] = [between(from, to, 0), between(from, to, message.share)];
    set(mark, { x1: start.x, y1: start.y, x2: at.x.toFixed(1), y2: at.y.toFixed(1) });
  });
  return (moment) => {
    const [cuts, delays_ms] = [cutWays(moment.state), slowedWays(moment.state)];
    for (const [id, mark] of marks) {
      const node = moment.state.nodes[id];
      changeNode(mark, node, moment);
      set(buttons.get(id), { "aria-label": spoken(node, moment.state) });
    }
    for (const pair of pairs) changeLink(pair, moment.state, cuts, delays_ms);
    const shown = underWay(moment, places);
    keep(shown, keyOf);
    keepTrails(shown, keyOf);
    keepWaiting(
      shown.filter((message) => message.number),
      (message) => String(message.number),
    );
  };
}

function nodeButton(id, { x, y }, nodes, pickNode) {
  const button = make("button", {
    type: "button",
    class: "node-button",
    "data-node": id,
    onclick: () => pickNode(id),
  });
  putAt(button, { x, y });
  button.addEventListener("keydown", (event) => {
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const all = [...button.parentElement.querySelectorAll(".node-button")];
    all[(nodes.indexOf(id) + by + nodes.length) % nodes.length].focus();
  });
  return button;
}
