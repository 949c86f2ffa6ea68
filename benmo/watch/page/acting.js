/** What one who may act acts with, and what a server says of a sandbox besides its records. */

import { make } from "benmo/dom.js";

/** `view` is as `handsView` or `playView` returns it, null if nobody may act. */
export const acting = { view: null, situation: null };

/**
 * Lets the viewer act on nodes; `makeView` fills an element, as `handsView` does. One who plays goes
 * on with another run.
 */
export function giveHands(makeView, nodes) {
  if (acting.view?.renew) return acting.view.renew(nodes);
  takeHandsAway();
  const root = make("section", { id: "hands", class: "hands", "aria-label": "Hands on" });
  document.getElementById("ring").parentElement.after(root);
  acting.view = makeView(root, nodes);
  return document.body.classList.add("may-act");
}

export function takeHandsAway() {
  document.getElementById("hands")?.remove();
  acting.view = null;
  document.body.classList.remove("may-act");
}
