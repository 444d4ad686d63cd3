// Choosing a layer, pinning a unit or a weight: what is drawn anew, and where one goes on typing.
import { value } from "../arithmetic/values.js";
import { chosenUnits } from "../arithmetic/kinds/units.js";
import { clamp, loudestIn } from "../data/arrays.js";
import { need } from "../data/missing.js";
import { stored } from "../data/stored.js";
import { byId } from "../dom/element.js";
import { indexText } from "../dom/numbers.js";
import { WEIGHT_TITLE } from "../views/gradient/weight.js";
import { rememberPlace } from "./address.js";
import { drawLayer } from "./layer.js";
import { current } from "./state.js";
import { showView } from "./tabs.js";
import { drawUnit } from "./unit.js";
/** @import { Layer, Pinned, Unit } from "../types.js" */

/**
 * @param {Layer} layer
 * @param {Unit | null} unit the loudest where none is asked for
 * @param {Pinned["weight"]} [weight]
 */
export function chooseLayer(layer, unit, weight = null) {
  const pinned = { layer, unit: unit ? clamp(unit, layer.shape) : loudestUnit(layer), weight };
  current.pinned = pinned;
  drawLayer(layer);
  drawUnit(pinned);
  markInStrip(layer);
}

/**
 * The unit whose number is largest: backwards the number that the loss depends on most.
 * @param {Layer} layer
 */
function loudestUnit(layer) {
  const isBackward = current.view === "backward";
  const [chosen] = chosenUnits(layer);
  if (chosen && !isBackward) return chosen.unit;
  const found = (isBackward && stored(`gradient:${layer.name}`)) || value(layer.name);
  return found ? loudestIn(found) : layer.shape.map(() => 0);
}

/** @param {Layer} layer */
function markInStrip(layer) {
  for (const button of stripButtons()) {
    const isOwn = button.dataset.layer === layer.name;
    button.setAttribute("aria-current", isOwn ? "true" : "false");
    button.tabIndex = isOwn ? 0 : -1;
    if (isOwn && document.activeElement !== button) {
      showInList(button);
    }
  }
}

/**
 * Scroll the list of layers alone, never the page, until a layer can be seen.
 * @param {HTMLElement} button
 */
function showInList(button) {
  const item = button.parentElement;
  const list = item?.parentElement;
  if (!item || !list) return;
  const top = item.offsetTop - list.offsetTop;
  const bottom = top + item.offsetHeight;
  if (top < list.scrollTop) list.scrollTop = top;
  else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
}

/** Buttons of the strip, one for each layer. */
export const stripButtons = () =>
  /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll(".strip button"));

/**
 * @param {Unit} unit
 * @param {string} [focused] id of a field
 */
export function pinUnit(unit, focused) {
  const { pinned } = current;
  if (!pinned) return;
  pinned.unit = clamp(unit, pinned.layer.shape);
  drawUnit(pinned);
  rememberPlace();
  if (focused) refocus(focused);
  const verdict = document.getElementById("verdict");
  byId("said").textContent = `unit ${indexText(pinned.unit)}: ${verdict ? verdict.textContent : ""}`;
}

/**
 * @param {string} name of a tensor
 * @param {number[] | null} index the loudest where none is asked for
 * @param {string} [focused] id of a field
 */
export function pinWeight(name, index, focused = WEIGHT_TITLE) {
  const { pinned } = current;
  if (!pinned) return;
  pinned.weight = [name, index && clamp(index, need(stored(name)).shape)];
  if (current.view !== "backward") {
    showView("backward");
    drawLayer(pinned.layer);
  }
  drawUnit(pinned);
  rememberPlace();
  refocus(focused);
  if (focused === WEIGHT_TITLE) document.getElementById(focused)?.scrollIntoView({ block: "nearest" });
}

/**
 * Go on typing where one was: the field is a new one, and the cursor stands behind what it holds.
 * @param {string} id
 */
function refocus(id) {
  const field = document.getElementById(id);
  field?.focus();
  if (!(field instanceof HTMLInputElement)) return;
  const typed = field.value;
  field.value = "";
  field.value = typed;
}
