// A text with its words in colours: orange for what speaks for the answer, blue for what speaks against it.
import { byId, element, shown } from "../../../../reports/explain/script/dom.js";
import { need } from "../../../../reports/explain/script/arrays.js";
import { pageData, stored } from "../../../../reports/explain/script/page_data.js";
/** @import { Pair } from "../../../../reports/explain/script/types.js" */
/** @import { Found } from "./types.js" */

/** The shade behind a word that matters most: so much of a colour that text is legible in both themes. */
const STRONGEST = 0.6;

/**
 * Orange for what speaks for the answer, blue for what speaks against it, the stronger the more.
 * @param {number} share -1 to 1
 */
const shadeOf = (share) =>
  `rgb(${share > 0 ? "214 98 20" : "43 121 185"} / ${(STRONGEST * Math.abs(share)).toFixed(3)})`;

function rampOf() {
  const ramp = element("span", { class: "ramp" });
  ramp.style.background = `linear-gradient(to right, ${[-1, 0, 1].map(shadeOf).join(", ")})`;
  return ramp;
}

/**
 * The text in pieces, and between them what belongs to none.
 * @param {string} text @param {Pair[]} pieces @param {(start: number, end: number) => void} choose
 * @param {(span: HTMLElement, at: number) => void} paint
 */
function coloured(text, pieces, choose, paint) {
  /** @type {(Node | string)[]} */
  const parts = [];
  let before = 0;
  pieces.forEach(([start, end], at) => {
    const span = element("span", {}, text.slice(start, end));
    span.onclick = () => choose(start, end);
    paint(span, at);
    parts.push(text.slice(before, start), span);
    before = end;
  });
  return [...parts, text.slice(before)];
}

/**
 * Show how far the answer falls without each piece of a text.
 * @param {string} text @param {Pair[]} pieces @param {number[]} losses
 * @param {(start: number, end: number) => void} choose a piece that was clicked
 */
export function showLosses(text, pieces, losses, choose) {
  const most = Math.max(...losses.map(Math.abs)) || 1;
  const parts = coloured(text, pieces, choose, (span, at) => {
    span.style.background = shadeOf(losses[at] / most);
    span.title = shown(losses[at], 3);
  });
  byId("highlight").replaceChildren(...parts);
  byId("drove-legend").replaceChildren(shown(-most, 3), rampOf(), shown(most, 3));
}

/**
 * Show the scores of n-grams, as explanations tested in Python give them, on the characters of the text: each n-gram
 * shares its score out among all places where it is found, and the characters there.
 * @param {string} text @param {Found[]} found the tokens in their order
 */
export function showOnCharacters(text, found) {
  for (const { name, pieceOf } of pageData.drivers ?? []) {
    const place = document.querySelector(`[data-driver-text="${name}"]`);
    if (!place || pieceOf?.length !== found.length) continue;
    const scores = need(stored(`driver:${name}`)).data;
    const counts = new Map();
    for (const piece of pieceOf) counts.set(piece, (counts.get(piece) ?? 0) + 1);
    const sums = new Float64Array(text.length);
    found.forEach(({ start, end }, token) => {
      const share = scores[pieceOf[token]] / counts.get(pieceOf[token]) / Math.max(1, end - start);
      for (let at = start; at < end; at += 1) sums[at] += share;
    });
    const most = Math.max(...sums.map(Math.abs)) || 1;
    const characters = Array.from(
      text.matchAll(/\S/gu),
      ({ index, 0: one }) => /** @type {Pair} */ ([index, index + one.length]),
    );
    const paint = (/** @type {HTMLElement} */ span, /** @type {number} */ at) => {
      span.style.background = shadeOf(sums[characters[at][0]] / most);
    };
    place.replaceChildren(...coloured(text, characters, () => {}, paint));
  }
}
