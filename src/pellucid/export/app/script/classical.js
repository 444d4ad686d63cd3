// Classical models on features: linear models, forests, kernel machines, and the same answer always.
import { decision } from "./decision.js";
/** @import { Floats, Numbers } from "../../../reports/explain/script/types.js" */
/** @import { Arrays, Features, Predictor, Question } from "./types.js" */

// Kernel machine: kernel similarity to its support vectors, weighted and added up.
//
// Of classes every pair has a decision, in which only examples of the two have a weight; a decision is a vote that is
// nearly 0 or 1, and the softmax of the votes, scaled, are the probabilities. Of labels each has a decision by itself, of
// which the sigmoid is its probability.

/** Makes each vote nearly 0 or 1. */
const SHARPNESS = 5;

/** @param {Predictor} facts @param {Features} features @param {Arrays} arrayOf */
function byKernel(facts, features, arrayOf) {
  const near = likenessOf(features, arrayOf);
  if (!decision.hasPairs) return byScores(facts, likenessSums(near, arrayOf), arrayOf);
  const scale = arrayOf("scale").data[0];
  const votes = votesOf(decisionsOf(near, arrayOf)).map((vote) => vote * scale);
  return byScores(facts, votes, arrayOf);
}

/** Kernel similarity to each support vector times its weight for each label, or for the number. @param {number[]} near @param {Arrays} arrayOf */
function likenessSums(near, arrayOf) {
  const { data, shape } = arrayOf("weights");
  return Array.from(arrayOf("bias").data, (/** @type {number} */ bias, /** @type {number} */ column) =>
    near.reduce((sum, each, point) => sum + each * data[point * shape[1] + column], bias),
  );
}

/**
 * What the scores of what was there to learn say.
 * @param {Predictor} facts @param {ArrayLike<number>} scores @param {Arrays} arrayOf
 */
const byScores = ({ outputs }, scores, arrayOf) =>
  decision.scored(scores, Array.from(arrayOf("classes").data), outputs);

/** How near every support vector is, 0 to 1. @param {Features} features @param {Arrays} arrayOf */
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

/** @param {ArrayLike<number>} values @param {Floats} mean @param {Numbers} projection */
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
 * @param {number[]} near @param {Arrays} arrayOf
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
 * @param {number[]} near @param {Numbers} weights one column for each class but the example's own
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
 * @param {number} lead
 */
export const voteOf = (lead) => 0.5 + Math.tanh((SHARPNESS / 2) * lead) / 2;

/** The votes of each column, one from each other column. @param {Float64Array[]} decisions */
export const votesOf = (decisions) =>
  decisions.map((row, own) =>
    row.reduce((sum, lead, other) => (other === own ? sum : sum + voteOf(lead)), 0),
  );

// Classical models on features: the weighed sum of a linear model, the trees of a forest, the same answer always.
//
// Features are the numbers that differ from 0 and the columns they are in; those of a hidden layer are in all.

/**
 * The scores of the classes or labels that were there to learn.
 * @param {Features} features @param {Arrays} arrayOf
 */
function scoresOf({ columns, values }, arrayOf) {
  const { data, shape } = arrayOf("weights");
  const scores = Float64Array.from(arrayOf("bias").data);
  const width = shape[1];
  for (let at = 0; at < columns.length; at += 1) {
    for (let c = 0; c < width; c += 1) scores[c] += values[at] * data[columns[at] * width + c];
  }
  return scores;
}

/** @param {Predictor} facts @param {Features} features @param {Arrays} arrayOf */
const linear = (facts, features, arrayOf) => byScores(facts, scoresOf(features, arrayOf), arrayOf);

/**
 * The mean over the trees of what the leaves answer.
 * @param {Predictor} facts @param {Features} features @param {Arrays} arrayOf
 */
function forest({ outputs }, features, arrayOf) {
  const walk = walker(features, arrayOf);
  const held = leafReader(arrayOf);
  const roots = arrayOf("roots").data;
  const said = new Array(outputs).fill(0);
  for (const root of roots) {
    const leaf = held(walk(root));
    const whole = decision.wholeOf(leaf);
    for (const { entry, content } of leaf) said[entry] += content / whole / roots.length;
  }
  return said;
}

/**
 * The way from a root to its leaf: to the left where the feature is at most the threshold.
 * @param {Features} features @param {Arrays} arrayOf
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

/** What leaves hold. @param {Arrays} arrayOf */
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

/** @type {Record<Predictor["kind"], (facts: Predictor, features: Features, arrayOf: Arrays) => number[]>} */
const PREDICTORS = {
  linear,
  forest,
  kernel: byKernel,
  constant: (_, __, arrayOf) => Array.from(arrayOf("answer").data),
};

/**
 * What a predictor answers for some features: probabilities, or the one number predicted.
 * @param {Predictor} facts @param {Features} features @param {Arrays} arrayOf
 */
export const predicted = (facts, features, arrayOf) =>
  decision.columns(PREDICTORS[facts.kind](facts, features, arrayOf));

/**
 * Weights and bias of a linear model for a class, label or number: the part of its score that the answer is by.
 * @param {Arrays} arrayOf @param {number} best position of the class or label
 */
export function linearFor(arrayOf, best) {
  const { data, shape } = arrayOf("weights");
  const own = Array.from(arrayOf("classes").data).indexOf(decision.output(best));
  const count = shape[1];
  return {
    bias: decision.above(Array.from(arrayOf("bias").data), own),
    /** @param {number} column */
    weightOf: (column) =>
      decision.above(Array.from(data.subarray(column * count, (column + 1) * count)), own),
  };
}
