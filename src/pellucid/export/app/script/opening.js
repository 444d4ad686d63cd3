// What the page holds deflated, its documents first: nothing else begins before they are opened.
import { inflated, product, wholeOf } from "../../../reports/explain/script/arrays.js";
import { byId } from "../../../reports/explain/script/dom.js";
/** @import { Whole } from "../../../reports/explain/script/types.js" */
/** @import { Opening, TensorPlace } from "./types.js" */

/** @type {Opening} */
export const opening = { resolve() {}, reject() {}, weights };
const isReady = new Promise((resolve, reject) => {
  Object.assign(opening, { resolve, reject });
});
Object.assign(globalThis, { pellucid: { ready: isReady } });

/** What an element holds, inflated; the element is emptied. @param {string} id */
function unpacked(id) {
  const holder = byId(id);
  const packed = holder.textContent;
  holder.textContent = "";
  return inflated(packed);
}

/** Put documents and parts of the page where they belong; both were written, and escaped, with the page. */
async function openDocuments() {
  const { documents, parts } = await unpacked("documents").json();
  for (const [id, text] of Object.entries(documents)) byId(id).textContent = text;
  const place = () => Object.entries(parts).forEach(([id, texts]) => placePart(byId(id), texts));
  document.addEventListener("languagechange", place);
  place();
}

/** Write a part of the page in its language. @param {HTMLElement} place @param {{ en: string, zh: string }} texts */
function placePart(place, texts) {
  const html = document.documentElement.lang === "en" ? texts.en : texts.zh;
  const { body } = new DOMParser().parseFromString(html, "text/html");
  if (!place.querySelector("button")) {
    place.replaceChildren(...body.childNodes);
    return;
  }
  // Buttons have thumbnails, and somebody may have chosen one: only their words are written anew.
  const [now, then] = [place, body].map((each) => [...each.querySelectorAll("h2, .part, button > span")]);
  now.forEach((each, at) => each.replaceChildren(...then[at].childNodes));
}

/** All weights, most of them in 16 bits, each by its name. @param {Record<string, TensorPlace>} tensors */
async function weights(tensors) {
  const bytes = new Uint8Array(await unpacked("weights").arrayBuffer());
  /** @type {Map<string, Whole>} */
  const found = new Map();
  for (const [name, { at, shape, steps }] of Object.entries(tensors)) {
    const data =
      steps === null
        ? new Float32Array(bytes.buffer, at, product(shape))
        : inSteps(bytes, { at, shape, steps });
    found.set(name, wholeOf(shape, data));
  }
  return found;
}

/**
 * Whole numbers of 16 bits, of each row in steps of its own: all high bytes come first, then all low ones.
 * @param {Uint8Array} bytes @param {TensorPlace & { steps: number }} place
 */
function inSteps(bytes, { at, shape, steps: stepsAt }) {
  const count = product(shape);
  const size = count / shape[0];
  const steps = new Float32Array(bytes.buffer, stepsAt, shape[0]);
  const found = new Float32Array(count);
  for (let row = 0; row < shape[0]; row += 1) {
    for (let place = row * size; place < (row + 1) * size; place += 1) {
      const whole = (bytes[at + place] << 24) | (bytes[at + count + place] << 16);
      found[place] = (whole >> 16) * steps[row];
    }
  }
  return found;
}

if (typeof DecompressionStream !== "function") {
  byId("too-old").hidden = false;
  throw new Error("this browser has no DecompressionStream");
}
await openDocuments();
