// Where on the image a feature lies: its name in words, and what all features of a place add.
import { wholeOf } from "../../../../../../reports/explain/script/data/arrays.js";
import { app } from "../../../facts/app.js";
import { say } from "../../../words/language.js";
import { blocksOf, gridOf, ORIENTATIONS } from "./hog.js";
import { LONGEST_OF_HOG, LONGEST_OF_PIXELS } from "./kinds.js";
/** @import { FeatureWords } from "../../../types.js" */
/** @import { FeatureKind } from "./kinds.js" */

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
 * @param {number} first
 * @param {number} count
 * @param {number} size of the image
 */
function rangeOf(first, count, size) {
  const last = Math.min(size, first + count) - 1;
  return first === last ? String(first) : `${first}\u2013${last}`;
}

/**
 * Rows and columns of the image in words.
 * @param {number} row
 * @param {number} column
 * @param {number} side
 */
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
