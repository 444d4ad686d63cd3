// What Python writes into a page: its layers, its tokens, and its numbers as named arrays.
import { bytesOfBase64, partOf, product, wholeOf } from "./arrays.js";
import { byId } from "./dom.js";
/** @import { HiddenLayer, Layer, LayerFacts, Numbers, PageData } from "./types.js" */

// Layers of the network, and the page's data document.

/** The data of a model without a network that can be opened. */
const NOTHING = {
  inputs: [],
  given: {},
  ids: [],
  classes: [],
  answer: "number",
  output: "",
  answers: [],
  against: null,
  unseeing: [],
  terms: {},
  learnt: [],
  chosen: {},
};

/** @type {PageData} */
export const pageData = { ...NOTHING, ...JSON.parse(byId("page-data").textContent) };
export const shownLayers = pageData.layers.filter((layer) => !layer.hidden);
const byName = new Map(pageData.layers.map((layer) => [layer.name, layer]));

/** @param {string} name */
export const layerCalled = (name) => byName.get(name);

/** Shape of what a layer gives, or of what the model is given. @param {string} name */
export const shapeOf = (name) =>
  name === "inputs" ? pageData.inputs : pageData.given[name] || knownLayer(name).shape;

/** The layer of a name that the page itself gave. @param {string} name */
export function knownLayer(name) {
  const layer = byName.get(name);
  if (!layer) throw new Error(`the network has no layer ${name}`);
  return layer;
}

/**
 * The layer that gives a channel of several layers side by side, and its own number for that channel.
 * @param {LayerFacts} layer @param {number} channel
 */
export function partOfChannel(layer, channel) {
  let own = channel;
  for (const name of layer.takes) {
    const size = shapeOf(name).slice(-1)[0];
    if (own < size) return { name, channel: own };
    own -= size;
  }
  throw new Error(`${layer.name}: no layer gives its channel ${channel}`);
}

/** @param {string} name */
export const isLearnt = (name) => pageData.learnt.includes(name);

/** @param {Layer} layer */
export const learntOf = (layer) => layer.weights.filter(isLearnt);

/** @param {Layer | HiddenLayer} layer @returns {layer is Layer} */
export const hasLearnt = (layer) => layer.weights.some(isLearnt);

// The numbers of the page: one run of single-precision floats, cut into named arrays, and what the page computes.

/** @type {Map<string, Numbers>} */
const own = new Map();

/** @type {{ floats: Float32Array | null }} */
const read = { floats: null };

function floatsOfPage() {
  if (read.floats) return read.floats;
  read.floats = new Float32Array(bytesOfBase64(byId("numbers").textContent.trim()).buffer);
  return read.floats;
}

/**
 * Give a name to numbers that the page computed or opened itself; they come before those it was written with.
 * @param {string} name @param {Numbers} numbers
 */
export function keep(name, numbers) {
  own.set(name, numbers);
}

/** An array as it is stored in the page, or null. @param {string} name @returns {Numbers | null} */
export function stored(name) {
  const kept = own.get(name);
  return kept || (pageData.places[name] ? cutOut(name) : null);
}

/** @param {string} name */
function cutOut(name) {
  const floats = floatsOfPage();
  const { at, shape, kept } = pageData.places[name];
  const size = product(shape.slice(1));
  if (kept) return partOf(shape, floats.subarray(at, at + kept.length * size), kept);
  return wholeOf(shape, floats.subarray(at, at + product(shape)));
}

// The tokens of a text that is explained, by their place, step or id.

/** @param {string} token */
const named = (token) => token || "(unknown)";

/** @param {number} place */
export const tokenLabel = (place) => `${place} \u201c${named(pageData.tokens[place])}\u201d`;

/** The token that a recurrent layer reads at a step. @param {Layer} layer @param {number} step */
export const tokenAtStep = (layer, step) =>
  named(pageData.tokens[layer.name.includes("backwards") ? pageData.tokens.length - 1 - step : step]);

/** @param {number} id */
export const gramOf = (id) => pageData.tokens[pageData.ids.indexOf(id)] || `id ${id}`;

/**
 * The tokens from one place to another, as many as can be read at a glance.
 * @param {number} first @param {number} last
 */
export function tokensBetween(first, last) {
  const words = pageData.tokens.slice(first, last + 1).map(named);
  return `${words.slice(0, 12).join(" ")}${words.length > 12 ? " \u2026" : ""}`;
}
