// Kinds of layers, each with its forward and backward pass side by side.
//
// All arrays hold some examples one behind the other. Forward writes `made` from what the layer before made; backward
// takes `gradient`, the derivative of the loss by `made`, adds to the gradients of the weights and writes the gradient
// of the layer before, unless that is the input, of which nobody asks for one.
import { product } from "../../../../reports/explain/script/arrays.js";
import { erf, sigmoid } from "../../../../reports/explain/script/shares.js";
import { addProduct } from "./matrices.js";
/** @import { Kind, NetLayer } from "./types.js" */

const LEAK = 0.01; // slope of leaky ReLU where it leaks, PyTorch's default
const DENSITY = 1 / Math.sqrt(2 * Math.PI); // of the standard normal distribution at 0

/** A function of each number, and its slope by what it was given and what it made. @param {(x: number) => number} f @param {(x: number, y: number) => number} slope @returns {Kind} */
const pointwise = (f, slope) => ({
  forward({ made, before, size }, count) {
    const seen = before.made;
    for (let at = 0; at < count * size; at += 1) made[at] = f(seen[at]);
  },
  backward({ made, before, gradient, size }, count) {
    const seen = before.made;
    const onward = before.gradient;
    if (!onward) return;
    for (let at = 0; at < count * size; at += 1) onward[at] = gradient[at] * slope(seen[at], made[at]);
  },
});

/** y = W x + b. @type {Kind} */
const dense = {
  forward({ made, before, size, weights: [weight, bias] }, count) {
    for (let at = 0; at < count * size; at += size) made.set(bias.data, at);
    const inputs = { data: before.made, at: 0, count, stride: before.size, step: 1 };
    const rows = { data: weight.data, at: 0, count: size, stride: before.size, step: 1 };
    addProduct(inputs, rows, before.size, { data: made, at: 0 });
  },
  backward({ before, gradient, size, weights: [weight, bias] }, count) {
    const seen = before.size;
    for (let at = 0; at < count * size; at += 1) bias.gradient[at % size] += gradient[at];
    const above = { data: gradient, at: 0, count: size, stride: 1, step: size };
    const inputs = { data: before.made, at: 0, count: seen, stride: 1, step: seen };
    addProduct(above, inputs, count, { data: weight.gradient, at: 0 });
    if (!before.gradient) return;
    before.gradient.fill(0, 0, count * seen);
    const rows = { data: gradient, at: 0, count, stride: size, step: 1 };
    const columns = { data: weight.data, at: 0, count: seen, stride: 1, step: seen };
    addProduct(rows, columns, size, { data: before.gradient, at: 0 });
  },
  terms({ before, gradient }, { name }, index) {
    if (name === "bias") return [[gradient[index], 1]];
    return [[gradient[Math.floor(index / before.size)], before.made[index % before.size]]];
  },
};

/**
 * y[o, p] = Σ over c, k of W[o, c, k] · x[c, p + k] + b[o], with zeros around the maps: what each place sees is laid
 * out as a column, and the columns of an example are one matrix.
 * @type {Kind}
 */
const convolution = {
  forward(layer, count) {
    const { made, before, size, weights, columns, runs } = layer;
    const { filters, places, seen } = sizesOf(layer);
    for (let example = 0; example < count; example += 1) {
      const own = example * seen * places;
      const from = example * before.size;
      for (let run = 0; run < runs.length; run += 3) {
        const [source, to] = [from + runs[run], own + runs[run + 1]];
        for (let i = 0; i < runs[run + 2]; i += 1) columns[to + i] = before.made[source + i];
      }
      for (let o = 0; o < filters; o += 1) {
        made.fill(weights[1].data[o], example * size + o * places, example * size + (o + 1) * places);
      }
      const rows = { data: weights[0].data, at: 0, count: filters, stride: seen, step: 1 };
      const views = { data: columns, at: own, count: places, stride: 1, step: places };
      addProduct(rows, views, seen, { data: made, at: example * size });
    }
  },
  backward(layer, count) {
    const { before, size, gradient, weights, columns, runs, spread } = layer;
    const { filters, places, seen } = sizesOf(layer);
    for (let example = 0; example < count; example += 1) {
      const at = example * size;
      for (let o = 0; o < filters; o += 1) {
        let sum = 0;
        for (let p = at + o * places; p < at + (o + 1) * places; p += 1) sum += gradient[p];
        weights[1].gradient[o] += sum;
      }
      const above = { data: gradient, at, count: filters, stride: places, step: 1 };
      const views = { data: columns, at: example * seen * places, count: seen, stride: places, step: 1 };
      addProduct(above, views, places, { data: weights[0].gradient, at: 0 });
      if (!before.gradient) continue;
      spread.fill(0);
      const rows = { data: weights[0].data, at: 0, count: seen, stride: 1, step: seen };
      const ofPlaces = { data: gradient, at, count: places, stride: 1, step: places };
      addProduct(rows, ofPlaces, filters, { data: spread, at: 0 });
      const from = example * before.size;
      before.gradient.fill(0, from, from + before.size);
      for (let run = 0; run < runs.length; run += 3) {
        const [source, to] = [from + runs[run], runs[run + 1]];
        for (let i = 0; i < runs[run + 2]; i += 1) before.gradient[source + i] += spread[to + i];
      }
    }
  },
  terms(layer, { name }, index) {
    const { gradient, columns } = layer;
    const { places, seen } = sizesOf(layer);
    const filter = name === "bias" ? index : Math.floor(index / seen);
    return Array.from({ length: places }, (_, p) => [
      gradient[filter * places + p],
      name === "bias" ? 1 : columns[(index % seen) * places + p],
    ]);
  },
};

/** @param {NetLayer} layer */
function sizesOf({ shape, weights: [weight] }) {
  return { filters: shape[0], places: shape[1] * shape[2], seen: product(weight.shape.slice(1)) };
}

/**
 * Where the numbers of the maps are found in the columns, as runs of neighbours: source, place in the columns, length.
 * @param {number[]} shape of the maps @param {number} kernel
 */
export function runsOf([channels, rows, columns], kernel) {
  const runs = [];
  const border = (kernel - 1) / 2;
  for (let at = 0; at < channels * kernel * kernel; at += 1) {
    const channel = Math.floor(at / (kernel * kernel));
    const down = (Math.floor(at / kernel) % kernel) - border;
    const across = (at % kernel) - border;
    const length = columns - Math.abs(across);
    for (let row = Math.max(0, -down); row < rows - Math.max(0, down) && length > 0; row += 1) {
      const source = (channel * rows + row + down) * columns + Math.max(0, across);
      runs.push(source, (at * rows + row) * columns + Math.max(0, -across), length);
    }
  }
  return Int32Array.from(runs);
}

/** The largest of each 2 x 2 numbers; of equal ones the first, as in PyTorch. @type {Kind} */
const pool = {
  forward({ made, before, shape: [channels, rows, columns], winners }, count) {
    const seen = before.made;
    const [, high, wide] = before.shape;
    let at = 0;
    for (let map = 0; map < count * channels; map += 1) {
      for (let row = 0; row < rows; row += 1) {
        for (let column = 0; column < columns; column += 1) {
          const first = (map * high + 2 * row) * wide + 2 * column;
          let best = first;
          if (seen[first + 1] > seen[best]) best = first + 1;
          if (seen[first + wide] > seen[best]) best = first + wide;
          if (seen[first + wide + 1] > seen[best]) best = first + wide + 1;
          winners[at] = best;
          made[at] = seen[best];
          at += 1;
        }
      }
    }
  },
  backward({ before, gradient, size, winners }, count) {
    if (!before.gradient) return;
    before.gradient.fill(0, 0, count * before.size);
    for (let at = 0; at < count * size; at += 1) before.gradient[winners[at]] += gradient[at];
  },
};

/**
 * Training sets numbers to zero by a draw and divides the others by the share that stays (Srivastava et al. 2014);
 * otherwise everything passes.
 * @type {Kind}
 */
const dropout = {
  forward({ made, before, size, mask, rate, draw }, count) {
    for (let at = 0; at < count * size; at += 1) {
      mask[at] = draw ? Number(draw() >= rate) / (1 - rate) : 1;
      made[at] = before.made[at] * mask[at];
    }
  },
  backward({ before, gradient, size, mask }, count) {
    const onward = before.gradient;
    if (onward) for (let at = 0; at < count * size; at += 1) onward[at] = gradient[at] * mask[at];
  },
};

/** The mean of the rows of a text's words. @type {Kind} */
const embedding = {
  forward({ made, before, size, weights: [weight] }, count) {
    made.fill(0, 0, count * size);
    const { ids, from, to } = before;
    for (let example = 0; example < count; example += 1) {
      const share = 1 / (to[example] - from[example]);
      for (let word = from[example]; word < to[example]; word += 1) {
        const [own, row] = [example * size, ids[word] * size];
        for (let d = 0; d < size; d += 1) made[own + d] += share * weight.data[row + d];
      }
    }
  },
  backward({ before: { ids, from, to }, gradient, size, weights: [weight] }, count) {
    for (let example = 0; example < count; example += 1) {
      const share = 1 / (to[example] - from[example]);
      for (let word = from[example]; word < to[example]; word += 1) {
        const [row, own] = [ids[word] * size, example * size];
        for (let d = 0; d < size; d += 1) weight.gradient[row + d] += share * gradient[own + d];
      }
    }
  },
  terms({ before: { ids, from, to }, gradient, size }, _weight, index) {
    const own = ids.subarray(from[0], to[0]).filter((id) => id === Math.floor(index / size));
    return Array.from(own, () => [gradient[index % size], 1 / (to[0] - from[0])]);
  },
};

/** @type {Record<string, Kind>} */
export const LAYERS = {
  dense,
  convolution,
  pool,
  dropout,
  embedding,
  relu: pointwise(
    (x) => (x > 0 ? x : 0),
    (x) => (x > 0 ? 1 : 0),
  ),
  "leaky-relu": pointwise(
    (x) => (x > 0 ? x : LEAK * x),
    (x) => (x > 0 ? 1 : LEAK),
  ),
  tanh: pointwise(Math.tanh, (_, y) => 1 - y * y),
  sigmoid: pointwise(sigmoid, (_, y) => y * (1 - y)),
  // x Φ(x), the slope Φ(x) + x φ(x) (Hendrycks & Gimpel 2016).
  gelu: pointwise(
    (x) => (x * (1 + erf(x * Math.SQRT1_2))) / 2,
    (x) => (1 + erf(x * Math.SQRT1_2)) / 2 + x * DENSITY * Math.exp((-x * x) / 2),
  ),
};
