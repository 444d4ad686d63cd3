// The numbers of the page: one run of single-precision floats, cut into named arrays.
import { byId } from "../dom/element.js";
import { partOf, product, wholeOf } from "./arrays.js";
import { told } from "./told.js";
/** @import { Numbers } from "../types.js" */

const floats = (() => {
  const text = atob(byId("numbers").textContent.trim());
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return new Float32Array(bytes.buffer);
})();

/**
 * An array as it is stored in the page, or null.
 * @param {string} name
 * @returns {Numbers | null}
 */
export function stored(name) {
  const place = told.places[name];
  if (!place) return null;
  const { at, shape, kept } = place;
  const size = product(shape.slice(1));
  if (kept) return partOf(shape, floats.subarray(at, at + kept.length * size), kept);
  return wholeOf(shape, floats.subarray(at, at + product(shape)));
}
