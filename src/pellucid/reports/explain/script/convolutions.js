// Convolutions over maps: as products of matrices, and channel by channel where each has a kernel of its own.
import { product } from "./arrays.js";
import { multiplied, packedRows } from "./products.js";
/** @import { PackedRows } from "./products.js" */
/** @import { Floats, FloatsKind, Layer, Numbers, Shape, Whole } from "./types.js" */

/** Maps with a border of zeros around them. @typedef {{ data: Floats, height: number, width: number }} Padded */

/** @type {WeakMap<Floats, PackedRows[]>} rows of weights as products want them, by the weights */
const packed = new WeakMap();

/** @param {Layer} layer @param {Whole[]} sources @param {Numbers[]} weights @param {FloatsKind} Kind */
export function convolved(layer, [maps], [weight, bias], Kind) {
  const groups = layer.settings.groups || 1;
  const made = new Kind(product(layer.shape));
  const padded = paddedFor(layer, maps, weight.shape);
  const isByChannel = groups === maps.shape[0] && weight.shape[1] === 1 && groups === layer.shape[0];
  if (isByChannel) convolveByChannel(layer, padded, weight, made);
  else convolveByGroups(layer, padded, weight, made);
  if (!bias) return made;
  const size = made.length / bias.data.length;
  for (let o = 0; o < bias.data.length; o += 1) {
    for (let at = o * size; at < (o + 1) * size; at += 1) made[at] += bias.data[o];
  }
  return made;
}

/** @param {Layer} layer @param {Whole} maps @param {Shape} kernels @returns {Padded} */
function paddedFor({ shape, settings }, { data, shape: [channels, rows, columns] }, [, , high, wide]) {
  const [above, left] = settings.padding;
  const [down, across] = settings.stride;
  const height = Math.max(rows + above, (shape[1] - 1) * down + high);
  const width = Math.max(columns + left, (shape[2] - 1) * across + wide);
  if (height === rows && width === columns) return { data, height, width };
  const made = new /** @type {FloatsKind} */ (data.constructor)(channels * height * width);
  for (let channel = 0; channel < channels; channel += 1) {
    for (let row = 0; row < rows; row += 1) {
      const start = (channel * rows + row) * columns;
      made.set(data.subarray(start, start + columns), (channel * height + row + above) * width + left);
    }
  }
  return { data: made, height, width };
}

/** Where each number of a kernel is in the maps, from its first one on. @param {Padded} padded @param {Shape} kernels */
function offsetsOf({ height, width }, [, channels, high, wide]) {
  const offsets = new Int32Array(channels * high * wide);
  for (let at = 0; at < offsets.length; at += 1) {
    const channel = Math.floor(at / (high * wide));
    const row = Math.floor(at / wide) % high;
    offsets[at] = (channel * height + row) * width + (at % wide);
  }
  return offsets;
}

/** Where the window of each place begins. @param {Layer} layer @param {Padded} padded */
function startsOf({ shape: [, rows, columns], settings }, { width }) {
  const [down, across] = settings.stride;
  const starts = new Int32Array(rows * columns);
  for (let place = 0; place < starts.length; place += 1) {
    starts[place] = Math.floor(place / columns) * down * width + (place % columns) * across;
  }
  return starts;
}

/** @param {Layer} layer @param {Padded} padded @param {Numbers} weight @param {Floats} made */
function convolveByGroups(layer, padded, weight, made) {
  const groups = layer.settings.groups || 1;
  const rows = weight.shape[0] / groups;
  const offsets = offsetsOf(padded, weight.shape);
  const starts = startsOf(layer, padded);
  const known =
    packed.get(weight.data) ??
    Array.from({ length: groups }, (_, group) =>
      packedRows(weight.data, rows, offsets.length, group * rows * offsets.length),
    );
  packed.set(weight.data, known);
  known.forEach((own, group) => {
    const first = group * weight.shape[1] * padded.height * padded.width;
    multiplied(
      own,
      (place, count, panel) =>
        gatherWindows(padded.data, offsets, starts.subarray(place, place + count), panel, first),
      { data: made, at: group * rows * starts.length, places: starts.length },
    );
  });
}

/**
 * What some places see, four places by four.
 * @param {Floats} data @param {Int32Array} offsets @param {Int32Array} starts @param {Float64Array} panel
 * @param {number} first
 */
function gatherWindows(data, offsets, starts, panel, first) {
  const size = offsets.length;
  for (let at = 0; at < starts.length; at += 1) {
    const start = first + starts[at];
    let place = (at - (at % 4)) * size + (at % 4);
    for (let k = 0; k < size; k += 1) {
      panel[place] = data[start + offsets[k]];
      place += 4;
    }
  }
}

/**
 * A kernel for each channel alone, as the depthwise convolutions of mobile networks have them.
 * @param {Layer} layer @param {Padded} padded @param {Numbers} weight @param {Floats} made
 */
function convolveByChannel(layer, padded, weight, made) {
  const offsets = offsetsOf(padded, weight.shape);
  const starts = startsOf(layer, padded);
  const kernel = new Float64Array(offsets.length);
  const size = padded.height * padded.width;
  const sum = kernel.length === 9 ? sumOfNine : sumOfAny;
  for (let channel = 0; channel < weight.shape[0]; channel += 1) {
    for (let k = 0; k < kernel.length; k += 1) kernel[k] = weight.data[channel * kernel.length + k];
    const map = padded.data.subarray(channel * size, (channel + 1) * size);
    const own = made.subarray(channel * starts.length, (channel + 1) * starts.length);
    sum({ map, kernel, offsets, starts }, own);
  }
}

/** @typedef {{ map: Floats, kernel: Float64Array, offsets: Int32Array, starts: Int32Array }} OneChannel */

/** @param {OneChannel} channel @param {Floats} made */
function sumOfAny({ map, kernel, offsets, starts }, made) {
  for (let place = 0; place < starts.length; place += 1) {
    const start = starts[place];
    let sum = 0;
    for (let k = 0; k < kernel.length; k += 1) sum += kernel[k] * map[start + offsets[k]];
    made[place] = sum;
  }
}

/** @param {OneChannel} channel with kernels of 3 x 3 @param {Floats} made */
function sumOfNine({ map, kernel, offsets, starts }, made) {
  const [a, b, c, d, e, f, g, h, i] = kernel;
  const [second, third] = [offsets[3], offsets[6]];
  for (let place = 0; place < starts.length; place += 1) {
    const one = starts[place];
    const two = one + second;
    const three = one + third;
    made[place] =
      a * map[one] +
      b * map[one + 1] +
      c * map[one + 2] +
      d * map[two] +
      e * map[two + 1] +
      f * map[two + 2] +
      g * map[three] +
      h * map[three + 1] +
      i * map[three + 2];
  }
}
