// The language of the page: that of the browser, until another one is asked for.
import { byId, filledIn, isChinese } from "../../../../reports/explain/script/dom.js";
import { CHINESE } from "./chinese.js";
import { ENGLISH } from "./english.js";

/** @typedef {keyof typeof ENGLISH} Word */

/** @param {boolean} isWanted */
const speakChinese = (isWanted) => (document.documentElement.lang = isWanted ? "zh-CN" : "en");

/**
 * A string of the page in its language.
 * @param {Word} key @param {Record<string, string | number>} [parts] what is filledIn in
 */
export const say = (key, parts = {}) => filledIn((isChinese() ? CHINESE : ENGLISH)[key], parts);

/**
 * An error in words, which can be said again in the other language.
 * @param {Word} key @param {Record<string, string | number>} [parts]
 */
export const spoken = (key, parts = {}) => Object.assign(new Error(say(key, parts)), { key, parts });

/** Why something failed, in the page's language. @param {unknown} error */
export function reasonOf(error) {
  if (!(error instanceof Error)) return String(error);
  const { key, parts } = /** @type {{ key?: Word, parts?: Record<string, string> }} */ (error);
  return key ? say(key, parts) : error.message;
}

/** @typedef {string | (() => string)} Name of an input, or what says it in the page's language */

/** @param {Name} name */
export const nameText = (name) => (typeof name === "function" ? name() : name);

/** A name as a node that follows the page's language. @param {Name} name */
export function nameNode(name) {
  const node = document.createTextNode(nameText(name));
  document.addEventListener("languagechange", () => {
    node.data = nameText(name);
  });
  return node;
}

/** Write the strings of all parts of the page that have one. */
function sayAll() {
  /** @type {NodeListOf<HTMLElement>} */
  const parts = document.querySelectorAll("[data-say]");
  for (const part of parts) part.textContent = say(/** @type {Word} */ (part.dataset.say));
  /** @type {NodeListOf<HTMLElement>} */
  const written = document.querySelectorAll("[data-chinese]"); // what the model's facts say
  for (const part of written) {
    part.dataset.english ??= part.textContent ?? "";
    part.textContent = (isChinese() ? part.dataset.chinese : part.dataset.english) ?? "";
  }
  document.dispatchEvent(new Event("languagechange"));
}

/**
 * Speak the language of the page, and the other one at a click.
 * @param {() => void} onChange what else is written anew
 */
export function startLanguage(onChange) {
  // A page that was made in Chinese opens in it, whatever the browser speaks.
  speakChinese(isChinese() || navigator.language.toLowerCase().startsWith("zh"));
  byId("language").onclick = () => {
    speakChinese(!isChinese());
    sayAll();
    onChange();
  };
  sayAll();
}
