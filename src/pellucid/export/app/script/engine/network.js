// The whole network, layer by layer.
import { need } from "../../../../reports/explain/script/data/missing.js";
import { stored } from "../../../../reports/explain/script/data/stored.js";
import { told } from "../../../../reports/explain/script/data/told.js";
import { computed } from "./layers.js";
/** @import { Whole } from "../../../../reports/explain/script/types.js" */

/**
 * The value of every layer, by its name, `inputs` among them.
 * @param {Whole} inputs
 * @returns {Map<string, Whole>}
 */
export function runNetwork(inputs) {
  /** @type {Map<string, Whole>} */
  const values = new Map([["inputs", inputs]]);
  for (const layer of told.layers) {
    if (layer.hidden) continue;
    const sources = layer.takes.filter((name) => values.has(name)).map((name) => need(values.get(name)));
    const weights = layer.weights.map((name) => need(stored(name)));
    values.set(layer.name, computed(layer, sources, weights));
  }
  return values;
}
