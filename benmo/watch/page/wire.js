/**
 * A page of a cluster that runs. It connects to the server that it came from, which
 * benmo/watch/server.py describes, and connects again for as long as the server is gone.
 */

import { giveHands } from "benmo/acting.js";
import { extend, follow, goOn, isFollowing, miss, settle, showSituation } from "benmo/app.js";
import { make, say, set } from "benmo/dom.js";
import { handsView } from "benmo/hands.js";
import { playView } from "benmo/play.js";
import { TraceError } from "benmo/records.js";

const TOKEN_KEPT = "benmo-token";
const AGAIN_AFTER_MS = 1_000;
const TOO_MANY_PAGES = 4008;
const SHOWS_A_FILE = "This page shows a file now. Load it anew to go on with what runs.";

/** What this page has: the records of a run up to a place. */
const had = { run: "", place: 0 };
/** Up to which place the records are history, which is not played. */
let historyEnd = 0;
/** Whether the run that is shown is the first, so that the address may point at a moment of it. */
let isFirst = true;
/** Whether the server has begun with a run over this connection: another is somebody's wish then. */
let isGreeted = false;
const asked = new Map();
let socket = null;
let numbers = 0;
let isOver = false;

// The state of the connection, in words.

const line = make("p", { id: "wire", class: "wire", role: "status" });
const silent = make("p", { id: "silent", class: "wire absent", role: "status" });
document.getElementById("message").before(line, silent);

function tell(state, words) {
  set(line, { "data-state": state });
  say(line, words);
}

function tellSilent(nodes) {
  const words = Object.values(nodes);
  set(silent, { class: words.length ? "wire" : "wire absent" });
  say(silent, `Not heard: ${words.join("; ")}`);
}

// The token: out of the address at once, so that no history and no screenshot holds it.

function takeToken() {
  const fields = new URLSearchParams(location.hash.slice(1));
  const token = fields.get("token");
  if (token !== null) {
    sessionStorage.setItem(TOKEN_KEPT, token);
    fields.delete("token");
    history.replaceState(null, "", `#${fields}`);
  }
  return sessionStorage.getItem(TOKEN_KEPT);
}

// What the server says.

function begin(hello) {
  const wasOther = had.run !== "" && !hello.is_on;
  if (wasOther && !isFollowing()) return leave(SHOWS_A_FILE);
  isFirst = had.run === "" || (isFirst && !wasOther);
  if (!hello.is_on) follow(hello.header);
  Object.assign(had, { run: hello.run, place: hello.place });
  if (!hello.is_on) historyEnd = hello.end;
  if (hello.act && !hello.is_on) giveHands(viewOf(hello.header), hello.header.nodes);
  tellSilent(hello.silent);
  const words = [hello.act ? "Connected: live, hands on." : "Connected: live, read-only."];
  if (wasOther && !isGreeted) words.push("The server was started anew, and so is this page.");
  if (!hello.is_on && hello.gone > 0) words.push(`${hello.gone} older records are gone.`);
  isGreeted = true;
  return tell("live", words.join(" "));
}

/** What one acts with on a run: on a sandbox one acts at its end, wherever one has looked. */
function viewOf({ source }) {
  const goOnAndAct = (text) => {
    goOn();
    return act(text);
  };
  return source === "played"
    ? (root, nodes) => playView(root, nodes, goOnAndAct)
    : (root, nodes) => handsView(root, nodes, act);
}

function take(message) {
  if (Array.isArray(message)) {
    const wasHistory = had.place < historyEnd;
    had.place += message.length;
    if (!extend(message)) leave(SHOWS_A_FILE);
    else if (wasHistory && had.place >= historyEnd) settle(isFirst);
  } else if ("header" in message) begin(message);
  else if ("missed" in message) {
    had.place = message.place;
    miss(message.last);
    tell("live", `Connected. ${message.missed} records are missing: this page read too slowly.`);
  } else if ("silent" in message) tellSilent(message.silent);
  else if ("situation" in message) showSituation(message.situation);
  else if ("id" in message) {
    asked.get(message.id)?.(message);
    asked.delete(message.id);
  }
}

/** Ends the connection for good. */
function leave(words) {
  isOver = true;
  socket.close();
  tellSilent({});
  tell("over", words);
}

function lost(event) {
  for (const answer of asked.values())
    answer({ status: "unknown", text: "the connection was lost before the answer came" });
  asked.clear();
  if (isOver) return;
  const why =
    event.code === TOO_MANY_PAGES
      ? event.reason
      : "Is the program that serves it still running? If it was started anew, it has a new address";
  tell("lost", `Not connected; trying again. What is shown is from before. ${why}.`);
  setTimeout(connect, AGAIN_AFTER_MS);
}

function connect() {
  const token = takeToken();
  if (token === null) {
    tell("over", "This page needs the whole address that was printed, up to its end.");
    return;
  }
  socket = new WebSocket(`ws://${location.host}/live`, ["benmo.1", token]);
  socket.addEventListener("open", () => {
    isGreeted = false;
    socket.send(JSON.stringify(had));
  });
  socket.addEventListener("close", lost);
  socket.addEventListener("message", (event) => {
    try {
      take(JSON.parse(event.data));
    } catch (error) {
      if (!(error instanceof TraceError)) throw error;
      leave(`The server sent what this page doesn’t know: ${error.message}.`);
    }
  });
}

/**
 * Asks for a line, as one would type it. Resolves to the answer: its `status` (`done`, `refused`,
 * `unknown`, or another word) and its `text`.
 */
export function act(text) {
  if (socket === null || socket.readyState !== WebSocket.OPEN)
    return Promise.resolve({ status: "refused", text: "this page is not connected" });
  numbers += 1;
  socket.send(JSON.stringify({ id: numbers, line: text }));
  return new Promise((resolve) => asked.set(numbers, resolve));
}

/** Somebody gives this page another address: it begins anew with that. */
addEventListener("hashchange", () => {
  if (new URLSearchParams(location.hash.slice(1)).has("token")) location.reload();
});
document.body.classList.add("live");
connect();
