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
import { gradientAt, tensorOf } from "./values.js";
import { message, messageWith } from "./words/message.js";
/** @import { Layer, OpenedUnit, Pinned, Terms, ThreeWays, Unit, Weighing, Weight } from "./types.js" */
/** @import { MessageKey } from "./words/message.js" */

// The error flowing back: the gradient at a layer, and the chain rule at the pinned unit.

/** How the layer's gradient by hand compares with that by autograd. @param {Layer} layer */
function normWords({ norm, disagreement }) {
  if (norm === null) return [];
  const parts = { norm: shown(norm, 4), share: disagreement === null ? "" : shown(disagreement, 2) };
  return [element("p", {}, message(parts.share ? "gradientLengthChecked" : "gradientLength", parts))];
}

/**
 * The gradient at one number, and what it passes on.
 * @param {Layer} layer @param {Unit} unit @param {OpenedUnit | null} found
 */
function chainView(layer, unit, found) {
  const above = gradientAt(layer.name, unit);
  if (above === undefined) return [element("p", { class: "quiet" }, message("noGradientHere"))];
  const gradient = element("span", { class: "number", id: "above" }, shown(above, 6));
  const key = above === 0 ? "gradientStays" : above > 0 ? "gradientGrows" : "gradientFalls";
  const words = messageWith(key, { gradient, size: shown(Math.abs(above), 3) });
  const parts = [element("p", {}, ...words)];
  return found ? [...parts, ...passedOn(above, found)] : parts;
}

/** @param {number} above @param {OpenedUnit} found */
function passedOn(above, { weighings, choice, curve, steps }) {
  if (weighings.length === 1 && !steps.length) {
    return [element("p", {}, message("passesOn")), chainTable(above, weighings[0])];
  }
  if (choice) {
    return [element("p", {}, message("passesToWinner", { place: indexText(choice.source) }))];
  }
  const slope = curve && steps.find(([words]) => words === message("stepSlope"))?.[1];
  if (typeof slope !== "number") return [];
  const words = message("passesBySlope", {
    above: shown(above),
    slope: shown(slope),
    product: shown(above * slope),
  });
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
  const head = headOf([message("columnAt"), message("columnToSeen"), message("columnToWeight")]);
  return scrolling(message("chainLabel"), element("table", {}, head, element("tbody", {}, ...rows)));
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
  if (rest > 0) rows.push(totalRow(message("restTerms", { count: counted(rest) }), total - kept));
  rows.push(totalRow(message("sumOfTerms"), total));
  const head = headOf([
    message("columnUsed"),
    message("columnGradientThere"),
    message("columnTimesSeen"),
    message("columnTerm"),
  ]);
  const table = element("table", { class: "terms" }, head, element("tbody", {}, ...rows));
  return scrolling(message("termsLabel"), table);
}

/** @param {string} label @param {number[]} numbers */
const termsRow = (label, numbers) =>
  element("tr", {}, labelled(label), ...numbers.map((number) => cell(shown(number, 4))));

/** @param {string} label @param {number} total */
const totalRow = (label, total) =>
  element("tr", { class: "rest" }, labelled(label), cell(""), cell(""), cell(shown(total, 4)));

/** @param {string} label */
const labelled = (label) => element("th", { scope: "row", class: "foreign" }, label);

/** Whether the page computes gradients itself, for any input: PyTorch takes no part in them. */
const isLiving = document.querySelector(".living") !== null;

/** @param {ThreeWays} found */
function threeTable({ byHand, byAutograd, byDifference, relativeError }) {
  /** @param {string} label @param {number | null} number @param {number} [digits] */
  const line = (label, number, digits = 7) =>
    element("tr", {}, rowHead(label), cell(number === null ? message("notInPage") : shown(number, digits)));
  return element(
    "table",
    { class: "three", id: "three-ways" },
    element(
      "tbody",
      {},
      line(message("byHand"), byHand),
      ...(isLiving && byAutograd === null ? [] : [line(message("byAutograd"), byAutograd)]),
      line(message("byDifference"), byDifference),
      line(message("relativeError"), relativeError, 2),
    ),
  );
}

// One weight: which one is shown, fields to choose another, and its gradient in three ways.

/** Id of the heading over the weight that is shown. */
export const WEIGHT_TITLE = "weight-title";

/** @type {Record<string, MessageKey[]>} */
const AXES = {
  dense: ["axisUnit", "axisInput"],
  convolution: ["axisFilter", "axisChannel", "axisRow", "axisColumn"],
  "transposed-convolution": ["axisChannel", "axisFilter", "axisRow", "axisColumn"],
  neighbours: ["axisFilter", "axisNumber", "axisToken"],
  "fixed-norm": ["axisChannel"],
  "layer-norm": ["axisNumber"],
  embedding: ["axisId", "axisNumber"],
  places: ["axisPlace", "axisNumber"],
  "class-token": ["axisToken", "axisNumber"],
  "layer-scale": ["axisNumber"],
  "weighed-sum": ["axisId", "axisUnit"],
  "mixture-density": ["axisPrior", "axisComponent", "axisNumber"],
  lstm: ["axisGates", "axisInput"],
  gru: ["axisGates", "axisInput"],
};
/** @type {Partial<Record<string, MessageKey>>} */
const BIAS_AXIS = {
  convolution: "axisFilter",
  "transposed-convolution": "axisFilter",
  neighbours: "axisFilter",
  "fixed-norm": "axisChannel",
  "layer-norm": "axisNumber",
};

/** Kinds whose tensors all have the same axes. */
const WITHOUT_BIAS = ["lstm", "gru", "mixture-density"];

/** @param {Layer} layer @param {OpenedUnit | null} found the pinned unit @param {Pinned["weight"]} asked */
function weightView(layer, found, asked) {
  const [name, index] = weightShown(layer, found, asked);
  const here = gradientsOf(layer, name, index);
  const title = message("weightTitle", { name, index: index.join(", ") });
  return [
    element("h3", { id: WEIGHT_TITLE, tabindex: "-1" }, title),
    element("p", { class: "quiet" }, message("weightChoice")),
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
  const axes = isBias ? [BIAS_AXIS[layer.kind] ?? /** @type {MessageKey} */ ("axisUnit")] : AXES[layer.kind];
  const options = learntOf(layer).map((each) => ({ value: each, text: each, selected: each === name }));
  const select = selectOf("weight-name", options, (value) => actions.pinWeight(value, null, "weight-name"));
  const fields = index.map((value, axis) => {
    const id = `weight-${axis}`;
    return indexField(id, message(axes[axis]), { value, size: shape[axis] }, (at) =>
      actions.pinWeight(name, replacedAt(index, axis, at), id),
    );
  });
  return element(
    "p",
    { class: "inputs" },
    element("label", { for: "weight-name" }, message("weightsField"), select),
    ...fields,
  );
}

/**
 * What a weight is, and where it is used, as two sentences.
 * @param {number | null} weight @param {number} count of the places at which it is used
 */
function usedWords(weight, count) {
  const is = weight === null ? message("weightNotHeld") : message("weightIs", { weight: shown(weight, 7) });
  /** @type {MessageKey} */
  const key = count === 0 ? "usedNowhere" : count === 1 ? "usedOnce" : "usedOften";
  return `${is} ${message(key, { count: counted(count) })}`;
}

/** @param {ThreeWays} here @param {string} name @param {number[]} index */
function notesOn({ step, byHand, byAutograd, byDifference }, name, index) {
  const notes = [];
  if (step !== null) {
    notes.push(message("differenceStep", { step: shown(step, 2) }));
  }
  if ([byHand, ...(isLiving ? [] : [byAutograd]), byDifference].includes(null)) {
    const call = `pellucid.explain(model, input).weight("${name}", ${indexText(index)})`;
    notes.push(message("weightInPython", { call }));
  }
  return notes.map((words) => element("p", { class: "quiet" }, words));
}

// What is shown of a layer and its pinned unit when the error flows back.

/** @param {Pinned} pinned @param {OpenedUnit | null} found */
export function backwardView({ layer, unit, weight }, found) {
  // What was checked beforehand is about the input that the page opened with, and is hidden beside any other.
  const holder = ":not([hidden]) > [hidden] > ";
  const checks = document.querySelector(`${holder}[data-checks="${CSS.escape(layer.name)}"]`);
  return [
    ...normWords(layer),
    ...chainView(layer, unit, found),
    ...(hasLearnt(layer) ? weightView(layer, found, weight) : []),
    ...(checks ? [...checks.children].map((child) => child.cloneNode(true)) : []),
  ];
}
