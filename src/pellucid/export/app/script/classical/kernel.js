// Kernel machine: likeness to a number of kept examples, weighted and added up.
//
// Of classes every pair has a decision, in which only examples of the two have a weight; a decision is a vote that is
// nearly 0 or 1, and the softmax of the votes, scaled, are the probabilities.
import { softmaxOf } from "../answering/probabilities.js";
/** @import { Floats, Numbers } from "../../../../reports/explain/script/types.js" */
/** @import { Arrays, Features, Predictor } from "../types.js" */

/** Makes each vote nearly 0 or 1. */
const SHARPNESS = 5;

/**
 * @param {Predictor} told
 * @param {Features} features
 * @param {Arrays} arrayOf
 */
export function byKernel({ outputs, number }, features, arrayOf) {
  const near = likenessOf(features, arrayOf);
  if (number) {
    const weights = arrayOf("weights").data;
    return [near.reduce((sum, each, point) => sum + each * weights[point], arrayOf("bias").data[0])];
  }
  const scale = arrayOf("scale").data[0];
  const shares = softmaxOf(votesOf(decisionsOf(near, arrayOf)).map((vote) => vote * scale));
  const said = new Array(outputs).fill(0);
  arrayOf("classes").data.forEach((/** @type {number} */ of, /** @type {number} */ at) => {
    said[of] = shares[at];
  });
  return said;
}

/**
 * How near every kept example is, 0 to 1.
 * @param {Features} features
 * @param {Arrays} arrayOf
 */
export function likenessOf({ values }, arrayOf) {
  const place = projected(values, arrayOf("mean").data, arrayOf("projection"));
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
 * The decision of every pair of columns: above 0 for the first, below 0 for the second.
 * @param {number[]} near
 * @param {Arrays} arrayOf
 */
export function decisionsOf(near, arrayOf) {
  const bias = arrayOf("bias").data;
  const sums = sumsOf(near, arrayOf("weights"), arrayOf("ends").data);
  const decisions = sums.map(() => new Float64Array(sums.length));
  let pair = 0;
  for (let first = 0; first < sums.length; first += 1) {
    for (let second = first + 1; second < sums.length; second += 1) {
      decisions[first][second] = sums[first][second] + sums[second][first] + bias[pair];
      decisions[second][first] = -decisions[first][second];
      pair += 1;
    }
  }
  return decisions;
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
 * What a decision counts for the first of its pair: 0 to 1, nearly always one of both.
 * @param {number} decision
 */
export const voteOf = (decision) => 0.5 + Math.tanh((SHARPNESS / 2) * decision) / 2;

/**
 * The votes of each column, one from each other column.
 * @param {Float64Array[]} decisions
 */
export const votesOf = (decisions) =>
  decisions.map((row, own) =>
    row.reduce((sum, decision, other) => (other === own ? sum : sum + voteOf(decision)), 0),
  );
