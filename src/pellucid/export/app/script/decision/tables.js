// Tables of a decision: rows of a name and numbers that belong to it.
import { cell, headOf, rowHead, scrolling } from "../../../../reports/explain/script/dom/tables.js";
import { element } from "../../../../reports/explain/script/dom/element.js";
import { say } from "../words/language.js";
/** @import { Word } from "../words/language.js" */

/** Rows of which a table is shown. */
export const MOST_ROWS = 30;

/**
 * A paragraph of one string of the page.
 * @param {Word} key
 * @param {Record<string, string | number>} [parts]
 */
export const sentence = (key, parts) => element("p", { class: "foreign" }, say(key, parts));

/**
 * @param {Word} title what it is a table of, for those who cannot see it
 * @param {Word[]} heads
 * @param {[name: Node | string, ...cells: string[]][]} rows
 */
export function tableOfRows(title, heads, rows) {
  const lines = rows.map(([name, ...cells]) => element("tr", {}, rowHead(name), ...cells.map(cell)));
  const table = element(
    "table",
    { class: "foreign" },
    headOf(heads.map((key) => say(key))),
    element("tbody", {}, ...lines),
  );
  return scrolling(say(title), table, "scroll tall");
}
