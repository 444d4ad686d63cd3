// Gradients at every layer of a network, from the answer back to the inputs, for any input that it was run on.
//
// Most layers are a line of index notation, and so is what they hand back. Kinds by hand follow the formulas of Python
// (`pellucid.reference`), and some kinds that are slow by their line have a function of their own.
import { need, needWhole, product, ravel, unravel, wholeOf } from "./arrays.js";
import { FUNCTIONS, lengthOf, mixtureOf, momentsOf, resizingShares } from "./functions.js";
import { arraysOfLine, factorAndShift, geluOf, headParts, recurrent, tapsOf } from "./layers.js";
import { bound, handedBack } from "./notation.js";
import { addProducts } from "./products.js";
import { sigmoid, softmaxOf, sumOf } from "./shares.js";
/** @import { CellStep, Floats, FloatsKind, HiddenLayer, Layer, Numbers, PageData, Settings, Whole } from "./types.js" */

/**
 * What a layer hands back to those it takes values from.
 * @typedef {object} Passing
 * @property {Layer} layer
 * @property {Floats} above gradient of what the layer gave
 * @property {Whole[]} sources what it took
 * @property {Numbers[]} weights
 * @property {Floats} made what it gave
 * @property {FloatsKind} Kind
 * @property {(of: string, shape: number[], data: Floats) => void} keep a gradient inside the layer
 */

/**
 * A network that was run.
 * @typedef {object} Run
 * @property {(Layer | HiddenLayer)[]} layers
 * @property {Map<string, Whole>} values of the layers, and what the network was given
 * @property {(name: string) => Numbers | null} weights
 * @property {FloatsKind} Kind of the gradients
 */

// What is handed back through products: rows of weights, each times its gradient, are added up.

/**
 * @typedef {object} Rows
 * @property {Floats} above gradients of all outputs at all places
 * @property {number} outputs how many belong to these rows of weights
 * @property {number} places
 * @property {(output: number, place: number) => number} at where the first is, in steps that do not change
 * @property {Float64Array[]} taps weights of all outputs, one behind the other, for each tap of a kernel
 * @property {number} size of a row
 * @property {(place: number, tap: number) => number} to where a row is added; below 0 for nowhere
 */

/** Most gradients behind a pool are 0, and their rows are left out. @param {Rows} rows @param {Float64Array} made */
function addRows({ above, outputs, places, at, taps, size, to }, made) {
  const start = at(0, 0);
  const [down, across] = [at(1, 0) - start, at(0, 1) - start];
  const factors = new Float64Array(outputs + 4);
  const rows = new Int32Array(outputs + 4);
  for (let place = 0; place < places; place += 1) {
    let count = 0;
    for (let output = 0; output < outputs; output += 1) {
      const factor = above[start + output * down + place * across];
      if (factor === 0) continue;
      factors[count] = factor;
      rows[count] = output * size;
      count += 1;
    }
    factors.fill(0, count, count + 4);
    rows.fill(0, count, count + 4);
    for (let tap = 0; count && tap < taps.length; tap += 1) {
      const first = to(place, tap);
      if (first < 0) continue;
      for (let row = 0; row < count; row += 4) addFourRows(taps[tap], size, rows, factors, row, made, first);
    }
  }
}

/**
 * @param {Float64Array} weights @param {number} size @param {Int32Array} rows @param {Float64Array} factors
 * @param {number} row the first of four @param {Float64Array} made @param {number} first
 */
function addFourRows(weights, size, rows, factors, row, made, first) {
  const [f, g, h, i] = [factors[row], factors[row + 1], factors[row + 2], factors[row + 3]];
  const [p, q, r, s] = [rows[row], rows[row + 1], rows[row + 2], rows[row + 3]];
  for (let at = 0; at < size; at += 1) {
    made[first + at] += f * weights[p + at] + g * weights[q + at] + h * weights[r + at] + i * weights[s + at];
  }
}

/** @param {Passing} passing */
function throughConvolution({ layer, above, sources: [{ shape }], weights: [weight], Kind }) {
  const [channels, rows, columns] = shape;
  const [filters, size, high, wide] = weight.shape;
  const { stride, padding, groups = 1 } = layer.settings;
  const [, height, width] = layer.shape;
  const places = height * width;
  /** @param {number} place @param {number} tap @returns {number} of the number in a map, or -1 */
  const placeOf = (place, tap) => {
    const row = Math.floor(place / width) * stride[0] + Math.floor(tap / wide) - padding[0];
    const column = (place % width) * stride[1] + (tap % wide) - padding[1];
    return row >= 0 && row < rows && column >= 0 && column < columns ? row * columns + column : -1;
  };
  const taps = tapsOf(weight);
  const made = new Kind(product(shape));
  if (size === 1 && groups === filters) {
    const targets = taps.map((_, tap) => Int32Array.from({ length: places }, (__, at) => placeOf(at, tap)));
    taps.forEach((factors, tap) => {
      for (let at = 0; at < above.length; at += 1) {
        const target = targets[tap][at % places];
        const channel = Math.floor(at / places);
        if (target >= 0) made[channel * rows * columns + target] += factors[channel] * above[at];
      }
    });
    return [made];
  }
  const sums = new Float64Array(made.length);
  const outputs = filters / groups;
  for (let group = 0; group < groups; group += 1) {
    const [from, to] = [group * outputs * size, (group + 1) * outputs * size];
    addRows(
      {
        above,
        outputs,
        places,
        at: (output, place) => (group * outputs + output) * places + place,
        taps: groups > 1 ? taps.map((each) => each.subarray(from, to)) : taps,
        size,
        to(place, tap) {
          const target = placeOf(place, tap);
          return target < 0 ? -1 : target * channels + group * size;
        },
      },
      sums,
    );
  }
  const area = rows * columns;
  for (let channel = 0; channel < channels; channel += 1) {
    for (let at = 0; at < area; at += 1) made[channel * area + at] = sums[at * channels + channel];
  }
  return [made];
}

/**
 * Dense layers of one row or many, and filters over neighbouring rows.
 * @param {Passing} passing
 */
function throughRows({ above, sources: [{ shape, data }], weights: [weight], Kind }) {
  const [outputs, size] = weight.shape;
  const places = data.length / size;
  const taps = tapsOf(weight);
  const before = Math.floor((taps.length - 1) / 2);
  const made = new Float64Array(product(shape));
  addRows(
    {
      above,
      outputs,
      places,
      at: (output, place) => place * outputs + output,
      taps,
      size,
      to(place, tap) {
        const row = place + tap - before;
        return row < places ? row * size : -1;
      },
    },
    made,
  );
  return [new Kind(made)];
}

/** The first winner of each window gets all. @param {Passing} passing */
function throughWindows({ layer: { shape, settings }, above, sources: [source], made, Kind }) {
  const [, rows, columns] = source.shape;
  const [, height, width] = shape;
  const [high, wide] = settings.window;
  const found = new Kind(source.data.length);
  for (let at = 0; at < above.length; at += 1) {
    const line = Math.floor(at / width);
    let first = (Math.floor(line / height) * rows + (line % height) * high) * columns + (at % width) * wide;
    let tap = 0;
    for (; tap < high * wide && source.data[first + (tap % wide)] !== made[at]; tap += 1) {
      if (tap % wide === wide - 1) first += columns;
    }
    if (tap < high * wide) found[first + (tap % wide)] = above[at];
  }
  return [found];
}

/** All that are equal to the maximum of a map, or of a text, have the same share. @param {Passing} passing */
function throughMaximum({ above, sources: [{ shape, data }], made, Kind }) {
  const area = product(shape.slice(1));
  /** @param {number} at */
  const channelOf = (at) => (shape.length === 3 ? Math.floor(at / area) : at % area);
  const counts = new Int32Array(above.length);
  for (let at = 0; at < data.length; at += 1) {
    const channel = channelOf(at);
    if (data[at] === made[channel]) counts[channel] += 1;
  }
  return [
    new Kind(data.length).map((_, at) => {
      const channel = channelOf(at);
      return data[at] === made[channel] ? above[channel] / counts[channel] : 0;
    }),
  ];
}

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

/** Steps that scale and shift, or add one of two sources. @param {Passing} passing @param {import("./types.js").Pointwise[]} steps */
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
  convolution: throughConvolution,
  dense: throughRows,
  neighbours: throughRows,
  "max-pool": throughWindows,
  "global-max": throughMaximum,
  "text-max": throughMaximum,
};

/**
 * Gradients of a number at every layer that it depends on, and at what the network was given: under the names by which
 * pages find them, with `gradient:` before those of layers.
 * @param {Run} run @param {Map<string, Floats>} start gradients at the values that the number is made of
 * @returns {Map<string, Whole>}
 */
export function gradientsFrom({ layers, values, weights, Kind }, start) {
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

/**
 * How the loss changes with each output, by what it is against: a class, states of labels, or nothing where it is the
 * number itself.
 * @param {ArrayLike<number>} outputs @param {PageData["against"]} against
 */
export function slopesOfLoss(outputs, against) {
  if (against === null) return Float64Array.from(outputs, () => 1);
  if (typeof against === "number") {
    return softmaxOf(outputs).map((share, at) => share - (at === against ? 1 : 0));
  }
  const count = against.filter((state) => state >= 0).length;
  return Float64Array.from(outputs, (output, at) =>
    against[at] < 0 ? 0 : (sigmoid(output) - against[at]) / count,
  );
}
