// Products of many rows with the same weights: what dense layers, filters and gates of texts spend their time on.
/** @import { Floats } from "../../../../../../reports/explain/script/types.js" */

/**
 * Rows one behind the other, the weights for each number of the result as rows of the same size, and where the
 * results go: `width` numbers from row to row, the first at `start`. They are added to what stands there.
 * @typedef {{ x: Floats, weights: Floats, size: number, made: Floats, width: number, start: number }} Product
 */

/**
 * For every row and every row of weights the sum of the products. Two rows and four rows of weights are taken at
 * once, so that every number that was fetched serves several times; sums are in double precision.
 * @param {Product} product
 */
export function addProducts(product) {
  const { x, weights, size } = product;
  const rows = Math.floor(x.length / size);
  const columns = weights.length / size;
  const [evenRows, evenColumns] = [rows - (rows % 2), columns - (columns % 4)];
  for (let c = 0; c < evenColumns; c += 4) {
    for (let r = 0; r < evenRows; r += 2) addTwoByFour(product, r, c);
  }
  for (let r = evenRows; r < rows; r += 1) {
    for (let c = 0; c < evenColumns; c += 4) addOneByFour(product, r, c);
  }
  for (let r = 0; r < rows; r += 1) {
    for (let c = evenColumns; c < columns; c += 1) addOne(product, r, c);
  }
}

/**
 * @param {Product} product
 * @param {number} r
 * @param {number} c
 */
function addOneByFour({ x, weights, size, made, width, start }, r, c) {
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
 * @param {Product} product
 * @param {number} r
 * @param {number} c
 */
function addTwoByFour({ x, weights, size, made, width, start }, r, c) {
  const a = r * size;
  const b = a + size;
  const p = c * size;
  const q = p + size;
  const s = q + size;
  const t = s + size;
  let [ap, aq, as, at] = [0, 0, 0, 0];
  let [bp, bq, bs, bt] = [0, 0, 0, 0];
  for (let i = 0; i < size; i += 1) {
    const one = x[a + i];
    const other = x[b + i];
    const forP = weights[p + i];
    const forQ = weights[q + i];
    const forS = weights[s + i];
    const forT = weights[t + i];
    ap += one * forP;
    aq += one * forQ;
    as += one * forS;
    at += one * forT;
    bp += other * forP;
    bq += other * forQ;
    bs += other * forS;
    bt += other * forT;
  }
  const first = start + r * width + c;
  const second = first + width;
  made[first] += ap;
  made[first + 1] += aq;
  made[first + 2] += as;
  made[first + 3] += at;
  made[second] += bp;
  made[second + 1] += bq;
  made[second + 2] += bs;
  made[second + 3] += bt;
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
