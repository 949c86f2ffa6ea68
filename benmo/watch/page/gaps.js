/** Whether a node's records are all there, as far as the records tell. */

/** A connection ends with its process; whoever waits for the process says so within this time. */
const END_TOLD_S = 1;

/** Whether records are missing, or may be, between a node's last one and this one. */
export function isAfterGap(node, record) {
  if (record.k === "gap" || node.brokeOffAt !== null) return true;
  if (record.k === "state") return record.l === node.life && record.n !== node.n + 1;
  return record.l !== node.life || record.n !== node.n + 1;
}

/** Whether it is new that a node's records are missing: not while nothing is known of it anyway. */
export const isNews = ({ known, life, brokeOffAt }) => known || life < 0 || brokeOffAt !== null;

/** Whether a process that isn't reached any more was lost because it ended, and missed nothing. */
export const hasJustEnded = ({ brokeOffAt }, record) =>
  brokeOffAt !== null && record.t - brokeOffAt <= END_TOLD_S;
