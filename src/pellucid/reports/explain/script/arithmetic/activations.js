// Activation functions, in double precision.
/** @import { ActivationKind, HiddenLayer, Layer, SettingsOf } from "../types.js" */

/** A term of the series of the error function that changes no digit of a sum near 1. */
const NEGLIGIBLE = 1e-18;

/**
 * The error function: its power series where that converges quickly, and a continued fraction beyond.
 * @param {number} x
 */
function erf(x) {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size < 3) {
    let term = size;
    let total = size;
    for (let n = 1; n < 80; n += 1) {
      term *= (-size * size) / n;
      total += term / (2 * n + 1);
      if (Math.abs(term) < NEGLIGIBLE) break;
    }
    return (Math.sign(x) * 2 * total) / Math.sqrt(Math.PI);
  }
  let tail = 0;
  for (let n = 60; n > 0; n -= 1) tail = n / 2 / (size + tail);
  return Math.sign(x) * (1 - Math.exp(-size * size) / ((size + tail) * Math.sqrt(Math.PI)));
}

/** @param {number} x */
export const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** @type {{ [K in ActivationKind]: (x: number, settings: SettingsOf[K]) => number }} */
const activations = {
  relu: (x) => Math.max(0, x),
  relu6: (x) => Math.min(6, Math.max(0, x)),
  "leaky-relu": (x, settings) => (x > 0 ? x : settings.slope * x),
  gelu: (x) => (x * (1 + erf(x / Math.SQRT2))) / 2,
  sigmoid,
  tanh: (x) => Math.tanh(x),
  softplus: (x) => Math.max(0, x) + Math.log1p(Math.exp(-Math.abs(x))),
};

/**
 * @param {Layer | HiddenLayer} layer
 * @returns {layer is Layer<ActivationKind>}
 */
export const isActivation = (layer) => layer.kind in activations;

/**
 * @template {ActivationKind} K
 * @param {Layer<K>} layer
 * @param {number} x
 */
export const activate = (layer, x) => activations[layer.kind](x, layer.settings);
