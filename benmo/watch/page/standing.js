/** Questions about how things stand: what is durable, which answers are old, who can decide. */

import { capital, choice, nodesText, shownNode } from "benmo/asking.js";
import { cutWays, processOf } from "benmo/fold.js";
import { ballotText } from "benmo/marks.js";
import { quorumOf } from "benmo/members.js";

// What would a power cut leave?

const voteText = (vote) =>
  vote === null ? "nothing" : `block ${vote.block.h.slice(0, 4)} in ${ballotText(vote.b)}`;
const heldText = ({ promised, accepted }) =>
  `It has promised ${ballotText(promised)}, and accepted ${voteText(accepted)}.`;

export function whatSurvives(record, index, before, after) {
  const node = shownNode(record, after);
  const was = processOf(before, record);
  if (node === null || !was?.known) return null;
  const isInk = record.k === "durable";
  if (isInk && !was.waiting.some((fact) => ["promised", "accepted"].includes(fact.k))) return null;
  const [older, newer] = (isInk ? [was.ink, node.ink] : [node.ink, node.pencil]).map(heldText);
  if (older === newer) return null;
  return {
    outcome: isInk ? "ink" : "pencil",
    text: `The power fails at node ${record.i} at this very moment. What will it surely know at its next start?`,
    choices: [choice(older, "undecided"), choice(newer, "memory")],
    right: [isInk ? 1 : 0],
    because: isInk
      ? `All that node ${record.i} had done so far was durable.`
      : `That was in node ${record.i}’s memory only: it was not durable yet.`,
    evidence: [index],
    broken: -1,
  };
}

// Which answers are old?

export function whichAreOld(trace, record, index, after) {
  const nodes = Object.values(after.nodes).filter((node) => node.is === "up" && node.known);
  const height = Math.max(...nodes.map((node) => node.pencil.height));
  if (nodes.length < 2 || record.block.s !== height) return null;
  const right = nodes.flatMap((node, at) => (node.pencil.height < height ? [at] : []));
  const old = right.map((at) => nodes[at].id);
  const lag = `${nodesText(old)} ${old.length === 1 ? "doesn’t" : "don’t"} know it yet`;
  const known = `Slot ${height} is decided; ${old.length ? lag : "all these nodes know it"}`;
  return {
    outcome: String(old.length),
    text: "Each node that runs is asked for all balances, and answers by its own chain. Which are old?",
    choices: nodes.map((node) => choice(capital(`node ${node.id}’s.`), "minority")),
    right,
    isMany: true,
    because: `${known}. None can tell alone that it is behind.`,
    evidence: [trace.decidedAt.get(height) ?? index],
    broken: -1,
  };
}

// Who can decide?

function groupsOf(trace, state, members) {
  const cuts = cutWays(state);
  const isCut = (a, b) => cuts.has(`${a}>${b}`) || isDown(trace, state.nodes[a], b);
  const up = members.filter((id) => state.nodes[id]?.is === "up");
  const talks = (a, b) => a === b || !(isCut(a, b) || isCut(b, a));
  const groups = [];
  for (const id of up) {
    const near = groups.filter((group) => group.some((other) => talks(id, other)));
    const rest = groups.filter((group) => !near.includes(group));
    groups.splice(
      0,
      groups.length,
      ...rest,
      [id, ...near.flat()].sort((a, b) => a - b),
    );
  }
  const reach = (id) => up.filter((other) => talks(id, other)).length;
  return groups.map((ids) => ({ ids, reach: Math.max(...ids.map(reach)) }));
}

/** Of real nodes, nobody records cuts: their links tell. */
const isDown = (trace, node, peer) =>
  trace.header.source === "live" && node.known && node.links[peer] === false;

export function whoDecides(trace, record, index, before, after) {
  const isNew = before.cuts !== after.cuts || before.nodes !== after.nodes;
  const isKnown = Object.values(after.nodes).some((node) => node.known);
  const members = after.voters.ids;
  if (!isNew || !isKnown) return null;
  const groups = groupsOf(trace, after, members).sort((a, b) => a.ids[0] - b.ids[0]);
  const ups = groups.flatMap((group) => group.ids);
  if (!groups.length || (groups.length < 2 && ups.length === members.length)) return null;
  const quorum = quorumOf(members);
  const at = groups.findIndex((group) => group.reach >= quorum);
  const together = (ids) =>
    ids.length === 1 ? `${capital(nodesText(ids))} alone.` : `${capital(nodesText(ids))} together.`;
  const choices = groups.map((group) => choice(together(group.ids), "minority"));
  if (groups.length > 1) choices.push(choice("Each group for itself.", "minority"));
  choices.push(choice("Nobody, for now.", "everyone"));
  const most = Math.max(0, ...groups.map((group) => group.reach));
  return {
    outcome: at < 0 ? "nobody" : groups.length > 1 ? "some" : "all up",
    text: "With links and nodes as they are, who can decide the next block now?",
    choices,
    right: [at < 0 ? choices.length - 1 : at],
    because: `A majority of ${members.length} is ${quorum}; at most ${most} can talk to one node, itself included.`,
    evidence: [index],
    broken: -1,
  };
}
