// What layers hand back through products: rows of weights, each times its gradient, are added up.
import { product } from "./arrays.js";
import { tapsOf } from "./layers.js";
/** @import { Floats, Passing } from "./types.js" */

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
      const weights = taps[tap];
      for (let row = 0; row < count; row += 4) {
        const [f, g, h, i] = [factors[row], factors[row + 1], factors[row + 2], factors[row + 3]];
        const [p, q, r, s] = [rows[row], rows[row + 1], rows[row + 2], rows[row + 3]];
        for (let k = 0; k < size; k += 1) {
          made[first + k] +=
            f * weights[p + k] + g * weights[q + k] + h * weights[r + k] + i * weights[s + k];
        }
      }
    }
  }
}

/** @param {Passing} passing */
export function throughConvolution({ layer, above, sources: [{ shape }], weights: [weight], Kind }) {
  const [channels, rows, columns] = shape;
  const [filters, size, , wide] = weight.shape;
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
export function throughRows({ above, sources: [{ shape, data }], weights: [weight], Kind }) {
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
