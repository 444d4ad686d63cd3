// The document: elements by their id, made ones, controls, tables, and words and numbers as people read them.

// Elements of the page: found by their id, and made with their attributes and children.

/** A part of the page that is always there. @param {string} id */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no part ${id}`);
  return found;
}

/** @param {string} id */
export const canvasById = (id) => /** @type {HTMLCanvasElement} */ (byId(id));

/** @param {HTMLCanvasElement} canvas */
export function contextOf(canvas) {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser cannot draw");
  return context;
}

/**
 * @template {keyof HTMLElementTagNameMap} T @param {T} tag
 * @param {Record<string, string | number | boolean | null>} [attributes] null and false: none
 * @param {...(Node | string | (Node | string)[])} children
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) made.setAttribute(name, String(value));
  }
  made.append(...children.flat());
  return made;
}

/** @param {string} tag @param {Record<string, string | number>} attributes */
export function svg(tag, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, text] of Object.entries(attributes)) made.setAttribute(name, String(text));
  return made;
}

// Buttons, fields for numbers and selects, each with what it does.

/** @param {Record<string, string>} attributes @param {string} text @param {() => void} onClick */
export function button(attributes, text, onClick) {
  const made = element("button", attributes, text);
  made.onclick = onClick;
  return made;
}

/**
 * A field for an index with its label; nothing is said of an empty field, in which one is about to type.
 * @param {string} id @param {string} label @param {{ value: number, size: number }} index size: of the axis
 * @param {(index: number) => void} onIndex
 */
export function indexField(id, label, { value, size }, onIndex) {
  const field = element("input", { type: "number", id, min: 0, max: size - 1, value });
  field.oninput = () => {
    if (field.value !== "") onIndex(Number(field.value));
  };
  return element("label", { for: id }, `${label} `, field);
}

/**
 * @param {string} id @param {{ value: string | number, text: string, selected?: boolean }[]} options
 * @param {(value: string) => void} onChoice
 */
export function selectOf(id, options, onChoice) {
  const made = element(
    "select",
    { id },
    ...options.map(({ value, text, selected }) =>
      element("option", { value, selected: selected ? "" : null }, text),
    ),
  );
  made.oninput = () => onChoice(made.value);
  return made;
}

// Tables that scroll by themselves, and their heads.

/**
 * What may be wider than its column: it scrolls, with the keyboard too.
 * @param {string} label @param {Node} content @param {string} [classes]
 */
export const scrolling = (label, content, classes = "scroll") =>
  element("div", { class: classes, tabindex: "0", role: "group", "aria-label": label }, content);

/** @param {string[]} words @param {string} [leftAligned] the one of the words whose column holds words */
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

// Words in the language of the page, which its document states.

export const isChinese = () => document.documentElement.lang.toLowerCase().startsWith("zh");

/**
 * A sentence with its {names} filled in.
 * @param {string} template @param {Record<string, string | number>} parts
 */
export const filledIn = (template, parts) => template.replace(/\{(\w+)\}/g, (_, name) => String(parts[name]));

// Numbers, counts and indices as people read them.

/** @param {number} number @param {number} [digits] */
export function shown(number, digits = 5) {
  if (number === 0) return "0";
  if (!Number.isFinite(number)) return String(number);
  const size = Math.abs(number);
  const inPowers = size < 1e-4 || size >= 1e7;
  const text = inPowers ? number.toExponential(digits - 1) : String(Number(number.toPrecision(digits)));
  return text.replaceAll("-", "\u2212");
}

/** @param {number} count */
export const counted = (count) => count.toLocaleString("en");

/** @param {number[]} index */
export const indexText = (index) => `(${index.join(", ")})`;
