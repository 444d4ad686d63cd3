// The chosen layer: its formula and facts, its numbers as an image, and what else there is to show of it.
import { value } from "../arithmetic/values.js";
import { stored } from "../data/stored.js";
import { byId, element } from "../dom/element.js";
import { legend } from "../drawing/scales.js";
import { laidOut, moreOf } from "../views/layer/words.js";
import { drawMaps } from "./maps.js";
import { current } from "./state.js";
/** @import { Layer, Numbers, Scale } from "../types.js" */

/** @param {Layer} layer */
export function drawLayer(layer) {
  const isBackward = current.view === "backward";
  byId("layer-title").textContent = `${layer.name}: ${layer.words}`;
  const facts = document.querySelector(`[data-layer-facts="${CSS.escape(layer.name)}"]`);
  byId("layer-facts").replaceChildren(
    ...(facts ? [...facts.children].map((child) => child.cloneNode(true)) : []),
  );
  byId("maps-legend").replaceChildren();
  const found = isBackward ? stored(`gradient:${layer.name}`) : value(layer.name);
  const scale = drawMaps(layer, found);
  const more = found && !isBackward ? moreOf(layer) : null;
  byId("maps-legend").replaceChildren(...(found && scale ? legendOf(layer, found, scale) : [noNumbers()]));
  byId("layer-more").replaceChildren(...(more ? [more] : []));
}

/** @param {string} words */
const quiet = (words) => element("p", { class: "quiet" }, words);

const noNumbers = () =>
  quiet(
    current.view === "backward" ? "No gradient reaches this layer." : "The page does not hold these numbers.",
  );

/**
 * @param {Layer} layer
 * @param {Numbers} found
 * @param {Scale} scale
 */
function legendOf(layer, found, scale) {
  const what = current.view === "backward" ? "The gradient of the loss" : "What the layer gives";
  const parts = [
    legend(scale),
    quiet(`${what}: ${laidOut(layer)}. A click, or the arrow keys, open one of them.`),
  ];
  if (found.kept) {
    parts.push(quiet(`Held by the page: ${found.kept.length} of ${found.shape[0]}; the others are grey.`));
  }
  return parts;
}
