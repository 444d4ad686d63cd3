// Words of the part that trains, in the language of the page.
import { filledIn, isChinese } from "../../../reports/explain/script/dom.js";
import { PLAY_CHINESE } from "./words/chinese.js";
import { PLAY_ENGLISH } from "./words/english.js";

/** @typedef {keyof typeof PLAY_ENGLISH} PlayWord */

/**
 * A string of the part in the language of the page.
 * @param {PlayWord} key @param {Record<string, string | number>} [parts] what is filled in
 */
export const worded = (key, parts = {}) => filledIn((isChinese() ? PLAY_CHINESE : PLAY_ENGLISH)[key], parts);

/** The word of a name such as that of a layer's kind; a name without one, such as a user's, stays. @param {string} name */
export const wordOf = (name) => (name in PLAY_ENGLISH ? worded(/** @type {PlayWord} */ (name)) : name);

/** Write the strings of all parts of the page that have one. */
export function wordAll() {
  /** @type {NodeListOf<HTMLElement>} */
  const parts = document.querySelectorAll("[data-word]");
  for (const part of parts) part.textContent = wordOf(part.dataset.word ?? "");
}
