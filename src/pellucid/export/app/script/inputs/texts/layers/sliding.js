// Filters over neighbouring tokens.
import { addProducts, biasRows } from "./products.js";
/** @import { Floats, Numbers, Whole } from "../../../../../../reports/explain/script/types.js" */

/** Kernels with the numbers of each neighbour in one piece, by the data they were made from. */
const kernelsKnown = new WeakMap();

/**
 * As many places as before, zeros beyond both ends of the text.
 * @param {Whole} vectors
 * @param {Numbers} weight filters, numbers, kernel
 * @param {Numbers} bias
 */
export function slidFast(vectors, weight, bias) {
  const [length, size] = vectors.shape;
  const [filters, , kernel] = weight.shape;
  const before = Math.floor((kernel - 1) / 2);
  const made = biasRows(length, filters, bias.data);
  nearKernels(weight).forEach((weights, k) => {
    const shift = k - before;
    const first = Math.max(0, -shift);
    const last = Math.min(length, length - shift);
    if (last <= first) return;
    const x = vectors.data.subarray((first + shift) * size, (last + shift) * size);
    addProducts({ x, weights, size, made, width: filters, start: first * filters });
  });
  return made;
}

/**
 * For each neighbour the weights of all filters, one filter behind the other.
 * @param {Numbers} weight
 * @returns {Floats[]}
 */
function nearKernels({ shape: [filters, size, kernel], data }) {
  const known = kernelsKnown.get(data);
  if (known) return known;
  const made = Array.from({ length: kernel }, (_, k) =>
    Float32Array.from({ length: filters * size }, (__, at) => data[at * kernel + k]),
  );
  kernelsKnown.set(data, made);
  return made;
}
