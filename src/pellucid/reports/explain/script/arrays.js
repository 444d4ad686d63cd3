// Arrays: numbers one behind the other, their shape, and what the page may lack of them.
/** @import { Floats, Numbers, Part, Shape, Unit, Whole } from "./types.js" */

// What the page needs and may lack: a large network's numbers do not all fit into it.

const NOT_IN_THE_PAGE = "this number is not in the page: the network is too large for all of them to fit";

class Missing extends Error {}

/** @template T @param {T | null | undefined} found @returns {T} */
export function need(found) {
  if (found === null || found === undefined) throw new Missing(NOT_IN_THE_PAGE);
  return found;
}

/** An array of which every row is there. @param {Numbers | null} found @returns {Whole} */
export function needWhole(found) {
  if (!found || found.kept) throw new Missing(NOT_IN_THE_PAGE);
  return found;
}

/** What a function finds, or null where the page lacks what it needs. @template T @param {() => T} find */
export function unlessMissing(find) {
  try {
    return find();
  } catch (error) {
    if (error instanceof Missing) return null;
    throw error;
  }
}

// Arrays: numbers one behind the other, and the shape in which they are meant.

/** @param {Shape} shape */
export const product = (shape) => shape.reduce((total, size) => total * size, 1);

/** The index of the number at a place. @param {number} at @param {Shape} shape */
export function unravel(at, shape) {
  /** @type {Unit} */
  const unit = new Array(shape.length);
  let rest = at;
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    unit[axis] = rest % shape[axis];
    rest = Math.floor(rest / shape[axis]);
  }
  return unit;
}

/** The place of the number of an index. @param {number[]} index @param {Shape} shape */
export const ravel = (index, shape) => index.reduce((at, each, axis) => at * shape[axis] + each, 0);

/**
 * The place within its row of the number of an index.
 * @param {number[]} index @param {Shape} shape
 */
export const ravelInRow = (index, shape) => ravel(index.slice(1), shape.slice(1));

/** The index nearest to one that was asked for. @param {number[]} index @param {Shape} shape */
export const clamp = (index, shape) =>
  shape.map((size, axis) => Math.min(size - 1, Math.max(0, Number.isInteger(index[axis]) ? index[axis] : 0)));

/**
 * An index with another number on one axis.
 * @param {number[]} index @param {number} axis @param {number} at
 */
export const replacedAt = (index, axis, at) => index.map((old, other) => (other === axis ? at : old));

/** @param {Shape} shape @param {Floats} data @returns {Whole} */
export function wholeOf(shape, data) {
  const size = product(shape.slice(1));
  return { shape, data, kept: null, row: (index) => data.subarray(index * size, (index + 1) * size) };
}

/**
 * @param {Shape} shape of the whole, not of what is kept @param {Floats} data @param {number[]} kept
 * @returns {Part}
 */
export function partOf(shape, data, kept) {
  const size = product(shape.slice(1));
  const where = new Map(kept.map((row, index) => [row, index]));
  return {
    shape,
    data,
    kept,
    row: (index) => {
      const found = where.get(index);
      return found === undefined ? null : data.subarray(found * size, (found + 1) * size);
    },
  };
}

/** @param {Shape} shape */
const zeros = (shape) => wholeOf(shape, new Float64Array(product(shape)));

/**
 * An array filled from the index of every number, row by row.
 * @param {Shape} shape @param {(first: number, rest: number) => number} number rest: place within the row
 */
export function filled(shape, number) {
  const made = zeros(shape);
  const size = product(shape.slice(1));
  for (let first = 0; first < shape[0]; first += 1) {
    for (let rest = 0; rest < size; rest += 1) made.data[first * size + rest] = number(first, rest);
  }
  return made;
}

/**
 * One number of an array; undefined where the page does not hold it.
 * @param {Numbers | null} found @param {Unit} unit
 */
export function numberIn(found, unit) {
  const row = found && found.row(unit[0]);
  return row ? row[ravelInRow(unit, found.shape)] : undefined;
}

/** The numbers at one place of every row. @param {Numbers} found @param {number} at */
export const columnOf = (found, at) =>
  Array.from({ length: found.shape[0] }, (_, row) => need(found.row(row))[at]);

/**
 * Index of the number that is largest by magnitude; rows that the page lacks do not count.
 * @param {Numbers} found
 */
export function loudestIn({ shape, kept, data }) {
  let best = 0;
  for (let at = 0; at < data.length; at += 1) if (Math.abs(data[at]) > Math.abs(data[best])) best = at;
  const index = unravel(best, shape);
  if (kept) index[0] = kept[index[0]];
  return index;
}

/**
 * Places of the numbers that are largest by magnitude, the largest first.
 * @param {ArrayLike<number>} numbers @param {number} count
 */
export const largest = (numbers, count) =>
  Array.from({ length: numbers.length }, (_, at) => at)
    .sort((one, other) => Math.abs(numbers[other]) - Math.abs(numbers[one]))
    .slice(0, count);

/** The bytes of a text in base64. @param {string} text @returns {Uint8Array<ArrayBuffer>} */
export function bytesOfBase64(text) {
  const { fromBase64 } = /** @type {{ fromBase64?: (text: string) => Uint8Array<ArrayBuffer> }} */ (
    Uint8Array
  );
  if (fromBase64) return fromBase64(text); // four times as fast as what follows, where a browser has it
  const plain = atob(text);
  const bytes = new Uint8Array(plain.length);
  for (let at = 0; at < plain.length; at += 1) bytes[at] = plain.charCodeAt(at);
  return bytes;
}

/** What a text holds, deflated and in base64, as a response to be read. @param {string} text */
export const inflated = (text) =>
  new Response(
    new Blob([bytesOfBase64(text.trim())]).stream().pipeThrough(new DecompressionStream("deflate")),
  );
