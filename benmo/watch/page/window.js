/** What the space-time diagram shows of a moment: the marks and the messages of its last layers. */

export const LAYERS_SHOWN = 20;
/** After how many layers a message that nobody received is drawn as lost. */
const LATE_LAYERS = 3;

/** What stands for a node's records of one layer: the first of these kinds that is among them. */
const TELLING = [
  "decided",
  "accepted",
  "promised",
  "role",
  "state",
  "due",
  "asked",
  "received",
  "link",
  "dropped",
  "sent",
];

function rank(record) {
  const at = TELLING.indexOf(record.k);
  return at < 0 ? TELLING.length : at;
}

function isNackIn(record) {
  return (record.k === "sent" || record.k === "dropped") && record.m.k === "Nack";
}

/** Gathers what the window shows: marks by node and layer, and messages. */
export function windowOf(moment, columns) {
  const { trace, count } = moment;
  const first = Math.max(0, moment.layer - LAYERS_SHOWN + 1);
  const from = trace.layers.starts[first] ?? 0;
  const marks = new Map();
  const lines = [];
  const whole = trace.layers.starts[moment.layer + 1] ?? trace.length;
  for (let index = from; index < Math.min(count, whole); index += 1) {
    const record = trace.records[index];
    const layer = trace.layers.layerOf[index];
    if (record.i !== 0 && columns.has(record.i)) mark(marks, record, index, layer);
    const line = lineOf(moment, record, index);
    if (line !== null && columns.has(line.from) && columns.has(line.to)) lines.push(line);
  }
  return { first, marks: [...marks.values()], lines };
}

function mark(marks, record, index, layer) {
  const key = `${layer}:${record.i}`;
  const known = marks.get(key);
  const each = known ?? { key, node: record.i, layer, index, record, all: [], nack: false };
  each.all.push(index);
  if (isNackIn(record)) Object.assign(each, { index, record, nack: true });
  else if (!each.nack && rank(record) < rank(each.record)) Object.assign(each, { index, record });
  marks.set(key, each);
}

/** The line of a message; null for a record that is about none, or whose line is its send's. */
function lineOf(moment, record, index) {
  const { trace } = moment;
  const layer = trace.layers.layerOf[index];
  if (record.k === "sent") return sentLine(moment, record, index, layer);
  if (record.k === "dropped") {
    const end = layer + 1;
    return { index, from: record.i, to: record.to, layer, end, lost: record.why, m: record.m };
  }
  if (record.k === "received" && record.id && !trace.sentOf.has(index)) {
    const from = { from: record.from, layer: layer - 1 };
    return { index, ...from, to: record.i, end: layer, lost: "", m: record.m, stub: true };
  }
  return null;
}

function sentLine({ trace, count, layer: now }, record, index, layer) {
  const line = { index, from: record.i, to: record.to, layer, lost: "", m: record.m };
  const other = trace.receiptOf.get(index);
  if (other !== undefined && other < count)
    return { ...line, other, end: trace.layers.layerOf[other] };
  const loss = trace.lossOf.get(index);
  if (loss !== undefined && loss < count)
    return { ...line, end: trace.layers.layerOf[loss], lost: trace.records[loss].why };
  const isLate = other === undefined && !trace.head.mayWait && now - layer >= LATE_LAYERS;
  const isLost = isLate && trace.isWhole(record.to, index, count);
  return { ...line, end: layer + 1, open: true, lost: isLost ? "not received" : "" };
}
