/**
 * Cuts the order of the records into causal layers: within one layer nothing depends on a message
 * that was sent in it, and no node turns to a second event. A layer is what one step shows. Time in
 * which nothing happened lies between layers, and is squeezed.
 */

export const IDLE_S = 0.3;

/** The records that begin something: they have no cause among the node's own. */
const isEvent = (record) => (record.k === "received" ? record.from !== record.i : !record.c);

/** Messages by which nodes tell how far they are, and catch up; and what comes of them as a rule. */
const ROUTINE = ["Heartbeat", "Behind", "Blocks"];
const EFFECTS = ["decided", "applied", "durable", "timer"];

/** Whether a record, with its cause or undefined, only tells that a node is alive or catches up. */
export function isRoutine(record, cause) {
  if (record.m !== undefined) return ROUTINE.includes(record.m.k);
  if (record.what === "CaughtUp") return true;
  return EFFECTS.includes(record.k) && cause?.k === "received" && ROUTINE.includes(cause.m.k);
}

export class Layers {
  constructor() {
    this.starts = [];
    this.layerOf = [];
    this.idleBefore = new Map();
    this.busy = new Set();
    this.time = 0;
    this.telling = new Set();
    /** Those in which nodes only wait anew for a majority: one stands for all that follow another. */
    this.futile = new Set();
  }

  get length() {
    return this.starts.length;
  }

  /**
   * Adds the record at `index`; `sent` is the index of the message that it receives, or -1.
   * `isFutile` says that its node's election delay was up, and that it only waits anew.
   */
  add(record, index, sent, isFutile) {
    const start = this.starts.at(-1) ?? -1;
    const idle = record.t - this.time;
    const isIdle = index > 0 && idle >= IDLE_S;
    const isSecond = isEvent(record) && this.busy.has(record.i);
    const isOn = this.futile.has(this.starts.length - 1) && isEvent(record);
    const isNew = isIdle || isSecond || isOn || (sent >= start && sent >= 0);
    if (start < 0 || (isNew && !(isFutile && this.futile.has(this.starts.length - 1)))) {
      if (isFutile) this.futile.add(this.starts.length);
      if (isIdle) this.idleBefore.set(this.starts.length, idle);
      this.starts.push(index);
      this.busy = new Set();
    }
    if (!isFutile) this.futile.delete(this.starts.length - 1);
    this.busy.add(record.i);
    this.time = record.t;
    this.layerOf.push(this.starts.length - 1);
  }

  /** Notes that the record at `index`, which was added, is no mere routine. */
  tells(index) {
    this.telling.add(this.layerOf[index]);
  }

  /** The layer of the last of `count` records. */
  at(count) {
    return count <= 0 ? 0 : this.layerOf[Math.min(count, this.layerOf.length) - 1];
  }

  /** How many records there are up to the end of a layer. */
  countAt(layer) {
    return layer + 1 < this.starts.length ? this.starts[layer + 1] : this.layerOf.length;
  }
}
