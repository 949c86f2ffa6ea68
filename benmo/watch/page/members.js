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

/** A node's name: its number, with a letter if its member is the second there, or the third: `3b`. */
export function nameOf(state, node) {
  const before = membersBefore(state, node);
  return `${node.id}${before > 0 ? String.fromCharCode(97 + Math.min(25, before)) : ""}`;
}

const membersBefore = (state, { id, member }) => (state.members[id] ?? []).indexOf(member);

/** What a node is to the cluster, where it has no vote: `retired`, or `no vote yet`; else `""`. */
export function withoutVote(state, node) {
  const { id } = node;
  if (!state.voters.ids.includes(id)) return state.left.includes(id) ? "retired" : "no vote yet";
  return membersBefore(state, node) > 0 && !state.replaced.includes(id) ? "no vote yet" : "";
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
  if (record.k === "decided") return changed(state, record.block.change);
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

/** Returns the state after a decided change, in the words that records have for it. */
function changed(state, change) {
  const id = Number(/^replace node (\d+)$/.exec(change)?.[1]);
  return id && !state.replaced.includes(id)
    ? { ...state, replaced: [...state.replaced, id] }
    : state;
}
