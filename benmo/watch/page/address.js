/** The fragment of the address, which points at a moment: `#at=3.2.4711&view=ballots&slot=12`. */

export const VIEWS = ["disks", "ballots", "space", "chains", "safety"];

/** Reads a fragment; what it doesn't say, or says wrongly, is left out. */
export function readAddress(fragment) {
  const fields = new URLSearchParams(fragment.replace(/^#/, ""));
  const found = {};
  const at = /^(\d{1,6})\.(\d{1,16})\.(\d{1,9})$/.exec(fields.get("at") ?? "");
  if (at) found.at = at.slice(1).map(Number);
  if (VIEWS.includes(fields.get("view"))) found.view = fields.get("view");
  if (/^\d{1,9}$/.test(fields.get("slot") ?? "")) found.slot = Number(fields.get("slot"));
  return found;
}

/** The fragment of a moment. */
export function addressOf(record, view, slot) {
  const parts = [];
  if (record) parts.push(`at=${record.i}.${record.l}.${record.n}`);
  parts.push(`view=${view}`);
  if (slot) parts.push(`slot=${slot}`);
  return `#${parts.join("&")}`;
}
