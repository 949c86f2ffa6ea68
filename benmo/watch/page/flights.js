/** Messages under way, matched by the frame in which they travel, and what became of them. */

const LOST_KEPT = 20;
const FLYING_MAX = 200;

const messageOf = ({ i, to, id, m }, index) => ({ index, id, from: i, to, k: m.k, b: m.b ?? null });

/** Returns the state with the messages under way as they are after a record. */
export function fly(state, record, index) {
  const { id } = record;
  if (record.k === "sent") {
    const message = messageOf(record, index);
    return { ...state, flying: [...state.flying, message].slice(-FLYING_MAX) };
  }
  if (record.k === "received" && id) {
    const at = state.flying.findIndex((message) => message.id === id);
    return at < 0 ? state : { ...state, flying: state.flying.toSpliced(at, 1) };
  }
  if (record.k === "dropped") {
    const message = { ...messageOf(record, index), why: record.why };
    return { ...state, lost: [...state.lost, message].slice(-LOST_KEPT) };
  }
  if (record.k === "link" && !record.is_up) {
    const isTorn = (message) => message.from === record.i && message.to === record.peer;
    return torn(state, isTorn, "the connection ended", index);
  }
  return state;
}

/** Returns the state without the messages that end with a process or a link, if any do. */
export const torn = (state, isTorn, why, index) =>
  state.mayWait ? state : lose(state, isTorn, why, index);

/** Returns the state without the messages for which `isLost` holds: they are lost, and why. */
export function lose(state, isLost, why, index) {
  const gone = state.flying.filter(isLost);
  if (!gone.length) return state;
  const lost = [
    ...state.lost,
    ...gone.map((message) => ({ ...message, why, index, sent: message.index })),
  ];
  return {
    ...state,
    flying: state.flying.filter((each) => !isLost(each)),
    lost: lost.slice(-LOST_KEPT),
  };
}
