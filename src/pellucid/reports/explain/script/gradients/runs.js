// How a whole layer of each kind is computed from what it takes.
import { activate } from "../arithmetic/activations.js";
import { densityOfDraw, mixtureOf, reconstructionOf } from "../arithmetic/kinds/generating.js";
import { lengthOf, momentsOf, rowOfPlace } from "../arithmetic/pointwise.js";
import { sharesOf } from "../arithmetic/shares.js";
import { copied } from "../arithmetic/values.js";
import { filled } from "../data/arrays.js";
import { need } from "../data/missing.js";
import { told } from "../data/told.js";
import { attended, attentionWeights } from "./attending.js";
import { convolved, dot, largestOf, meanOf, pooled, recurred, resized, slid, transposed } from "./running.js";
/** @import { ActivationKind, CopyKind, Kind, LargestKind, MeanKind, RecurrentKind } from "../types.js" */
/** @import { Layer, Numbers, Whole } from "../types.js" */

/** @typedef {Exclude<Kind, "softmax">} RunKind of layers before the answer */

/**
 * @template {ActivationKind} K
 * @param {Layer<K>} layer
 * @param {Whole[]} sources
 */
const activatedLayer = (layer, [x]) =>
  filled(layer.shape, (first, rest) => activate(layer, x.row(first)[rest]));

/**
 * @param {Layer<LargestKind>} layer
 * @param {Whole[]} sources
 */
const largestLayer = (layer, [x]) => pooled(layer, x, largestOf);

/**
 * @param {Layer<MeanKind>} layer
 * @param {Whole[]} sources
 */
const meanLayer = (layer, [x]) => pooled(layer, x, meanOf);

/**
 * @template {CopyKind} K
 * @param {Layer<K>} layer
 * @param {Whole[]} sources
 */
const copiedLayer = (layer, sources) => copied(layer, sources);

/**
 * @param {Layer<RecurrentKind>} layer
 * @param {Whole[]} sources
 * @param {Numbers[]} weights
 */
const recurrentLayer = (layer, [x], weights) => recurred(layer, x, weights);

/** @type {{ [K in RunKind]: (layer: Layer<K>, sources: Whole[], weights: Numbers[]) => Whole }} */
const runs = {
  dense: (layer, [x], [weight, bias]) =>
    layer.shape.length === 2
      ? filled(layer.shape, (t, o) => dot(need(weight.row(o)), x.row(t)) + (bias ? bias.data[o] : 0))
      : filled(layer.shape, (o) => dot(need(weight.row(o)), x.data) + (bias ? bias.data[o] : 0)),
  convolution: (layer, [x], [weight, bias]) => convolved(layer, x, weight, bias),
  "transposed-convolution": (layer, [x], [weight, bias]) => transposed(layer, x, weight, bias),
  neighbours: (layer, [x], [weight, bias]) => slid(layer, x, weight, bias),
  lstm: recurrentLayer,
  gru: recurrentLayer,
  "fixed-norm": (layer, [x], [scale, shift, mean, variance]) =>
    filled(layer.shape, (o, rest) => {
      const deviation = Math.sqrt(variance.data[o] + layer.settings.epsilon);
      return (scale.data[o] * (x.row(o)[rest] - mean.data[o])) / deviation + shift.data[o];
    }),
  resize: (layer, [x]) => resized(layer, x),
  "layer-norm"(layer, [x], [scale, shift]) {
    const moments = Array.from({ length: layer.shape[0] }, (_, t) => momentsOf(x.row(t)));
    return filled(layer.shape, (t, o) => {
      const { mean, variance } = moments[t];
      const deviation = Math.sqrt(variance + layer.settings.epsilon);
      return (scale.data[o] * (x.row(t)[o] - mean)) / deviation + shift.data[o];
    });
  },
  standardise: (layer, [x], [mean, deviation]) =>
    filled(layer.shape, (o, rest) => (x.row(o)[rest] - mean.data[o]) / deviation.data[o]),
  rescale: (layer, [x], [mean, deviation]) =>
    filled(layer.shape, (o, rest) => x.row(o)[rest] * deviation.data[o] + mean.data[o]),
  divide: (layer, [x]) => filled(layer.shape, (first, rest) => x.row(first)[rest] / layer.settings.divisor),
  "unit-length"(layer, [x]) {
    const length = lengthOf(x.data);
    return filled(layer.shape, (o) => x.data[o] / length);
  },
  add: (layer, [x, shortcut]) =>
    filled(layer.shape, (first, rest) => x.row(first)[rest] + shortcut.row(first)[rest]),
  embedding: (layer, _, [table]) => filled(layer.shape, (t, o) => need(table.row(told.ids[t]))[o]),
  places: (layer, [x], [table]) =>
    filled(layer.shape, (t, o) => x.row(t)[o] + need(table.row(rowOfPlace(t, table.shape[0])))[o]),
  "attention-weights": (layer, [projected]) => attentionWeights(layer, projected),
  attention: (layer, [projected, weights]) => attended(layer, projected, weights),
  "weighed-sum"(layer, _, [table, bias]) {
    const { ids, shares } = sharesOf(layer);
    return filled(
      layer.shape,
      (o) => bias.data[o] + ids.reduce((sum, id, at) => sum + shares[at] * need(table.row(id))[o], 0),
    );
  },
  relu: activatedLayer,
  relu6: activatedLayer,
  "leaky-relu": activatedLayer,
  gelu: activatedLayer,
  sigmoid: activatedLayer,
  tanh: activatedLayer,
  softplus: activatedLayer,
  "max-pool": largestLayer,
  "global-max": largestLayer,
  "text-max": largestLayer,
  "average-pool": meanLayer,
  "global-average": meanLayer,
  "text-average": meanLayer,
  flatten: copiedLayer,
  turn: copiedLayer,
  unflatten: copiedLayer,
  part: copiedLayer,
  clamp: (layer, [x]) =>
    filled(layer.shape, (first, rest) =>
      Math.min(layer.settings.high, Math.max(layer.settings.low, x.row(first)[rest])),
    ),
  reparametrised: (layer, [mean, logVariance, noise]) =>
    filled(layer.shape, (j) => mean.data[j] + Math.exp(logVariance.data[j] / 2) * noise.data[j]),
  reconstruction: (layer, [given, rebuilt]) =>
    filled(layer.shape, () => reconstructionOf(layer.settings.variance, given.data, rebuilt.data).sum),
  "density-of-draw": (layer, [logVariances, noise]) =>
    filled(layer.shape, () => densityOfDraw(logVariances.data, noise.data).sum),
  "mixture-density": (layer, [latent], tensors) =>
    filled(
      layer.shape,
      () =>
        mixtureOf(
          latent.data,
          tensors.map(({ data }) => data),
        ).sum,
    ),
  "side-by-side": copiedLayer,
};

/**
 * @template {RunKind} K
 * @param {Layer<K>} layer
 * @param {Whole[]} sources
 * @param {Numbers[]} weights
 */
export const run = (layer, sources, weights) => runs[layer.kind](layer, sources, weights);
