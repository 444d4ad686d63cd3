// How unlike the training data an input is: distances from what the training examples have in common, as a rank.
import { needWhole } from "../../../../reports/explain/script/data/missing.js";
import { stored } from "../../../../reports/explain/script/data/stored.js";
/** @import { Floats } from "../../../../reports/explain/script/types.js" */
/** @import { NoveltyFacts } from "../types.js" */

const TINY = 1e-12;
const LEAST_REACH = 1e-9;

/** @param {string} name of an array of the detector */
const arrayOf = (name) => needWhole(stored(`novelty.${name}`));

/**
 * Novelty, 0 to 1, of what the network sees of an input.
 * @param {NoveltyFacts} facts
 * @param {ArrayLike<number>} seen
 */
export const noveltyOf = ({ settings }, seen) =>
  noveltyOfSignals(directions(seen, settings.of_layer === true));

/**
 * Novelty, 0 to 1, from how foreign a measure finds an input.
 * @param {number[]} signals
 */
export const noveltyOfSignals = (signals) => placed(combined(signals));

/**
 * Signals of the Mahalanobis distance: the distance and, of a hidden layer, how weak it is.
 * @param {ArrayLike<number>} seen
 * @param {boolean} ofLayer
 */
function directions(seen, ofLayer) {
  const { offset, length } = offsetOf(seen, ofLayer);
  const along = coordinates(offset);
  const rest = arrayOf("measure.rest").data[0];
  let distance = nearestCentre(whitened(along));
  if (rest > 0) distance += Math.max(0, sumOfSquares(offset) - sumOfSquares(along)) / rest;
  return ofLayer ? [Math.sqrt(distance), -Math.log(length + TINY)] : [Math.sqrt(distance)];
}

/**
 * Features over their scale, of a hidden layer at length 1, and less the mean of the training examples.
 * @param {ArrayLike<number>} seen
 * @param {boolean} ofLayer
 */
function offsetOf(seen, ofLayer) {
  const scale = arrayOf("measure.scale").data;
  const mean = arrayOf("measure.mean").data;
  const offset = Float64Array.from(seen, (number, at) => number / scale[at]);
  const length = Math.sqrt(sumOfSquares(offset));
  const divisor = ofLayer ? Math.max(length, TINY) : 1;
  for (let at = 0; at < offset.length; at += 1) offset[at] = offset[at] / divisor - mean[at];
  return { offset, length };
}

/**
 * Along the directions in which the training examples vary most.
 * @param {Float64Array} offset
 */
function coordinates(offset) {
  const { data, shape } = arrayOf("measure.axes");
  const along = new Float64Array(shape[1]);
  for (let at = 0; at < offset.length; at += 1) {
    for (let axis = 0; axis < along.length; axis += 1) {
      along[axis] += offset[at] * data[at * along.length + axis];
    }
  }
  return along;
}

/** @param {Float64Array} along */
function whitened(along) {
  const { data } = arrayOf("measure.whitening");
  const white = new Float64Array(along.length);
  for (let from = 0; from < along.length; from += 1) {
    for (let to = 0; to < along.length; to += 1) white[to] += along[from] * data[from * along.length + to];
  }
  return white;
}

/**
 * Square of the distance from the nearest centre of a class.
 * @param {Float64Array} white
 */
function nearestCentre(white) {
  const { data, shape } = arrayOf("measure.centres");
  let nearest = Infinity;
  for (let centre = 0; centre < shape[0]; centre += 1) {
    let sum = 0;
    for (let axis = 0; axis < white.length; axis += 1) {
      sum += (white[axis] - data[centre * white.length + axis]) ** 2;
    }
    nearest = Math.min(nearest, sum);
  }
  return nearest;
}

/** @param {Float64Array} numbers */
const sumOfSquares = (numbers) => numbers.reduce((sum, number) => sum + number * number, 0);

/**
 * How foreign an input is from its signals; infinite where one is no number.
 * @param {number[]} signals
 */
function combined(signals) {
  const middle = arrayOf("middle").data;
  const spread = arrayOf("spread").data;
  const [first, ...others] = signals.map((signal, at) => (signal - middle[at]) / spread[at]);
  const foreign = others.reduce((sum, other) => sum + Math.max(0, other), first);
  return Number.isFinite(foreign) ? foreign : Infinity;
}

/**
 * The share of validation examples that look less foreign; beyond all of them it goes on rising towards 1.
 * @param {number} foreign
 */
function placed(foreign) {
  const reference = arrayOf("reference").data;
  const count = reference.length;
  const excess = foreign - reference[count - 1];
  if (excess > 0) {
    const reach = Math.max(reference[count - 1] - reference[Math.floor(count / 2)], LEAST_REACH);
    return 1 - ((0.5 / (count + 1)) * reach) / (reach + excess);
  }
  const below = reference.findIndex((each) => each >= foreign);
  const above = reference.findIndex((each) => each > foreign);
  return ((countOf(below, reference) + countOf(above, reference)) / 2 + 0.5) / (count + 1);
}

/**
 * @param {number} found -1 where all are smaller
 * @param {Floats} reference
 */
const countOf = (found, reference) => (found < 0 ? reference.length : found);
