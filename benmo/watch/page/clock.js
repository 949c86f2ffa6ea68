/**
 * The page's own clock. A round takes about a millisecond, so nothing is shown at true speed: each
 * causal layer takes the same time, and time in which nothing happened is squeezed.
 */

export const SPEEDS = { lecture: 0.7, live: 0.25, quick: 0.08 };
const IDLE_SHOWN_S = 0.4;
/** How long after a gap a running cluster is taken to do more than can be shown. */
const OVERRUN_S = 2;
/** How far behind a running cluster the clock is before it hurries, and says so. */
export const BEHIND_SAID_S = 8;
/** Where a message that was just sent is shown while time stands: not on top of its sender. */
const STANDING = 0.45;

export class Clock {
  constructor(trace) {
    this.speed = "lecture";
    this.follow(trace);
  }

  /** Begins a trace. */
  follow(trace) {
    this.trace = trace;
    this.count = 0;
    /** Whether more records may come, so that the end is a place to wait at. */
    this.isLive = false;
    /** How much of the layer's time is over, from 0 to 1. */
    this.fraction = 0;
    this.isPlaying = false;
    /** What was passed over since the clock began to hurry. */
    this.passed = { heartbeats: 0, blocks: 0 };
  }

  get layers() {
    return this.trace.layers;
  }

  get layer() {
    return this.layers.at(this.count);
  }

  get isAtEnd() {
    return this.count >= this.trace.length;
  }

  /** How many seconds of a running cluster have yet to be shown. */
  get behind() {
    if (!this.isLive) return 0;
    return this.trace.head.t - (this.trace.records[this.count - 1]?.t ?? 0);
  }

  get isHurrying() {
    return this.isPlaying && this.behind > BEHIND_SAID_S;
  }

  /** Whether so much happens just now that some of it isn't recorded: nobody can follow that. */
  get isOverrun() {
    const { gaps, head, records } = this.trace;
    return this.isLive && gaps.length > 0 && head.t - records[gaps.at(-1)].t < OVERRUN_S;
  }

  /** How many seconds the page may wait before it draws anew, if nobody could follow anyway. */
  get patience() {
    if (this.isOverrun) return 1;
    return this.isHurrying ? SPEEDS.quick : 0;
  }

  /** How long a layer is shown, with the idle time that follows it. */
  #duration() {
    if (this.isHurrying) return Math.min(SPEEDS.quick, SPEEDS[this.speed]);
    return SPEEDS[this.speed] + (this.idleNext > 0 ? IDLE_SHOWN_S : 0);
  }

  /** The seconds in which nothing happens after this layer; 0 if it is too short to tell. */
  get idleNext() {
    return this.layers.idleBefore.get(this.layer + 1) ?? 0;
  }

  /** Lets `seconds` of the viewer's time pass. */
  pass(seconds) {
    if (!this.isPlaying) return;
    const from = this.count;
    if (!this.isHurrying) this.passed = { heartbeats: 0, blocks: 0 };
    this.fraction += seconds / this.#duration();
    while (this.fraction >= 1 && !this.isAtEnd) {
      this.fraction -= 1;
      const here = this.layers.countAt(this.layer);
      const isWhole = this.count > 0 && this.count >= here;
      if (isWhole) this.#passOver();
      this.count = isWhole ? this.layers.countAt(this.layer + 1) : here;
    }
    if (this.#stopsAtNote(from) || !this.isAtEnd) return;
    if (this.isLive) this.fraction = Math.min(1, this.fraction);
    else this.pause();
  }

  /** While it hurries: sums up the layers in which nodes only say that they live, or catch up. */
  #passOver() {
    const { layers, passed } = this;
    for (let layer = this.layer + 1; layer < layers.length - 1; layer += 1) {
      if (!this.isHurrying || layers.telling.has(layer)) return;
      const upto = layers.countAt(layer);
      for (const { k, m } of this.trace.records.slice(this.count, upto)) {
        if (k !== "received") continue;
        if (m.k === "Heartbeat") passed.heartbeats += 1;
        if (m.k === "Blocks") passed.blocks += m.count;
      }
      this.count = upto;
    }
  }

  /** Stops at the first note after the first `from` records, if it is shown by now. */
  #stopsAtNote(from) {
    const note = this.trace.notes.find((at) => at >= from && at < this.count);
    if (note === undefined) return false;
    this.pause();
    this.seek(note + 1);
    return true;
  }

  play() {
    if (this.isAtEnd && !this.isLive) this.seek(0);
    this.isPlaying = true;
  }

  /** Whether there is nothing to show before more records come. */
  get isWaiting() {
    return this.isLive && this.isAtEnd && this.fraction >= 1;
  }

  /** Goes to what happens now, and on from there. */
  toNow() {
    this.seek(this.trace.length);
    this.isPlaying = true;
  }

  /** Goes on with another trace of the same run, whose first record was that at `first`. */
  goOn(trace, first) {
    this.trace = trace;
    this.count = Math.max(0, this.count - first);
  }

  pause() {
    this.isPlaying = false;
    this.fraction = STANDING;
  }

  /** Shows the first `count` records. */
  seek(count) {
    this.count = Math.max(0, Math.min(count, this.trace.length));
    this.fraction = STANDING;
  }

  stepRecord(by) {
    this.pause();
    this.seek(this.count + by);
  }

  stepLayer(by) {
    this.pause();
    const isWhole = this.count === 0 || this.count === this.layers.countAt(this.layer);
    if (by > 0)
      this.seek(
        isWhole && this.count > 0
          ? this.layers.countAt(this.layer + 1)
          : this.layers.countAt(this.layer),
      );
    else this.seek(this.layer === 0 ? 0 : this.layers.countAt(this.layer - 1));
  }

  /** Goes to the next turning point, or to the one before. */
  stepPoint(by) {
    this.pause();
    const { turningPoints } = this.trace;
    const next =
      by > 0
        ? turningPoints.find((at) => at >= this.count)
        : turningPoints.findLast((at) => at < this.count - 1);
    this.seek(next === undefined ? (by > 0 ? this.trace.length : 0) : next + 1);
  }

  /** Shows all that had happened by a time, in seconds since the trace began. */
  toTime(time) {
    this.pause();
    const next = this.trace.records.findIndex((record) => record.t > time);
    this.seek(next < 0 ? this.trace.length : next);
  }

  toLayer(layer) {
    this.pause();
    this.seek(layer < 0 ? 0 : this.layers.countAt(layer));
  }
}
