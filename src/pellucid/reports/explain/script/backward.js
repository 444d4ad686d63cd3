// Gradients at every layer of a network, from the answer back to the inputs, for any input that it was run on.
//
// Most layers are a line of index notation, and so is what they hand back. Kinds by hand follow the formulas of Python
// (`pellucid.reference`), and some kinds that are slow by their line have a function of their own.
import { need, product, wholeOf } from "./arrays.js";
import { BACKWARD_BY_HAND } from "./backward_by_hand.js";
import { throughConvolution, throughRows } from "./backward_products.js";
import { FUNCTIONS } from "./functions.js";
import { arraysOfLine, factorAndShift, geluOf } from "./layers.js";
import { bound, handedBack } from "./notation.js";
import { sigmoid } from "./shares.js";
/** @import { Floats, Passing, Pointwise, Run, Settings, Whole } from "./types.js" */

// Functions of each number.

/** @type {Record<string, (x: number, y: number, settings: Settings) => number>} slopes, by what goes in and comes out */
const SLOPES = {
  relu: (x) => (x > 0 ? 1 : 0),
  relu6: (x) => (x > 0 && x < 6 ? 1 : 0),
  "leaky-relu": (x, _, { slope }) => (x > 0 ? 1 : slope),
  gelu: (x) => (x ? FUNCTIONS.gelu(x, {}) / x : 0.5) + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI),
  sigmoid: (_, y) => y * (1 - y),
  tanh: (_, y) => 1 - y * y,
  softplus: sigmoid,
  clamp: (x, _, { low, high }) => (x >= low && x <= high ? 1 : 0),
};

/** @param {Passing} passing */
function throughFunction({ layer: { kind, settings }, above, sources: [{ data }], made, Kind }) {
  const found = new Kind(data.length);
  if (kind === "gelu" && Kind === Float32Array) {
    const slopes = geluOf(data, true);
    for (let at = 0; at < data.length; at += 1) found[at] = above[at] * slopes[at];
    return [found];
  }
  const slope = SLOPES[kind];
  for (let at = 0; at < data.length; at += 1) found[at] = above[at] * slope(data[at], made[at], settings);
  return [found];
}

/** Steps that scale and shift, or add one of two sources. @param {Passing} passing @param {Pointwise[]} steps */
function throughSteps(passing, steps) {
  const { layer, above, sources, weights, Kind } = passing;
  if (steps[0][0] === "function") return throughFunction(passing);
  if (steps[0][4] === "unit" || steps[0][4] === "place") return sources.map(() => above);
  const found = new Kind(above.length);
  const size = product(layer.shape.slice(1));
  for (let channel = 0; channel < layer.shape[0]; channel += 1) {
    const [factor] = factorAndShift(layer, steps, [...sources, ...weights], channel);
    for (let at = channel * size; at < (channel + 1) * size; at += 1) found[at] = factor * above[at];
  }
  return [found];
}

/** @param {Passing} passing @returns {(Floats | null)[]} */
function throughDeclared(passing) {
  const { layer, above, sources, weights, Kind } = passing;
  const declaration = need(layer.declaration);
  if ("steps" in declaration) return throughSteps(passing, declaration.steps);
  const line = bound(declaration, layer.shape, arraysOfLine(sources, weights));
  return sources.map(
    (_, place) => new Kind(handedBack(line, place ? "a" : "x", wholeOf(layer.shape, above))),
  );
}

// The whole network.

/** @type {Record<string, (passing: Passing) => (Floats | null)[]>} one gradient for each source; null: it has none */
const BACKWARD = {
  ...BACKWARD_BY_HAND,
  convolution: throughConvolution,
  dense: throughRows,
  neighbours: throughRows,
};

/**
 * Gradients of a number at every layer that it depends on, and at what the network was given: under the names by which
 * pages find them, with `gradient:` before those of layers.
 * @param {Run} run @param {Map<string, Floats>} start gradients at the values that the number is made of
 * @param {string} [lowest] layer below which none is wanted
 * @returns {Map<string, Whole>}
 */
export function gradientsFrom({ layers, values, weights, Kind }, start, lowest) {
  /** @type {Map<string, Whole>} */
  const found = new Map();
  /** @param {string} name @param {Floats} part */
  const add = (name, part) => {
    const known = found.get(`gradient:${name}`);
    const { shape } = need(values.get(name));
    const sum = known ? new Kind(part).map((each, at) => each + known.data[at]) : part;
    found.set(`gradient:${name}`, wholeOf(shape, sum));
  };
  for (const [name, part] of start) add(name, new Kind(part));
  for (const layer of [...layers].reverse()) {
    if (layer.name === lowest) break;
    const above = found.get(`gradient:${layer.name}`);
    if (!above || layer.hidden) continue;
    const taken = layer.takes.filter((name) => values.has(name));
    const parts = (BACKWARD[layer.kind] ?? throughDeclared)({
      layer,
      above: above.data,
      sources: taken.map((name) => need(values.get(name))),
      weights: layer.weights.map((name) => need(weights(name))),
      made: need(values.get(layer.name)).data,
      Kind,
      keep: (of, shape, data) => found.set(`${of}:${layer.name}`, wholeOf(shape, data)),
    });
    taken.forEach((name, at) => {
      const part = parts[at];
      if (part) add(name, part);
    });
  }
  return found;
}
