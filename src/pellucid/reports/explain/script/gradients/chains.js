// The terms of a weight's gradient: the gradient above, what the weight meets, and where.
import { columnOf } from "../data/arrays.js";
import { need, needWhole } from "../data/missing.js";
import { stored } from "../data/stored.js";
import { told } from "../data/told.js";
import { gramOf, tokenAtStep, tokenLabel } from "../data/tokens.js";
import { indexText } from "../dom/numbers.js";
import { mixtureAt } from "../arithmetic/kinds/generating.js";
import { constantOf, taken } from "../arithmetic/opening.js";
import { momentsOf, rowOfPlace } from "../arithmetic/pointwise.js";
import { sharesOf } from "../arithmetic/shares.js";
import { firstChannel } from "../arithmetic/sums.js";
import { value } from "../arithmetic/values.js";
import { tensorOf } from "../arithmetic/weighing.js";
/** @import { Layer, LearntKind, RecurrentKind, Terms } from "../types.js" */

/** @param {Layer} layer */
const gradientOf = (layer) => need(stored(`gradient:${layer.name}`));

/**
 * The gradient at all numbers of a channel or unit, or at one place of a text.
 * @param {Layer} layer
 * @param {number} row
 */
const gradientRow = (layer, row) => Array.from(need(gradientOf(layer).row(row)));

/**
 * A bias meets nothing but 1.
 * @param {number[]} above
 * @param {(place: number) => string} at
 * @returns {Terms}
 */
const biasTerms = (above, at) => ({ above, seen: above.map(() => 1), at });

/** @type {{ [K in LearntKind]: (layer: Layer<K>, part: number, index: number[]) => Terms }} */
const chains = {
  dense(layer, part, [unit, number]) {
    if (layer.shape.length === 2) return sharedByTokens(layer, part, [unit, number]);
    const [above] = gradientRow(layer, unit);
    const at = () => `unit ${unit}`;
    return part ? biasTerms([above], at) : { above: [above], seen: [taken(layer, [number])], at };
  },
  convolution(layer, part, index) {
    const above = gradientRow(layer, index[0]);
    const at = placeInMap(layer, index[0]);
    return part ? biasTerms(above, at) : { above, seen: seenByKernel(layer, index), at };
  },
  "transposed-convolution"(layer, part, index) {
    if (part) return biasTerms(gradientRow(layer, index[0]), placeInMap(layer, index[0]));
    return laidByKernel(layer, index);
  },
  "mixture-density"(layer, part, [, k, j]) {
    const [above] = gradientRow(layer, 0);
    const seen = [slopeOfMixture(layer, part, k, j)];
    return { above: [above], seen, at: () => "the density, by its slope" };
  },
  neighbours(layer, part, [filter, number, k]) {
    const above = columnOf(gradientOf(layer), filter);
    if (part) return biasTerms(above, tokenLabel);
    const vectors = need(value(layer.takes[0]));
    const before = Math.floor((tensorOf(layer).shape[2] - 1) / 2);
    const seen = above.map((_, t) => {
      const row = t + k - before;
      return row >= 0 && row < vectors.shape[0] ? need(vectors.row(row))[number] : 0;
    });
    return { above, seen, at: tokenLabel };
  },
  "fixed-norm"(layer, part, [channel]) {
    const above = gradientRow(layer, channel);
    const at = layer.shape.length === 3 ? placeInMap(layer, channel) : () => `unit ${channel}`;
    if (part) return biasTerms(above, at);
    const [mean, variance] = [2, 3].map((which) => constantOf(layer, which, channel));
    const inputs = need(need(value(layer.takes[0])).row(channel));
    const deviation = Math.sqrt(variance + layer.settings.epsilon);
    return { above, seen: Array.from(inputs, (x) => (x - mean) / deviation), at };
  },
  "layer-norm"(layer, part, [number]) {
    const above = columnOf(gradientOf(layer), number);
    if (part) return biasTerms(above, tokenLabel);
    const vectors = need(value(layer.takes[0]));
    const seen = above.map((_, place) => {
      const vector = need(vectors.row(place));
      const { mean, variance } = momentsOf(vector);
      return (vector[number] - mean) / Math.sqrt(variance + layer.settings.epsilon);
    });
    return { above, seen, at: tokenLabel };
  },
  places(layer, _, [row, number]) {
    const rows = tensorOf(layer).shape[0];
    const places = [...told.ids.keys()].filter((place) => rowOfPlace(place, rows) === row);
    const above = places.map((place) => gradientRow(layer, place)[number]);
    return biasTerms(above, (at) => tokenLabel(places[at]));
  },
  embedding(layer, _, [id, number]) {
    const places = [...told.ids.keys()].filter((place) => told.ids[place] === id);
    const above = places.map((place) => gradientRow(layer, place)[number]);
    return biasTerms(above, (at) => tokenLabel(places[at]));
  },
  "weighed-sum"(layer, part, index) {
    if (part) return biasTerms([gradientRow(layer, index[0])[0]], () => `unit ${index[0]}`);
    const { ids, shares } = sharesOf(layer);
    const share = shares[ids.indexOf(index[0])] || 0;
    return { above: [gradientRow(layer, index[1])[0]], seen: [share], at: () => gramOf(index[0]) };
  },
  lstm: throughTime,
  gru: throughTime,
};

/**
 * @template {LearntKind} K
 * @param {Layer<K>} layer
 * @param {number} part which of its tensors
 * @param {number[]} index
 */
export const termsOf = (layer, part, index) => chains[layer.kind](layer, part, index);

/**
 * A dense layer over the tokens of a text uses each weight for every one of them.
 * @param {Layer<"dense">} layer
 * @param {number} part
 * @param {[unit: number, number: number]} index
 * @returns {Terms}
 */
function sharedByTokens(layer, part, [unit, number]) {
  const above = columnOf(gradientOf(layer), unit);
  if (part) return biasTerms(above, tokenLabel);
  return { above, seen: columnOf(need(value(layer.takes[0])), number), at: tokenLabel };
}

/**
 * @param {Layer} layer
 * @param {number} channel
 * @returns {(place: number) => string}
 */
function placeInMap(layer, channel) {
  const columns = layer.shape[2];
  return (place) => indexText([channel, Math.floor(place / columns), place % columns]);
}

/**
 * What one weight of a kernel lies on at every place of the map that its filter gives.
 * @param {Layer<"convolution">} layer
 * @param {number[]} index
 */
function seenByKernel(layer, [filter, channel, k, l]) {
  const maps = need(value(layer.takes[0]));
  const map = need(maps.row(firstChannel(layer, tensorOf(layer).shape, filter) + channel));
  const { stride, padding } = layer.settings;
  const [, rows, wide] = maps.shape;
  const [, height, width] = layer.shape;
  return Array.from({ length: height * width }, (_, place) => {
    const row = Math.floor(place / width) * stride[0] + k - padding[0];
    const column = (place % width) * stride[1] + l - padding[1];
    return row >= 0 && row < rows && column >= 0 && column < wide ? map[row * wide + column] : 0;
  });
}

/**
 * Where one weight of a kernel is laid down, and the number that it is laid down for.
 * @param {Layer<"transposed-convolution">} layer
 * @param {number[]} index
 * @returns {Terms}
 */
function laidByKernel(layer, [channel, filter, k, l]) {
  const maps = need(value(layer.takes[0]));
  const map = need(maps.row(channel));
  const gradients = gradientRow(layer, filter);
  const { stride, padding } = layer.settings;
  const [, , columns] = maps.shape;
  const [, height, width] = layer.shape;
  const met = Array.from(map, (seen, place) => ({
    seen,
    row: Math.floor(place / columns) * stride[0] + k - padding[0],
    column: (place % columns) * stride[1] + l - padding[1],
  })).filter(({ row, column }) => row >= 0 && row < height && column >= 0 && column < width);
  return {
    above: met.map(({ row, column }) => gradients[row * width + column]),
    seen: met.map(({ seen }) => seen),
    at: (place) => indexText([filter, met[place].row, met[place].column]),
  };
}

/**
 * How the density under a mixture changes with one of its means, log variances or logits.
 * @param {Layer<"mixture-density">} layer
 * @param {number} part
 * @param {number} k component
 * @param {number} j latent number; none of a logit
 */
function slopeOfMixture(layer, part, k, j) {
  const { components, shares } = mixtureAt(layer);
  if (part === 2) return shares[k] - Math.exp(components[k].logShare);
  const latent = needWhole(value(layer.takes[0])).data;
  const [means, logVariances] = [0, 1].map((which) => needWhole(tensorOf(layer, which)).data);
  const at = k * latent.length + j;
  const away = (latent[j] - means[at]) / Math.exp(logVariances[at]);
  return part ? (shares[k] / 2) * (away * (latent[j] - means[at]) - 1) : shares[k] * away;
}

/**
 * A gate's weight meets the numbers of every step, or the states before it.
 * @param {Layer<RecurrentKind>} layer
 * @param {number} part weights of inputs, of states, and the bias of each
 * @param {number[]} index
 * @returns {Terms}
 */
function throughTime(layer, part, [row, number]) {
  const ofState = part % 2 === 1;
  const above = columnOf(need(stored(`${ofState ? "state-sums" : "sums"}:${layer.name}`)), row);
  /** @param {number} t */
  const at = (t) => `step ${t} \u201c${tokenAtStep(layer, t)}\u201d`;
  if (part >= 2) return biasTerms(above, at);
  if (!ofState) return { above, seen: columnOf(need(value(layer.takes[0])), number), at };
  const states = columnOf(need(value(layer.name)), number);
  return { above, seen: above.map((_, t) => (t ? states[t - 1] : 0)), at };
}
