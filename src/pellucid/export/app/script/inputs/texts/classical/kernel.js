// Kernel machine: likeness to a number of kept examples, weighted and added up.
//
// Of classes every pair has a decision, in which only examples of the two have a weight; a decision is a vote that is
// nearly 0 or 1, and the softmax of the votes, scaled, are the probabilities.
import { softmaxOf } from "../../../answering/probabilities.js";
/** @import { Floats, Numbers } from "../../../../../../reports/explain/script/types.js" */
/** @import { Features, Predictor } from "../types.js" */

/** Makes each vote nearly 0 or 1. */
const SHARPNESS = 5;

/**
 * @param {Predictor} told
 * @param {Features} features
 * @param {(name: string) => Numbers} arrayOf
 */
export function byKernel({ outputs, number }, { values }, arrayOf) {
  const [weights, bias] = [arrayOf("weights"), arrayOf("bias").data];
  const near = likeness(projected(values, arrayOf("mean").data, arrayOf("projection")), arrayOf);
  if (number) return [near.reduce((sum, each, point) => sum + each * weights.data[point], bias[0])];
  const [classes, ends] = [arrayOf("classes").data, arrayOf("ends").data];
  const scale = arrayOf("scale").data[0];
  const votes = votesOf(sumsOf(near, weights, ends), bias);
  const shares = softmaxOf(votes.map((vote) => vote * scale));
  const said = new Array(outputs).fill(0);
  classes.forEach((/** @type {number} */ of, /** @type {number} */ at) => {
    said[of] = shares[at];
  });
  return said;
}

/**
 * @param {ArrayLike<number>} values
 * @param {Floats} mean
 * @param {Numbers} projection
 */
function projected(values, mean, { data, shape: [, space] }) {
  const found = new Float64Array(space);
  for (let at = 0; at < values.length; at += 1) {
    const offset = values[at] - mean[at];
    for (let to = 0; to < space; to += 1) found[to] += offset * data[at * space + to];
  }
  return found;
}

/**
 * How near every kept example is, 0 to 1.
 * @param {Float64Array} place
 * @param {(name: string) => Numbers} arrayOf
 */
function likeness(place, arrayOf) {
  const { data, shape } = arrayOf("points");
  const gamma = arrayOf("gamma").data[0];
  return Array.from({ length: shape[0] }, (_, point) => {
    let distance = 0;
    for (let axis = 0; axis < place.length; axis += 1) {
      distance += (place[axis] - data[point * place.length + axis]) ** 2;
    }
    return Math.exp(-gamma * distance);
  });
}

/**
 * For every class and every other the sum over the examples of the first.
 * @param {number[]} near
 * @param {Numbers} weights one column for each class but the example's own
 * @param {Floats} ends where the examples of each class end
 */
function sumsOf(near, { data, shape: [, others] }, ends) {
  const sums = Array.from(ends, () => new Float64Array(ends.length));
  let point = 0;
  ends.forEach((/** @type {number} */ end, /** @type {number} */ own) => {
    for (; point < end; point += 1) {
      for (let column = 0; column < others; column += 1) {
        sums[own][column < own ? column : column + 1] += near[point] * data[point * others + column];
      }
    }
  });
  return sums;
}

/**
 * @param {Float64Array[]} sums
 * @param {Floats} bias one for each pair, (0, 1), (0, 2), ... (1, 2), ...
 */
function votesOf(sums, bias) {
  const votes = sums.map(() => 0);
  let pair = 0;
  for (let first = 0; first < sums.length; first += 1) {
    for (let second = first + 1; second < sums.length; second += 1) {
      const decision = sums[first][second] + sums[second][first] + bias[pair];
      const sure = Math.tanh((SHARPNESS / 2) * decision) / 2;
      votes[first] += 0.5 + sure;
      votes[second] += 0.5 - sure;
      pair += 1;
    }
  }
  return votes;
}
