// What a click or a key does: the chosen layer and unit are drawn, and the address remembers them.
import { clamp, loudestIn, need, replacedAt } from "./arrays.js";
import { byId, canvasById, contextOf, element, indexField, indexText, shown } from "./dom.js";
import { legend, outline, paint, thumbnail } from "./drawing.js";
import { backwardView, WEIGHT_TITLE } from "./gradient_views.js";
import { dropoutView, kernelsOf, laidOut, markStep, moreOf } from "./layer_views.js";
import {
  isOfPatches,
  knownLayer,
  layerName,
  pageData,
  shownLayers,
  stored,
  tokenLabel,
} from "./page_data.js";
import { planOf } from "./patches.js";
import { drawField, followUnit, showWindow } from "./seen_views.js";
import { actions, arithmeticText, arithmeticView } from "./unit_views.js";
import { chosenUnits } from "./units.js";
import { drawnNumbers, gradientAt, numberAt, picturedNumbers } from "./values.js";
import { allTabs, current, firstLayer, placeInAddress, rememberPlace, showView } from "./views.js";
import { message } from "./words/message.js";
/** @import { Layer, Layout, Numbers, Pinned, Scale, Unit, View } from "./types.js" */
/** @import { MessageKey } from "./words/message.js" */

// The numbers of the chosen layer as an image: drawn, outlined at the pinned unit, led by pointer and keys.

/** @type {{ plan: Layout | null, image: HTMLCanvasElement | null }} image: without an outline */
const drawn = { plan: null, image: null };

/** Draw an array, or nothing, and give back the scale. @param {Layer} layer @param {Numbers | null} found */
function drawMaps(layer, found) {
  const canvas = canvasById("maps");
  const width = Math.max(240, byId("maps-holder").clientWidth - 8);
  const { plan, painted } = planOf(layer, width);
  drawn.plan = plan;
  drawn.image = null;
  if (!found) {
    canvas.width = 1;
    canvas.height = 1;
    return null;
  }
  const scale = paint(canvas, found, painted);
  drawn.image = element("canvas", { width: canvas.width, height: canvas.height });
  contextOf(drawn.image).drawImage(canvas, 0, 0);
  return scale;
}

/** @param {Unit} unit */
function outlineUnit(unit) {
  if (!drawn.image || !drawn.plan) return;
  const canvas = canvasById("maps");
  contextOf(canvas).drawImage(drawn.image, 0, 0);
  outline(canvas, drawn.plan, unit);
}

/** Let clicks and keys pin units, and say what lies under the pointer. */
export function startMaps() {
  const maps = canvasById("maps");
  maps.onclick = (event) => {
    const unit = unitUnder(event);
    if (unit) actions.pinUnit(unit);
  };
  maps.onmousemove = (event) => {
    const unit = unitUnder(event);
    byId("hovered").textContent = wordsOn(unit);
    if (unit && current.pinned) followUnit(current.pinned.layer, unit);
  };
  // What is pinned is shown again once the pointer has left.
  byId("maps-holder").onmouseleave = leave;
  byId("window").onmouseleave = leave;
  maps.onkeydown = (event) => {
    const unit = current.pinned && unitBeside(current.pinned.layer, current.pinned.unit, event.key);
    if (!unit) return;
    event.preventDefault();
    actions.pinUnit(unit);
  };
}

function leave() {
  byId("hovered").textContent = "";
  if (current.pinned) followUnit(current.pinned.layer, current.pinned.unit);
}

/** @param {MouseEvent} event */
function unitUnder({ clientX, clientY }) {
  const maps = canvasById("maps");
  const box = maps.getBoundingClientRect();
  const [x, y] = [
    ((clientX - box.left) * maps.width) / box.width,
    ((clientY - box.top) * maps.height) / box.height,
  ];
  return drawn.plan && drawn.plan.unit(x, y);
}

/** @param {Unit | null} unit */
function wordsOn(unit) {
  if (!unit || !current.pinned) return "";
  const { name, kind } = current.pinned.layer;
  const number = current.view === "backward" ? gradientAt(name, unit) : numberAt(name, unit);
  const [, query, key] = unit;
  const parts = {
    unit: indexText(unit),
    number: number === undefined ? message("notInPage") : shown(number),
  };
  if (kind !== "attention-weights") return message("hovered", parts);
  return message("hoveredOfTokens", { ...parts, query: tokenLabel(query), key: tokenLabel(key) });
}

/**
 * Keys that move along an axis, which is counted from the last one back.
 * @type {Record<string, { back: number, by: number }>}
 */
const MAP_KEYS = {
  ArrowLeft: { back: 1, by: -1 },
  ArrowRight: { back: 1, by: 1 },
  ArrowUp: { back: 2, by: -1 },
  ArrowDown: { back: 2, by: 1 },
  PageUp: { back: 3, by: -1 },
  PageDown: { back: 3, by: 1 },
};

/**
 * The unit that a key leads to, perhaps beyond an edge; null where it leads nowhere.
 * @param {Layer} layer @param {Unit} unit @param {string} key
 */
function unitBeside({ shape }, unit, key) {
  const step = MAP_KEYS[key];
  if (!step || step.back > shape.length) return null;
  const axis = shape.length - step.back;
  return unit.map((at, other) => (other === axis ? at + step.by : at));
}

// The chosen layer: its formula and facts, its numbers as an image, and what else there is to show of it.

/** @param {Layer} layer */
export function drawLayer(layer) {
  const isBackward = current.view === "backward";
  byId("layer-title").textContent = message("layerTitle", { name: layer.name, words: layerName(layer.name) });
  const facts = document.querySelector(`[data-layer-facts="${CSS.escape(layer.name)}"]`);
  byId("as-text-title").textContent = message("asText");
  byId("copy").textContent = message("copy");
  byId("layer-facts").replaceChildren(
    ...(facts ? [...facts.children].map((child) => child.cloneNode(true)) : []),
  );
  byId("maps-legend").replaceChildren();
  const found = drawnNumbers(layer, isBackward ? "gradient:" : "");
  const scale = drawMaps(layer, found);
  const more = found && !isBackward ? moreOf(layer) : null;
  byId("maps-legend").replaceChildren(...(found && scale ? legendOf(layer, found, scale) : [noNumbers()]));
  byId("layer-more").replaceChildren(...(more ? [more] : []), ...dropoutView(layer));
}

/** @param {string} words */
const quiet = (words) => element("p", { class: "quiet" }, words);

const noNumbers = () => quiet(message(current.view === "backward" ? "noGradientReaches" : "numbersNotHeld"));

/** @param {Layer} layer @param {Numbers} found @param {Scale} scale */
function legendOf(layer, found, scale) {
  const words = current.view === "backward" ? "gradientsLaidOut" : "valuesLaidOut";
  const parts = [legend(scale), quiet(message(words, { layout: laidOut(layer) }))];
  if (found.kept) {
    parts.push(quiet(message("partHeld", { kept: found.kept.length, all: found.shape[0] })));
  }
  return parts;
}

// The pinned unit: its index, its arithmetic or gradients, its weights, and what it sees.

/** Names of the axes of a layer that has so many. */
/** @type {MessageKey[][]} */
const AXIS_NAMES = [[], ["axisUnit"], ["axisPlace", "axisChannel"], ["axisChannel", "axisRow", "axisColumn"]];
/** @type {MessageKey[]} */
const ATTENTION_AXES = ["axisHead", "axisQuery", "axisKey"];

/** @param {Pinned} pinned */
export function drawUnit(pinned) {
  const { layer, unit } = pinned;
  outlineUnit(unit);
  byId("unit-inputs").replaceChildren(...unitInputs(pinned));
  const { parts, found } = arithmeticView(layer, unit);
  byId("unit-title").textContent = unitTitle(pinned);
  const arithmetic = byId("arithmetic");
  arithmetic.replaceChildren(...(current.view === "backward" ? backwardView(pinned, found) : parts));
  arithmetic.dataset.difference = found ? String(found.difference / Math.max(found.magnitude, 1e-30)) : "";
  byId("as-text").textContent = found ? arithmeticText(layer, unit, found) : "";
  byId("copy-holder").hidden = !found;
  byId("kernels").replaceChildren(...kernelsOf(layer, unit));
  drawField(layer, unit);
  showWindow(layer, unit);
  markStep(unit);
}

/** Title of a unit: its index, and its class where it is a score or probability. @param {Pinned} pinned */
function unitTitle({ layer, unit }) {
  const { output, answers, classes } = pageData;
  const isOfClass = unit.length === 1 && (layer.name === output || answers.includes(layer.name));
  const name = isOfClass ? classes[unit[0]] : undefined;
  const index = indexText(unit);
  return name ? message("unitOfClass", { unit: index, name }) : message("unitTitle", { unit: index });
}

/** @param {Pinned} pinned */
const unitInputs = ({ layer, unit }) =>
  unit.map((value, axis) => {
    const id = `unit-${axis}`;
    const name = (layer.kind === "attention-weights" ? ATTENTION_AXES : AXIS_NAMES[unit.length])[axis];
    return indexField(id, message(name), { value, size: layer.shape[axis] }, (at) =>
      actions.pinUnit(replacedAt(unit, axis, at), id),
    );
  });

// The views as tabs.

/** Let clicks and arrow keys change the view, and show the place in the address, now and whenever it changes. */
export function startViews() {
  const tabs = allTabs();
  for (const tab of tabs) {
    tab.onclick = () => {
      showView(/** @type {View} */ (tab.dataset.view));
      // What the page chose itself gives way to what matters most in this view.
      const { view, pinned, isChosen, isAsked } = current;
      if (pinned) chooseLayer(isChosen ? pinned.layer : firstLayer(view), isAsked ? pinned.unit : null);
      rememberPlace();
    };
    tab.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
      next.focus();
      next.click();
    };
  }
  // The link to the page's main part is no place of its own.
  window.onhashchange = () => {
    if (location.hash === "#main") return;
    const before = current.view;
    showPlaceInAddress();
    const isOpened = current.view === "forward" || current.view === "backward";
    if (current.view !== before && current.pinned && isOpened) showTitle();
  };
  showPlaceInAddress();
}

function showPlaceInAddress() {
  const { view, layer, isNamed, unit, weight } = placeInAddress();
  showView(view);
  current.isChosen = isNamed;
  if (layer) chooseLayer(layer, unit, weight);
}

// Choosing a layer, pinning a unit or a weight: what is drawn anew, and where one goes on typing.

/**
 * @param {Layer} layer @param {Unit | null} unit the loudest where none is asked for
 * @param {Pinned["weight"]} [weight]
 */
export function chooseLayer(layer, unit, weight = null) {
  current.isAsked = unit !== null;
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
export function loudestUnit(layer) {
  const isBackward = current.view === "backward";
  const [chosen] = chosenUnits(layer);
  if (chosen && !isBackward) return chosen.unit;
  const found = (isBackward && drawnNumbers(layer, "gradient:")) || drawnNumbers(layer);
  if (!found) return layer.shape.map(() => 0);
  return isOfPatches(layer) ? loudestIn(found).reverse() : loudestIn(found);
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

/** Scroll the list of layers alone, never the page, until a layer can be seen. @param {HTMLElement} button */
function showInList(button) {
  const item = button.parentElement;
  const list = item?.parentElement;
  if (!item || !list) return;
  const [top, left] = [item.offsetTop - list.offsetTop, item.offsetLeft - list.offsetLeft];
  const [bottom, right] = [top + item.offsetHeight, left + item.offsetWidth];
  if (top < list.scrollTop) list.scrollTop = top;
  else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
  if (left < list.scrollLeft) list.scrollLeft = left;
  else if (right > list.scrollLeft + list.clientWidth) list.scrollLeft = right - list.clientWidth;
}

/** Buttons of the strip, one for each layer. */
export const stripButtons = () =>
  /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll(".strip button"));

/** @param {Unit} unit @param {string} [focused] id of a field */
function pinUnit(unit, focused) {
  const { pinned } = current;
  if (!pinned) return;
  pinned.unit = clamp(unit, pinned.layer.shape);
  Object.assign(current, { isChosen: true, isAsked: true });
  drawUnit(pinned);
  rememberPlace();
  if (focused) refocus(focused);
  const verdict = document.getElementById("verdict");
  const parts = { unit: indexText(pinned.unit), verdict: verdict ? verdict.textContent : "" };
  byId("said").textContent = message("unitChosen", parts);
}

/** Open a unit of another layer. @param {string} name @param {Unit} unit */
function goToUnit(name, unit) {
  const layer = knownLayer(name);
  if (layer.hidden) return;
  chooseLayer(layer, unit);
  Object.assign(current, { isChosen: true, isAsked: true });
  rememberPlace();
  byId("unit-title").scrollIntoView({ block: "nearest" });
}

/** Let clicks within the views of units open others. */
export const startUnits = () => Object.assign(actions, { pinUnit, pinWeight, goToUnit });

/**
 * @param {string} name of a tensor @param {number[] | null} index the loudest where none is asked for
 * @param {string} [focused] id of a field
 */
function pinWeight(name, index, focused = WEIGHT_TITLE) {
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
 * Go on typing where one was: the field is a new one, and the cursor is behind what it holds.
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

// The strip of layers: a thumbnail and a button for each, walked by the arrow keys.

/** @type {Record<string, number>} */
const STRIP_KEYS = { ArrowUp: -1, ArrowDown: 1, ArrowLeft: -1, ArrowRight: 1 };

export function startStrip() {
  const buttons = [...stripButtons()];
  shownLayers.forEach((layer, at) => {
    const button = buttons[at];
    const canvas = button.querySelector("canvas");
    if (canvas) thumbnail(canvas, picturedNumbers(layer));
    const line = button.closest("li");
    line?.style.setProperty("--volume", line.dataset.volume ?? "1");
    button.onclick = () => choose(layer);
    button.onkeydown = (event) => {
      const step = STRIP_KEYS[event.key];
      if (!step || !current.pinned) return;
      event.preventDefault();
      const asked = shownLayers.indexOf(current.pinned.layer) + step;
      const next = Math.min(shownLayers.length - 1, Math.max(0, asked));
      choose(shownLayers[next]);
      buttons[next].focus();
    };
  });
}

/** @param {Layer} layer */
function choose(layer) {
  chooseLayer(layer, null);
  current.isChosen = true;
  rememberPlace();
  showTitle();
}

/** Scroll to the heading of the chosen layer where it is out of view, below what stays at the top of the window. */
function showTitle() {
  const title = byId("layer-title");
  const { top, bottom } = title.getBoundingClientRect();
  const margin = Number.parseFloat(getComputedStyle(title).scrollMarginTop) || 0;
  if (top < margin - 16 || bottom > window.innerHeight) title.scrollIntoView({ block: "start" });
}

// The button that copies a calculation as text.

export function startCopying() {
  byId("copy").onclick = async () => {
    const text = byId("as-text");
    try {
      await navigator.clipboard.writeText(text.textContent ?? "");
      byId("said").textContent = message("copied");
    } catch {
      // A page that was opened from a file may be refused the clipboard.
      const selection = getSelection();
      selection?.removeAllRanges();
      selection?.selectAllChildren(text);
      byId("said").textContent = message("selected");
    }
  };
}
