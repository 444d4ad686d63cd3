// Attention over a whole text: every token asks every other.
import { addProducts } from "./products.js";
/** @import { Floats, Whole } from "../../../../../../reports/explain/script/types.js" */

/**
 * The part of every token that one head sees: its queries, keys or values, one token behind the other.
 * @param {Whole} projected queries, keys and values side by side
 * @param {number} part 0: queries, 1: keys, 2: values
 * @param {number} head
 * @param {number} heads
 */
function headParts({ shape: [length, thrice], data }, part, head, heads) {
  const width = thrice / 3 / heads;
  const found = new Float32Array(length * width);
  for (let t = 0; t < length; t += 1) {
    const start = t * thrice + (part * heads + head) * width;
    found.set(data.subarray(start, start + width), t * width);
  }
  return found;
}

/**
 * How much each token, in each head, takes from each other.
 * @param {number} heads
 * @param {Whole} projected
 */
export function attentionFast(heads, projected) {
  const [length, thrice] = projected.shape;
  const size = thrice / 3 / heads;
  const made = new Float32Array(heads * length * length);
  for (let head = 0; head < heads; head += 1) {
    const x = headParts(projected, 0, head, heads);
    const weights = headParts(projected, 1, head, heads);
    const map = made.subarray(head * length * length, (head + 1) * length * length);
    addProducts({ x, weights, size, made: map, width: length, start: 0 });
    for (let t = 0; t < length; t += 1) {
      toShares(map.subarray(t * length, (t + 1) * length), 1 / Math.sqrt(size));
    }
  }
  return made;
}

/**
 * The softmax of some scores, in their place.
 * @param {Floats} scores
 * @param {number} scale
 */
function toShares(scores, scale) {
  let most = -Infinity;
  for (const score of scores) most = Math.max(most, score);
  let total = 0;
  for (let at = 0; at < scores.length; at += 1) {
    scores[at] = Math.exp((scores[at] - most) * scale);
    total += scores[at];
  }
  for (let at = 0; at < scores.length; at += 1) scores[at] /= total;
}

/**
 * The values of all tokens, mixed by these shares.
 * @param {number} heads
 * @param {Whole} projected
 * @param {Whole} shares
 */
export function mixedFast(heads, projected, shares) {
  const [length, thrice] = projected.shape;
  const size = thrice / 3;
  const width = size / heads;
  const made = new Float32Array(length * size);
  for (let head = 0; head < heads; head += 1) {
    const values = headParts(projected, 2, head, heads);
    const columns = new Float32Array(values.length);
    for (let t = 0; t < length; t += 1) {
      for (let c = 0; c < width; c += 1) columns[c * length + t] = values[t * width + c];
    }
    const x = shares.row(head);
    addProducts({ x, weights: columns, size: length, made, width: size, start: head * width });
  }
  return made;
}
