// The error flowing back: the gradient at a layer, and the chain rule at the pinned unit.
import { gradientAt } from "../../arithmetic/values.js";
import { SLOPE } from "../../arithmetic/pointwise.js";
import { largest } from "../../data/arrays.js";
import { element } from "../../dom/element.js";
import { indexText, shown } from "../../dom/numbers.js";
import { cell, headOf, rowHead, scrolling } from "../../dom/tables.js";
import { nameOf } from "../unit/products.js";
/** @import { Layer, OpenedUnit, Unit, Weighing } from "../../types.js" */

/**
 * How the layer's gradient by hand compares with that by autograd.
 * @param {Layer} layer
 */
export function normWords({ norm, disagreement }) {
  if (norm === null) return [];
  const same = disagreement === null ? "" : shown(disagreement, 2);
  return [
    element(
      "p",
      {},
      `Length of the gradient at this layer: ${shown(norm, 4)}.`,
      same && ` By hand and by autograd it is the same to ${same} of its largest entry.`,
    ),
  ];
}

/**
 * The gradient at one number, and what it passes on.
 * @param {Layer} layer
 * @param {Unit} unit
 * @param {OpenedUnit | null} found
 */
export function chainView(layer, unit, found) {
  const above = gradientAt(layer.name, unit);
  if (above === undefined) {
    const none =
      "There is no gradient here: the loss does not depend on it, or it does not fit into the page.";
    return [element("p", { class: "quiet" }, none)];
  }
  const number = element("span", { class: "number", id: "above" }, shown(above, 6));
  const words = `. If the number grew by a little, the loss would ${effectOf(above)}.`;
  const parts = [element("p", {}, "Gradient of the loss at this number: ", number, words)];
  return found ? [...parts, ...passedOn(above, found)] : parts;
}

/** @param {number} above */
function effectOf(above) {
  if (above === 0) return "stay as it is";
  return `${above > 0 ? "grow" : "fall"} by ${shown(Math.abs(above), 3)} times as much`;
}

/**
 * @param {number} above
 * @param {OpenedUnit} found
 */
function passedOn(above, { weighings, choice, curve, steps }) {
  if (weighings.length === 1 && !steps.length) {
    const words =
      "By the chain rule it passes on, to each number it saw, itself times the weight, and to each weight itself times the number seen:";
    return [element("p", {}, words), chainTable(above, weighings[0])];
  }
  if (choice) {
    const words = `All of it goes to the winner at ${indexText(choice.source)}; the other numbers of the window get nothing.`;
    return [element("p", {}, words)];
  }
  const slope = curve && steps.find(([words]) => words === SLOPE)?.[1];
  if (typeof slope !== "number") return [];
  const words = `passed on: ${shown(above)} \u00d7 slope ${shown(slope)} = ${shown(above * slope)}`;
  return [element("p", { class: "equation" }, words)];
}

/**
 * @param {number} above
 * @param {Weighing} weighing
 */
function chainTable(above, weighing) {
  /** @param {number} other */
  const product = (other) =>
    cell(`${shown(above, 3)} \u00d7 ${shown(other, 3)} = ${shown(above * other, 3)}`);
  const rows = largest(weighing.products, 12).map((at) =>
    element(
      "tr",
      {},
      rowHead(nameOf(weighing, at)),
      product(weighing.weights[at]),
      product(weighing.patch[at]),
    ),
  );
  const head = headOf(["at", "to the number seen", "to the weight"]);
  return scrolling("chain rule", element("table", {}, head, element("tbody", {}, ...rows)));
}
