/** The tree of all that was tried in a sandbox: each command is a place, and a click goes there. */

import { make, set } from "benmo/dom.js";

/** The places after each place, by its number. */
function nextOf(places) {
  const next = new Map();
  for (const each of places) {
    if (each.after === null) continue;
    if (!next.has(each.after)) next.set(each.after, []);
    next.get(each.after).push(each);
  }
  return next;
}

/** The numbers of the places on the way from the beginning to one. */
function wayTo(places, number) {
  const after = new Map(places.map((each) => [each.place, each.after]));
  const way = new Set();
  for (let at = number; at !== null && at !== undefined; at = after.get(at)) way.add(at);
  return way;
}

function placeItem({ place, command, here }, isOnWay, run) {
  const line = `go ${place}`;
  const text = command || "the beginning";
  const button = make(
    "button",
    {
      type: "button",
      class: isOnWay ? "place-button on-way" : "place-button",
      "data-place": place,
      "aria-current": here ? "true" : null,
      "aria-label": `Place ${place}, ${text}: ${line}`,
      onclick: () => run(line),
    },
    make("span", { class: "place-number" }, String(place)),
    make("span", {}, text),
    make("code", {}, line),
  );
  return make("li", {}, button);
}

/** The list of a way from a place on; where it parts, a list of each way that follows. */
function wayList(first, next, way, run) {
  const list = make("ul", { class: way.has(first.place) ? "way on-way" : "way" });
  for (let place = first; ; ) {
    list.append(placeItem(place, way.has(place.place), run));
    const after = next.get(place.place) ?? [];
    if (after.length > 1)
      list.append(make("li", {}, ...after.map((each) => wayList(each, next, way, run))));
    if (after.length !== 1) return list;
    [place] = after;
  }
}

/** Makes the tree in `root`; `run` sends a line. Returns what shows the places. */
export function treeView(root, run) {
  return (places) => {
    const had = root.contains(document.activeElement) ? document.activeElement.dataset.place : null;
    const here = places.find((each) => each.here);
    const way = wayTo(places, here.place);
    root.replaceChildren(wayList(places[0], nextOf(places), way, run));
    root.querySelector(`[data-place="${had}"]`)?.focus({ preventScroll: true });
    const mark = root.querySelector("[aria-current]");
    root.scrollTop = mark.offsetTop - root.clientHeight / 2;
    set(root, { "data-place": here.place });
  };
}
