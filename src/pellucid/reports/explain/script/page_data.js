// What Python writes into a page: its layers, its tokens, and its numbers as named arrays.
import { bytesOfBase64, partOf, product, wholeOf } from "./arrays.js";
import { byId } from "./dom.js";
import { layerWords, message } from "./words/message.js";
/** @import { Floats, HiddenLayer, Layer, LayerFacts, Numbers, PageData } from "./types.js" */

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

/** What people call a layer: what it does, with its number where several do the same. @param {string} name */
export function layerName(name) {
  const layer = byName.get(name);
  if (!layer) return name === "inputs" ? message("inputs") : name;
  const alike = shownLayers.filter(({ words }) => words === layer.words);
  const number = alike.findIndex((each) => each.name === name) + 1;
  return alike.length > 1 ? message("numbered", { words: layerWords(layer), number }) : layerWords(layer);
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

// The patches of an image that are tokens, and how many learnt tokens come before them.

function gridOfPatches() {
  const tokens = pageData.layers.find(({ kind }) => kind === "patches-to-tokens");
  if (!tokens) return null;
  const [, rows, columns] = shapeOf(tokens.takes[0]);
  const learnt = pageData.layers.find(({ kind }) => kind === "class-token");
  return { rows, columns, before: learnt ? learnt.shape[0] - rows * columns : 0 };
}

/** Null where tokens are those of a text, or there are none. */
export const grid = gridOfPatches();

/** Whether a layer gives a row of numbers for each patch. @param {LayerFacts} layer */
export const isOfPatches = ({ shape }) => grid !== null && shape.length === 2;

/**
 * What one token gives to all others in a head, as the network has it, or rounded where the page holds bytes of it.
 * @param {LayerFacts} layer @param {number} head @param {number} query @returns {Floats | null}
 */
export function attentionFrom({ name, shape: [, , length] }, head, query) {
  const exact = stored(name)?.row(head);
  if (exact) return exact.subarray(query * length, (query + 1) * length);
  const place = pageData.places[`bytes:${name}`];
  const at = place?.kept?.indexOf(query) ?? -1;
  if (at < 0) return null;
  const start = 4 * place.at + (head * place.shape[1] + at) * length;
  const bytes = new Uint8Array(floatsOfPage().buffer, start, length);
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  return Float64Array.from(bytes, (byte) => byte / sum); // the weights of a row add up to 1
}

/** Of the queries whose attention the page holds, the nearest to one. @param {LayerFacts} layer @param {number} query */
export function heldQuery({ name }, query) {
  if (stored(name)) return query;
  const kept = pageData.places[`bytes:${name}`]?.kept;
  if (!grid || !kept) return null;
  const { columns, before } = grid;
  /** @param {number} token */
  const distance = (token) => {
    if (token < before || query < before) return token === query ? 0 : Infinity;
    const [down, across] = [Math.floor((token - before) / columns), (token - before) % columns];
    return Math.hypot(down - Math.floor((query - before) / columns), across - ((query - before) % columns));
  };
  return kept.reduce((best, each) => (distance(each) < distance(best) ? each : best));
}

// The tokens of a text that is explained, by their place, step or id.

/** @param {string} token */
const named = (token) => token || "(unknown)";

/**
 * @param {number} place
 * @param {number} [before] learnt tokens before the patches of an image
 */
export function tokenLabel(place, before = grid?.before ?? 0) {
  if (!grid) return `${place} \u201c${named(pageData.tokens[place])}\u201d`;
  if (place < before) return place ? message("register", { number: place }) : message("classToken");
  const at = place - before;
  return message("patch", { row: Math.floor(at / grid.columns), column: at % grid.columns });
}

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
