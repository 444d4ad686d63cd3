// How unlike the training data an input is: distances from what the training examples have in common, as a rank.
import { need, needWhole } from "../../../reports/explain/script/arrays.js";
import { computed } from "../../../reports/explain/script/layers.js";
import { stored } from "../../../reports/explain/script/page_data.js";
import { app, arraysOf, layersOf } from "./app.js";
import { predicted } from "./classical.js";
import { decision } from "./decision.js";
/** @import { Floats, HiddenLayer, Layer, Whole } from "../../../reports/explain/script/types.js" */
/** @import { Body, Eyes, Features, Member, NoveltyFacts, OpenedAnswer } from "./types.js" */

const TINY = 1e-12;
const LEAST_REACH = 1e-9;

/** @param {string} name of an array of the detector */
const arrayOf = (name) => needWhole(stored(`novelty.${name}`));

/**
 * Novelty, 0 to 1, of what the network sees of an input.
 * @param {NoveltyFacts} facts @param {ArrayLike<number>} seen
 */
const noveltyOf = ({ settings }, seen) => noveltyOfSignals(directions(seen, settings.of_layer === true));

/** Novelty, 0 to 1, from how foreign a measure finds an input. @param {number[]} signals */
const noveltyOfSignals = (signals) => placed(combined(signals));

/**
 * Signals of the Mahalanobis distance: the distance and, of a hidden layer, how weak it is.
 * @param {ArrayLike<number>} seen @param {boolean} ofLayer
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
 * @param {ArrayLike<number>} seen @param {boolean} ofLayer
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

/** Along the directions in which the training examples vary most. @param {Float64Array} offset */
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

/** Square of the distance from the nearest centre of a class. @param {Float64Array} white */
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

/** How foreign an input is from its signals; infinite where one is no number. @param {number[]} signals */
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

/** @param {number} found -1 where all are smaller @param {Floats} reference */
const countOf = (found, reference) => (found < 0 ? reference.length : found);

// From an input to an answer: probabilities or a number, and novelty.
//
// A model has one member, an average several. What members see of an input, the last hidden layer of a network or
// features, is computed once for all that see the same; each then says something, and the weighted mean is the answer.

/** @typedef {{ features: Features, values: Map<string, Whole> }} Look what a body sees of an input */

/** Numbers in all columns. @param {ArrayLike<number>} values @returns {Features} */
export const inAllColumns = (values) => ({ columns: Array.from(values, (_, at) => at), values });

/**
 * The answer about one input, what each member says, and the value of every layer that is opened.
 * @template Ready @param {Eyes<Ready>} eyes @param {Ready} ready @returns {OpenedAnswer}
 */
export function answered(eyes, ready) {
  const looks = app.bodies.map((body) => lookedAt(eyes, ready, body));
  const parts = app.members.map((member) => ({
    said: saidBy(eyes, ready, member, looks[member.body]),
    seen: looks[member.body].features,
  }));
  const mean = parts[0].said.map((_, at) =>
    parts.reduce((sum, { said }, place) => sum + app.members[place].share * said[at], 0),
  );
  const said = decision.tempered(mean, app.temperature);
  // The detector looks at what the member of the most weight sees, which is the first.
  const { features } = looks[0];
  const signals = app.bodies[0].hidden ? undefined : eyes.signals;
  const novelty =
    app.novelty && (signals ? noveltyOfSignals(signals(features)) : noveltyOf(app.novelty, features.values));
  return { said, novelty, values: looks[app.opened].values, parts };
}

/**
 * The value of every layer, by its name, `inputs` among them.
 * @param {Whole} inputs @param {(Layer | HiddenLayer)[]} layers @returns {Map<string, Whole>}
 */
export function runNetwork(inputs, layers) {
  const values = new Map([["inputs", inputs]]);
  for (const layer of layers) {
    if (layer.hidden) continue;
    const sources = layer.takes.filter((name) => values.has(name)).map((name) => need(values.get(name)));
    const weights = layer.weights.map((name) => need(stored(name)));
    values.set(layer.name, computed(layer, sources, weights, Float32Array));
  }
  return values;
}

/** @template Ready @param {Eyes<Ready>} eyes @param {Ready} ready @param {Body} body @returns {Look} */
function lookedAt(eyes, ready, body) {
  if (!body.hidden) return { features: eyes.seen(ready, body), values: new Map() };
  const values = runNetwork(eyes.inputs(ready, body, false), layersOf(body));
  const { data } = need(values.get(body.hidden));
  return { features: inAllColumns(data), values };
}

/**
 * Probabilities, or the one number predicted.
 * @template Ready @param {Eyes<Ready>} eyes @param {Ready} ready @param {Member} member @param {Look} look
 * @returns {number[]}
 */
function saidBy(eyes, ready, { predictor, mirror, temperature, body }, { features, values }) {
  if (predictor) {
    return decision.tempered(predicted(predictor, features, arraysOf(predictor)), temperature);
  }
  const below = app.bodies[body];
  let outputs = Float64Array.from(need(values.get(below.output)).data);
  if (mirror) {
    const others = need(runNetwork(eyes.inputs(ready, below, true), layersOf(below)).get(below.output)).data;
    outputs = outputs.map((output, at) => (output + others[at]) / 2);
  }
  return decision.said(outputs, temperature);
}
