// Resizing of images exactly as Pillow does it, in its fixed-point arithmetic: reduced first, then by a Lanczos filter.
import { app } from "../../facts/app.js";

/**
 * An image of 8 bits a channel: rows of pixels, the channels of each pixel side by side.
 * @typedef {{ data: Uint8Array | Uint8ClampedArray, height: number, width: number, channels: number }} Image8
 */

const LANCZOS_SUPPORT = 3;
/** Bits behind the point of a weight. */
const PRECISION = 22;
const ROUNDING = 2 ** (PRECISION - 1);
/** An image is first reduced by whole factors, down to this many times what it will be. */
const REDUCING_GAP = 3;

/** @param {number} x */
const sinc = (x) => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

/** @param {number} x */
const lanczos = (x) =>
  x >= -LANCZOS_SUPPORT && x < LANCZOS_SUPPORT ? sinc(x) * sinc(x / LANCZOS_SUPPORT) : 0;

/**
 * At another size.
 * @param {Image8} image
 * @param {number} height
 * @param {number} width
 */
export function resampled(image, height, width) {
  if (image.height === height && image.width === width) return image;
  const across = Math.floor(image.width / width / REDUCING_GAP) || 1;
  const down = Math.floor(image.height / height / REDUCING_GAP) || 1;
  const small = across > 1 || down > 1 ? reduced(image, down, across) : image;
  const columns = filterWeights(small.width, image.width / across, width);
  const rows = filterWeights(small.height, image.height / down, height);
  /** @type {((one: Image8) => Image8)[]} */
  const passes = [];
  if (image.width / across !== width) passes.push((one) => alongRows(one, columns));
  if (image.height / down !== height) passes.push((one) => alongColumns(one, rows));
  if (isColumnsFirst(small, height, width)) passes.reverse();
  return passes.reduce((one, pass) => pass(one), small);
}

/**
 * Whether columns are resampled before rows. Both orders mean the same, but the numbers between them are rounded.
 * Newer versions of Pillow go by how many rows and columns there will be less, where there will be less rows at
 * all; older ones always take rows first.
 * @param {Image8} image
 * @param {number} height
 * @param {number} width
 */
const isColumnsFirst = (image, height, width) =>
  app.input.columnsMayBeFirst && image.height > height && image.height - height > 2 * (image.width - width);

/**
 * Means of blocks of pixels; those at the right and lower border may be smaller.
 * @param {Image8} image
 * @param {number} down rows of a block
 * @param {number} across columns of a block
 * @returns {Image8}
 */
function reduced({ data, height, width, channels }, down, across) {
  const [rows, columns] = [Math.ceil(height / down), Math.ceil(width / across)];
  const made = new Uint8Array(rows * columns * channels);
  for (let row = 0; row < rows; row += 1) {
    const [top, bottom] = [row * down, Math.min(height, (row + 1) * down)];
    for (let column = 0; column < columns; column += 1) {
      const [left, right] = [column * across, Math.min(width, (column + 1) * across)];
      const count = (bottom - top) * (right - left);
      const factor = Math.floor(Math.fround(2 ** 24 / count));
      for (let channel = 0; channel < channels; channel += 1) {
        let sum = Math.floor(count / 2);
        for (let y = top; y < bottom; y += 1) {
          for (let x = left; x < right; x += 1) sum += data[(y * width + x) * channels + channel];
        }
        made[(row * columns + column) * channels + channel] = Math.floor((sum * factor) / 2 ** 24);
      }
    }
  }
  return { data: made, height: rows, width: columns, channels };
}

/**
 * Of every new place the first old one that it sees, and the weights from there on, in fixed point.
 * @param {number} size old
 * @param {number} extent of it that is used, which may end within the last place; Pillow has it in single precision
 * @param {number} newSize
 */
function filterWeights(size, extent, newSize) {
  const scale = Math.fround(extent) / newSize;
  const stretch = Math.max(scale, 1);
  const support = LANCZOS_SUPPORT * stretch;
  return Array.from({ length: newSize }, (_, at) => {
    const centre = (at + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const last = Math.min(size, Math.trunc(centre + support + 0.5));
    const exact = Array.from({ length: last - first }, (__, k) =>
      lanczos((k + first - centre + 0.5) * (1 / stretch)),
    );
    const sum = exact.reduce((total, weight) => total + weight, 0);
    return { first, weights: Float64Array.from(exact, (weight) => fixed(sum === 0 ? weight : weight / sum)) };
  });
}

/** @param {number} weight */
const fixed = (weight) => Math.trunc((weight < 0 ? -0.5 : 0.5) + weight * 2 ** PRECISION);

/** @param {number} sum in fixed point */
const clipped = (sum) => Math.min(255, Math.max(0, Math.floor(sum / 2 ** PRECISION)));

/** @typedef {ReturnType<typeof filterWeights>} Weights */

/**
 * Every row at another length.
 * @param {Image8} image
 * @param {Weights} columns
 * @returns {Image8}
 */
function alongRows({ data, height, width, channels }, columns) {
  const made = new Uint8Array(height * columns.length * channels);
  for (let row = 0; row < height; row += 1) {
    columns.forEach(({ first, weights }, column) => {
      for (let channel = 0; channel < channels; channel += 1) {
        let sum = ROUNDING;
        let at = (row * width + first) * channels + channel;
        for (let k = 0; k < weights.length; k += 1) {
          sum += data[at] * weights[k];
          at += channels;
        }
        made[(row * columns.length + column) * channels + channel] = clipped(sum);
      }
    });
  }
  return { data: made, height, width: columns.length, channels };
}

/**
 * Every column at another length.
 * @param {Image8} image
 * @param {Weights} rows
 * @returns {Image8}
 */
function alongColumns({ data, width, channels }, rows) {
  const length = width * channels;
  const made = new Uint8Array(rows.length * length);
  rows.forEach(({ first, weights }, row) => {
    for (let place = 0; place < length; place += 1) {
      let sum = ROUNDING;
      for (let k = 0; k < weights.length; k += 1) sum += data[(first + k) * length + place] * weights[k];
      made[row * length + place] = clipped(sum);
    }
  });
  return { data: made, height: rows.length, width, channels };
}
