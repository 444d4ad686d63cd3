// The address after #, which remembers the place: #view/layer/unit/weight.
import { layerCalled, learntOf, shownLayers } from "../data/told.js";
import { current } from "./state.js";
/** @import { Layer, Unit, View, Weight } from "../types.js" */

/** @type {View[]} */
const VIEWS = ["forward", "backward", "bound", "drove"];

/** @param {string} text */
const numbersOf = (text) => text.split(",").map(Number);

/** Write the place that is shown. */
export function rememberPlace() {
  const place = placeText();
  if (location.hash !== place) history.replaceState(null, "", place);
}

function placeText() {
  const { view, pinned } = current;
  if (!pinned) return `#${view}`;
  const { layer, unit, weight } = pinned;
  const weightText = weight && weight[1] ? `/${encodeURIComponent(weight[0])}:${weight[1].join(",")}` : "";
  return `#${view}/${encodeURIComponent(layer.name)}/${unit.join(",")}${weightText}`;
}

/**
 * The place that the address names; where it names no layer, the second one: the first only scales the inputs.
 * @returns {{ view: View, layer: Layer | null, unit: Unit | null, weight: Weight | null }}
 */
export function placeInAddress() {
  const [viewName, name, unit, weight] = location.hash.slice(1).split("/");
  const named = layerCalled(decodeURIComponent(name || "")) || shownLayers[shownLayers.length > 1 ? 1 : 0];
  const layer = named && !named.hidden ? named : null;
  return {
    view: viewOf(viewName),
    layer,
    unit: unit ? numbersOf(unit) : null,
    weight: layer && weightFrom(layer, weight),
  };
}

/**
 * @param {string} name
 * @returns {View}
 */
function viewOf(name) {
  if (VIEWS.some((view) => view === name) && document.getElementById(`tab-${name}`)) {
    return /** @type {View} */ (name);
  }
  return shownLayers.length ? "forward" : "drove";
}

/**
 * A weight as the address names it.
 * @param {Layer} layer
 * @param {string | undefined} text
 * @returns {Weight | null}
 */
function weightFrom(layer, text) {
  const [name, index] = decodeURIComponent(text || "").split(":");
  return index && learntOf(layer).includes(name) ? [name, numbersOf(index)] : null;
}
