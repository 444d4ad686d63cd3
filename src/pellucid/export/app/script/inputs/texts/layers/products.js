// Products of rows with weights: what dense layers, filters and gates of texts spend their time on.
import { multiplied, packedRows } from "../../../engine/products.js";
/** @import { Floats } from "../../../../../../reports/explain/script/types.js" */

/** From so many rows on it pays to lay them out in tiles. */
const FEWEST_IN_TILES = 8;

/**
 * Rows one behind the other, the weights for each number of the result as rows of the same size, and where the
 * results go: `width` numbers from row to row, the first at `start`. They are added to what stands there.
 * @typedef {{ x: Floats, weights: Floats, size: number, made: Floats, width: number, start: number }} Product
 */

/**
 * For every row and every row of weights the sum of the products.
 * @param {Product} product
 */
export function addProducts(product) {
  const { x, weights, size } = product;
  const rows = x.length / size;
  const columns = weights.length / size;
  if (rows >= FEWEST_IN_TILES) {
    addTiles(product, rows, columns);
    return;
  }
  const even = columns - (columns % 4);
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < even; c += 4) addFour(product, r, c);
    for (let c = even; c < columns; c += 1) addOne(product, r, c);
  }
}

/**
 * Many rows: tiles of four of them and four of weights.
 * @param {Product} product
 * @param {number} rows
 * @param {number} columns
 */
function addTiles({ x, weights, size, made, width, start }, rows, columns) {
  const sums = new Float32Array(rows * columns);
  /** @param {number} first @param {number} count @param {Float64Array} panel */
  const gather = (first, count, panel) => {
    for (let own = 0; own < count; own += 1) {
      const to = (own - (own % 4)) * size + (own % 4);
      const from = (first + own) * size;
      for (let i = 0; i < size; i += 1) panel[to + 4 * i] = weights[from + i];
    }
  };
  multiplied(packedRows(x, rows, size), gather, () => 0, { data: sums, at: 0, places: columns });
  for (let r = 0; r < rows; r += 1) {
    for (let c = 0; c < columns; c += 1) made[start + r * width + c] += sums[r * columns + c];
  }
}

/**
 * @param {Product} product
 * @param {number} r
 * @param {number} c
 */
function addOne({ x, weights, size, made, width, start }, r, c) {
  const [first, own] = [r * size, c * size];
  let sum = 0;
  for (let i = 0; i < size; i += 1) sum += x[first + i] * weights[own + i];
  made[start + r * width + c] += sum;
}

/**
 * Four rows of weights at once, so that every number of x that was fetched serves four times.
 * @param {Product} product
 * @param {number} r
 * @param {number} c
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

/**
 * Rows that all begin as a bias, or as zeros.
 * @param {number} rows
 * @param {number} columns
 * @param {Floats | null} [bias]
 */
export function biasRows(rows, columns, bias) {
  const made = new Float32Array(rows * columns);
  if (bias) for (let r = 0; r < rows; r += 1) made.set(bias, r * columns);
  return made;
}

/**
 * A dense layer on one row or many: weights of (outputs, inputs).
 * @param {Floats} x
 * @param {Floats} weights
 * @param {Floats | null} bias
 * @param {number} size inputs
 */
export function dense(x, weights, bias, size) {
  const [rows, columns] = [x.length / size, weights.length / size];
  const made = biasRows(rows, columns, bias);
  addProducts({ x, weights, size, made, width: columns, start: 0 });
  return made;
}
