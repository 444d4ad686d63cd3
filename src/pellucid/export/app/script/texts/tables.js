// Files of many texts: a text on every line, a table of separated values, or an object of JSON on every line.

/**
 * A text of a file, or why there is none.
 * @typedef {{ name: string, text: string, error: string }} NamedText
 */

/**
 * @typedef {{ texts: string[], labels: string[], joined: string[] }} ColumnNames usual names of columns, in small
 *   letters; and those whose texts the model reads as one, of which there may be none
 */

/**
 * The texts of a file, each by the file's name and its row.
 * @param {string} name @param {string} content @param {ColumnNames} usual @returns {NamedText[]}
 */
export function textsOfFile(name, content, usual) {
  const ending = name.slice(name.lastIndexOf(".") + 1).toLowerCase();
  const found =
    ending === "jsonl" || ending === "ndjson"
      ? textsOfObjects(content, usual)
      : ending === "csv" || ending === "tsv"
        ? textsOfRows(content, usual)
        : textsOfLines(content);
  return found.map(({ row, text, error }) => ({ name: `${name}:${row}`, text, error }));
}

/** @typedef {{ row: number, text: string, error: string }} RowText */

/** @param {string} content */
const linesOf = (content) => content.replace(/^\ufeff/, "").split(/\r\n|\n|\r/);

/** @param {string} content @returns {RowText[]} */
const textsOfLines = (content) =>
  linesOf(content).flatMap((text, at) => (text.trim() ? [{ row: at + 1, text, error: "" }] : []));

/** @param {string} content @param {ColumnNames} usual @returns {RowText[]} */
function textsOfObjects(content, usual) {
  /** @type {(RowText & { value: unknown })[]} */
  const rows = linesOf(content).flatMap((line, at) => {
    if (!line.trim()) return [];
    try {
      return [{ row: at + 1, text: "", error: "", value: JSON.parse(line) }];
    } catch {
      return [{ row: at + 1, text: "", error: "is no JSON", value: null }];
    }
  });
  const objects = rows.map(({ value }) => value).filter((value) => isObject(value));
  const names = [...new Set(objects.slice(0, LOOKED_AT).flatMap((value) => Object.keys(value)))];
  if (usual.joined.length) {
    const missing = missingOf(usual.joined, names);
    return rows.map(({ row, error, value }) => {
      const text = joinedText(usual.joined, (name) => (isObject(value) ? value[name] : null));
      return { row, text, error: error || missing || (text ? "" : "holds no text") };
    });
  }
  const column = chosenColumn(
    names,
    objects.slice(0, LOOKED_AT).map((value) => names.map((name) => String(value[name] ?? ""))),
    usual,
  );
  return rows.map(({ row, error, value }) => {
    const text = isObject(value) ? value[names[column]] : value;
    if (error || typeof text === "number") return { row, text: error ? "" : String(text), error };
    return typeof text === "string" ? { row, text, error } : { row, text: "", error: "holds no text" };
  });
}

const LOOKED_AT = 20;

/** @param {unknown} value @returns {value is Record<string, unknown>} */
const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** @param {string} content @param {ColumnNames} usual @returns {RowText[]} */
function textsOfRows(content, usual) {
  const plain = content.replace(/^\ufeff/, "");
  const rows = rowsOfValues(plain, separatorOf(plain));
  if (!rows.length) return [];
  if (usual.joined.length) return joinedRows(rows, usual.joined);
  const first = rows[0].values.map((value) => value.trim().toLowerCase());
  const isHeader = first.some((value) => usual.texts.includes(value) || usual.labels.includes(value));
  const below = isHeader ? rows.slice(1) : rows;
  const column = chosenColumn(
    isHeader ? first : first.map(() => ""),
    below.slice(0, LOOKED_AT).map(({ values }) => values),
    usual,
  );
  return below.map(({ row, values }) => ({ row, text: values[column] ?? "", error: "" }));
}

/**
 * The rows below a header, of each of which several columns make one text.
 * @param {{ row: number, values: string[] }[]} rows @param {string[]} joined @returns {RowText[]}
 */
function joinedRows([header, ...below], joined) {
  const names = header.values.map((value) => value.trim());
  const missing = missingOf(joined, names);
  return below.map(({ row, values }) => {
    const text = joinedText(joined, (name) => values[names.indexOf(name)]);
    return { row, text, error: missing || (text ? "" : "holds no text") };
  });
}

/**
 * What is wrong with a table that lacks one of the columns; empty where it has them all.
 * @param {string[]} joined @param {string[]} names
 */
function missingOf(joined, names) {
  const missing = joined.find((name) => !names.includes(name));
  return missing === undefined ? "" : `has no column ${missing}`;
}

/**
 * Values as one text, each on a line behind the name of its column; blank ones are left out, as in Python.
 * @param {string[]} names @param {(name: string) => unknown} valueOf
 */
function joinedText(names, valueOf) {
  const parts = names.map((name) => ({ name, value: valueOf(name) }));
  const filled = parts.filter(
    ({ value }) => typeof value === "number" || (typeof value === "string" && value.trim()),
  );
  return filled.map(({ name, value }) => `${name}: ${value}`).join("\n");
}

/** The separator that is most frequent in the first line. @param {string} content */
function separatorOf(content) {
  const line = content.slice(0, content.search(/[\r\n]|$/));
  const counts = [",", ";", "\t"].map((separator) => line.split(separator).length);
  return [",", ";", "\t"][counts.indexOf(Math.max(...counts))];
}

/**
 * Rows of separated values; a value in quotes may hold separators and line breaks, and a quote twice for one. Empty
 * rows are counted, and left out.
 * @param {string} content @param {string} separator
 */
function rowsOfValues(content, separator) {
  const part = new RegExp(`"((?:[^"]|"")*)"([^${separator}\r\n]*)|([^${separator}\r\n]*)`, "y");
  /** @type {{ row: number, values: string[] }[]} */
  const rows = [{ row: 1, values: [] }];
  for (let at = 0; at < content.length;) {
    const { value, end } = valueAt(part, content, at);
    const now = rows[rows.length - 1];
    now.values.push(value);
    at = end + 1;
    if (content[end] === separator) continue;
    if (content.startsWith("\r\n", end)) at = end + 2;
    rows.push({ row: now.row + 1, values: [] });
  }
  return rows.filter(({ values }) => values.some((value) => value !== ""));
}

/** @param {RegExp} part @param {string} content @param {number} at */
function valueAt(part, content, at) {
  part.lastIndex = at;
  const found = part.exec(content);
  if (!found) return { value: "", end: at };
  const [whole, inQuotes, behind, plain] = found;
  const value = inQuotes === undefined ? plain : inQuotes.replaceAll('""', '"') + behind;
  return { value, end: at + whole.length };
}

/**
 * The column that holds the texts: one of a usual name, else the one whose values are longest.
 * @param {string[]} names @param {string[][]} rows @param {ColumnNames} usual
 */
function chosenColumn(names, rows, usual) {
  for (const name of usual.texts) {
    const at = names.findIndex((each) => each.toLowerCase() === name);
    if (at >= 0) return at;
  }
  const lengths = names.map((_, at) => rows.reduce((sum, values) => sum + (values[at] || "").length, 0));
  return Math.max(0, lengths.indexOf(Math.max(...lengths)));
}
