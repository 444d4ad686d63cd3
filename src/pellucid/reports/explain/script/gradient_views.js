// What is shown of the error that flows back: the chain rule at a unit, and the gradient of a weight.
import { clamp, largest, loudestIn, need, replacedAt } from "./arrays.js";
import {
  cell,
  counted,
  element,
  headOf,
  indexField,
  indexText,
  rowHead,
  scrolling,
  selectOf,
  shown,
} from "./dom.js";
import { gradientsOf } from "./gradients.js";
import { hasLearnt, learntOf, stored } from "./page_data.js";
import { actions, nameOf } from "./unit_views.js";
import { SLOPE } from "./units.js";
import { gradientAt, tensorOf } from "./values.js";
/** @import { Layer, OpenedUnit, Pinned, Terms, ThreeWays, Unit, Weighing, Weight } from "./types.js" */

// The error flowing back: the gradient at a layer, and the chain rule at the pinned unit.

/** How the layer's gradient by hand compares with that by autograd. @param {Layer} layer */
function normWords({ norm, disagreement }) {
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
 * @param {Layer} layer @param {Unit} unit @param {OpenedUnit | null} found
 */
function chainView(layer, unit, found) {
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

/** @param {number} above @param {OpenedUnit} found */
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

/** @param {number} above @param {Weighing} weighing */
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

// The gradient of one weight: the terms of the chain rule, and the three ways in one table.

const SHOWN_TERMS = 12;

/** @param {Terms} terms */
function termsTable({ above, seen, at }) {
  const products = above.map((each, place) => each * seen[place]);
  const order = largest(products, SHOWN_TERMS).filter((place, rank) => rank === 0 || products[place] !== 0);
  const total = products.reduce((sum, each) => sum + each, 0);
  const kept = order.reduce((sum, place) => sum + products[place], 0);
  const rows = order.map((place) => termsRow(at(place), [above[place], seen[place], products[place]]));
  const rest = products.length - order.length;
  if (rest > 0) rows.push(totalRow(`${counted(rest)} smaller terms`, total - kept));
  rows.push(totalRow("sum: the gradient of this weight", total));
  const head = headOf(["where it is used", "gradient there", "\u00d7 number seen", "= term"]);
  const table = element("table", { class: "terms" }, head, element("tbody", {}, ...rows));
  return scrolling("terms of the chain rule", table);
}

/** @param {string} label @param {number[]} numbers */
const termsRow = (label, numbers) =>
  element("tr", {}, labelled(label), ...numbers.map((number) => cell(shown(number, 4))));

/** @param {string} label @param {number} total */
const totalRow = (label, total) =>
  element("tr", { class: "rest" }, labelled(label), cell(""), cell(""), cell(shown(total, 4)));

/** @param {string} label */
const labelled = (label) => element("th", { scope: "row", class: "foreign" }, label);

/** @param {ThreeWays} found */
function threeTable({ byHand, byAutograd, byDifference, relativeError }) {
  /** @param {string} label @param {number | null} number @param {number} [digits] */
  const line = (label, number, digits = 7) =>
    element("tr", {}, rowHead(label), cell(number === null ? "not in the page" : shown(number, digits)));
  return element(
    "table",
    { class: "three", id: "three-ways" },
    element(
      "tbody",
      {},
      line("by hand: the sum above, in this page", byHand),
      line("by autograd (PyTorch)", byAutograd),
      line("by central difference, in this page", byDifference),
      line("relative error", relativeError, 2),
    ),
  );
}

// One weight: which one is shown, fields to choose another, and its gradient in three ways.

/** Id of the heading over the weight that is shown. */
export const WEIGHT_TITLE = "weight-title";

/** @type {Record<string, string[]>} */
const AXES = {
  dense: ["unit", "input"],
  convolution: ["filter", "channel", "row", "column"],
  "transposed-convolution": ["channel", "filter", "row", "column"],
  neighbours: ["filter", "number", "token"],
  "fixed-norm": ["channel"],
  "layer-norm": ["number"],
  embedding: ["id", "number"],
  places: ["place", "number"],
  "weighed-sum": ["id", "unit"],
  "mixture-density": ["prior", "component", "number"],
  lstm: ["row of gates", "input"],
  gru: ["row of gates", "input"],
};
/** @type {Partial<Record<string, string>>} */
const BIAS_AXIS = {
  convolution: "filter",
  "transposed-convolution": "filter",
  neighbours: "filter",
  "fixed-norm": "channel",
  "layer-norm": "number",
};

/** Kinds whose tensors all have the same axes. */
const WITHOUT_BIAS = ["lstm", "gru", "mixture-density"];

/** @param {Layer} layer @param {OpenedUnit | null} found the pinned unit @param {Pinned["weight"]} asked */
function weightView(layer, found, asked) {
  const [name, index] = weightShown(layer, found, asked);
  const here = gradientsOf(layer, name, index);
  const title = `One weight: ${name}[${index.join(", ")}]`;
  const choice =
    "Any weight of this layer can be chosen: by its numbers below, or by a click on it among the products of a unit.";
  return [
    element("h3", { id: WEIGHT_TITLE, tabindex: "-1" }, title),
    element("p", { class: "quiet" }, choice),
    weightInputs(layer, name, index),
    ...(here.terms
      ? [element("p", {}, usedWords(here.weight, here.terms.above.length)), termsTable(here.terms)]
      : []),
    threeTable(here),
    ...notesOn(here, name, index),
  ];
}

/**
 * The weight that is shown: the one that was asked for, or that of the pinned unit's largest product.
 * @param {Layer} layer @param {OpenedUnit | null} found @param {Pinned["weight"]} asked @returns {Weight}
 */
function weightShown(layer, found, asked) {
  const names = learntOf(layer);
  if (asked && names.includes(asked[0])) {
    const [name, index] = asked;
    return [name, index ? clamp(index, need(stored(name)).shape) : loudestWeight(name)];
  }
  const weighing = found && found.weighings[0];
  if (weighing && weighing.weightAt) {
    const [name, index] = weighing.weightAt(largest(weighing.products, 1)[0]);
    if (names.includes(name)) return [name, index];
  }
  return [names[0], loudestWeight(names[0])];
}

/**
 * Index of the weight on which the loss depends most, or of the first where the page lacks these gradients.
 * @param {string} name of a tensor
 */
function loudestWeight(name) {
  const gradients = stored(`autograd:${name}`);
  return loudestIn(gradients || { ...need(stored(name)), data: new Float32Array(1) });
}

/** @param {Layer} layer @param {string} name @param {number[]} index */
function weightInputs(layer, name, index) {
  const part = layer.weights.indexOf(name);
  const { shape } = tensorOf(layer, part);
  const isBias = part > 0 && !WITHOUT_BIAS.includes(layer.kind);
  const axes = isBias ? [BIAS_AXIS[layer.kind] || "unit"] : AXES[layer.kind];
  const options = learntOf(layer).map((each) => ({ value: each, text: each, selected: each === name }));
  const select = selectOf("weight-name", options, (value) => actions.pinWeight(value, null, "weight-name"));
  const fields = index.map((value, axis) => {
    const id = `weight-${axis}`;
    return indexField(id, axes[axis], { value, size: shape[axis] }, (at) =>
      actions.pinWeight(name, replacedAt(index, axis, at), id),
    );
  });
  return element(
    "p",
    { class: "inputs" },
    element("label", { for: "weight-name" }, "Weights ", select),
    ...fields,
  );
}

/** @param {number | null} weight @param {number} count of the places at which it is used */
function usedWords(weight, count) {
  const is = weight === null ? "The page does not hold this weight." : `The weight is ${shown(weight, 7)}.`;
  const times =
    ["It is not used on this input", "It is used once"][count] ?? `It is used at ${counted(count)} places`;
  return `${is} ${times}; by the chain rule its gradient is the sum, over these, of the gradient there times the number that it meets.`;
}

/** @param {ThreeWays} here @param {string} name @param {number[]} index */
function notesOn({ step, byHand, byAutograd, byDifference }, name, index) {
  const notes = [];
  if (step !== null) {
    notes.push(
      `For the difference this page computed the network from this layer on twice, with the weight moved by ${shown(step, 2)} to either side.`,
    );
  }
  if ([byHand, byAutograd, byDifference].includes(null)) {
    const inPython = `pellucid.explain(model, input).weight(\u201c${name}\u201d, ${indexText(index)})`;
    notes.push(`Not all of it fits into the page. In Python, ${inPython} gives all three.`);
  }
  return notes.map((words) => element("p", { class: "quiet" }, words));
}

// What is shown of a layer and its pinned unit when the error flows back.

/** @param {Pinned} pinned @param {OpenedUnit | null} found */
export function backwardView({ layer, unit, weight }, found) {
  const checks = document.querySelector(`[data-checks="${CSS.escape(layer.name)}"]`);
  return [
    ...normWords(layer),
    ...chainView(layer, unit, found),
    ...(hasLearnt(layer) ? weightView(layer, found, weight) : []),
    ...(checks ? [...checks.children].map((child) => child.cloneNode(true)) : []),
  ];
}
