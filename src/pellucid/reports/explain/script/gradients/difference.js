// The gradient of a weight by a central difference: the network from its layer on, that weight moved a little.
import { value } from "../arithmetic/values.js";
import { partOf, ravel, wholeOf } from "../data/arrays.js";
import { need, needWhole } from "../data/missing.js";
import { stored } from "../data/stored.js";
import { told } from "../data/told.js";
import { run } from "./runs.js";
/** @import { HiddenLayer, Layer, MovedWeight, Whole } from "../types.js" */
/** @import { RunKind } from "./runs.js" */

/**
 * @param {Layer} layer
 * @param {string} name
 * @param {number[]} index
 * @param {number} weight
 */
export function centralDifference(layer, name, index, weight) {
  const step = Math.cbrt(Number.EPSILON) * Math.max(1, Math.abs(weight));
  const [more, less] = [step, -step].map((by) => lossWith(layer, { name, index, by }));
  return { difference: (more - less) / (weight + step - (weight - step)), step };
}

/**
 * The loss, or the predicted number, of the network when one weight is moved. Terms that it does not reach are
 * the network's own in both runs.
 * @param {Layer} layer
 * @param {MovedWeight} moved
 */
function lossWith(layer, moved) {
  /** @type {Map<string, Whole>} */
  const held = new Map();
  for (const each of told.layers.slice(told.layers.indexOf(layer))) {
    if (!isBeforeAnswer(each)) continue;
    if (each !== layer && !each.takes.some((name) => held.has(name))) continue;
    const sources = each.takes.map((name) => held.get(name) || needWhole(value(name)));
    const weights = each.weights.map((name) => tensorWith(name, moved));
    held.set(each.name, run(each, sources, weights));
  }
  const terms = Object.entries(told.terms);
  if (terms.length) {
    return terms.reduce((sum, [name, factor]) => {
      const term = held.get(name) || needWhole(value(name));
      return sum + factor * term.data[0];
    }, 0);
  }
  const outputs = Array.from(need(held.get(told.output)).data);
  if (told.against === null) return outputs[0];
  const most = Math.max(...outputs);
  return Math.log(outputs.reduce((sum, z) => sum + Math.exp(z - most), 0)) + most - outputs[told.against];
}

/**
 * @param {Layer | HiddenLayer} layer
 * @returns {layer is Layer<RunKind>}
 */
const isBeforeAnswer = (layer) => !layer.hidden && !told.answers.includes(layer.name);

/**
 * A tensor of weights, one number of it moved.
 * @param {string} name
 * @param {MovedWeight} moved
 */
function tensorWith(name, moved) {
  const found = need(stored(name));
  if (moved.name !== name) return found;
  const { shape, kept } = found;
  const data = Float64Array.from(found.data);
  const first = kept ? kept.indexOf(moved.index[0]) : moved.index[0];
  data[ravel([first, ...moved.index.slice(1)], shape)] += moved.by;
  return kept ? partOf(shape, data, kept) : wholeOf(shape, data);
}
