/** Traces as files: one that is in the page, one that is chosen, one that is dropped on the page. */

import { make } from "benmo/dom.js";
import { readTrace, TraceError } from "benmo/records.js";

const BYTES_MAX = 200_000_000;
const TOO_LARGE = "the file is larger than 200 MB";

async function limitedText(stream) {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const parts = [];
  let bytes = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value: chunk } = await reader.read();
    if (done) break;
    bytes += chunk.length;
    if (bytes > BYTES_MAX) throw new TraceError(TOO_LARGE);
    parts.push(decoder.decode(chunk, { stream: true }));
  }
  return parts.join("") + decoder.decode();
}

const streamOf = (bytes) => new Blob([bytes]).stream();

/** Reads a text from bytes, which may be packed by gzip. */
async function textOf(bytes) {
  const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
  const stream = isPacked
    ? streamOf(bytes).pipeThrough(new DecompressionStream("gzip"))
    : streamOf(bytes);
  try {
    return await limitedText(stream);
  } catch (error) {
    if (error instanceof TraceError) throw error;
    throw new TraceError(
      isPacked ? "the file is not a whole gzip file of text" : "the file is not text",
    );
  }
}

/** Reads a trace from bytes: JSON Lines, or the same packed by gzip. */
export const readBytes = async (bytes) => readTrace(await textOf(bytes));

/** The text that the page was made with, packed in the element of this id; or null. */
export async function readPacked(id) {
  const holder = document.getElementById(id);
  const packed = holder === null ? "" : holder.textContent.trim();
  return packed === "" ? null : textOf(Uint8Array.from(atob(packed), (each) => each.charCodeAt(0)));
}

/** Reads the trace that the page was made with, or null. */
export async function embedded() {
  const text = await readPacked("run");
  return text === null ? null : readTrace(text);
}

/** Offers a text, or a blob, as a file to keep. */
export function download(content, name, type) {
  const address = URL.createObjectURL(new Blob([content], { type }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

/** Offers a trace as a file to keep; packed, where the browser can. */
export async function saveTrace({ header, records }) {
  const lines = new Blob([header, ...records].map((each) => `${JSON.stringify(each)}\n`));
  if (typeof CompressionStream === "undefined")
    return download(lines, "run.jsonl", "application/jsonl");
  const packed = new Response(lines.stream().pipeThrough(new CompressionStream("gzip")));
  return download(await packed.blob(), "run.jsonl.gz", "application/gzip");
}

async function bytesOf(file) {
  if (file.size > BYTES_MAX) throw new TraceError(TOO_LARGE);
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new TraceError("that is no file, or it can’t be read");
  }
}

/** Calls `open` with each file that is chosen or dropped. */
export function takeFiles(input, area, open) {
  const read = async (file) => open(file.name, async () => readBytes(await bytesOf(file)));
  input.addEventListener("change", () => {
    const [file] = input.files;
    input.value = "";
    if (file) read(file);
  });
  area.addEventListener("dragover", (event) => {
    event.preventDefault();
    area.classList.add("dropping");
  });
  area.addEventListener("dragleave", () => area.classList.remove("dropping"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("dropping");
    const [file] = event.dataTransfer.files;
    if (file) read(file);
  });
}
