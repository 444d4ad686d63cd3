// What the page shows, the address that remembers it, and the views as tabs.
import { hasLearnt, layerCalled, learntOf, shownLayers } from "./page_data.js";
/** @import { Layer, Pinned, Unit, View, Weight } from "./types.js" */

// What the page shows: the view, and of a network the chosen layer, its pinned unit and weight.

/**
 * `pinned`: null where the model has no network to open; `isChosen`, `isAsked`: whether the reader chose the layer, or
 * the unit too, by click, key or link, rather than the page.
 * @type {{ view: View, pinned: Pinned | null, isChosen: boolean, isAsked: boolean }}
 */
export const current = { view: "forward", pinned: null, isChosen: false, isAsked: false };

// The address after #, which remembers the place: #view/layer/unit/weight.

/** @type {View[]} */
const VIEWS = ["forward", "backward", "bound", "drove", "play"];

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
 * The layer that a view opens with: backwards the last one with weights, near the loss, where the error sets out, and
 * else the second one, since the first only scales the inputs.
 * @param {View} view
 */
export function firstLayer(view) {
  const last = view === "backward" ? shownLayers.filter(hasLearnt).pop() : undefined;
  return last ?? shownLayers[shownLayers.length > 1 ? 1 : 0];
}

/**
 * The place that the address names; `isNamed`: whether it names a layer.
 * @returns {{ view: View, layer: Layer | null, isNamed: boolean, unit: Unit | null, weight: Weight | null }}
 */
export function placeInAddress() {
  const [viewName, name, unit, weight] = location.hash.slice(1).split("/");
  const view = viewOf(viewName);
  const named = layerCalled(decodeURIComponent(name || ""));
  const layer = (named ? (named.hidden ? null : named) : firstLayer(view)) ?? null;
  return {
    view,
    isNamed: named !== undefined,
    layer,
    unit: unit ? numbersOf(unit) : null,
    weight: layer && weightFrom(layer, weight),
  };
}

/** @param {string} name @returns {View} */
function viewOf(name) {
  if (VIEWS.some((view) => view === name) && document.getElementById(`tab-${name}`)) {
    return /** @type {View} */ (name);
  }
  return document.getElementById("panel-drove") ? "drove" : "forward";
}

/**
 * A weight as the address names it.
 * @param {Layer} layer @param {string | undefined} text @returns {Weight | null}
 */
function weightFrom(layer, text) {
  const [name, index] = decodeURIComponent(text || "").split(":");
  return index && learntOf(layer).includes(name) ? [name, numbersOf(index)] : null;
}

// The views as tabs: forward, backward, and what drove the answer.

export const allTabs = () => [
  .../** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[role=tab]")),
];

/** What else is done before a view is shown. @type {{ act: (view: View) => void }} */
export const onView = { act() {} };

/** Room that is left of the chosen tab, in pixels. */
const BEFORE_TAB = 48;

/** @param {View} view */
export function showView(view) {
  current.view = view;
  onView.act(view);
  for (const tab of allTabs()) {
    const isOwn = tab.dataset.view === view;
    tab.setAttribute("aria-selected", isOwn ? "true" : "false");
    tab.tabIndex = isOwn ? 0 : -1;
    // Where tabs do not fit side by side, their list scrolls.
    if (isOwn && tab.parentElement) tab.parentElement.scrollLeft = tab.offsetLeft - BEFORE_TAB;
  }
  for (const [id, isHidden] of Object.entries({
    "panel-network": view !== "forward" && view !== "backward",
    "panel-bound": view !== "bound",
    "panel-drove": view !== "drove",
    "panel-play": view !== "play",
    loss: view !== "backward",
  })) {
    const part = document.getElementById(id);
    if (part) part.hidden = isHidden;
  }
  document.body.dataset.view = view;
  document.dispatchEvent(new Event("viewchange"));
}
