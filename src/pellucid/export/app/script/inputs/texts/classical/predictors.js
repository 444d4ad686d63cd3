// Classical models on features: the weighed sum of a linear model, the trees of a forest, the same answer always.
//
// Features are the numbers that differ from 0 and the columns they stand in; those of a hidden layer stand in all.
import { softmaxOf } from "../../../answering/probabilities.js";
import { byKernel } from "./kernel.js";
/** @import { Numbers } from "../../../../../../reports/explain/script/types.js" */
/** @import { Features, Predictor } from "../types.js" */

/** @typedef {(name: string) => Numbers} Arrays of a predictor, by their names */

/**
 * The scores of the classes that were there to learn; their softmax are the probabilities, all others are 0.
 * @param {Predictor} told
 * @param {Features} features
 * @param {Arrays} arrayOf
 */
function linear({ outputs, number }, { columns, values }, arrayOf) {
  const { data, shape } = arrayOf("weights");
  const scores = Float64Array.from(arrayOf("bias").data);
  const width = shape[1];
  columns.forEach((column, at) => {
    for (let c = 0; c < width; c += 1) scores[c] += values[at] * data[column * width + c];
  });
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
function forest({ outputs, number }, { columns, values }, arrayOf) {
  const seen = new Map(columns.map((column, at) => [column, values[at]]));
  const [roots, ends, entry, content] = ["roots", "ends", "entry", "content"].map(
    (name) => arrayOf(name).data,
  );
  const next = stepper(arrayOf, seen);
  const said = new Array(outputs).fill(0);
  for (const root of roots) {
    let place = root;
    while (place >= 0) place = next(place);
    const leaf = -1 - place;
    const first = leaf ? ends[leaf - 1] : 0;
    let total = 0;
    for (let at = first; at < ends[leaf]; at += 1) total += content[at];
    const whole = number ? 1 : total;
    for (let at = first; at < ends[leaf]; at += 1) said[entry[at]] += content[at] / whole / roots.length;
  }
  return said;
}

/**
 * What follows a question: to the left where the feature is at most the threshold.
 * @param {Arrays} arrayOf
 * @param {Map<number, number>} seen
 */
function stepper(arrayOf, seen) {
  const [feature, threshold, left, right] = ["feature", "threshold", "left", "right"].map(
    (name) => arrayOf(name).data,
  );
  /** @param {number} node */
  return (node) => ((seen.get(feature[node]) || 0) <= threshold[node] ? left[node] : right[node]);
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
