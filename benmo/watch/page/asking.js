/** What questions have in common. */

import { processOf } from "benmo/fold.js";

export const nodesText = (ids) =>
  ids.length < 2
    ? `node ${ids.join("")}`
    : `nodes ${ids.slice(0, -1).join(", ")} and ${ids.at(-1)}`;
export const choice = (text, wrong = "") => ({ text, wrong });
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** The process in the picture that a record is of, as it is after the record; or null. */
export function shownNode(record, after) {
  const node = processOf(after, record);
  return node?.known && node === after.nodes[record.i] ? node : null;
}
