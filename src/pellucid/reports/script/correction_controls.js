// Controls below an example by which its label is corrected, or the example left out.
import { button, element } from "../explain/script/dom.js";
import { decisionOf } from "./decision.js";
import { tr } from "./tr.js";
/** @import { Choice, Control, Example, PageFacts } from "./decision.js" */

/**
 * A choice in words.
 * @param {PageFacts} page @param {Choice} choice
 */
export function choiceText(page, choice) {
  if (choice.action === "leave-out") return tr("left out");
  if (choice.action === "right") return tr("label is right");
  return `→ ${decisionOf(page).words(choice.label, page)}`;
}

/**
 * Everything by which one example is corrected.
 * @param {PageFacts} page @param {Example} example @param {(choice: Choice | null) => void} onChoice
 * @returns {Control}
 */
export function controlsOf(page, example, onChoice) {
  const decision = decisionOf(page);
  const same = (/** @type {string} */ one, /** @type {string} */ other) =>
    decision.canonical(one) === decision.canonical(other);
  const label = (/** @type {string} */ text) =>
    onChoice(same(text, example.was) ? null : { action: "label", label: decision.canonical(text) });
  const control = decision.control(page, example, label);
  let chosen = /** @type {Choice | undefined} */ (undefined);
  const toggle = (/** @type {Choice} */ choice) => () => {
    const isPressed = chosen?.action === choice.action && chosen.label === choice.label;
    onChoice(isPressed ? null : choice);
  };
  const offered = [
    { text: tr("Label is right"), choice: { action: "right", label: "" } },
    { text: tr("Leave out"), choice: { action: "leave-out", label: "" } },
  ];
  const suggested = decision.suggested(example.suggestion);
  const hasSuggestion = suggested !== "" && !same(suggested, example.was);
  if (hasSuggestion) {
    const text = `→ ${decision.shown(suggested)}`;
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
