// Functions of numbers that layers are made of, in double precision.
import { erf, exponentials, sigmoid, sumOf } from "./shares.js";
import { message } from "./words/message.js";
/** @import { CellStep, Floats, Mixture, Pair, Settings } from "./types.js" */
/** @import { MessageKey } from "./words/message.js" */

/** @type {Record<string, (x: number, settings: Settings) => number>} Layers that are a function of each number. */
export const FUNCTIONS = {
  relu: (x) => Math.max(0, x),
  relu6: (x) => Math.min(6, Math.max(0, x)),
  "leaky-relu": (x, settings) => (x > 0 ? x : settings.slope * x),
  gelu: (x) => (x * (1 + erf(x / Math.SQRT2))) / 2,
  sigmoid,
  tanh: (x) => Math.tanh(x),
  softplus: (x) => Math.max(0, x) + Math.log1p(Math.exp(-Math.abs(x))),
  clamp: (x, { low, high }) => Math.min(high, Math.max(low, x)),
};

/** Mean and variance of the numbers of one vector. @param {ArrayLike<number>} vector */
export function momentsOf(vector) {
  let [mean, variance] = [0, 0];
  for (let at = 0; at < vector.length; at += 1) mean += vector[at] / vector.length;
  for (let at = 0; at < vector.length; at += 1) variance += (vector[at] - mean) ** 2 / vector.length;
  return { mean, variance };
}

/** Length of a vector, or the least by which one is divided. @param {Iterable<number>} vector */
export const lengthOf = (vector) => Math.max(Math.hypot(...vector), 1e-12);

/** @type {Record<string, [MessageKey, MessageKey]>} what both factors of a product are called in some kinds of layers */
const COLUMNS = {
  "attention-weights": ["columnKey", "columnQuery"],
  attention: ["columnValue", "columnWeight"],
};

/** What both factors of a product are called. @param {string} [kind] of a layer @returns {[seen: string, weight: string]} */
export function columnsOfProduct(kind = "") {
  const [seen, weight] = COLUMNS[kind] ?? ["seen", "columnWeight"];
  return [message(seen), message(weight)];
}

/** @type {Record<string, MessageKey[]>} Gates of recurrent layers, by the keys of their names. */
export const GATES = {
  lstm: ["gateInput", "gateForget", "gateCandidate", "gateOutput"],
  gru: ["gateReset", "gateUpdate", "gateCandidate"],
};

/** A candidate goes through tanh, a gate through the sigmoid. @param {MessageKey} name */
export const isCandidate = (name) => name === "gateCandidate";

/**
 * Sums inside the gates of recurrent units, gate by gate: those from the place, which begin at `at`, and those from
 * the
 * states before.
 * @typedef {{ ofPlace: ArrayLike<number>, ofStates: ArrayLike<number>, at: number, units: number }} GateSums
 */

/** @type {Record<string, (sums: GateSums, unit: number, before: number) => CellStep>} A step of one recurrent unit. */
export const CELLS = {
  lstm({ ofPlace, ofStates, at, units }, unit, before) {
    /** @param {number} gate */
    const sum = (gate) => ofPlace[at + gate * units + unit] + ofStates[gate * units + unit];
    const gates = [sigmoid(sum(0)), sigmoid(sum(1)), Math.tanh(sum(2)), sigmoid(sum(3))];
    const [kept, added] = [gates[1] * before, gates[0] * gates[2]];
    const memory = kept + added;
    return { gates, kept, added, memory, state: gates[3] * Math.tanh(memory) };
  },
  gru({ ofPlace, ofStates, at, units }, unit, before) {
    const reset = sigmoid(ofPlace[at + unit] + ofStates[unit]);
    const update = sigmoid(ofPlace[at + units + unit] + ofStates[units + unit]);
    const candidate = Math.tanh(ofPlace[at + 2 * units + unit] + reset * ofStates[2 * units + unit]);
    const [kept, added] = [update * before, (1 - update) * candidate];
    const state = added + kept;
    return { gates: [reset, update, candidate], kept, added, memory: state, state };
  },
};

/**
 * The rows, or columns, that have a share in one of an image at another size, each with its share.
 * @param {number} before how many there were @param {number} after how many there are
 * @param {number} at which of them @returns {Pair[]}
 */
export function resizingShares(before, after, at) {
  const scale = before / after;
  const centre = (at + 0.5) * scale;
  /** @param {number} each */
  const weight = (each) => Math.max(0, 1 - Math.abs(each + 0.5 - centre) / Math.max(scale, 1));
  const seen = [...Array(before).keys()].filter((each) => weight(each) > 0);
  const total = seen.reduce((sum, each) => sum + weight(each), 0);
  return seen.map((each) => [each, weight(each) / total]);
}

/**
 * What each n-gram of a bag counts, ids ascending: more where it is rare, more the oftener it occurs in the text,
 * each
 * group of n-grams brought to a length by itself.
 * @param {number[]} groups first id of each, and the id behind the last @param {Iterable<number>} ids
 * @param {(id: number) => number} rarity @returns {Pair[]} each id with its share
 */
export function bagShares(groups, ids, rarity) {
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const id of ids) counts.set(id, (counts.get(id) || 0) + 1);
  const sorted = [...counts].sort(([one], [other]) => one - other);
  const weights = sorted.map(([id, count]) => (1 + Math.log(count)) * rarity(id));
  const own = sorted.map(([id]) => groups.findIndex((first, at) => id >= first && id < groups[at + 1]));
  const squares = groups.map(() => 0);
  own.forEach((group, at) => {
    if (group >= 0) squares[group] += weights[at] ** 2;
  });
  const sizes = groups.slice(1).map((end, at) => end - groups[at]);
  const parts = sizes.map((size, at) => (at ? Math.min(1, Math.sqrt(size / Math.max(1, sizes[0])) / 2) : 1));
  const length = Math.hypot(...parts);
  return sorted.map(([id], at) => {
    const group = own[at];
    const isCounted = squares[group] > 0;
    return [id, isCounted ? ((parts[group] / length) * weights[at]) / Math.sqrt(squares[group]) : 0];
  });
}

// Terms of the bound of networks that make images.

/** The sums of a reconstruction. @param {number} variance @param {Floats} given @param {Floats} rebuilt */
export function reconstructionOf(variance, given, rebuilt) {
  const count = given.length;
  let errors = 0;
  for (let at = 0; at < count; at += 1) errors += (rebuilt[at] - given[at]) ** 2;
  const ofErrors = (errors + count / 12) / (2 * variance);
  const density = (count / 2) * Math.log(2 * Math.PI * variance);
  return { count, errors, ofErrors, density, sum: density + ofErrors };
}

/** The sums of the density of a draw. @param {Floats} logVariances @param {Floats} noise */
export function densityOfDraw(logVariances, noise) {
  const squares = sumOf(noise.map((each) => each ** 2));
  const spreads = sumOf(logVariances);
  const constant = noise.length * Math.log(2 * Math.PI);
  return { squares, spreads, constant, sum: -(squares + spreads + constant) / 2 };
}

/** Logarithm of the sum of powers of e. @param {ArrayLike<number>} numbers */
function logSum(numbers) {
  const { most, powers } = exponentials(numbers);
  return most + Math.log(sumOf(powers));
}

/**
 * The density of latent variables under a mixture, with all that it is made of.
 * @param {Floats} latent
 * @param {Floats[]} tensors means and log variances of all components one behind the other, and logits
 * @returns {Mixture}
 */
export function mixtureOf(latent, [means, logVariances, logits]) {
  const size = latent.length;
  const normaliser = logSum(logits);
  const constant = size * Math.log(2 * Math.PI);
  const components = Array.from(logits, (logit, k) => {
    let [squares, spreads, magnitude] = [0, 0, 0];
    for (let j = 0; j < size; j += 1) {
      const at = k * size + j;
      squares += (latent[j] - means[at]) ** 2 / Math.exp(logVariances[at]);
      spreads += logVariances[at];
      magnitude += Math.abs(logVariances[at]);
    }
    const logShare = logit - normaliser;
    const joint = logShare - (squares + spreads + constant) / 2;
    magnitude = Math.abs(logShare) + (squares + magnitude + constant) / 2;
    return { k, logShare, squares, spreads, joint, magnitude };
  });
  const sum = logSum(components.map(({ joint }) => joint));
  return { components, constant, sum, shares: components.map(({ joint }) => Math.exp(joint - sum)) };
}
