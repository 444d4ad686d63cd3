// Layers that act on every token by itself, or bring the tokens of a text to one.
/** @import { Floats, Numbers, Whole } from "../../../../../../reports/explain/script/types.js" */

/**
 * The vector of every id.
 * @param {Whole} ids
 * @param {Numbers} table
 */
export function embeddedFast({ data: ids }, table) {
  const size = table.shape[1];
  const made = new Float32Array(ids.length * size);
  ids.forEach((/** @type {number} */ id, /** @type {number} */ at) => {
    made.set(table.data.subarray(id * size, (id + 1) * size), at * size);
  });
  return made;
}

/**
 * The vector of its place added to that of every token; beyond the last the last one.
 * @param {Whole} vectors
 * @param {Numbers} table
 */
export function placedFast({ shape: [length, size], data }, table) {
  const made = new Float32Array(data);
  for (let t = 0; t < length; t += 1) {
    const own = Math.min(t, table.shape[0] - 1) * size;
    for (let c = 0; c < size; c += 1) made[t * size + c] += table.data[own + c];
  }
  return made;
}

/**
 * Every token brought to mean 0 and variance 1 over its numbers, then scaled and shifted.
 * @param {number} epsilon
 * @param {Whole} vectors
 * @param {Numbers[]} weights
 */
export function normedFast(epsilon, { shape, data }, [scale, shift]) {
  const size = shape[shape.length - 1];
  const made = new Float32Array(data.length);
  for (let start = 0; start < data.length; start += size) {
    let mean = 0;
    for (let c = 0; c < size; c += 1) mean += data[start + c] / size;
    let variance = 0;
    for (let c = 0; c < size; c += 1) variance += (data[start + c] - mean) ** 2 / size;
    const deviation = Math.sqrt(variance + epsilon);
    for (let c = 0; c < size; c += 1) {
      made[start + c] = (scale.data[c] * (data[start + c] - mean)) / deviation + shift.data[c];
    }
  }
  return made;
}

/**
 * One number for each channel of a text, from those of its tokens.
 * @param {Whole} vectors
 * @param {"text-max" | "text-average"} kind
 */
export function pooledFast({ shape: [length, channels], data }, kind) {
  const isLargest = kind === "text-max";
  /** @type {Floats} */
  const made = new Float64Array(channels).fill(isLargest ? -Infinity : 0);
  for (let t = 0; t < length; t += 1) {
    for (let c = 0; c < channels; c += 1) {
      const number = data[t * channels + c];
      made[c] = isLargest ? Math.max(made[c], number) : made[c] + number / length;
    }
  }
  return new Float32Array(made);
}
