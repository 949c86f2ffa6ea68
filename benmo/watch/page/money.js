/**
 * The money by a node's chain: `balances` as it has them now, and in `applied` those after each slot
 * from which its disk may have it go on.
 */

export const NO_MONEY = Object.freeze({ balances: {}, applied: {} });

/** The money of a node that has applied a slot. */
export function moneyAfter({ applied, ink }, slot, balances) {
  const kept = Object.entries(applied).filter(([s]) => Number(s) === 0 || s >= ink.height);
  return { balances, applied: { ...Object.fromEntries(kept), [slot]: balances } };
}

/** The balances by a node's disk; none where they are not known. */
export const balancesOnDisk = ({ applied, ink }) => applied[ink.height] ?? {};

/** Returns a node of which nothing but its disk is left with the balances by its disk. */
export const withMoneyOnDisk = (node) =>
  node.pencil === node.ink ? { ...node, balances: balancesOnDisk(node) } : node;
