// Controls below an example by which its label is corrected, or the example left out.
import { button, element } from "../explain/script/dom.js";
import { tr } from "./tr.js";

/** @typedef {{ input: string, was: string, content: string, suggestion: string }} Example */

/** What somebody chose for an example. @typedef {{ action: string, label: string }} Choice */

/**
 * What the page is given.
 * @typedef {{
 *   examples: Example[], classes: string[], kind: string, noun: string, run: string,
 *   model: string, earlier: string, command: string,
 * }} PageFacts
 */

/** A control, and how it shows what was chosen. @typedef {{ node: HTMLElement, show: (choice?: Choice) => void }} Control */

const SEPARATOR = ";";
const ANOTHER = "\u0000";

/** @param {string} text */
export const labelsOf = (text) =>
  text
    .split(SEPARATOR)
    .map((each) => each.trim())
    .filter(Boolean)
    .sort();

/** The same labels in one order. @param {string} kind @param {string} text */
export const canonical = (kind, text) =>
  kind === "labels" ? labelsOf(text).join(SEPARATOR) : kind === "number" ? String(Number(text)) : text.trim();

/** @param {string} kind @param {string} text */
export const shownLabel = (kind, text) =>
  kind === "labels" ? labelsOf(text).join(", ") || tr("no label") : text;

/**
 * A choice in words.
 * @param {PageFacts} page @param {Choice} choice
 */
export function choiceText(page, choice) {
  if (choice.action === "leave-out") return tr("left out");
  if (choice.action === "right") return tr("label is right");
  const isNew = page.kind === "class" && !page.classes.includes(choice.label);
  const label = shownLabel(page.kind, choice.label);
  return `→ ${isNew ? tr("{label} (a new class)", { label }) : label}`;
}

/**
 * One of the classes, or a new one that is typed.
 * @param {PageFacts} page @param {Example} example @param {(label: string) => void} onLabel
 * @returns {Control}
 */
function classControl(page, example, onLabel) {
  const typed = element("input", {
    type: "text",
    "aria-label": tr("New class"),
    placeholder: tr("New class"),
  });
  typed.hidden = true;
  const options = page.classes.map((name) => element("option", { value: name }, name));
  const select = element(
    "select",
    { "aria-label": tr("Right label") },
    ...options,
    element("option", { value: ANOTHER }, tr("Another …")),
  );
  select.onchange = () => {
    typed.hidden = select.value !== ANOTHER;
    if (typed.hidden) onLabel(select.value);
    else typed.focus();
  };
  typed.onchange = () => onLabel(typed.value.trim() || example.was);
  return {
    node: element("span", { class: "choose" }, select, typed),
    show(choice) {
      const label = choice?.action === "label" ? choice.label : example.was;
      const isKnown = page.classes.includes(label);
      select.value = isKnown ? label : ANOTHER;
      typed.hidden = isKnown;
      typed.value = isKnown ? "" : label;
    },
  };
}

/**
 * Any of the labels, and further ones that are typed.
 * @param {PageFacts} page @param {Example} example @param {(label: string) => void} onLabel
 * @returns {Control}
 */
function labelsControl(page, example, onLabel) {
  const boxes = page.classes.map((name) => element("input", { type: "checkbox", value: name }));
  const more = element("input", {
    type: "text",
    "aria-label": tr("More labels"),
    placeholder: tr("More; labels"),
  });
  const changed = () => {
    const ticked = boxes.filter((each) => each.checked).map((each) => each.value);
    onLabel([...ticked, ...labelsOf(more.value)].join(SEPARATOR));
  };
  for (const each of [...boxes, more]) each.onchange = changed;
  const lines = boxes.map((each) => element("label", {}, each, ` ${each.value}`));
  return {
    node: element("span", { class: "choose" }, element("span", { class: "boxes" }, ...lines), more),
    show(choice) {
      const labels = labelsOf(choice?.action === "label" ? choice.label : example.was);
      for (const each of boxes) each.checked = labels.includes(each.value);
      more.value = labels.filter((each) => !page.classes.includes(each)).join(SEPARATOR);
    },
  };
}

/**
 * A number.
 * @param {PageFacts} _ @param {Example} example @param {(label: string) => void} onLabel
 * @returns {Control}
 */
function numberControl(_, example, onLabel) {
  const field = element("input", { type: "number", step: "any", "aria-label": tr("Right number") });
  field.onchange = () => onLabel(field.value || example.was);
  return {
    node: element("span", { class: "choose" }, field),
    show(choice) {
      field.value = choice?.action === "label" ? choice.label : example.was;
    },
  };
}

/**
 * Everything by which one example is corrected.
 * @param {PageFacts} page @param {Example} example @param {(choice: Choice | null) => void} onChoice
 * @returns {Control}
 */
export function controlsOf(page, example, onChoice) {
  const kinds = { class: classControl, labels: labelsControl, number: numberControl };
  const same = (/** @type {string} */ one, /** @type {string} */ other) =>
    canonical(page.kind, one) === canonical(page.kind, other);
  const label = (/** @type {string} */ text) =>
    onChoice(same(text, example.was) ? null : { action: "label", label: canonical(page.kind, text) });
  const control = kinds[/** @type {"class"} */ (page.kind)](page, example, label);
  let chosen = /** @type {Choice | undefined} */ (undefined);
  const toggle = (/** @type {Choice} */ choice) => () => {
    const isPressed = chosen?.action === choice.action && chosen.label === choice.label;
    onChoice(isPressed ? null : choice);
  };
  const offered = [
    { text: tr("Label is right"), choice: { action: "right", label: "" } },
    { text: tr("Leave out"), choice: { action: "leave-out", label: "" } },
  ];
  const hasSuggestion =
    page.kind !== "number" && example.suggestion && !same(example.suggestion, example.was);
  if (hasSuggestion) {
    const suggested = canonical(page.kind, example.suggestion);
    const text = `→ ${shownLabel(page.kind, suggested)}`;
    offered.unshift({ text, choice: { action: "label", label: suggested } });
  }
  const buttons = offered.map(({ text, choice }) => button({ type: "button" }, text, toggle(choice)));
  const node = element(
    "div",
    { class: "fix", role: "group", "aria-label": `Correct ${example.input}` },
    ...(hasSuggestion ? [buttons[0]] : []),
    control.node,
    ...(hasSuggestion ? buttons.slice(1) : buttons),
  );
  return {
    node,
    show(choice) {
      chosen = choice;
      control.show(choice);
      offered.forEach((each, at) => {
        const isPressed = choice?.action === each.choice.action && choice.label === each.choice.label;
        buttons[at].setAttribute("aria-pressed", String(isPressed));
      });
    },
  };
}
