// The language of the page: that of the browser, until another one is asked for.
import { byId } from "../../../../reports/explain/script/dom.js";
import { CHINESE } from "./chinese.js";
import { ENGLISH } from "./english.js";

/** @typedef {keyof typeof ENGLISH} Word */

const spoken = { isChinese: navigator.language.toLowerCase().startsWith("zh") };

/**
 * A string of the page in its language.
 * @param {Word} key @param {Record<string, string | number>} [parts] what is filled in
 */
export function say(key, parts = {}) {
  const text = (spoken.isChinese ? CHINESE : ENGLISH)[key];
  return text.replace(/\{(\w+)\}/g, (_, name) => String(parts[name]));
}

/** Write the strings of all parts of the page that have one. */
function sayAll() {
  document.documentElement.lang = spoken.isChinese ? "zh-CN" : "en";
  /** @type {NodeListOf<HTMLElement>} */
  const parts = document.querySelectorAll("[data-say]");
  for (const part of parts) part.textContent = say(/** @type {Word} */ (part.dataset.say));
}

/**
 * Speak the browser's language, and the other one at a click.
 * @param {() => void} onChange what else is written anew
 */
export function startLanguage(onChange) {
  byId("language").onclick = () => {
    spoken.isChinese = !spoken.isChinese;
    sayAll();
    onChange();
  };
  sayAll();
}
