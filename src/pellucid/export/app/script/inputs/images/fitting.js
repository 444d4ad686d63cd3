// From an image of any size to what the network takes: the rules of Pellucid's own preprocessing.
import { app } from "../../facts/app.js";
import { resampled } from "./resampling.js";
/** @import { Image8 } from "./resampling.js" */

/**
 * Fit an image inside the network's size with its aspect kept, centred, on the median colour of its border.
 * @param {Image8} image of red, green and blue
 * @param {[rows: number, columns: number]} inner its size once it is fitted
 * @returns {Image8}
 */
export function fitted(image, [rows, columns]) {
  const { height, width, channels } = app.input;
  const own = channels === 1 ? grey(image) : image;
  const inner = resampled(own, rows, columns);
  if (rows === height && columns === width) return inner;
  const data = new Uint8Array(height * width * channels);
  const colour = borderColour(own);
  for (let at = 0; at < data.length; at += 1) data[at] = colour[at % channels];
  const [top, left] = [Math.floor((height - rows) / 2), Math.floor((width - columns) / 2)];
  for (let row = 0; row < rows; row += 1) {
    const start = row * columns * channels;
    data.set(inner.data.subarray(start, start + columns * channels), ((top + row) * width + left) * channels);
  }
  return { data, height, width, channels };
}

/**
 * Brightness by the weights of ITU-R 601, in 16 bits behind the point, rounded.
 * @param {Image8} image
 * @returns {Image8}
 */
function grey({ data, height, width }) {
  const made = new Uint8Array(height * width);
  for (let at = 0; at < made.length; at += 1) {
    made[at] = (data[3 * at] * 19595 + data[3 * at + 1] * 38470 + data[3 * at + 2] * 7471 + 0x8000) >> 16;
  }
  return { data: made, height, width, channels: 1 };
}

/**
 * Median of each channel over the outermost pixels; those in the corners count twice.
 * @param {Image8} image
 */
export function borderColour({ data, height, width, channels }) {
  return Array.from({ length: channels }, (_, channel) => {
    /** @param {number} row @param {number} column */
    const at = (row, column) => data[(row * width + column) * channels + channel];
    const border = [];
    for (let column = 0; column < width; column += 1) border.push(at(0, column), at(height - 1, column));
    for (let row = 0; row < height; row += 1) border.push(at(row, 0), at(row, width - 1));
    border.sort((one, other) => one - other);
    const middle = border.length / 2;
    return Math.floor((border[Math.ceil(middle) - 1] + border[Math.floor(middle)]) / 2);
  });
}
