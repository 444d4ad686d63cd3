// The numbers of the chosen layer as an image: drawn, outlined at the pinned unit, led by pointer and keys.
import { gradientAt, numberAt } from "../arithmetic/values.js";
import { tokenLabel } from "../data/tokens.js";
import { byId, canvasById, contextOf, element } from "../dom/element.js";
import { indexText, shown } from "../dom/numbers.js";
import { layout } from "../drawing/layout.js";
import { outline, paint } from "../drawing/paint.js";
import { actions } from "../views/actions.js";
import { current } from "./state.js";
/** @import { Layer, Layout, Numbers, Unit } from "../types.js" */

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

/**
 * Draw an array, or nothing, and give back the scale.
 * @param {Layer} layer
 * @param {Numbers | null} found
 */
export function drawMaps(layer, found) {
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
export function outlineUnit(unit) {
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
 * @param {Layer} layer
 * @param {Unit} unit
 * @param {string} key
 */
function unitBeside({ shape }, unit, key) {
  const step = MAP_KEYS[key];
  if (!step || step.back > shape.length) return null;
  const axis = shape.length - step.back;
  return unit.map((at, other) => (other === axis ? at + step.by : at));
}
