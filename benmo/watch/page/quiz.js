/**
 * Predict first: which questions are asked of a run, and what was answered. Questions of one sort
 * (of a kind, with one outcome) are asked the first time, the fourth, the sixteenth …
 */

import { step } from "benmo/fold.js";
import { MISCONCEPTIONS } from "benmo/misconceptions.js";
import { questionsAt } from "benmo/questions.js";

const RARER = 4;

const isTurn = (times) => {
  let turn = 1;
  while (turn < times) turn *= RARER;
  return turn === times;
};

/** Whether the chosen numbers are the right ones, and only those. */
export const isRight = (question, chosen) =>
  chosen.length === question.right.length && question.right.every((at) => chosen.includes(at));

/** The misconception for which a wrong answer stands: `[name, what is true]`; null for a right one. */
export function misconceptionOf(question, chosen) {
  if (isRight(question, chosen)) return null;
  const at = chosen.find((each) => !question.right.includes(each)) ?? question.right[0];
  return MISCONCEPTIONS[question.choices[at ?? 0].wrong];
}

export class Quiz {
  constructor(trace) {
    /** By question, the numbers of the choices that were chosen; null if it was skipped. */
    this.answers = new Map();
    this.follow(trace);
  }

  /** Asks about a trace, from now on; what was answered before is kept. */
  follow(trace) {
    this.trace = trace;
    /** Those that are asked, in the order of their moments. */
    this.questions = [];
    this.read = 0;
    this.seen = new Map();
    this.state = trace.state(0);
  }

  /** Makes the questions of the records that came since the last call. */
  extend() {
    const { trace } = this;
    for (; this.read < trace.length; this.read += 1) {
      const after = step(this.state, trace.records[this.read], this.read);
      for (const [kind, question] of questionsAt(trace, this.read, this.state, after))
        this.#take(kind, question, this.read);
      this.state = after;
    }
  }

  #take(kind, made, index) {
    const question = { kind, index, count: index + 1, isMany: false, ...made };
    const { t, i, l, n } = this.trace.records[question.count - 1];
    question.moment = { t, i, l, n };
    if (this.at(question.count) !== undefined) return;
    const sort = `${kind}:${made.outcome}`;
    const times = (this.seen.get(sort) ?? 0) + 1;
    this.seen.set(sort, times);
    if (!isTurn(times)) return;
    const later = this.questions.findLastIndex((each) => each.count < question.count);
    this.questions.splice(later + 1, 0, question);
  }

  isOpen(question) {
    return !this.answers.has(question);
  }

  /** The first open question whose moment lies after `from` and not after `upto`; or undefined. */
  between(from, upto) {
    return this.questions.find(
      (each) => each.count > from && each.count <= upto && this.isOpen(each),
    );
  }

  /** The question of a moment, answered or not; or undefined. */
  at(count) {
    return this.questions.find((each) => each.count === count);
  }

  answer(question, chosen) {
    this.answers.set(question, chosen);
  }

  /** The questions that were answered or skipped, in the order in which that was done. */
  done() {
    return [...this.answers].map(([question, chosen]) => ({
      question,
      chosen,
      isRight: chosen !== null && isRight(question, chosen),
    }));
  }

  score() {
    const done = this.done();
    const right = done.filter((each) => each.isRight).length;
    const skipped = done.filter((each) => each.chosen === null).length;
    return { right, wrong: done.length - right - skipped, skipped };
  }
}
