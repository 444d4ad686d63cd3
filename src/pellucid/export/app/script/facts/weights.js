// The weights of the page: base64, deflated, most of them in half precision; opened once.
import { product, wholeOf } from "../../../../reports/explain/script/data/arrays.js";
import { keep } from "../../../../reports/explain/script/data/stored.js";
import { byId } from "../../../../reports/explain/script/dom/element.js";
import { app } from "./app.js";
/** @import { TensorPlace } from "../types.js" */

/** Whether the browser can open what was deflated. */
export const canOpen = () => typeof DecompressionStream === "function";

/** Open all weights, and keep each under its name. */
export async function openWeights() {
  const holder = byId("weights");
  const packed = bytesOfBase64(holder.textContent.trim());
  holder.remove();
  const bytes = await inflated(packed);
  const singles = singlesOfHalves();
  for (const [name, place] of Object.entries(app.tensors)) {
    keep(name, wholeOf(place.shape, place.half ? halves(bytes, place, singles) : floats(bytes, place)));
  }
}

/** @param {string} text */
export function bytesOfBase64(text) {
  const plain = atob(text);
  const bytes = new Uint8Array(plain.length);
  for (let at = 0; at < plain.length; at += 1) bytes[at] = plain.charCodeAt(at);
  return bytes;
}

/** @param {Uint8Array<ArrayBuffer>} packed */
async function inflated(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * @param {Uint8Array} bytes
 * @param {TensorPlace} place
 */
const floats = (bytes, { at, shape }) => new Float32Array(bytes.buffer, at, product(shape));

/**
 * Numbers of half precision: all high bytes stand first, then all low ones.
 * @param {Uint8Array} bytes
 * @param {TensorPlace} place
 * @param {Float32Array} singles
 */
function halves(bytes, { at, shape }, singles) {
  const count = product(shape);
  const found = new Float32Array(count);
  for (let place = 0; place < count; place += 1) {
    found[place] = singles[(bytes[at + place] << 8) | bytes[at + count + place]];
  }
  return found;
}

/** Of each pattern of 16 bits the number that it stands for in half precision (IEEE 754). */
function singlesOfHalves() {
  const singles = new Float32Array(1 << 16);
  for (let bits = 0; bits < singles.length; bits += 1) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) singles[bits] = sign * fraction * 2 ** -24;
    else if (exponent === 31) singles[bits] = fraction ? NaN : sign * Infinity;
    else singles[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return singles;
}
