// What a click or a key does: the chosen layer and unit are drawn, and the address remembers them.
import { clamp, loudestIn, need, replacedAt } from "./arrays.js";
import { byId, canvasById, contextOf, element, indexField, indexText, shown } from "./dom.js";
import { layout, legend, outline, paint, thumbnail } from "./drawing.js";
import { backwardView, WEIGHT_TITLE } from "./gradient_views.js";
import { kernelsOf, laidOut, moreOf } from "./layer_views.js";
import { layerCalled, learntOf, pageData, shownLayers, stored, tokenLabel } from "./page_data.js";
import { actions, arithmeticText, arithmeticView } from "./unit_views.js";
import { chosenUnits } from "./units.js";
import { fieldOf, gradientAt, layerValue, numberAt } from "./values.js";
/** @import { Layer, Layout, Numbers, Pair, Pinned, Scale, Unit, View, Weight } from "./types.js" */

// What the page shows: the view, and of a network the chosen layer, its pinned unit and weight.

/** @type {{ view: View, pinned: Pinned | null }} pinned: null where the model has no network to open */
export const current = { view: "forward", pinned: null };

// The address after #, which remembers the place: #view/layer/unit/weight.

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

/** @param {string} name @returns {View} */
function viewOf(name) {
  if (VIEWS.some((view) => view === name) && document.getElementById(`tab-${name}`)) {
    return /** @type {View} */ (name);
  }
  return shownLayers.length ? "forward" : "drove";
}

/**
 * A weight as the address names it.
 * @param {Layer} layer @param {string | undefined} text @returns {Weight | null}
 */
function weightFrom(layer, text) {
  const [name, index] = decodeURIComponent(text || "").split(":");
  return index && learntOf(layer).includes(name) ? [name, numbersOf(index)] : null;
}

// What the pinned unit sees, marked on the input and said in words.

/** @param {Pinned} pinned */
function drawField({ layer, unit }) {
  if (pageData.unseeing.includes(layer.name)) {
    hideBox();
    return;
  }
  const field = fieldOf(layer.name, unit);
  const box = document.getElementById("field");
  if (box) drawBox(box, field);
  else if (document.getElementById("field-words")) markTokens(field);
}

/** What is made of noise sees nothing of the image that is given. */
function hideBox() {
  const box = document.getElementById("field");
  if (box) box.style.display = "none";
  byId("field-words").textContent = "This unit sees nothing of the given image.";
}

/** @param {HTMLElement} box @param {Pair[] | null} field */
function drawBox(box, field) {
  const [height, width] = pageData.inputs.slice(1);
  const [rows, columns] = field || [
    [0, height - 1],
    [0, width - 1],
  ];
  const [[top, bottom], [left, right]] = [rows, columns];
  Object.assign(box.style, {
    display: "",
    top: `${(100 * top) / height}%`,
    left: `${(100 * left) / width}%`,
    height: `${(100 * (bottom - top + 1)) / height}%`,
    width: `${(100 * (right - left + 1)) / width}%`,
  });
  byId("field-words").textContent = `This unit sees rows ${top} to ${bottom}, columns ${left} to ${right}.`;
}

/** @param {Pair[] | null} field */
function markTokens(field) {
  const [low, high] = field ? field[0] : [0, pageData.tokens.length - 1];
  document
    .querySelectorAll("#tokens span")
    .forEach((span, at) => span.classList.toggle("seen", at >= low && at <= high));
  byId("field-words").textContent = field
    ? `This unit sees tokens ${low} to ${high}.`
    : "This unit sees the whole text.";
}

// The numbers of the chosen layer as an image: drawn, outlined at the pinned unit, led by pointer and keys.

/** @type {{ plan: Layout | null, image: HTMLCanvasElement | null }} image: without an outline */
const drawn = { plan: null, image: null };

/**
 * Pixels of the side of an attention's map, in which single tokens are to be found; undefined for other maps.
 * @param {Layer} layer
 */
function sideOfMap({ kind, shape }) {
  if (kind !== "attention-weights") return undefined;
  return shape[1] > 64 ? 256 : 180;
}

/** Draw an array, or nothing, and give back the scale. @param {Layer} layer @param {Numbers | null} found */
function drawMaps(layer, found) {
  const canvas = canvasById("maps");
  const width = Math.max(240, byId("maps-holder").clientWidth - 8);
  drawn.plan = layout(layer.shape, width, sideOfMap(layer));
  drawn.image = null;
  if (!found) {
    canvas.width = 1;
    canvas.height = 1;
    return null;
  }
  const scale = paint(canvas, found, drawn.plan);
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
    byId("hovered").textContent = wordsOn(unitUnder(event));
  };
  maps.onkeydown = (event) => {
    const unit = current.pinned && unitBeside(current.pinned.layer, current.pinned.unit, event.key);
    if (!unit) return;
    event.preventDefault();
    actions.pinUnit(unit);
  };
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
  const tokens = kind === "attention-weights" ? `, query ${tokenLabel(query)}, key ${tokenLabel(key)}` : "";
  return `unit ${indexText(unit)}${tokens}: ${number === undefined ? "not in the page" : shown(number)}`;
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
  byId("layer-title").textContent = `${layer.name}: ${layer.words}`;
  const facts = document.querySelector(`[data-layer-facts="${CSS.escape(layer.name)}"]`);
  byId("layer-facts").replaceChildren(
    ...(facts ? [...facts.children].map((child) => child.cloneNode(true)) : []),
  );
  byId("maps-legend").replaceChildren();
  const found = isBackward ? stored(`gradient:${layer.name}`) : layerValue(layer.name);
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

/** @param {Layer} layer @param {Numbers} found @param {Scale} scale */
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

// The pinned unit: its index, its arithmetic or gradients, its weights, and what it sees.

/** Names of the axes of a layer that has so many. */
const AXIS_NAMES = [[], ["unit"], ["place", "channel"], ["channel", "row", "column"]];
const ATTENTION_AXES = ["head", "query token", "key token"];

/** @param {Pinned} pinned */
export function drawUnit(pinned) {
  const { layer, unit } = pinned;
  outlineUnit(unit);
  byId("unit-inputs").replaceChildren(...unitInputs(pinned));
  const { parts, found } = arithmeticView(layer, unit);
  byId("unit-title").textContent = `Unit ${indexText(unit)}`;
  const arithmetic = byId("arithmetic");
  arithmetic.replaceChildren(...(current.view === "backward" ? backwardView(pinned, found) : parts));
  arithmetic.dataset.difference = found ? String(found.difference / Math.max(found.magnitude, 1e-30)) : "";
  byId("as-text").textContent = found ? arithmeticText(layer, unit, found) : "";
  byId("copy-holder").hidden = !found;
  byId("kernels").replaceChildren(...kernelsOf(layer, unit));
  drawField(pinned);
}

/** @param {Pinned} pinned */
const unitInputs = ({ layer, unit }) =>
  unit.map((value, axis) => {
    const id = `unit-${axis}`;
    const name = (layer.kind === "attention-weights" ? ATTENTION_AXES : AXIS_NAMES[unit.length])[axis];
    return indexField(id, name, { value, size: layer.shape[axis] }, (at) =>
      actions.pinUnit(replacedAt(unit, axis, at), id),
    );
  });

// The views as tabs: forward, backward, and what drove the answer.

const allTabs = () => [
  .../** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll("[role=tab]")),
];

/** @param {View} view */
export function showView(view) {
  current.view = view;
  for (const tab of allTabs()) {
    const isOwn = tab.dataset.view === view;
    tab.setAttribute("aria-selected", isOwn ? "true" : "false");
    tab.tabIndex = isOwn ? 0 : -1;
  }
  for (const [id, isHidden] of Object.entries({
    "panel-network": view !== "forward" && view !== "backward",
    "panel-bound": view !== "bound",
    loss: view !== "backward",
  })) {
    const part = document.getElementById(id);
    if (part) part.hidden = isHidden;
  }
  byId("panel-drove").hidden = view !== "drove";
  document.body.dataset.view = view;
}

/**
 * Let clicks and arrow keys change the view.
 * @param {() => void} onView what is done once another view is shown
 */
export function startTabs(onView) {
  const tabs = allTabs();
  for (const tab of tabs) {
    tab.onclick = () => {
      showView(/** @type {View} */ (tab.dataset.view));
      onView();
    };
    tab.onkeydown = (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
      next.focus();
      next.click();
    };
  }
}

// Choosing a layer, pinning a unit or a weight: what is drawn anew, and where one goes on typing.

/**
 * @param {Layer} layer @param {Unit | null} unit the loudest where none is asked for
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
  const found = (isBackward && stored(`gradient:${layer.name}`)) || layerValue(layer.name);
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

/** Scroll the list of layers alone, never the page, until a layer can be seen. @param {HTMLElement} button */
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

/** @param {Unit} unit @param {string} [focused] id of a field */
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
 * @param {string} name of a tensor @param {number[] | null} index the loudest where none is asked for
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
    if (canvas) thumbnail(canvas, layerValue(layer.name));
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
  rememberPlace();
}

// The button that copies a calculation as text.

export function startCopying() {
  byId("copy").onclick = async () => {
    const text = byId("as-text");
    try {
      await navigator.clipboard.writeText(text.textContent ?? "");
      byId("said").textContent = "copied";
    } catch {
      // A page that was opened from a file may be refused the clipboard.
      const selection = getSelection();
      selection?.removeAllRanges();
      selection?.selectAllChildren(text);
      byId("said").textContent = "selected; copy it with the keyboard";
    }
  };
}
