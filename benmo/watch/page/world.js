/**
 * What a `process` record says happened, as facts. Its words are the only place that says so: a
 * sentence that isn't known here changes nothing in the picture.
 */

const ENDS = [
  /^node (\d+)(b*) (?:is killed|loses power|loses power and its disk|dies between two turns|loses its disk)$/,
  /^node (\d+)(b*) stops(?: for good)?:/,
  /^node (\d+)(b*)'s disk .*and it is killed$/,
];
const STANDS = /^node (\d+)b* stands still for/;
const CUT = /^([a-z, ]+|node \d+ is [a-z ]+|link \d+-\d+): nothing passes ((?:\d+->\d+ ?)+)/;
const AGAIN = /^(.+): cut again$/;
const HEALED = /^(.+): healed$/;

/**
 * Returns `{ends: node, member}`, a node's first member being 0, `{stands: node}`, `{silent: node}`,
 * `{cut: shape, ways}`, `{again: shape}`, `{heal: shape}` or `{}`.
 */
export function factsOf(record) {
  const what = record.what;
  if (record.of && what === "is not reached any more") return { silent: record.of };
  for (const pattern of ENDS) {
    const found = pattern.exec(what);
    if (found) return { ends: Number(found[1]), member: found[2].length };
  }
  const stands = STANDS.exec(what);
  if (stands) return { stands: Number(stands[1]) };
  const cut = CUT.exec(what);
  if (cut)
    return {
      cut: cut[1],
      ways: cut[2]
        .trim()
        .split(" ")
        .map((way) => way.replace("->", ">")),
    };
  const again = AGAIN.exec(what);
  if (again) return { again: again[1] };
  const healed = HEALED.exec(what);
  if (healed) return { heal: healed[1] };
  return what === "all faults end" ? { heal: "*" } : {};
}
