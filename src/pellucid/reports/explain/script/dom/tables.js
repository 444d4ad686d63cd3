// Tables that scroll by themselves, and their heads.
import { element } from "./element.js";

/**
 * What may be wider than its column: it scrolls, with the keyboard too.
 * @param {string} label
 * @param {Node} content
 * @param {string} [classes]
 */
export const scrolling = (label, content, classes = "scroll") =>
  element("div", { class: classes, tabindex: "0", role: "group", "aria-label": label }, content);

/**
 * @param {string[]} words
 * @param {string} [leftAligned] the one of the words whose column holds words
 */
export const headOf = (words, leftAligned) =>
  element(
    "thead",
    {},
    element(
      "tr",
      {},
      ...words.map((word) =>
        element("th", { scope: "col", class: word === leftAligned ? "words" : null }, word),
      ),
    ),
  );

/** @param {string} text */
export const cell = (text) => element("td", {}, text);

/** @param {Node | string} content */
export const rowHead = (content) => element("th", { scope: "row" }, content);
