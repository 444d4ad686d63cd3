// Products of matrices that lie in memory in any order, by tiles of 4 x 4, without allocating anything.
import { tile } from "../../../../reports/explain/script/products.js";
/** @import { Floats } from "../../../../reports/explain/script/types.js" */

const EDGE = 4;
/** Columns that are laid out at once: they are met by all rows while they are in the cache. */
const AT_ONCE = 32;

/**
 * Vectors in memory: the k-th number of the n-th is data[at + n * stride + k * step].
 * @typedef {{ data: Floats, at: number, count: number, stride: number, step: number }} Vectors
 */

/** Room for laid out numbers, which grows to the most that was needed. */
const room = { rows: new Float64Array(0), columns: new Float64Array(0), sums: new Float64Array(EDGE * EDGE) };

/** @param {"rows" | "columns"} which @param {number} size */
function roomFor(which, size) {
  if (room[which].length < size) room[which] = new Float64Array(size);
  return room[which];
}

/**
 * Lay vectors out four by four, filled up with zeros.
 * @param {Vectors} vectors @param {number} first @param {number} count @param {number} size @param {Float64Array} to
 */
function layOut({ data, at, stride, step }, first, count, size, to) {
  for (let own = 0; own < count; own += EDGE) {
    for (let j = 0; j < EDGE; j += 1) {
      let place = own * size + j;
      let from = at + (first + own + j) * stride;
      const isThere = own + j < count;
      for (let k = 0; k < size; k += 1) {
        to[place] = isThere ? data[from] : 0;
        place += EDGE;
        from += step;
      }
    }
  }
}

/**
 * Add to a matrix the products of each row with each column, both of `size` numbers: made[r, c] += Σ rows[r, k] · columns[c, k].
 * @param {Vectors} rows @param {Vectors} columns @param {number} size
 * @param {{ data: Floats, at: number }} made row by row
 */
export function addProduct(rows, columns, size, made) {
  const { sums } = room;
  const high = rows.count;
  const wide = columns.count;
  const left = roomFor("rows", (high + EDGE) * size);
  const right = roomFor("columns", AT_ONCE * size);
  const { data, at } = made;
  layOut(rows, 0, high, size, left);
  for (let first = 0; first < wide; first += AT_ONCE) {
    const count = Math.min(AT_ONCE, wide - first);
    layOut(columns, first, count, size, right);
    for (let r = 0; r < high; r += EDGE) {
      const lastRow = Math.min(EDGE, high - r);
      for (let c = 0; c < count; c += EDGE) {
        tile([left, r * size], [right, c * size], size, sums);
        const lastColumn = Math.min(EDGE, count - c);
        for (let i = 0; i < lastRow; i += 1) {
          const start = at + (r + i) * wide + first + c;
          for (let j = 0; j < lastColumn; j += 1) data[start + j] += sums[i * EDGE + j];
        }
      }
    }
  }
}
