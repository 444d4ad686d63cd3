// One weighed sum, with all its products, and which weight stands at each of its places.
import { unravel } from "../data/arrays.js";
import { need } from "../data/missing.js";
import { stored } from "../data/stored.js";
/** @import { Floats, Kind, Layer, Shape, Weighing, Weight } from "../types.js" */

/** @type {Weighing["columns"]} */
const SEEN = ["seen", "weight"];
/** @type {Partial<Record<Kind, Weighing["columns"]>>} */
const COLUMNS = { "attention-weights": ["key", "query"], attention: ["value", "weight"] };

/**
 * What the factors of a layer's products are called.
 * @param {Kind} kind
 */
export const factorsOf = (kind) => COLUMNS[kind] ?? SEEN;

/**
 * @param {Pick<Weighing, "patch" | "weights" | "shape" | "bias"> & Partial<Weighing>} parts
 * @returns {Weighing}
 */
export function weigh({
  patch,
  weights,
  shape,
  bias,
  name = "",
  names = null,
  columns = SEEN,
  weightAt = null,
}) {
  const products = new Float64Array(patch.length);
  let sum = 0;
  let magnitude = Math.abs(bias);
  for (let at = 0; at < patch.length; at += 1) {
    products[at] = weights[at] * patch[at];
    sum += products[at];
    magnitude += Math.abs(products[at]);
  }
  const sums = sumsOfChannels(products, shape[0]);
  return {
    name,
    patch,
    weights,
    shape,
    bias,
    products,
    sums,
    sum,
    value: sum + bias,
    magnitude,
    names,
    columns,
    weightAt,
  };
}

/**
 * @param {Floats} products
 * @param {number} channels
 */
function sumsOfChannels(products, channels) {
  const size = products.length / channels;
  return Array.from({ length: channels }, (_, channel) => {
    let total = 0;
    for (let at = channel * size; at < (channel + 1) * size; at += 1) total += products[at];
    return total;
  });
}

/**
 * The tensor that holds a layer's weights.
 * @param {Layer} layer
 * @param {number} [which]
 */
export const tensorOf = (layer, which = 0) => need(stored(layer.weights[which]));

/**
 * @param {Layer} layer
 * @param {number} unit
 */
export const biasOf = (layer, unit) => (layer.weights.length > 1 ? need(tensorOf(layer, 1).row(unit))[0] : 0);

/** @type {Partial<Record<Kind, (at: number, shape: Shape) => number[]>>} */
const INSIDE_ROW = {
  dense: (at) => [at],
  convolution: (at, shape) => unravel(at, shape),
  neighbours: (at, [, numbers]) => [at % numbers, Math.floor(at / numbers)],
};

/**
 * Which weight stands at a place of what a unit sees; null where a layer's weights are not learnt.
 * @param {Layer} layer
 * @param {number} row of the tensor, which belongs to the unit
 * @param {Shape} shape of what it sees
 * @returns {((at: number) => Weight) | null}
 */
export function weightPlaces(layer, row, shape) {
  const inside = INSIDE_ROW[layer.kind];
  return inside ? (at) => [layer.weights[0], [row, ...inside(at, shape)]] : null;
}
