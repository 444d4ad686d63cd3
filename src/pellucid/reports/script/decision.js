// What a label is, how it is shown and chosen anew, by the kind of answer that the page declares.
import { element } from "../explain/script/dom.js";
import { tr } from "./tr.js";

/** @typedef {{ input: string, was: string, content: string, suggestion: string }} Example */

/** What somebody chose for an example. @typedef {{ action: string, label: string }} Choice */

/**
 * What the page is given.
 * @typedef {{
 *   examples: Example[], classes: string[], kind: keyof typeof DECISIONS, noun: string, run: string,
 *   model: string, earlier: string, command: string,
 * }} PageFacts
 */

/** A control, and how it shows what was chosen. @typedef {{ node: HTMLElement, show: (choice?: Choice) => void }} Control */

/**
 * Everything in which labels of one kind differ from those of others.
 * @typedef {{
 *   canonical: (text: string) => string, shown: (text: string) => string,
 *   words: (label: string, page: PageFacts) => string, suggested: (suggestion: string) => string,
 *   control: (page: PageFacts, example: Example, onLabel: (label: string) => void) => Control,
 * }} Decision
 * Each label is the same in its canonical form. `words` tell a choice; suggestions that are offered are not empty.
 */

const SEPARATOR = ";";
const ANOTHER = "\u0000";

/** @param {string} text */
const labelsOf = (text) =>
  text
    .split(SEPARATOR)
    .map((each) => each.trim())
    .filter(Boolean)
    .sort();

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

/** @type {{ class: Decision, ordered: Decision, labels: Decision, number: Decision }} */
const DECISIONS = {
  class: {
    canonical: (text) => text.trim(),
    shown: (text) => text,
    words: (label, page) => (page.classes.includes(label) ? label : tr("{label} (a new class)", { label })),
    suggested: (suggestion) => suggestion.trim(),
    control: classControl,
  },
  ordered: {
    canonical: (text) => text.trim(),
    shown: (text) => text,
    words: (label) => label,
    suggested: (suggestion) => suggestion.trim(),
    control: classControl,
  },
  labels: {
    canonical: (text) => labelsOf(text).join(SEPARATOR),
    shown: (text) => labelsOf(text).join(", ") || tr("no label"),
    words: (label) => DECISIONS.labels.shown(label),
    suggested: (suggestion) => DECISIONS.labels.canonical(suggestion),
    control: labelsControl,
  },
  number: {
    canonical: (text) => String(Number(text)),
    shown: (text) => text,
    words: (label) => label,
    suggested: () => "",
    control: numberControl,
  },
};

/** @param {PageFacts} page */
export const decisionOf = (page) => DECISIONS[page.kind];
