// Sentences of the script in the language of the page, which its document states.
import { filledIn, isChinese } from "../dom.js";
import { CHINESE_MESSAGES } from "./chinese.js";
import { ENGLISH_MESSAGES } from "./english.js";

/** @typedef {keyof typeof ENGLISH_MESSAGES} MessageKey */

/** The sentence of a key as it is written, with its {names}. @param {MessageKey} key */
const template = (key) => (isChinese() ? CHINESE_MESSAGES : ENGLISH_MESSAGES)[key];

/** What a layer does, in the language of the page. @param {{ words: string, chinese: string }} layer */
export const layerWords = ({ words, chinese }) => (isChinese() ? chinese : words);

/**
 * A sentence in the language of the page.
 * @param {MessageKey} key @param {Record<string, string | number>} [parts] what is filledIn in
 */
export const message = (key, parts = {}) => filledIn(template(key), parts);

/**
 * A sentence with elements in it, as the children of a paragraph.
 * @param {MessageKey} key @param {Record<string, string | Node>} parts @returns {(string | Node)[]}
 */
export const messageWith = (key, parts) =>
  template(key)
    .split(/\{(\w+)\}/)
    .map((piece, at) => (at % 2 ? parts[piece] : piece));
