// How a whole layer of each kind is computed fast; kinds that are not here are computed in double precision.
import { wholeOf } from "../../../../reports/explain/script/data/arrays.js";
import { run } from "../../../../reports/explain/script/gradients/runs.js";
import { softmaxOf } from "../answering/probabilities.js";
import { convolve } from "./convolving.js";
import { geluLayer } from "./gelu.js";
import { activationLayer, addLayer, denseLayer, globalAverageLayer, maxPoolLayer } from "./pointwise.js";
import { normLayer, rectifiedUpTo, standardiseLayer } from "./pointwise.js";
/** @import { Floats, Kind, Layer, Numbers, Whole } from "../../../../reports/explain/script/types.js" */

/** @type {{ [K in Kind]?: (layer: Layer<K>, sources: Whole[], weights: Numbers[]) => Floats }} */
export const FAST = {
  convolution: convolve,
  dense: denseLayer,
  "fixed-norm": normLayer,
  standardise: standardiseLayer,
  relu: rectifiedUpTo(Infinity),
  relu6: rectifiedUpTo(6),
  "leaky-relu": activationLayer,
  gelu: geluLayer,
  sigmoid: activationLayer,
  tanh: activationLayer,
  softplus: activationLayer,
  "max-pool": maxPoolLayer,
  "global-average": globalAverageLayer,
  add: addLayer,
  softmax: (_, [{ data }]) => softmaxOf(data),
};

/**
 * What a layer gives.
 * @template {Kind} K
 * @param {Layer<K>} layer
 * @param {Whole[]} sources
 * @param {Numbers[]} weights
 * @returns {Whole}
 */
export function computed(layer, sources, weights) {
  const fast = FAST[layer.kind];
  if (fast) return wholeOf(layer.shape, fast(layer, sources, weights));
  const slow = /** @type {Layer<Exclude<Kind, "softmax">>} */ (layer);
  return run(slow, sources, weights);
}
