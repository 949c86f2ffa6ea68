/** The messages of a sandbox that wait for the viewer: where they stand in the ring, and a list. */

import { draw, keeper, make, say } from "benmo/dom.js";
import { ownerClass, shapeOf, withBallots } from "benmo/marks.js";
import { lineButton } from "benmo/hands.js";

const ALONE = 0.32;
const [FIRST, LAST] = [0.24, 0.62];
const LAYERS_TO_THERE = 2;

/** The messages that wait, as the ring shows them: those that were sent by the moment. */
export function waitingIn({ trace, count, situation, layer, fraction }) {
  const found = (situation?.messages ?? []).flatMap(({ frame, number }) => {
    const index = trace.sends.get(frame);
    if (index === undefined || index >= count) return [];
    const { i, to, m } = trace.records[index];
    return [{ index, id: frame, from: i, to, k: m.k, b: m.b ?? null, number }];
  });
  const onWay = Map.groupBy(found, (each) => `${each.from}>${each.to}`);
  return found.map((each) => {
    const all = onWay.get(`${each.from}>${each.to}`);
    const gone = layer - trace.layers.layerOf[each.index] + fraction;
    const flown = 0.06 + gone / LAYERS_TO_THERE;
    return { ...each, share: Math.min(flown, spot(all.length, all.indexOf(each))) };
  });
}

/** Where a message waits on its way: those that were sent earlier are further. */
const spot = (count, at) =>
  count === 1 ? ALONE : LAST - ((LAST - FIRST) * at) / Math.max(1, count - 1);

function row(message, run) {
  const { number, sender, to, kind, text } = message;
  const shape = shapeOf(kind);
  const owner = /\(\d+, (\d+)\)/.exec(text);
  const sign = draw(
    "svg",
    { viewBox: "-12 -12 24 24", class: "sign", "aria-hidden": true },
    draw("path", { d: shape.path, class: shape.filled ? "shape filled" : "shape" }),
  );
  const words = make("span", { class: "waiting-text" });
  say(words, withBallots(text));
  const act = (label, word) => lineButton(label, `${word} ${number}`, run);
  return make(
    "li",
    { class: `waiting-message ${ownerClass(Number(owner?.[1] ?? 0))}`, "data-number": number },
    make("b", { class: "place-number" }, String(number)),
    sign,
    make("span", { class: "waiting-way" }, `${sender} → ${to}`),
    words,
    make(
      "span",
      { class: "waiting-buttons" },
      act("Deliver", "deliver"),
      act("Drop", "drop"),
      act("Double", "double"),
    ),
  );
}

/**
 * Makes the list in `root`; `run` sends a line. Returns what shows the messages, and what goes to
 * the one of a number.
 */
export function waitingList(root, run) {
  const list = make("ol", { class: "waiting", "aria-label": "Messages under way" });
  const none = make("p", { class: "hint" }, "Nothing is under way.");
  root.replaceChildren(list, none);
  const keep = keeper(
    list,
    (message) => row(message, run),
    () => {},
  );
  const show = (messages) => {
    const had = list.contains(document.activeElement);
    keep(messages, (each) => `${each.number} ${each.frame}`);
    none.hidden = messages.length > 0;
    if (had && !list.contains(document.activeElement)) list.querySelector("button")?.focus();
  };
  const pick = (number) => {
    list.querySelector(`[data-number="${number}"] button`)?.focus();
  };
  return { show, pick };
}
