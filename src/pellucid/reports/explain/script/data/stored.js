// The numbers of the page: one run of single-precision floats, cut into named arrays, and what the page computes.
import { byId } from "../dom/element.js";
import { partOf, product, wholeOf } from "./arrays.js";
import { told } from "./told.js";
/** @import { Numbers } from "../types.js" */

/** @type {Map<string, Numbers>} */
const own = new Map();

/** @type {{ floats: Float32Array | null }} */
const read = { floats: null };

function floatsOfPage() {
  if (read.floats) return read.floats;
  const text = atob(byId("numbers").textContent.trim());
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  read.floats = new Float32Array(bytes.buffer);
  return read.floats;
}

/**
 * Give a name to numbers that the page computed or opened itself; they come before those it was written with.
 * @param {string} name
 * @param {Numbers} numbers
 */
export function keep(name, numbers) {
  own.set(name, numbers);
}

/**
 * An array as it is stored in the page, or null.
 * @param {string} name
 * @returns {Numbers | null}
 */
export function stored(name) {
  const kept = own.get(name);
  return kept || (told.places[name] ? cutOut(name) : null);
}

/** @param {string} name */
function cutOut(name) {
  const floats = floatsOfPage();
  const { at, shape, kept } = told.places[name];
  const size = product(shape.slice(1));
  if (kept) return partOf(shape, floats.subarray(at, at + kept.length * size), kept);
  return wholeOf(shape, floats.subarray(at, at + product(shape)));
}
