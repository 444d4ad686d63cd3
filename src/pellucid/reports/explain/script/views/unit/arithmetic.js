// The arithmetic of one unit, as tables to read and as text to copy.
import { chosenUnits, openUnit } from "../../arithmetic/kinds/units.js";
import { NOT_IN_THE_PAGE, unlessMissing } from "../../data/missing.js";
import { button } from "../../dom/controls.js";
import { element } from "../../dom/element.js";
import { indexText, shown } from "../../dom/numbers.js";
import { actions } from "../actions.js";
import { attentionView } from "./attention.js";
import { gatesView } from "./gates.js";
import { choiceView, curveView, softmaxView, weighingView } from "./parts.js";
import { nameOf, shownProducts } from "./products.js";
/** @import { ComparedUnit, Layer, OpenedUnit, Step, Unit } from "../../types.js" */

/** Rounding explains a difference of so many times what was added up. */
const TOLERANCE = 1e-5;

/**
 * What a unit's calculation is, and how it is shown.
 * @param {Layer} layer
 * @param {Unit} unit
 * @returns {{ parts: Element[], found: ComparedUnit | null }}
 */
export function arithmeticView(layer, unit) {
  const found = unlessMissing(() => openUnit(layer, unit));
  const parts = found ? [verdict(found), ...calculationView(layer, unit, found)] : missingView(layer, unit);
  const looks = layer.kind === "attention-weights" ? attentionView(layer, unit) : [];
  return { parts: [...looks, ...parts], found };
}

/**
 * @param {Layer} layer
 * @param {Unit} unit
 */
function missingView(layer, unit) {
  const inPython = `pellucid.explain(model, input).unit(\u201c${layer.name}\u201d, ${indexText(unit)})`;
  const parts = [
    element("p", { class: "quiet" }, `${NOT_IN_THE_PAGE}. In Python, ${inPython} opens any unit.`),
  ];
  const chosen = chosenUnits(layer);
  if (chosen.length) {
    const buttons = chosen.map((each) =>
      button({ class: "plain-button" }, indexText(each.unit), () => actions.pinUnit(each.unit)),
    );
    parts.push(element("p", {}, "Units of this layer that the page can open: ", ...buttons));
  }
  return parts;
}

/** @param {ComparedUnit} found */
function verdict({ network, value, difference, magnitude }) {
  const agrees = difference <= TOLERANCE * magnitude;
  return element(
    "p",
    { class: agrees ? "verdict" : "verdict wrong", id: "verdict" },
    `network says ${shown(network, 7)}, by hand ${shown(value, 7)}, difference ${shown(difference, 2)}`,
    agrees ? "" : ": more than rounding explains",
  );
}

/**
 * @param {Layer} layer
 * @param {Unit} unit
 * @param {OpenedUnit} found
 * @returns {Element[]}
 */
function calculationView(layer, unit, { history, weighings, choice, value, curve, steps, powers }) {
  const isRecurrent = layer.kind === "lstm" || layer.kind === "gru";
  const mean = "A mean is a convolution whose weights are all equal and never learnt.";
  return [
    ...(isRecurrent && history ? [gatesView(layer, unit[0], history)] : []),
    ...weighings.flatMap(weighingView),
    ...(layer.kind.includes("average") ? [element("p", { class: "quiet" }, mean)] : []),
    ...(choice ? choiceView(layer, choice, value) : []),
    ...(curve ? [curveView(layer.kind, curve)] : []),
    ...(steps.length ? [stepsList(steps)] : []),
    ...(powers ? [softmaxView(powers)] : []),
  ];
}

/** @param {Step[]} steps */
const stepsList = (steps) =>
  element(
    "ol",
    { class: "steps" },
    ...steps.map(([words, number]) =>
      element("li", {}, element("span", {}, words), element("span", { class: "number" }, shown(number, 7))),
    ),
  );

/**
 * @param {Layer} layer
 * @param {Unit} unit
 * @param {ComparedUnit} found
 */
export function arithmeticText(layer, unit, { weighings, choice, steps, network, value, difference }) {
  const lines = [`${layer.name} (${layer.words}), unit ${indexText(unit)}`];
  for (const weighing of weighings) {
    const { name, patch, weights, products, sum, bias } = weighing;
    if (name) lines.push(`${name}:`);
    const order = shownProducts(weighing);
    for (const at of order) {
      lines.push(`  ${nameOf(weighing, at)}: ${weights[at]} \u00d7 ${patch[at]} = ${products[at]}`);
    }
    if (products.length > order.length) {
      lines.push(`  and ${products.length - order.length} smaller products`);
    }
    lines.push(`  sum ${sum} + bias ${bias} = ${weighing.value}`);
  }
  if (choice) {
    lines.push(`largest of ${choice.data.length} numbers, at ${indexText(choice.source)} of what is pooled`);
  }
  for (const [words, number] of steps) lines.push(`${words} = ${number}`);
  lines.push(`network says ${network}, by hand ${value}, difference ${difference}`);
  return lines.join("\n");
}
