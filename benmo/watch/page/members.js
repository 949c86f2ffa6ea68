/** Who votes, who did so once, and which members of a node there were, as the records tell. */

const IS = { down: "down", silent: "not reached", paused: "stands still" };

/** How many nodes of a node's membership are a quorum. */
export const quorumOf = (members) => Math.floor(members.length / 2) + 1;

/** How many members a node's links reach, itself included. */
export const reachedBy = ({ id, members, links }) =>
  members.filter((each) => each === id || links[each]).length;

/** Whether a node wants something decided, and reaches fewer members than a quorum. */
export function isAlone(node) {
  const wants = node.pencil.queue > 0 || node.role !== "acceptor";
  const isUp = node.known && node.is === "up";
  return isUp && wants && reachedBy(node) < quorumOf(node.members);
}

/** Whether the process of a record is of the member that votes for its node, if any does. */
export function votesAs(state, { i, l }) {
  const node = [state.nodes[i], state.aside[i]].find((each) => each?.life === l);
  if (node === undefined) return false;
  return membersBefore(state, node) <= 0 !== state.replaced.includes(i);
}

/** A node's name: its number, with a letter if its member is the second there, or the third: `3b`. */
export function nameOf(state, node) {
  const before = membersBefore(state, node);
  return `${node.id}${before > 0 ? String.fromCharCode(97 + Math.min(25, before)) : ""}`;
}

const membersBefore = (state, { id, member }) => (state.members[id] ?? []).indexOf(member);

/**
 * What a node is to the cluster, where it has no vote: `retired`, or `no vote yet`; else `""`. Of a
 * node that was replaced, the first member is retired; of another, later members have no vote yet.
 */
export function withoutVote(state, node) {
  const { id } = node;
  if (!state.voters.ids.includes(id)) return state.left.includes(id) ? "retired" : "no vote yet";
  const isFirst = membersBefore(state, node) <= 0;
  if (state.replaced.includes(id)) return isFirst ? "retired" : "";
  return isFirst ? "" : "no vote yet";
}

/** In a few words, what sets a node apart from one that runs and votes; `""` if nothing does. */
export function standing(state, node) {
  const lacks = withoutVote(state, node);
  return lacks === "retired" ? lacks : (IS[node.is] ?? lacks);
}

/**
 * The nodes that a picture of a moment holds: all that were heard of until then. A retired one that
 * doesn't run any more leaves the picture when the members change again.
 */
export const idsIn = (state) =>
  Object.values(state.nodes)
    .filter(({ id, is }) => is === "up" || state.lastLeft.includes(id) || !state.left.includes(id))
    .map(({ id }) => id);

/** Returns the state after a record that may be the first of a member. */
export function met(state, record) {
  const before = state.members[record.i] ?? [];
  if (record.k !== "state" || before.includes(record.member)) return state;
  return { ...state, members: { ...state.members, [record.i]: [...before, record.member] } };
}

/** Returns the state after a record that may say who votes: that of the longest chain counts. */
export function voted(state, record) {
  if (record.k === "decided") return learned(state, record.block);
  if (record.k !== "state") return elected(state, record);
  const isFirst = state.top < 0;
  const after = isFirst ? { ...state, top: record.height } : record.chain.reduce(learned, state);
  return elected(after, record);
}

function elected(state, record) {
  const height = record.k === "state" ? record.height : record.s;
  const { voters } = state;
  if (!record.members?.length || height < voters.height) return state;
  if (String(record.members) === String(voters.ids))
    return { ...state, voters: { ...voters, height } };
  const isOut = (id) => !record.members.includes(id);
  return {
    ...state,
    voters: { height, ids: record.members },
    left: [...new Set([...state.left, ...voters.ids])].filter(isOut),
    lastLeft: voters.ids.filter(isOut),
  };
}

/** A block that is decided above all others may replace a member, of which nothing may be known. */
function learned(state, { s: slot, change }) {
  if (slot <= state.top) return state;
  const id = Number(/^replace node (\d+)$/.exec(change)?.[1]);
  if (!id || state.replaced.includes(id)) return { ...state, top: slot };
  const members = { ...state.members, [id]: state.members[id] ?? [""] };
  return { ...state, top: slot, members, replaced: [...state.replaced, id] };
}
