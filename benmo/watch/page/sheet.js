/** A sheet of what was answered, to hand in: shown, printed or downloaded. Nothing is sent. */

import { make } from "benmo/dom.js";
import { download } from "benmo/file.js";
import { chosenText, scoreText } from "benmo/quizview.js";
import { addressOf } from "benmo/address.js";

const COLUMNS = ["Moment", "Question", "Answer", "Right is", "Result"];
const STYLE = [
  "body { font: 15px sans-serif; margin: 2em }",
  "table { border-collapse: collapse }",
  "td, th { border: 1px solid #888; padding: 0.3em 0.5em; text-align: left; vertical-align: top }",
].join("\n");

/** The rows of a quiz: what was asked when, what was answered, and what is right. */
export function rowsOf(quiz) {
  return quiz.done().map(({ question, chosen, isRight }) => {
    const { moment } = question;
    const at = addressOf(moment, "", 0).split("&")[0];
    return [
      `${moment.t.toFixed(3)} s (${at})`,
      question.text,
      chosen === null ? "–" : chosenText(question, chosen),
      chosenText(question, question.right),
      chosen === null ? "skipped" : isRight ? "right" : "wrong",
    ];
  });
}

/** What the sheet says, as an element; `extra` are rows besides the quiz's. */
function sheetOf(title, who, trace, quiz, extra) {
  const rows = [...rowsOf(quiz), ...extra];
  const line = (tag, cells) => make("tr", {}, ...cells.map((each) => make(tag, {}, each)));
  const { header } = trace;
  return make(
    "article",
    {},
    make("h1", {}, title),
    make("p", {}, `Name: ${who || "____________________"}`),
    make(
      "p",
      {},
      [`${header.nodes.length} nodes`, header.source, header.command].filter(Boolean).join(" · "),
    ),
    make("p", { class: "sheet-score" }, `Questions: ${scoreText(quiz.score())}`),
    make(
      "table",
      {},
      make("thead", {}, line("th", COLUMNS)),
      make("tbody", {}, ...rows.map((cells) => line("td", cells))),
    ),
  );
}

/** The sheet as a whole document. */
function documentOf(article, title) {
  const page = document.implementation.createHTMLDocument(title);
  page.head.append(make("meta", { charset: "utf-8" }), make("style", {}, STYLE));
  page.body.append(page.importNode(article, true));
  return `<!doctype html>\n${new XMLSerializer().serializeToString(page.documentElement)}`;
}

/** Opens the sheet in `dialog`. `extra` gives rows besides those of the quiz. */
export function openSheet(dialog, title, trace, quiz, extra) {
  const name = make("input", { type: "text", maxlength: 80, autocomplete: "off" });
  const holder = make("div", { class: "sheet-page" });
  const draw = () => holder.replaceChildren(sheetOf(title, name.value.trim(), trace, quiz, extra));
  const act = (text, work) => make("button", { type: "button", onclick: work }, text);
  name.addEventListener("input", draw);
  draw();
  dialog.replaceChildren(
    make(
      "div",
      { class: "sheet-tools" },
      make("label", {}, "Name ", name),
      act("Download", () => download(documentOf(holder.firstChild, title), "benmo-sheet.html", "text/html")),
      act("Print", () => print()),
      act("Close", () => dialog.close()),
    ),
    holder,
  );
  dialog.showModal();
}
