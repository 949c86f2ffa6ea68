/** Signs: a shape for each kind of message, a colour and a pattern for each node. */

import { draw } from "benmo/dom.js";

const CIRCLE = "M0,-7A7,7 0 1 1 0,7A7,7 0 1 1 0,-7Z";
const DIAMOND = "M0,-9L9,0L0,9L-9,0Z";
const SQUARE = "M-7,-7H7V7H-7Z";
const SMALL = "M0,-5A5,5 0 1 1 0,5A5,5 0 1 1 0,-5Z";

/** Of each kind: its path, whether it is filled, the sign in text, and what it says. */
export const SHAPES = {
  Prepare: { path: DIAMOND, filled: false, sign: "◇", says: "asks for promises" },
  Promise: { path: DIAMOND, filled: true, sign: "◆", says: "promises, and reports" },
  Accept: { path: SQUARE, filled: false, sign: "□", says: "proposes a block" },
  Accepted: { path: SQUARE, filled: true, sign: "■", says: "has accepted it" },
  Nack: { path: `${CIRCLE}M-4,0H4`, filled: false, sign: "⊖", says: "refuses" },
  Decide: { path: CIRCLE, filled: true, sign: "●", says: "it is decided" },
};
const OTHER = { path: SMALL, filled: false, sign: "○", says: "anything else" };

export const shapeOf = (kind) => SHAPES[kind] ?? OTHER;

/** The class that gives a node's colour; 0 is nobody's. */
export const ownerClass = (node) => (node > 0 ? `o${((node - 1) % 7) + 1}` : "o0");

export const ballotText = (ballot) =>
  ballot === null || ballot[0] === 0 ? "–" : `${ballot[0]}.${ballot[1]}`;

/** Words of a node's notice, with ballots as the page writes them. */
export const withBallots = (text) => text.replace(/\((\d+), (\d+)\)/g, "$1.$2");

const PATTERNS = [
  ["M-2,2L2,-2M0,10L10,0M8,12L12,8"],
  ["M5,3A2,2 0 1 1 5,7A2,2 0 1 1 5,3", true],
  ["M0,5H10"],
  ["M0,5H10M5,0V10"],
  ["M5,0V10"],
  ["M-2,8L2,12M0,0L10,10M8,-2L12,2"],
  ["M2,2H6V6H2Z"],
];

/** The patterns of the nodes, to be filled with as `url(#pattern-3)`. */
export function patterns() {
  const made = PATTERNS.map(([path, isFilled], at) =>
    draw(
      "pattern",
      { id: `pattern-${at + 1}`, width: 10, height: 10, patternUnits: "userSpaceOnUse" },
      draw("path", { d: path, class: isFilled ? "pattern filled" : "pattern" }),
    ),
  );
  return draw("defs", {}, ...made);
}
