// The answers of a visit as a table, and as a file of comma-separated values with the columns of `predict`.
import { button } from "../../../../reports/explain/script/dom/controls.js";
import { byId, element } from "../../../../reports/explain/script/dom/element.js";
import { say } from "../words/language.js";
/** @import { Row } from "../types.js" */

/** @type {Row[]} */
const rows = [];

/** Rows of which a table is shown; all of them are in the file. */
const MOST_SHOWN = 500;

/** Beginnings by which spreadsheets take a text for a formula. */
const FORMULAS = /^[=+\-@\t\r\n]/;

/**
 * Add a row.
 * @param {Row} row
 * @param {(() => void) | null} open shows the input again; null where it could not be read
 */
export function addRow(row, open) {
  rows.push(row);
  byId("tray").hidden = false;
  if (rows.length > MOST_SHOWN) return;
  const name = open ? button({ class: "number-button foreign" }, row.name, open) : row.name;
  byId("rows").append(
    element(
      "tr",
      {},
      element("th", { scope: "row" }, name),
      element("td", { class: "words foreign" }, row.label),
      element("td", {}, row.probability),
      element("td", { class: "words" }, row.error),
      element("td", {}, row.novelty),
    ),
  );
}

/** @param {string} cell */
function quoted(cell) {
  const safe = FORMULAS.test(cell) && Number.isNaN(Number(cell)) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** All rows as comma-separated values. */
export function tableText() {
  const lines = rows.map(({ name, label, probability, error, novelty }) =>
    [name, label, probability, error, novelty].map(quoted).join(","),
  );
  return ["input,label,probability,error,novelty", ...lines, ""].join("\r\n");
}

/** Let the button hand the file over. */
export function startTray() {
  byId("download").onclick = () => {
    const file = new Blob([tableText()], { type: "text/csv" });
    const link = element("a", { href: URL.createObjectURL(file), download: "answers.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  byId("tray-progress").textContent = say("working", { done: 0, all: 0 });
}
