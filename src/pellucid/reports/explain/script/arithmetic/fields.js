// What a unit sees of the input.
import { unravel } from "../data/arrays.js";
import { knownLayer, partOfChannel, shapeOf } from "../data/told.js";
import { isActivation } from "./activations.js";
/** @import { Pair, Unit } from "../types.js" */

/**
 * First and last row and column, or place of a text, that a unit sees; null for all of the input.
 * @param {string} name
 * @param {Unit} unit
 * @returns {Pair[] | null}
 */
export function fieldOf(name, unit) {
  const places = unit.length === 3 ? unit.slice(1) : [unit[0]];
  if (name === "inputs") return places.map((place) => [place, place]);
  const layer = knownLayer(name);
  const [source] = layer.takes;
  if (layer.kind === "flatten") return fieldOf(source, unravel(unit[0], shapeOf(source)));
  if (layer.kind === "side-by-side" && unit.length === 2) {
    const part = partOfChannel(layer, unit[1]);
    return fieldOf(part.name, [unit[0], part.channel]);
  }
  if (isActivation(layer)) return fieldOf(source, unit);
  return layer.field && layer.field.map((axis, at) => axis[places[at]]);
}
