// The weights of the page: base64, deflated, most of them in 16 bits; opened once.
import { product, wholeOf } from "../../../../reports/explain/script/data/arrays.js";
import { keep } from "../../../../reports/explain/script/data/stored.js";
import { app } from "./app.js";
import { inflated } from "./inflating.js";
/** @import { TensorPlace } from "../types.js" */

/** Open all weights, and keep each under its name. */
export async function openWeights() {
  const bytes = new Uint8Array(await inflated("weights").arrayBuffer());
  for (const [name, place] of Object.entries(app.tensors)) {
    const { steps } = place;
    keep(
      name,
      wholeOf(place.shape, steps === null ? floats(bytes, place) : inSteps(bytes, { ...place, steps })),
    );
  }
}

/**
 * @param {Uint8Array} bytes
 * @param {TensorPlace} place
 */
const floats = (bytes, { at, shape }) => new Float32Array(bytes.buffer, at, product(shape));

/**
 * Whole numbers of 16 bits, of each row in steps of its own: all high bytes stand first, then all low ones.
 * @param {Uint8Array} bytes
 * @param {TensorPlace & { steps: number }} place
 */
function inSteps(bytes, { at, shape, steps: stepsAt }) {
  const count = product(shape);
  const size = count / shape[0];
  const steps = new Float32Array(bytes.buffer, stepsAt, shape[0]);
  const found = new Float32Array(count);
  for (let row = 0; row < shape[0]; row += 1) {
    for (let place = row * size; place < (row + 1) * size; place += 1) {
      const whole = (bytes[at + place] << 24) | (bytes[at + count + place] << 16);
      found[place] = (whole >> 16) * steps[row];
    }
  }
  return found;
}
