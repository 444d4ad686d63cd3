// Products of matrices, in blocks that stay in the processor's registers and caches.
//
// Rows of weights are laid out four by four, and so are the places they meet: each tile of 4 x 4 sums reads eight
// numbers for sixteen products. Both are doubles, which JavaScript computes with without converting them.

const SIDE = 4;
/** Places that are gathered at once: their numbers are met by all rows while they are in the cache. */
const GATHERED = 32;

/**
 * Rows of weights, four by four, filled up with zeros.
 * @typedef {{ data: Float64Array, rows: number, size: number }} PackedRows
 */

/**
 * @param {ArrayLike<number>} weights one row behind the other
 * @param {number} rows
 * @param {number} size of a row
 * @param {number} [start] where the first row begins
 * @returns {PackedRows}
 */
export function packedRows(weights, rows, size, start = 0) {
  const data = new Float64Array(Math.ceil(rows / SIDE) * SIDE * size);
  for (let row = 0; row < rows; row += 1) {
    const first = Math.floor(row / SIDE) * SIDE * size + (row % SIDE);
    for (let k = 0; k < size; k += 1) data[first + k * SIDE] = weights[start + row * size + k];
  }
  return { data, rows, size };
}

/**
 * Where the products of rows and places are written: row by row, from `at` on.
 * @typedef {{ data: Float32Array, at: number, places: number }} Target
 */

/**
 * Every row times what is seen from every place, and a bias for each row.
 * @param {PackedRows} packed
 * @param {(first: number, count: number, panel: Float64Array) => void} gather writes what `count` places from `first`
 *   on see into the panel, four places by four
 * @param {(row: number) => number} biasOf
 * @param {Target} target
 */
export function multiplied({ data, rows, size }, gather, biasOf, target) {
  const panel = new Float64Array(GATHERED * size);
  const sums = new Float64Array(SIDE * SIDE);
  for (let first = 0; first < target.places; first += GATHERED) {
    const count = Math.min(GATHERED, target.places - first);
    gather(first, count, panel);
    for (let row = 0; row < rows; row += SIDE) {
      for (let place = 0; place < count; place += SIDE) {
        tile([data, row * size], [panel, place * size], size, sums);
        written(
          sums,
          biasOf,
          target,
          [row, Math.min(SIDE, rows - row)],
          [first + place, Math.min(SIDE, count - place)],
        );
      }
    }
  }
}

/**
 * @param {Float64Array} sums
 * @param {(row: number) => number} biasOf
 * @param {Target} target
 * @param {[first: number, count: number]} rows
 * @param {[first: number, count: number]} places
 */
function written(sums, biasOf, target, [row, rows], [place, places]) {
  for (let i = 0; i < rows; i += 1) {
    const bias = biasOf(row + i);
    const start = target.at + (row + i) * target.places + place;
    for (let j = 0; j < places; j += 1) target.data[start + j] = sums[i * SIDE + j] + bias;
  }
}

/**
 * Sixteen sums of products: of four rows with four places.
 * @param {[data: Float64Array, at: number]} rows
 * @param {[data: Float64Array, at: number]} places
 * @param {number} size
 * @param {Float64Array} sums
 */
// eslint-disable-next-line max-lines-per-function -- sums stay in registers only under names of their own
function tile([weights, rowsAt], [seen, placesAt], size, sums) {
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
