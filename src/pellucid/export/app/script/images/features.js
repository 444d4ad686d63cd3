// Features of images for classical models: pixels and histograms of oriented gradients, and where they lie.
import { wholeOf } from "../../../../reports/explain/script/arrays.js";
import { app } from "../app.js";
import { say } from "../words/language.js";
/** @import { FeatureWords } from "../types.js" */
/** @import { Image8 } from "./pixels.js" */

// Images made smaller by the mean of square groups of pixels, as classical models see them: in single precision.

/** Numbers of pixels (rows, columns, channels) in single precision; side: of the groups in pixels of the image. */
/** @typedef {{ data: Float32Array, height: number, width: number, channels: number, side: number }} Pooled */

/**
 * The mean of square groups, until no side exceeds `longest`; rows and columns left over form smaller groups.
 * @param {Image8} image @param {number} longest @returns {Pooled}
 */
function inGroups({ data, height, width, channels }, longest) {
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

// Histograms of oriented gradients, step by step in single precision as in Python.
//
// Every pixel votes for the orientation of its gradient, with its length as weight, shared between the two nearest
// of nine bins. Votes are added up in square cells; every block of two by two cells is brought to length 1, clipped,
// and brought to length 1 again.

const ORIENTATIONS = 9;
const CLIP = Math.fround(0.2);
const BLOCK = 2;
const EPSILON_SQUARED = Math.fround(1e-5 ** 2);
const CELLS_A_SIDE = 7;
const SMALLEST_CELL = 4;
const BINS_PER_RADIAN = Math.fround(ORIENTATIONS / Math.PI);

const single = Math.fround;

/** @typedef {{ cell: number, rows: number, columns: number, top: number, left: number }} Grid of cells, in pixels */
/** @typedef {{ down: number, across: number, high: number, wide: number }} Blocks how many, and their cells */

/** Halves go to the even number, as Python rounds. @param {number} number */
function rounded(number) {
  const low = Math.floor(number);
  if (number - low === 0.5) return low % 2 ? low + 1 : low;
  return Math.round(number);
}

/**
 * Cells with a seventh of the root of the area a side, but at least 4 pixels; pixels left over are left out.
 * @param {number} height @param {number} width @returns {Grid}
 */
function gridOf(height, width) {
  const wanted = Math.max(SMALLEST_CELL, rounded(Math.sqrt(height * width) / CELLS_A_SIDE));
  const cell = Math.min(wanted, height, width);
  const [rows, columns] = [Math.floor(height / cell), Math.floor(width / cell)];
  const [top, left] = [Math.floor((height - rows * cell) / 2), Math.floor((width - columns * cell) / 2)];
  return { cell, rows, columns, top, left };
}

/** @param {Grid} grid @returns {Blocks} */
function blocksOf({ rows, columns }) {
  const [high, wide] = [Math.min(BLOCK, rows), Math.min(BLOCK, columns)];
  return { down: rows - high + 1, across: columns - wide + 1, high, wide };
}

/**
 * Block by block from the top left, in each block cell by cell, in each cell the orientations from 0 to 180 degrees.
 * @param {Pooled} pixels 0 to 1
 */
function histograms(pixels) {
  const grid = gridOf(pixels.height, pixels.width);
  return normalised(votesOfCells(pixels, grid), grid);
}

/**
 * The longest gradient of the channels of one pixel, 0 across a border.
 * @param {Pooled} pixels @param {number} row @param {number} column
 */
function gradientOfPixel({ data, height, width, channels }, row, column) {
  const found = { down: 0, across: 0 };
  let longest = -1;
  for (let part = 0; part < channels; part += 1) {
    /** @param {number} r @param {number} c */
    const at = (r, c) => data[(r * width + c) * channels + part];
    const isInner = row > 0 && row < height - 1;
    const down = isInner ? single(at(row + 1, column) - at(row - 1, column)) : 0;
    const isBetween = column > 0 && column < width - 1;
    const across = isBetween ? single(at(row, column + 1) - at(row, column - 1)) : 0;
    const square = single(single(down * down) + single(across * across));
    if (square > longest) {
      longest = square;
      Object.assign(found, { down, across });
    }
  }
  return found;
}

/** The mean vote of every orientation in every cell. @param {Pooled} pixels @param {Grid} grid */
function votesOfCells(pixels, { cell, rows, columns, top, left }) {
  const lower = new Float64Array(rows * columns * ORIENTATIONS);
  const upper = new Float64Array(lower.length);
  for (let row = 0; row < rows * cell; row += 1) {
    for (let column = 0; column < columns * cell; column += 1) {
      const { down, across } = gradientOfPixel(pixels, top + row, left + column);
      const strength = single(Math.sqrt(down * down + across * across));
      const { bin, part } = turnOf(down, across);
      const first = (Math.floor(row / cell) * columns + Math.floor(column / cell)) * ORIENTATIONS;
      lower[first + bin] += single(strength * single(1 - part));
      upper[first + ((bin + 1) % ORIENTATIONS)] += single(strength * part);
    }
  }
  return Float32Array.from(lower, (sum, at) => single(sum + upper[at]) / (cell * cell));
}

/**
 * The lower one of the two bins between which a gradient points, and how near it is to the upper one.
 * @param {number} down @param {number} across
 */
function turnOf(down, across) {
  let turn = single(single(Math.atan2(down, across)) * BINS_PER_RADIAN) % ORIENTATIONS;
  if (turn < 0) turn = single(turn + ORIENTATIONS);
  turn = single(turn - 0.5);
  const low = Math.floor(turn);
  return { bin: (low + ORIENTATIONS) % ORIENTATIONS, part: single(turn - low) };
}

/** @param {Float32Array} cells @param {Grid} grid */
function normalised(cells, grid) {
  const { down, across, high, wide } = blocksOf(grid);
  const size = high * wide * ORIENTATIONS;
  const found = new Float32Array(down * across * size);
  for (let block = 0; block < down * across; block += 1) {
    const [row, column] = [Math.floor(block / across), block % across];
    const own = found.subarray(block * size, (block + 1) * size);
    for (let part = 0; part < high * wide; part += 1) {
      const cell = (row + Math.floor(part / wide)) * grid.columns + column + (part % wide);
      own.set(cells.subarray(cell * ORIENTATIONS, (cell + 1) * ORIENTATIONS), part * ORIENTATIONS);
    }
    bringToLength1(own);
    for (let at = 0; at < size; at += 1) own[at] = Math.min(own[at], CLIP);
    bringToLength1(own);
  }
  return found;
}

/** @param {Float32Array} block */
function bringToLength1(block) {
  let sum = 0;
  for (const number of block) sum += single(number * number);
  const length = single(Math.sqrt(single(single(sum) + EPSILON_SQUARED)));
  for (let at = 0; at < block.length; at += 1) block[at] /= length;
}

// Features of an image for classical models: its pixels, or its histograms of oriented gradients.

const LONGEST_OF_PIXELS = 32;
const LONGEST_OF_HOG = 64;

/** @typedef {"pixels" | "hog"} FeatureKind */

/** @type {Record<FeatureKind, (image: Image8) => Float32Array>} */
export const FEATURES = {
  // Square roots bring out the differences between dark pixels as much as those between bright ones.
  pixels: (image) =>
    inGroups(image, LONGEST_OF_PIXELS).data.map((number) => Math.sqrt(Math.fround(number / 255))),
  hog(image) {
    const found = inGroups(image, LONGEST_OF_HOG);
    return histograms({ ...found, data: found.data.map((number) => number / 255) });
  },
};

// Where on the image a feature lies: its name in words, and what all features of a place add.

/** Degrees of one orientation. */
const DEGREES = 180 / ORIENTATIONS;

/**
 * Rows and columns once groups of pixels are one pixel each, and the side of a group.
 * @param {number} longest
 */
function smaller(longest) {
  const { height, width } = app.input;
  const side = Math.ceil(Math.max(height, width) / longest);
  return { side, rows: Math.ceil(height / side), columns: Math.ceil(width / side) };
}

/**
 * The first and last of some pixels in words, one of them by itself.
 * @param {number} first @param {number} count @param {number} size of the image
 */
function rangeOf(first, count, size) {
  const last = Math.min(size, first + count) - 1;
  return first === last ? String(first) : `${first}\u2013${last}`;
}

/** Rows and columns of the image in words. @param {number} row @param {number} column @param {number} side */
const spotOf = (row, column, side) => ({
  rows: rangeOf(row, side, app.input.height),
  columns: rangeOf(column, side, app.input.width),
});

const pixelPlaces = () => smaller(LONGEST_OF_PIXELS);

/** @param {number} column */
function nameOfPixel(column) {
  const { side, columns } = pixelPlaces();
  const { channels } = app.input;
  const place = Math.floor(column / channels);
  const spot = spotOf(Math.floor(place / columns) * side, (place % columns) * side, side);
  const colour =
    channels === 1 ? "" : say(/** @type {const} */ (["red", "green", "blue"])[column % channels]);
  return say("pixelAt", { ...spot, colour });
}

/** @param {Float64Array} adds */
function mapOfPixels(adds) {
  const { rows, columns } = pixelPlaces();
  const { channels } = app.input;
  const sums = new Float64Array(rows * columns);
  adds.forEach((added, column) => {
    sums[Math.floor(column / channels)] += added;
  });
  return wholeOf([rows, columns], sums);
}

/**
 * The cell and the orientation of a number of histograms, and the block in which it is.
 * @param {number} column
 */
function placeInHog(column) {
  const { side, rows, columns } = smaller(LONGEST_OF_HOG);
  const grid = gridOf(rows, columns);
  const { across, high, wide } = blocksOf(grid);
  const inBlock = Math.floor(column / ORIENTATIONS) % (high * wide);
  const block = Math.floor(column / (high * wide * ORIENTATIONS));
  const [blockRow, blockColumn] = [Math.floor(block / across), block % across];
  const [row, of] = [blockRow + Math.floor(inBlock / wide), blockColumn + (inBlock % wide)];
  return { grid, side, row, of, blockRow, blockColumn, orientation: column % ORIENTATIONS };
}

/** @param {number} column */
function nameOfGradient(column) {
  const { grid, side, row, of, blockRow, blockColumn, orientation } = placeInHog(column);
  const [top, left] = [(grid.top + row * grid.cell) * side, (grid.left + of * grid.cell) * side];
  const spot = spotOf(top, left, grid.cell * side);
  const from = orientation * DEGREES;
  return say("gradientAt", { ...spot, from, to: from + DEGREES, block: `(${blockRow}, ${blockColumn})` });
}

/** @param {Float64Array} adds */
function mapOfGradients(adds) {
  const { grid } = placeInHog(0);
  const sums = new Float64Array(grid.rows * grid.columns);
  adds.forEach((added, column) => {
    const { row, of } = placeInHog(column);
    sums[row * grid.columns + of] += added;
  });
  return wholeOf([grid.rows, grid.columns], sums);
}

/** @type {Record<FeatureKind, FeatureWords>} */
export const PLACES = {
  pixels: { nameOf: nameOfPixel, mapOf: mapOfPixels },
  hog: { nameOf: nameOfGradient, mapOf: mapOfGradients },
};
