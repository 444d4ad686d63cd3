// A small image of a layer's value: its loudest map, its rows, or its numbers in a square.
import { paintPixels } from "./paint.js";
import { scaleOf } from "./scales.js";
/** @import { Floats, Numbers } from "../types.js" */

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Numbers | null} found
 */
export function thumbnail(canvas, found) {
  if (!found) return;
  const { shape } = found;
  const data = shape.length === 3 ? loudestMap(found.data, shape[1] * shape[2]) : found.data;
  const side = Math.ceil(Math.sqrt(shape[0]));
  const plain = shape.length === 1 ? [Math.ceil(shape[0] / side), side] : shape.slice(-2);
  paintPixels(canvas, plain, data, scaleOf(data));
}

/**
 * The map whose numbers are largest in all.
 * @param {Floats} data
 * @param {number} size
 */
function loudestMap(data, size) {
  let best = 0;
  let loudest = -1;
  for (let channel = 0; channel * size < data.length; channel += 1) {
    let total = 0;
    for (let at = channel * size; at < (channel + 1) * size; at += 1) total += Math.abs(data[at]);
    if (total > loudest) [loudest, best] = [total, channel];
  }
  return data.subarray(best * size, (best + 1) * size);
}
