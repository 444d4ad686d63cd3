// Buttons, fields for numbers and selects, each with what it does.
import { element } from "./element.js";

/**
 * @param {Record<string, string>} attributes
 * @param {string} text
 * @param {() => void} onClick
 */
export function button(attributes, text, onClick) {
  const made = element("button", attributes, text);
  made.onclick = onClick;
  return made;
}

/**
 * A field for an index with its label; nothing is said of an empty field, in which one is about to type.
 * @param {string} id
 * @param {string} label
 * @param {{ value: number, size: number }} index size: of the axis
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
 * @param {string} id
 * @param {{ value: string | number, text: string, selected?: boolean }[]} options
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
