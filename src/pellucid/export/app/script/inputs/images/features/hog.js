// Histograms of oriented gradients, step by step in single precision as in Python.
//
// Every pixel votes for the orientation of its gradient, with its length as weight, shared between the two nearest
// of nine bins. Votes are added up in square cells; every block of two by two cells is brought to length 1, clipped,
// and brought to length 1 again.
/** @import { Pooled } from "./pooling.js" */

export const ORIENTATIONS = 9;
const CLIP = Math.fround(0.2);
const BLOCK = 2;
const EPSILON_SQUARED = Math.fround(1e-5 ** 2);
const CELLS = 7;
const SMALLEST_CELL = 4;
const BINS_PER_RADIAN = Math.fround(ORIENTATIONS / Math.PI);

const single = Math.fround;

/** @typedef {{ cell: number, rows: number, columns: number, top: number, left: number }} Grid of cells, in pixels */
/** @typedef {{ down: number, across: number, high: number, wide: number }} Blocks how many, and their cells */

/**
 * Halves go to the even number, as Python rounds.
 * @param {number} number
 */
function rounded(number) {
  const low = Math.floor(number);
  if (number - low === 0.5) return low % 2 ? low + 1 : low;
  return Math.round(number);
}

/**
 * Cells with a seventh of the root of the area a side, but at least 4 pixels; pixels left over are left out.
 * @param {number} height
 * @param {number} width
 * @returns {Grid}
 */
export function gridOf(height, width) {
  const wanted = Math.max(SMALLEST_CELL, rounded(Math.sqrt(height * width) / CELLS));
  const cell = Math.min(wanted, height, width);
  const [rows, columns] = [Math.floor(height / cell), Math.floor(width / cell)];
  const [top, left] = [Math.floor((height - rows * cell) / 2), Math.floor((width - columns * cell) / 2)];
  return { cell, rows, columns, top, left };
}

/**
 * @param {Grid} grid
 * @returns {Blocks}
 */
export function blocksOf({ rows, columns }) {
  const [high, wide] = [Math.min(BLOCK, rows), Math.min(BLOCK, columns)];
  return { down: rows - high + 1, across: columns - wide + 1, high, wide };
}

/**
 * Block by block from the top left, in each block cell by cell, in each cell the orientations from 0 to 180 degrees.
 * @param {Pooled} pixels 0 to 1
 */
export function histograms(pixels) {
  const grid = gridOf(pixels.height, pixels.width);
  return normalised(votesOfCells(pixels, grid), grid);
}

/**
 * The longest gradient of the channels of one pixel, 0 across a border.
 * @param {Pooled} pixels
 * @param {number} row
 * @param {number} column
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

/**
 * The mean vote of every orientation in every cell.
 * @param {Pooled} pixels
 * @param {Grid} grid
 */
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
 * @param {number} down
 * @param {number} across
 */
function turnOf(down, across) {
  let turn = single(single(Math.atan2(down, across)) * BINS_PER_RADIAN) % ORIENTATIONS;
  if (turn < 0) turn = single(turn + ORIENTATIONS);
  turn = single(turn - 0.5);
  const low = Math.floor(turn);
  return { bin: (low + ORIENTATIONS) % ORIENTATIONS, part: single(turn - low) };
}

/**
 * @param {Float32Array} cells
 * @param {Grid} grid
 */
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
