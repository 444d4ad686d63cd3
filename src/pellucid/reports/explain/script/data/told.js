// What Python tells of the network: its layers, what their units see, where the numbers lie.
import { byId } from "../dom/element.js";
/** @import { HiddenLayer, Layer, LearntKind, Told } from "../types.js" */

/** What there is to tell of a model without a network that can be opened. */
const NOTHING = {
  inputs: [],
  given: {},
  ids: [],
  classes: [],
  output: "",
  answers: [],
  against: null,
  unseeing: [],
  terms: {},
  learnt: [],
  chosen: {},
};

/** @type {Told} */
export const told = { ...NOTHING, ...JSON.parse(byId("told").textContent) };
export const shownLayers = told.layers.filter((layer) => !layer.hidden);
const byName = new Map(told.layers.map((layer) => [layer.name, layer]));

/** @param {string} name */
export const layerCalled = (name) => byName.get(name);

/**
 * Shape of what a layer gives, or of what the model is given.
 * @param {string} name
 */
export const shapeOf = (name) =>
  name === "inputs" ? told.inputs : told.given[name] || knownLayer(name).shape;

/**
 * The layer of a name that the page itself gave.
 * @param {string} name
 */
export function knownLayer(name) {
  const layer = byName.get(name);
  if (!layer) throw new Error(`the network has no layer ${name}`);
  return layer;
}

/**
 * The layer that gives a channel of several layers side by side, and its own number for that channel.
 * @param {Layer<"side-by-side">} layer
 * @param {number} channel
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
export const isLearnt = (name) => told.learnt.includes(name);

/** @param {Layer} layer */
export const learntOf = (layer) => layer.weights.filter(isLearnt);

/**
 * @param {Layer | HiddenLayer} layer
 * @returns {layer is Layer<LearntKind>}
 */
export const hasLearnt = (layer) => layer.weights.some(isLearnt);
