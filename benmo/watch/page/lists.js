/** Lists that are looked up by number. */

/** Adds a value to a list in a map of lists. */
export function addTo(map, key, value) {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

/** How many of a sorted list's numbers are less than a limit. */
export function countBelow(sorted, limit) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A table without the entry of a key. */
export function without(table, key) {
  const { [key]: _, ...rest } = table;
  return rest;
}
