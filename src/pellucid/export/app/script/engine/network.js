// A whole network, layer by layer.
import { need } from "../../../../reports/explain/script/data/missing.js";
import { stored } from "../../../../reports/explain/script/data/stored.js";
import { told } from "../../../../reports/explain/script/data/told.js";
import { computed } from "./layers.js";
/** @import { HiddenLayer, Layer, Whole } from "../../../../reports/explain/script/types.js" */
/** @import { Body } from "../types.js" */

/**
 * The layers of a body's network: those that the page opens, or those of another member.
 * @param {Body} body
 * @returns {(Layer | HiddenLayer)[]}
 */
export const layersOf = (body) => body.layers ?? told.layers;

/**
 * The value of every layer, by its name, `inputs` among them.
 * @param {Whole} inputs
 * @param {(Layer | HiddenLayer)[]} layers
 * @returns {Map<string, Whole>}
 */
export function runNetwork(inputs, layers) {
  /** @type {Map<string, Whole>} */
  const values = new Map([["inputs", inputs]]);
  for (const layer of layers) {
    if (layer.hidden) continue;
    const sources = layer.takes.filter((name) => values.has(name)).map((name) => need(values.get(name)));
    const weights = layer.weights.map((name) => need(stored(name)));
    values.set(layer.name, computed(layer, sources, weights));
  }
  return values;
}
