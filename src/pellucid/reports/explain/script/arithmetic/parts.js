// Layers side by side: which of them gives a channel.
import { shapeOf } from "../data/told.js";
/** @import { Layer } from "../types.js" */

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
