// Products of matrices, in blocks that stay in the processor's registers and caches.
//
// Rows of weights are laid out four by four, and so are the places they meet: each tile of 4 x 4 sums reads eight
// numbers for sixteen products. Both are doubles, which JavaScript computes with without converting them.
/** @import { Floats } from "./types.js" */

const SIDE = 4;
/** Places that are gathered at once: their numbers are met by all rows while they are in the cache. */
const GATHERED = 32;
/** From so many rows on it pays to lay them out in tiles. */
const FEWEST_IN_TILES = 8;

/** Rows of weights, four by four, filled up with zeros. @typedef {{ data: Float64Array, rows: number, size: number }} PackedRows */

/**
 * @param {ArrayLike<number>} weights one row behind the other @param {number} rows
 * @param {number} size of a row @param {number} [start] where the first row begins @returns {PackedRows}
 */
export function packedRows(weights, rows, size, start = 0) {
  const data = new Float64Array(Math.ceil(rows / SIDE) * SIDE * size);
  for (let row = 0; row < rows; row += 1) {
    const first = Math.floor(row / SIDE) * SIDE * size + (row % SIDE);
    for (let k = 0; k < size; k += 1) data[first + k * SIDE] = weights[start + row * size + k];
  }
  return { data, rows, size };
}

/** Where the products of rows and places are written: row by row, from `at` on. @typedef {{ data: Floats, at: number, places: number }} Target */

/**
 * Every row times what is seen from every place.
 * @param {PackedRows} packed
 * @param {(first: number, count: number, panel: Float64Array) => void} gather writes what `count` places from
 *   `first` on see into the panel, four places by four
 * @param {Target} target
 */
export function multiplied({ data, rows, size }, gather, target) {
  const panel = new Float64Array(GATHERED * size);
  const sums = new Float64Array(SIDE * SIDE);
  for (let first = 0; first < target.places; first += GATHERED) {
    const count = Math.min(GATHERED, target.places - first);
    gather(first, count, panel);
    for (let row = 0; row < rows; row += SIDE) {
      for (let place = 0; place < count; place += SIDE) {
        tile([data, row * size], [panel, place * size], size, sums);
        const [high, wide] = [Math.min(SIDE, rows - row), Math.min(SIDE, count - place)];
        for (let i = 0; i < high; i += 1) {
          const start = target.at + (row + i) * target.places + first + place;
          for (let j = 0; j < wide; j += 1) target.data[start + j] = sums[i * SIDE + j];
        }
      }
    }
  }
}

/**
 * Sixteen sums of products: of four rows with four places.
 * @param {[data: Float64Array, at: number]} rows @param {[data: Float64Array, at: number]} places
 * @param {number} size @param {Float64Array} sums
 */
// eslint-disable-next-line max-lines-per-function -- sums stay in registers only under names of their own
export function tile([weights, rowsAt], [seen, placesAt], size, sums) {
  let a0 = 0;
  let a1 = 0;
  let a2 = 0;
  let a3 = 0;
  let b0 = 0;
  let b1 = 0;
  let b2 = 0;
  let b3 = 0;
  let c0 = 0;
  let c1 = 0;
  let c2 = 0;
  let c3 = 0;
  let d0 = 0;
  let d1 = 0;
  let d2 = 0;
  let d3 = 0;
  let w = rowsAt;
  let x = placesAt;
  for (let k = 0; k < size; k += 1) {
    const x0 = seen[x];
    const x1 = seen[x + 1];
    const x2 = seen[x + 2];
    const x3 = seen[x + 3];
    const a = weights[w];
    a0 += a * x0;
    a1 += a * x1;
    a2 += a * x2;
    a3 += a * x3;
    const b = weights[w + 1];
    b0 += b * x0;
    b1 += b * x1;
    b2 += b * x2;
    b3 += b * x3;
    const c = weights[w + 2];
    c0 += c * x0;
    c1 += c * x1;
    c2 += c * x2;
    c3 += c * x3;
    const d = weights[w + 3];
    d0 += d * x0;
    d1 += d * x1;
    d2 += d * x2;
    d3 += d * x3;
    w += SIDE;
    x += SIDE;
  }
  sums[0] = a0;
  sums[1] = a1;
  sums[2] = a2;
  sums[3] = a3;
  sums[4] = b0;
  sums[5] = b1;
  sums[6] = b2;
  sums[7] = b3;
  sums[8] = c0;
  sums[9] = c1;
  sums[10] = c2;
  sums[11] = c3;
  sums[12] = d0;
  sums[13] = d1;
  sums[14] = d2;
  sums[15] = d3;
}

/**
 * Rows one behind the other, the weights for each number of the result as rows of the same size, and where the
 * results go: `width` numbers from row to row, the first at `start`. They are added to what is there.
 * @typedef {{ x: Floats, weights: Floats, size: number, made: Floats, width: number, start: number }} Product
 */

/** For every row and every row of weights the sum of the products. @param {Product} product */
export function addProducts(product) {
  const { x, weights, size, made, width, start } = product;
  const rows = x.length / size;
  const columns = weights.length / size;
  if (rows >= FEWEST_IN_TILES) {
    addTiles(product, rows, columns);
    return;
  }
  const even = columns - (columns % 4);
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < even; c += 4) addFour(product, r, c);
    for (let c = even; c < columns; c += 1) {
      let sum = 0;
      for (let i = 0; i < size; i += 1) sum += x[r * size + i] * weights[c * size + i];
      made[start + r * width + c] += sum;
    }
  }
}

/**
 * Many rows: tiles of four of them and four of weights.
 * @param {Product} product @param {number} rows @param {number} columns
 */
function addTiles({ x, weights, size, made, width, start }, rows, columns) {
  const sums =
    made instanceof Float64Array ? new Float64Array(rows * columns) : new Float32Array(rows * columns);
  /** @param {number} first @param {number} count @param {Float64Array} panel */
  const gather = (first, count, panel) => {
    for (let own = 0; own < count; own += 1) {
      const to = (own - (own % 4)) * size + (own % 4);
      const from = (first + own) * size;
      for (let i = 0; i < size; i += 1) panel[to + 4 * i] = weights[from + i];
    }
  };
  multiplied(packedRows(x, rows, size), gather, { data: sums, at: 0, places: columns });
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < columns; c += 1) made[start + r * width + c] += sums[r * columns + c];
  }
}

/**
 * Four rows of weights at once, so that every number of x that was fetched serves four times.
 * @param {Product} product @param {number} r @param {number} c
 */
function addFour({ x, weights, size, made, width, start }, r, c) {
  const row = r * size;
  const p = c * size;
  const q = p + size;
  const s = q + size;
  const t = s + size;
  let [forP, forQ, forS, forT] = [0, 0, 0, 0];
  for (let i = 0; i < size; i += 1) {
    const seen = x[row + i];
    forP += seen * weights[p + i];
    forQ += seen * weights[q + i];
    forS += seen * weights[s + i];
    forT += seen * weights[t + i];
  }
  const first = start + r * width + c;
  made[first] += forP;
  made[first + 1] += forQ;
  made[first + 2] += forS;
  made[first + 3] += forT;
}

/** Rows that all begin as a bias, or as zeros. @param {Floats} made @param {Floats | null} [bias] */
export function withBiasRows(made, bias) {
  if (bias) for (let at = 0; at < made.length; at += bias.length) made.set(bias, at);
  return made;
}
