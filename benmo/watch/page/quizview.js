/** Predict first, as the viewer sees it: a question at its moment, and what its answer shows. */

import { make, say, set } from "benmo/dom.js";
import { isRight, misconceptionOf, Quiz } from "benmo/quiz.js";
import { tell } from "benmo/words.js";

const button = (text, act, attributes = {}) =>
  make("button", { type: "button", onclick: act, ...attributes }, text);

export const scoreText = ({ right, wrong, skipped }) =>
  `${right} right, ${wrong} wrong, ${skipped} skipped.`;

/** What a question's choices say, or “none of them”. */
export const chosenText = (question, chosen) =>
  chosen.length ? chosen.map((at) => question.choices[at].text).join(" ") : "None of them.";

/** A question that waits for an answer. */
function openForm(question, { answer, skip }) {
  const type = question.isMany ? "checkbox" : "radio";
  const inputs = question.choices.map((each, at) =>
    make("input", { type, name: "choice", value: at }),
  );
  const labels = question.choices.map((each, at) => make("label", {}, inputs[at], ` ${each.text}`));
  const send = make("button", { type: "submit", disabled: !question.isMany }, "Answer");
  const more = question.isMany ? make("p", { class: "hint" }, "Choose each of them, or none.") : "";
  const form = make(
    "form",
    {},
    make("fieldset", {}, make("legend", {}, question.text), more, ...labels),
    make("div", { class: "quiz-buttons" }, send, button("Skip", skip)),
  );
  form.addEventListener("change", () => {
    send.disabled = !question.isMany && !inputs.some((each) => each.checked);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    answer(inputs.flatMap((each, at) => (each.checked ? [at] : [])));
  });
  return form;
}

/** What an answer shows: whether it is right, for which wrong idea it stands, and the records. */
function verdict(trace, question, chosen, { pick, visit, goOn }) {
  const wrong = chosen === null ? null : misconceptionOf(question, chosen);
  const isFine = chosen !== null && isRight(question, chosen);
  const begin = chosen === null ? "Skipped." : isFine ? "✓ Right." : "✗ No.";
  const parts = [
    make("p", { class: "asked" }, question.text),
    make("p", { class: isFine ? "is-right" : "is-wrong" }, `${begin} `),
    make("p", { class: "answer-is" }, chosenText(question, question.right), " ", question.because),
  ];
  if (wrong !== null) {
    const [name, truth] = wrong;
    parts.push(make("p", { class: "misconception" }, make("b", {}, `“${name}”? `), truth));
  }
  if (question.broken >= 0) {
    const text = `In this run, it went otherwise: ${tell(trace, question.broken)}`;
    parts.push(button(text, () => visit(question.broken), { class: "otherwise" }));
  }
  const records = question.evidence.map((at) =>
    make(
      "li",
      {},
      button(tell(trace, at), () => pick(at)),
    ),
  );
  const list = make(
    "ul",
    { class: "evidence", "aria-label": "The records that show it" },
    ...records,
  );
  return make("div", {}, ...parts, list, button("Go on", goOn, { class: "go-on" }));
}

/**
 * Makes the panel in `root`, for a clock and its trace. Returns what draws a moment, `halt`, which
 * stops the clock at an open question that it has just passed, and the quiz itself.
 */
export function quizView(root, clock, { pick, visit, changed, sheet }) {
  const quiz = new Quiz(clock.trace);
  const body = make("div", { class: "quiz-body" });
  const spoken = make("p", { class: "spoken", role: "status", "aria-live": "polite" });
  const score = make("p", { class: "hint" });
  const next = button("Next question", () => goTo(quiz.between(clock.count, Infinity)));
  const tools = make("div", { class: "quiz-buttons" }, next, button("Sheet", sheet), score);
  root.replaceChildren(make("h2", {}, "Predict first"), body, tools, spoken);
  let [isOn, last, shown, isSettled] = [false, clock.count, "", false];

  const goTo = (question) => {
    if (question === undefined) return;
    clock.pause();
    clock.seek(question.count);
    last = question.count;
    pick(-1);
  };
  const settle = (question, chosen) => {
    quiz.answer(question, chosen);
    isSettled = true;
    changed();
  };
  const goOn = () => {
    clock.play();
    changed();
  };
  const show = (question) => {
    const isOpen = question !== undefined && quiz.isOpen(question);
    const key = question === undefined ? "none" : `${question.count} ${isOpen}`;
    document.body.classList.toggle("asking", isOpen);
    if (key === shown) return;
    shown = key;
    if (question === undefined)
      body.replaceChildren(
        make("p", { class: "hint" }, "Play on: a question stops the clock, never the cluster."),
      );
    else if (isOpen)
      body.replaceChildren(
        openForm(question, {
          answer: (chosen) => settle(question, chosen),
          skip: () => settle(question, null),
        }),
      );
    else
      body.replaceChildren(
        verdict(clock.trace, question, quiz.answers.get(question), { pick, visit, goOn }),
      );
    if (isSettled) body.querySelector(".go-on")?.focus();
    isSettled = false;
    say(
      spoken,
      isOpen
        ? `A question: ${question.text}`
        : (body.querySelector(".is-right, .is-wrong")?.textContent ?? ""),
    );
  };
  return {
    quiz,
    turn(on) {
      isOn = on;
      last = clock.count;
      set(root, { hidden: !on });
      if (!on) document.body.classList.remove("asking");
    },
    halt() {
      if (!isOn) return;
      if (quiz.trace !== clock.trace) quiz.follow(clock.trace);
      quiz.extend();
      const { layers } = clock.trace;
      const isNear = clock.isPlaying || clock.layer - layers.at(last) <= 1;
      const question = isNear ? quiz.between(last, clock.count) : undefined;
      if (question !== undefined) {
        clock.pause();
        clock.seek(question.count);
      }
      last = clock.count;
    },
    draw(moment) {
      if (!isOn) return;
      show(quiz.at(moment.count));
      say(score, scoreText(quiz.score()));
      set(next, { disabled: quiz.between(moment.count, Infinity) === undefined });
    },
  };
}
