// One weight: which one is shown, fields to choose another, and its gradient in three ways.
import { tensorOf } from "../../arithmetic/weighing.js";
import { clamp, largest, loudestIn, replacedAt } from "../../data/arrays.js";
import { need } from "../../data/missing.js";
import { stored } from "../../data/stored.js";
import { learntOf } from "../../data/told.js";
import { indexField, selectOf } from "../../dom/controls.js";
import { element } from "../../dom/element.js";
import { counted, indexText, shown } from "../../dom/numbers.js";
import { gradientsOf } from "../../gradients/three_ways.js";
import { actions } from "../actions.js";
import { termsTable, threeTable } from "./weight_tables.js";
/** @import { Layer, LearntKind, OpenedUnit, Pinned, ThreeWays, Weight } from "../../types.js" */

/** Id of the heading over the weight that is shown. */
export const WEIGHT_TITLE = "weight-title";

/** @type {Record<LearntKind, string[]>} */
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
/** @type {Partial<Record<LearntKind, string>>} */
const BIAS_AXIS = {
  convolution: "filter",
  "transposed-convolution": "filter",
  neighbours: "filter",
  "fixed-norm": "channel",
  "layer-norm": "number",
};

/** @type {LearntKind[]} Kinds whose tensors all have the same axes. */
const WITHOUT_BIAS = ["lstm", "gru", "mixture-density"];

/**
 * @param {Layer<LearntKind>} layer
 * @param {OpenedUnit | null} found the pinned unit
 * @param {Pinned["weight"]} asked
 */
export function weightView(layer, found, asked) {
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
 * @param {Layer} layer
 * @param {OpenedUnit | null} found
 * @param {Pinned["weight"]} asked
 * @returns {Weight}
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

/**
 * @param {Layer<LearntKind>} layer
 * @param {string} name
 * @param {number[]} index
 */
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

/**
 * @param {number | null} weight
 * @param {number} count of the places at which it is used
 */
function usedWords(weight, count) {
  const is = weight === null ? "The page does not hold this weight." : `The weight is ${shown(weight, 7)}.`;
  const times =
    ["It is not used on this input", "It is used once"][count] ?? `It is used at ${counted(count)} places`;
  return `${is} ${times}; by the chain rule its gradient is the sum, over these, of the gradient there times the number that it meets.`;
}

/**
 * @param {ThreeWays} here
 * @param {string} name
 * @param {number[]} index
 */
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
