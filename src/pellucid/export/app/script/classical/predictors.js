// Classical models on features: the weighed sum of a linear model, the trees of a forest, the same answer always.
//
// Features are the numbers that differ from 0 and the columns they stand in; those of a hidden layer stand in all.
import { softmaxOf } from "../answering/probabilities.js";
import { byKernel } from "./kernel.js";
/** @import { Arrays, Features, Predictor, Question } from "../types.js" */

/**
 * The scores of the classes that were there to learn; their softmax are the probabilities, all others are 0.
 * @param {Features} features
 * @param {Arrays} arrayOf
 */
export function scoresOf({ columns, values }, arrayOf) {
  const { data, shape } = arrayOf("weights");
  const scores = Float64Array.from(arrayOf("bias").data);
  const width = shape[1];
  for (let at = 0; at < columns.length; at += 1) {
    for (let c = 0; c < width; c += 1) scores[c] += values[at] * data[columns[at] * width + c];
  }
  return scores;
}

/**
 * @param {Predictor} told
 * @param {Features} features
 * @param {Arrays} arrayOf
 */
function linear({ outputs, number }, features, arrayOf) {
  const scores = scoresOf(features, arrayOf);
  if (number) return Array.from(scores);
  const said = new Array(outputs).fill(0);
  const shares = softmaxOf(scores);
  arrayOf("classes").data.forEach((/** @type {number} */ of, /** @type {number} */ at) => {
    said[of] = shares[at];
  });
  return said;
}

/**
 * The mean over the trees of what the leaves answer.
 * @param {Predictor} told
 * @param {Features} features
 * @param {Arrays} arrayOf
 */
function forest({ outputs, number }, features, arrayOf) {
  const walk = walker(features, arrayOf);
  const held = leafReader(arrayOf);
  const roots = arrayOf("roots").data;
  const said = new Array(outputs).fill(0);
  for (const root of roots) {
    const leaf = held(walk(root));
    const whole = number ? 1 : leaf.reduce((sum, { content }) => sum + content, 0);
    for (const { entry, content } of leaf) said[entry] += content / whole / roots.length;
  }
  return said;
}

/**
 * The way from a root to its leaf: to the left where the feature is at most the threshold.
 * @param {Features} features
 * @param {Arrays} arrayOf
 */
export function walker({ columns, values }, arrayOf) {
  const seen = new Map(columns.map((column, at) => [column, values[at]]));
  const [feature, threshold, left, right] = ["feature", "threshold", "left", "right"].map(
    (name) => arrayOf(name).data,
  );
  /** @param {number} root @param {Question[]} [asked] questions on the way are added to it */
  return (root, asked) => {
    let place = root;
    while (place >= 0) {
      const value = seen.get(feature[place]) || 0;
      const isYes = value <= threshold[place];
      if (asked) asked.push({ column: feature[place], value, threshold: threshold[place], isYes });
      place = isYes ? left[place] : right[place];
    }
    return -1 - place;
  };
}

/**
 * What a leaf holds: training examples by class, or the one number.
 * @param {Arrays} arrayOf
 */
export function leafReader(arrayOf) {
  const [ends, entry, content] = ["ends", "entry", "content"].map((name) => arrayOf(name).data);
  /** @param {number} leaf */
  return (leaf) => {
    const held = [];
    for (let at = leaf ? ends[leaf - 1] : 0; at < ends[leaf]; at += 1) {
      held.push({ entry: entry[at], content: content[at] });
    }
    return held;
  };
}

/** @type {Record<Predictor["kind"], (told: Predictor, features: Features, arrayOf: Arrays) => number[]>} */
const PREDICTORS = {
  linear,
  forest,
  kernel: byKernel,
  constant: (_, __, arrayOf) => Array.from(arrayOf("answer").data),
};

/**
 * What a predictor says of some features: probabilities, or the one number predicted.
 * @param {Predictor} told
 * @param {Features} features
 * @param {Arrays} arrayOf
 */
export const predicted = (told, features, arrayOf) => PREDICTORS[told.kind](told, features, arrayOf);

/**
 * Probabilities made bolder, below 1, or more cautious, above 1.
 * @param {number[]} probabilities
 * @param {number} temperature
 */
export function tempered(probabilities, temperature) {
  if (temperature === 1) return probabilities;
  const most = Math.max(...probabilities);
  const powers = probabilities.map((probability) => (probability / most) ** (1 / temperature));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

/**
 * Weights and bias of a linear model for a class, less their means over all classes: the part of its score that the
 * softmax looks at, as on the explain page. Of numbers as they are.
 * @param {Arrays} arrayOf
 * @param {number} best position of the class
 */
export function linearFor(arrayOf, best) {
  const { data, shape } = arrayOf("weights");
  const biases = Array.from(arrayOf("bias").data);
  const own = Array.from(arrayOf("classes").data).indexOf(best);
  const count = shape[1];
  /** @param {number[]} values */
  const above = (values) =>
    values[own] - (count > 1 ? values.reduce((sum, each) => sum + each, 0) / count : 0);
  return {
    bias: above(biases),
    /** @param {number} column */
    weightOf: (column) => above(Array.from(data.subarray(column * count, (column + 1) * count))),
  };
}
