// Whole layers computed anew, in double precision: those whose units see more than their own place.
import { cells, GATES } from "../arithmetic/cells.js";
import { firstChannel, resizedShares } from "../arithmetic/sums.js";
import { filled, zeros } from "../data/arrays.js";
import { need, needWhole } from "../data/missing.js";
/** @import { LargestKind, Layer, MeanKind, RecurrentKind } from "../types.js" */
/** @import { Floats, Numbers, Pair, Whole } from "../types.js" */

/**
 * @param {ArrayLike<number>} one
 * @param {ArrayLike<number>} other
 */
export function dot(one, other) {
  let sum = 0;
  for (let at = 0; at < one.length; at += 1) sum += one[at] * other[at];
  return sum;
}

/**
 * @param {Layer<"convolution">} layer
 * @param {Whole} maps
 * @param {Numbers} weight
 * @param {Numbers} [bias]
 */
export function convolved(layer, maps, weight, bias) {
  const made = zeros(layer.shape);
  const { data: kernels, shape } = needWhole(weight);
  const [, channels, height, width] = shape;
  for (let o = 0; o < layer.shape[0]; o += 1) {
    const own = made.row(o).fill(bias ? bias.data[o] : 0);
    const first = firstChannel(layer, shape, o);
    for (let i = 0; i < channels; i += 1) {
      for (let k = 0; k < height; k += 1) {
        for (let l = 0; l < width; l += 1) {
          const w = kernels[((o * channels + i) * height + k) * width + l];
          addShifted(layer, own, maps, { channel: first + i, k, l, w });
        }
      }
    }
  }
  return made;
}

/**
 * Add to a map what one weight of its kernels contributes: a map that it takes, shifted and scaled.
 * @param {Layer<"convolution">} layer
 * @param {Floats} own
 * @param {Whole} maps
 * @param {{ channel: number, k: number, l: number, w: number }} weight k, l: row and column of the kernel
 */
function addShifted({ shape: [, height, width], settings }, own, maps, { channel, k, l, w }) {
  const [down, across] = settings.stride;
  const [above, beside] = settings.padding;
  const [, rows, columns] = maps.shape;
  const first = Math.max(0, Math.ceil((beside - l) / across));
  const last = Math.min(width - 1, Math.floor((columns - 1 + beside - l) / across));
  for (let r = 0; r < height; r += 1) {
    const row = r * down + k - above;
    if (row < 0 || row >= rows) continue;
    const start = (channel * rows + row) * columns + l - beside;
    for (let c = first; c <= last; c += 1) own[r * width + c] += w * maps.data[start + c * across];
  }
}

/**
 * @param {Layer<"transposed-convolution">} layer
 * @param {Whole} maps
 * @param {Numbers} weight
 * @param {Numbers} [bias]
 */
export function transposed(layer, maps, weight, bias) {
  const made = zeros(layer.shape);
  const { data: kernels, shape } = needWhole(weight);
  const [inputs, outputs, height, width] = shape;
  for (let o = 0; o < outputs; o += 1) {
    const own = made.row(o).fill(bias ? bias.data[o] : 0);
    for (let i = 0; i < inputs; i += 1) {
      for (let k = 0; k < height; k += 1) {
        for (let l = 0; l < width; l += 1) {
          const w = kernels[((i * outputs + o) * height + k) * width + l];
          layShifted(layer, own, maps, { channel: i, k, l, w });
        }
      }
    }
  }
  return made;
}

/**
 * Lay on a map what one weight of the kernels contributes: a map that is taken, spread out and scaled.
 * @param {Layer<"transposed-convolution">} layer
 * @param {Floats} own
 * @param {Whole} maps
 * @param {{ channel: number, k: number, l: number, w: number }} weight k, l: row and column of the kernel
 */
function layShifted({ shape: [, height, width], settings }, own, maps, { channel, k, l, w }) {
  const [down, across] = settings.stride;
  const [above, beside] = settings.padding;
  const [, rows, columns] = maps.shape;
  for (let r = 0; r < rows; r += 1) {
    const row = r * down + k - above;
    if (row < 0 || row >= height) continue;
    const start = (channel * rows + r) * columns;
    for (let c = 0; c < columns; c += 1) {
      const column = c * across + l - beside;
      if (column >= 0 && column < width) own[row * width + column] += w * maps.data[start + c];
    }
  }
}

/**
 * An image at another size.
 * @param {Layer<"resize">} layer
 * @param {Whole} image
 */
export function resized({ shape, settings }, image) {
  const [channels, rows, columns] = image.shape;
  const [height, width] = settings.size;
  const down = Array.from({ length: height }, (_, r) => resizedShares(rows, height, r));
  const across = Array.from({ length: width }, (_, c) => resizedShares(columns, width, c));
  return filled(shape, (o, rest) => {
    const map = image.row(Math.min(o, channels - 1));
    let sum = 0;
    for (const [row, share] of down[Math.floor(rest / width)]) {
      for (const [column, other] of across[rest % width]) sum += share * other * map[row * columns + column];
    }
    return sum;
  });
}

/**
 * Sums over windows of neighbouring tokens.
 * @param {Layer<"neighbours">} layer
 * @param {Whole} vectors
 * @param {Numbers} weight
 * @param {Numbers} [bias]
 */
export function slid(layer, vectors, weight, bias) {
  const [, numbers, kernel] = weight.shape;
  const before = Math.floor((kernel - 1) / 2);
  return filled(layer.shape, (t, o) => {
    const own = need(weight.row(o));
    let sum = bias ? bias.data[o] : 0;
    for (let k = 0; k < kernel; k += 1) {
      const place = t + k - before;
      if (place < 0 || place >= vectors.shape[0]) continue;
      const row = vectors.row(place);
      for (let i = 0; i < numbers; i += 1) sum += own[i * kernel + k] * row[i];
    }
    return sum;
  });
}

/**
 * One number for each window of a map, for each map, or for each channel of a text.
 * @param {Layer<LargestKind | MeanKind>} layer
 * @param {Whole} source
 * @param {(window: number[]) => number} bring
 */
export function pooled(layer, { data, shape }, bring) {
  if (shape.length === 2) {
    const [length, channels] = shape;
    return filled(layer.shape, (o) => bring(Array.from({ length }, (_, t) => data[t * channels + o])));
  }
  const [, rows, columns] = shape;
  const [height, width] = layer.settings.window || [rows, columns];
  const across = layer.shape.length === 3 ? layer.shape[2] : 1;
  return filled(layer.shape, (o, rest) => {
    const start = (o * rows + Math.floor(rest / across) * height) * columns + (rest % across) * width;
    return bring(
      Array.from(
        { length: height * width },
        (_, at) => data[start + Math.floor(at / width) * columns + (at % width)],
      ),
    );
  });
}

/** @param {number[]} numbers */
export const largestOf = (numbers) => numbers.reduce((best, number) => Math.max(best, number), -Infinity);

/** @param {number[]} numbers */
export const meanOf = (numbers) => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/**
 * All states of an LSTM or GRU.
 * @param {Layer<RecurrentKind>} layer
 * @param {Whole} inputs
 * @param {Numbers[]} weights
 */
export function recurred(layer, inputs, [ofInput, ofState, inputBias, stateBias]) {
  const [length, units] = layer.shape;
  const made = zeros(layer.shape);
  const memory = new Float64Array(units);
  for (let t = 0; t < length; t += 1) {
    const x = inputs.row(t);
    const before = t ? made.row(t - 1) : new Float64Array(units);
    for (let unit = 0; unit < units; unit += 1) {
      /** @type {Pair[]} */
      const pairs = GATES[layer.kind].map((_, gate) => {
        const row = gate * units + unit;
        return [
          dot(need(ofInput.row(row)), x) + inputBias.data[row],
          dot(need(ofState.row(row)), before) + stateBias.data[row],
        ];
      });
      const found = cells[layer.kind](pairs, layer.kind === "lstm" ? memory[unit] : before[unit]);
      memory[unit] = found.memory;
      made.row(t)[unit] = found.state;
    }
  }
  return made;
}
