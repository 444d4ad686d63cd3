// Images made smaller by the mean of square groups of pixels, as classical models see them: in single precision.
/** @import { Image8 } from "../resampling.js" */

/** Numbers of pixels (rows, columns, channels) in single precision; side: of the groups in pixels of the image. */
/** @typedef {{ data: Float32Array, height: number, width: number, channels: number, side: number }} Pooled */

/**
 * The mean of square groups, until no side exceeds `longest`; rows and columns left over form smaller groups.
 * @param {Image8} image
 * @param {number} longest
 * @returns {Pooled}
 */
export function inGroups({ data, height, width, channels }, longest) {
  const side = Math.ceil(Math.max(height, width) / longest);
  const [rows, columns] = [Math.ceil(height / side), Math.ceil(width / side)];
  const sums = new Float32Array(rows * columns * channels);
  const counts = new Float32Array(rows * columns);
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const to = Math.floor(row / side) * columns + Math.floor(column / side);
      counts[to] += 1;
      const from = (row * width + column) * channels;
      for (let part = 0; part < channels; part += 1) sums[to * channels + part] += data[from + part];
    }
  }
  for (let at = 0; at < sums.length; at += 1) sums[at] /= counts[Math.floor(at / channels)];
  return { data: sums, height: rows, width: columns, channels, side };
}
