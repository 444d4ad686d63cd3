// Tables of corrections: rows of CSV, read and written as `pellucid train --corrections` takes them.

/**
 * A correction by its columns.
 * @typedef {{
 *   input: string, label: string, action: string, was: string, content: string, run: string, model: string,
 * }} Correction
 */

const CORRECTION_COLUMNS = /** @type {(keyof Correction)[]} */ (
  "input label action was content run model".split(" ")
);

/** What a row may ask for. */
export const ACTIONS = ["label", "leave-out", "right"];

/** A text that a spreadsheet would take for a formula, or one that was kept from it. */
const FORMULA = /^'*[=+\-@\t\r\n]/;

/** A number is no formula. */
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/**
 * The cells of a table, row by row.
 * @param {string} text
 * @returns {string[][]}
 */
export function rowsOf(text) {
  const plain = text.replace(/^\uFEFF/, "");
  const head = plain.slice(0, plain.search(/[\r\n]|$/));
  const separator = head.includes(",") ? "," : head.includes(";") ? ";" : "\t";
  const rows = /** @type {string[][]} */ ([]);
  let row = /** @type {string[]} */ ([]);
  const pattern = new RegExp(`("(?:[^"]|"")*"|[^"${separator}\\r\\n]*)(${separator}|\\r\\n|\\r|\\n|$)`, "y");
  while (pattern.lastIndex < plain.length) {
    const found = pattern.exec(plain);
    if (!found) throw new Error(`row ${rows.length + 1} has a quote that never closes`);
    const cell = found[1].startsWith('"') ? found[1].slice(1, -1).replaceAll('""', '"') : found[1];
    row.push(cell);
    if (found[2] !== separator) {
      if (row.length > 1 || cell) rows.push(row);
      row = [];
    }
  }
  if (row.length) rows.push([...row, ""]);
  return rows;
}

/**
 * The corrections of a table.
 * @param {string} text
 * @returns {Correction[]}
 */
export function correctionsOf(text) {
  const [head, ...rows] = rowsOf(text);
  const known = new Set(head ?? []);
  const names = known.has("input") || known.has("content");
  if (!names || !(known.has("label") || known.has("action"))) {
    throw new Error(`no table of corrections: it has no columns ${CORRECTION_COLUMNS.join(", ")}`);
  }
  return rows.map((cells, at) => {
    const value = (/** @type {string} */ name) => {
      const cell = cells[head.indexOf(name)] ?? "";
      return FORMULA.test(cell) && cell.startsWith("'") ? cell.slice(1) : cell;
    };
    const found = /** @type {Correction} */ (
      Object.fromEntries(CORRECTION_COLUMNS.map((name) => [name, value(name)]))
    );
    found.action ||= "label";
    if (!ACTIONS.includes(found.action)) {
      throw new Error(
        `row ${at + 2} has the action ${found.action}; one of ${ACTIONS.join(", ")} is expected`,
      );
    }
    if (!found.input && !found.content) throw new Error(`row ${at + 2} names no example`);
    return found;
  });
}

/** @param {string} text */
function csvCell(text) {
  const safe = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  return /["',;\r\n\t]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/**
 * Corrections as a table.
 * @param {Correction[]} corrections
 */
export function tableOf(corrections) {
  const lines = corrections.map((each) => CORRECTION_COLUMNS.map((name) => csvCell(each[name])).join(","));
  return [CORRECTION_COLUMNS.join(","), ...lines, ""].join("\n");
}
