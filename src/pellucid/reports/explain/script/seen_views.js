// What a unit sees: its receptive field on the input, and its window, which slides over the map before.
import { largest, unlessMissing } from "./arrays.js";
import { button, byId, element, indexText, shown } from "./dom.js";
import { paintPixels, scaleOf } from "./drawing.js";
import { isOfPatches, pageData, shapeOf, tokensBetween } from "./page_data.js";
import { actions } from "./unit_views.js";
import { openUnit } from "./units.js";
import { fieldOf, layerValue, numberAt, windowOf } from "./values.js";
import { message } from "./words/message.js";
/** @import { Layer, Numbers, Pair, Unit } from "./types.js" */

// The receptive field, marked on the input and said in words.

/** @param {Layer} layer @param {Unit} unit */
export function drawField(layer, unit) {
  if (pageData.unseeing.includes(layer.name)) {
    hideBox();
    return;
  }
  const field = fieldOf(layer.name, unit);
  const box = document.getElementById("field");
  if (field && !field.length) hideBox();
  else if (box) drawBox(box, field);
  else if (document.getElementById("field-words")) markTokens(field);
}

/** What is made of noise, or a learnt token, sees nothing of the image that is given. */
function hideBox() {
  const box = document.getElementById("field");
  if (box) box.style.display = "none";
  byId("field-words").textContent = message("seesNothing");
}

/**
 * Lay a frame over a picture of so many rows and columns.
 * @param {HTMLElement | null} frame @param {number[]} size @param {Pair[]} box first and last row, first and last column
 */
function placeFrame(frame, [height, width], [[top, bottom], [left, right]]) {
  if (!frame) return;
  Object.assign(frame.style, {
    display: "",
    top: `${(100 * top) / height}%`,
    left: `${(100 * left) / width}%`,
    height: `${(100 * (bottom - top + 1)) / height}%`,
    width: `${(100 * (right - left + 1)) / width}%`,
  });
}

/** @param {HTMLElement} box @param {Pair[] | null} field */
function drawBox(box, field) {
  const [height, width] = pageData.inputs.slice(1);
  const [rows, columns] = field || [
    [0, height - 1],
    [0, width - 1],
  ];
  const [[top, bottom], [left, right]] = [rows, columns];
  placeFrame(box, [height, width], [rows, columns]);
  byId("field-words").textContent = message("seesPixels", { top, bottom, left, right });
}

/** @param {Pair[] | null} field */
function markTokens(field) {
  const [low, high] = field ? field[0] : [0, pageData.tokens.length - 1];
  document
    .querySelectorAll("#tokens span")
    .forEach((span, at) => span.classList.toggle("seen", at >= low && at <= high));
  byId("field-words").textContent = field ? message("seesTokens", { low, high }) : message("seesText");
}

// The window of a unit over what its layer takes, as two pictures with a frame in each.

/** Steps of the window are so many milliseconds apart, and a map of many units takes about so many in all. */
const [SLOWEST, WHOLE] = [120, 9000];

/**
 * What is shown: the layer, the unit, the parts of the document, and the timer where the window slides by itself.
 * @type {{ layer: Layer | null, unit: Unit, parts: Record<string, HTMLElement>, timer: number | undefined }}
 */
const sliding = { layer: null, unit: [], parts: {}, timer: undefined };

/** Whether units of a layer have a window: it takes maps and gives maps, or rows and rows. @param {Layer} layer */
function hasWindow(layer) {
  const { kind, shape, takes, declaration } = layer;
  if (isOfPatches(layer) || !takes.length || shape.length < 2) return false;
  if (kind === "attention-weights" || kind === "attention") return false;
  return shapeOf(takes[0]).length === shape.length && declaration !== null && takes[0] !== "noise";
}

/** A value as pictures: the rows and columns of each, and its numbers. @param {Numbers} found @param {number} channel */
function sheetOf(found, channel) {
  if (found.shape.length === 3) return { size: found.shape.slice(1), data: found.row(channel) };
  return { size: found.shape, data: found.kept ? null : found.data };
}

/**
 * The channel of what a layer takes that adds most to a unit; where each has its own, that one.
 * @param {Layer} layer @param {Unit} unit
 */
function channelBefore(layer, unit) {
  if (layer.shape.length !== 3) return 0;
  const [channels] = shapeOf(layer.takes[0]);
  const found = unlessMissing(() => openUnit(layer, unit));
  const [weighing] = found?.weighings ?? [];
  if (weighing?.shape.length === 3 && weighing.sums.length > 1) {
    const [best] = largest(weighing.sums, 1);
    const groups = layer.settings.groups || 1;
    return Math.floor(unit[0] / (layer.shape[0] / groups)) * (channels / groups) + best;
  }
  return Math.min(unit[0], channels - 1);
}

/** Show the window of the pinned unit, or nothing where its layer has none. @param {Layer} layer @param {Unit} unit */
export function showWindow(layer, unit) {
  stopSliding();
  const holder = byId("window");
  const [before, own] = hasWindow(layer)
    ? [layerValue(layer.takes[0]), layerValue(layer.name)]
    : [null, null];
  if (!before || !own) {
    sliding.layer = null;
    holder.replaceChildren();
    return;
  }
  // Words of the page may have changed their language meanwhile.
  if (sliding.layer !== layer || holder.lang !== document.documentElement.lang || !holder.firstChild) {
    holder.replaceChildren(...windowView(layer));
    holder.lang = document.documentElement.lang;
  }
  sliding.layer = layer;
  moveWindow(unit);
}

/** @param {Layer} layer */
function windowView(layer) {
  const isText = layer.shape.length === 2;
  const [seen, own] = ["seen", "own"].map((name) => {
    const canvas = element("canvas", { "aria-hidden": "true" });
    const sheet = element("div", { class: "sheet" }, canvas, element("span", { class: "window" }));
    return element("figure", { class: name }, sheet, element("figcaption"));
  });
  const words = element("p", { class: "quiet" });
  const slide = button({ class: "plain-button" }, message("windowSlide"), () => {
    if (sliding.timer === undefined) startSliding();
    else showWindow(layer, sliding.unit);
  });
  sliding.parts = { seen, own, words, slide };
  own.onmousemove = (event) => {
    const unit = unitAt(layer, own, event);
    if (unit && sliding.timer === undefined) followUnit(layer, unit);
  };
  own.onclick = (event) => {
    const unit = unitAt(layer, own, event);
    if (unit) actions.pinUnit(unit);
  };
  const sign = element("span", { class: "sign", "aria-hidden": "true" }, "\u2192");
  return [
    element("h3", {}, message("windowTitle")),
    element("div", { class: "sliding" }, seen, sign, own, words),
    ...(isText ? [] : [element("p", {}, slide)]),
  ];
}

/** @param {Layer} layer @param {HTMLElement} figure @param {MouseEvent} event @returns {Unit | null} */
function unitAt({ shape }, figure, { clientX, clientY }) {
  const box = /** @type {HTMLElement} */ (figure.querySelector("canvas")).getBoundingClientRect();
  const [rows, columns] = shape.slice(-2);
  const row = Math.floor(((clientY - box.top) * rows) / box.height);
  const column = Math.floor(((clientX - box.left) * columns) / box.width);
  if (row < 0 || column < 0 || row >= rows || column >= columns) return null;
  return shape.length === 3 ? [sliding.unit[0], row, column] : [row, column];
}

/** Let window and receptive field go to a unit, which need not be the pinned one. @param {Layer} layer @param {Unit} unit */
export function followUnit(layer, unit) {
  drawField(layer, unit);
  if (sliding.layer === layer && sliding.timer === undefined) moveWindow(unit);
}

/** @param {Unit} unit @param {number} [drawn] how many numbers of the map are drawn; all where none is given */
function moveWindow(unit, drawn) {
  const { layer, parts } = sliding;
  const [before, own] = layer ? [layerValue(layer.takes[0]), layerValue(layer.name)] : [null, null];
  if (!layer || !before || !own) return;
  // While the window slides over one map it stays on the channel with which it set out.
  const { channel: known } = parts.seen.dataset;
  const channel = drawn === undefined || known === undefined ? channelBefore(layer, unit) : Number(known);
  if (String(channel) !== known || drawn === undefined) drawSheet(parts.seen, sheetOf(before, channel));
  parts.seen.dataset.channel = String(channel);
  sliding.unit = unit;
  const sheet = sheetOf(own, unit[0]);
  drawSheet(parts.own, sheet, drawn);
  const isText = layer.shape.length === 2;
  const box = windowOf(layer, unit);
  /** @type {Pair[]} */
  const seen = isText ? [box[0], [0, before.shape[1] - 1]] : box;
  const [row, column] = unit.slice(isText ? 0 : 1);
  placeFrame(parts.seen.querySelector(".window"), before.shape.slice(-2), seen);
  placeFrame(parts.own.querySelector(".window"), sheet.size, [
    [row, row],
    [column, column],
  ]);
  writeWindow(layer, unit, seen, channel);
}

/** @param {Layer} layer @param {Unit} unit @param {Pair[]} seen @param {number} channel of what the layer takes */
function writeWindow(layer, unit, seen, channel) {
  const { parts } = sliding;
  const [source] = layer.takes;
  const isText = layer.shape.length === 2;
  const found = numberAt(layer.name, unit);
  const number = found === undefined ? message("notInPage") : shown(found);
  const [[top, bottom], [left, right]] = seen;
  caption(
    parts.seen,
    isText ? message("windowBeforeText", { source }) : message("windowBefore", { channel, source }),
  );
  caption(parts.own, isText ? message("windowOwnText") : message("windowOwn", { channel: unit[0] }));
  parts.words.textContent = isText
    ? message("windowWordsText", { unit: indexText(unit), tokens: tokensBetween(top, bottom), number })
    : message("windowWords", { unit: indexText(unit), top, bottom, left, right, number });
}

/** @param {HTMLElement} figure @param {string} text */
function caption(figure, text) {
  const part = figure.querySelector("figcaption");
  if (part) part.textContent = text;
}

/**
 * @param {HTMLElement} figure @param {{ size: number[], data: ArrayLike<number> | null }} sheet
 * @param {number} [drawn] numbers
 */
function drawSheet(figure, { size, data }, drawn) {
  const canvas = figure.querySelector("canvas");
  if (!canvas) return;
  if (!data) {
    Object.assign(canvas, { width: 1, height: 1 }); // the page lacks these numbers
    return;
  }
  const some = drawn === undefined ? data : Array.prototype.slice.call(data, 0, drawn);
  paintPixels(canvas, size, some, scaleOf(data));
}

// The window sliding by itself over a whole map, row by row, while the map fills with what it gives.

function startSliding() {
  const { layer, unit, parts } = sliding;
  if (!layer) return;
  const [rows, columns] = layer.shape.slice(1);
  const count = rows * columns;
  let at = 0;
  parts.slide.textContent = message("windowStop");
  const step = () => {
    if (at >= count) {
      showWindow(layer, unit);
      return;
    }
    const here = [unit[0], Math.floor(at / columns), at % columns];
    at += 1;
    moveWindow(here, at);
    drawField(layer, here);
  };
  sliding.timer = window.setInterval(step, Math.min(SLOWEST, Math.ceil(WHOLE / count)));
  step();
}

function stopSliding() {
  if (sliding.timer === undefined) return;
  window.clearInterval(sliding.timer);
  sliding.timer = undefined;
  sliding.parts.slide.textContent = message("windowSlide");
}
