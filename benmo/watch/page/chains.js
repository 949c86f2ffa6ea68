/** The chains as lanes: decided blocks, the one that is accepted, money and queue of each node. */

import { keeper, make, say, set } from "benmo/dom.js";
import { ballotText, ownerClass } from "benmo/marks.js";
import { nameOf } from "benmo/members.js";
import { balancesOnDisk } from "benmo/money.js";
import { blockText } from "benmo/words.js";

const BLOCK_PIXELS = 62;
/** What stands beside the blocks: where there is room, name, money and queue; else the name. */
const LABEL_PIXELS = 196;
const NAME_PIXELS = 44;
const NARROW_PIXELS = 520;

const blockMark = (tell) => () => {
  const parts = [make("b"), make("span", { class: "hash" }), make("small")];
  const block = make("button", { type: "button", class: "block" }, ...parts);
  block.addEventListener("click", () => tell(block.title));
  return block;
};

/** A block in words, as far as it is known. */
function wordsOf({ slot, block, isDecided, ballot }) {
  if (block !== null)
    return `Slot ${slot}: ${blockText(block)}${isDecided ? "" : `, accepted in ${ballotText(ballot)}`}`;
  return `Slot ${slot}: ${isDecided ? "decided, with a block that was not recorded" : "nothing yet"}`;
}

function changeBlock(element, each) {
  const { slot, block, isDecided, isInk } = each;
  const [number, hash, count] = element.children;
  say(number, slot);
  say(hash, block === null ? (isDecided ? "?" : "") : block.h.slice(0, 4));
  say(count, block === null ? "" : block.change ? "change" : `× ${block.count}`);
  const owner = block === null ? "o0" : ownerClass(block.first[1]);
  const sort = block === null ? "empty" : isDecided ? "decided" : "accepted";
  set(element, {
    class: `block ${owner} ${sort}${isInk ? "" : " penciled"}`,
    title: wordsOf(each),
  });
}

function laneOf(id, tell) {
  const [money, queue, blocks] = [
    make("span", { class: "money" }),
    make("span", { class: "queue" }),
    make("div", { class: "blocks" }),
  ];
  const name = make("span", { class: `chip ${ownerClass(id)}` });
  const row = make("li", { class: "lane" }, name, blocks, money, queue);
  return { row, name, money, queue, keep: keeper(blocks, blockMark(tell), changeBlock) };
}

function blocksOf(node, slots, isLens) {
  const held = isLens ? node.ink : node.pencil;
  const decided = new Map(held.chain.map((block) => [block.s, block]));
  return slots.map((slot) => {
    if (decided.has(slot))
      return { slot, block: decided.get(slot), isDecided: true, isInk: slot <= node.ink.height };
    const { accepted } = held;
    if (accepted?.block.s === slot) {
      const isInk = node.ink.accepted !== null && node.ink.accepted.block.h === accepted.block.h;
      return { slot, block: accepted.block, isDecided: false, isInk, ballot: accepted.b };
    }
    return { slot, block: null, isDecided: node.known && slot <= held.height, isInk: true };
  });
}

function moneyText(node, isLens) {
  if (!node.known) return "not known";
  const amount = (isLens ? balancesOnDisk(node) : node.balances)[node.id];
  return `has ${amount ?? "?"}`;
}

/** Makes the lanes in `root`. Returns what draws a moment. */
export function chainsView(root, ids) {
  const told = make("p", { role: "status" });
  const lanes = new Map(ids.map((id) => [id, laneOf(id, (text) => say(told, text))]));
  const sum = make("p", { class: "hint" });
  root.replaceChildren(
    sum,
    make("ul", { class: "lanes" }, ...[...lanes.values()].map((lane) => lane.row)),
    told,
  );
  let room = 4;
  new ResizeObserver(([entry]) => {
    const { width } = entry.contentRect;
    room = Math.max(
      2,
      Math.floor((width - (width < NARROW_PIXELS ? NAME_PIXELS : LABEL_PIXELS)) / BLOCK_PIXELS),
    );
  }).observe(root);
  return (moment) => {
    const nodes = ids.map((id) => moment.state.nodes[id]);
    const top = Math.max(0, ...nodes.map((node) => node.pencil.height)) + 1;
    const slots = Array.from(
      { length: Math.min(room, top) },
      (_, at) => top - Math.min(room, top) + 1 + at,
    );
    for (const node of nodes) {
      const lane = lanes.get(node.id);
      const held = moment.isLens ? node.ink : node.pencil;
      lane.keep(blocksOf(node, slots, moment.isLens), (each) => String(each.slot));
      say(lane.name, nameOf(moment.state, node));
      say(lane.money, moneyText(node, moment.isLens));
      say(lane.queue, node.known ? `${held.isQueueExact ? "" : "≤ "}${held.queue} queued` : "");
      set(lane.row, { class: `lane ${node.is}` });
    }
    say(
      sum,
      "Dashed: accepted. Solid: known to be decided. The colour is the first proposer’s. × 2: it holds two " +
        "transfers; a click on a block tells which. At the right: what the node has by this chain.",
    );
  };
}
