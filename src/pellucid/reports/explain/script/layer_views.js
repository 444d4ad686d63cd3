// What is shown of a whole layer: its kernels, winning n-grams, and steps over a text.
import { need, unlessMissing, unravel, wholeOf } from "./arrays.js";
import { button, cell, contextOf, counted, element, headOf, rowHead, scrolling, shown } from "./dom.js";
import { layout, legend, onColour, paint, paintPixels, scaleOf } from "./drawing.js";
import { grid, isOfPatches, layerCalled, shapeOf, stored, tokenAtStep } from "./page_data.js";
import { actions, gramAt } from "./unit_views.js";
import { openUnit } from "./units.js";
import { layerValue } from "./values.js";
import { message } from "./words/message.js";
/** @import { Floats, Layer, Shape, Unit, Whole } from "./types.js" */

// A recurrent layer unrolled: a cell for each token, with its state and how far it moves at this step.

/** @param {Layer} layer */
function unrolledView(layer) {
  const states = layerValue(layer.name);
  if (!states || states.kept) return null;
  const moves = movesOf(states);
  const [ofMoves, ofStates] = [scaleOf([0, ...moves]), scaleOf(states.data)];
  const steps = moves.map((move, t) => {
    const token = tokenAtStep(layer, t);
    const canvas = element("canvas", { "aria-hidden": "true" });
    paintPixels(canvas, [states.shape[1], 1], states.row(t), ofStates);
    const moved = onColour(
      element("span", { class: "moves", "aria-hidden": "true" }, shown(move, 2)),
      ofMoves.colour(move),
    );
    const name = element("span", { class: "foreign", "aria-hidden": "true" }, token);
    const words = message("unrolledStep", { step: t, token, move: shown(move, 3) });
    const label = element("span", { class: "hidden" }, words);
    const made = element("button", { "data-step": t, tabindex: "-1" }, canvas, moved, name, label);
    made.onclick = () => openStep(t);
    made.onkeydown = (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const next = by && steps[t + by]?.querySelector("button");
      if (!next) return;
      event.preventDefault();
      openStep(t + by);
      next.focus();
    };
    return element("li", {}, made);
  });
  return element(
    "div",
    {},
    element("h3", {}, message("unrolledTitle")),
    element("p", { class: "quiet" }, message("unrolledWords")),
    scrolling(message("unrolledLabel"), element("ol", { class: "unrolled" }, ...steps)),
    legend(ofMoves),
  );
}

/** The unit that is pinned, at another step. @param {number} step */
function openStep(step) {
  actions.pinUnit([step, shownStep.channel]);
}

/** @type {{ channel: number }} of the pinned unit, which another step keeps */
const shownStep = { channel: 0 };

/** Mark the step of the pinned unit, to which the keyboard then comes. @param {Unit} unit */
export function markStep(unit) {
  const [step, channel] = unit;
  if (unit.length === 2) shownStep.channel = channel;
  /** @type {NodeListOf<HTMLButtonElement>} */
  const buttons = document.querySelectorAll(".unrolled [data-step]");
  buttons.forEach((each, t) => {
    each.setAttribute("aria-current", t === step ? "step" : "false");
    each.tabIndex = t === step ? 0 : -1;
    const holder = each.closest(".scroll");
    const item = each.parentElement;
    if (t !== step || !holder || !item) return;
    const left = item.offsetLeft - /** @type {HTMLElement} */ (item.parentElement).offsetLeft;
    if (left < holder.scrollLeft || left + item.offsetWidth > holder.scrollLeft + holder.clientWidth) {
      holder.scrollLeft = left - holder.clientWidth / 3;
    }
  });
}

/** @param {Whole} states */
function movesOf(states) {
  const [length, units] = states.shape;
  const nothing = new Float64Array(units);
  return Array.from({ length }, (_, t) => {
    const before = t ? states.row(t - 1) : nothing;
    return Math.hypot(...states.row(t).map((state, at) => state - before[at]));
  });
}

// For every filter the n-gram that won the maximum over the text, the largest first.

/** @param {Layer} layer */
function winnersView(layer) {
  const found = layerValue(layer.name);
  if (!found || found.kept) return null;
  const winners = unlessMissing(() =>
    Array.from(found.data, (number, filter) => {
      const { source } = need(openUnit(layer, [filter]).choice);
      return { number, filter, place: source[0] };
    }),
  );
  if (!winners) return null;
  winners.sort((one, other) => other.number - one.number);
  const rows = winners.map(({ number, filter, place }) => {
    const link = button({ class: "number-button" }, String(filter), () => actions.pinUnit([filter]));
    const gram = element("td", { class: "foreign words" }, gramAt(layer.takes[0], [place, filter]));
    return element("tr", {}, rowHead(link), cell(shown(number, 4)), cell(String(place)), gram);
  });
  const gram = message("columnGram");
  const head = headOf([message("columnFilter"), message("columnLargest"), message("columnAt"), gram], gram);
  const table = element("table", {}, head, element("tbody", {}, ...rows));
  return element(
    "details",
    { open: true },
    element("summary", {}, message("winnersTitle", { count: winners.length })),
    scrolling(message("winnersLabel"), table, "scroll tall"),
  );
}

// A whole layer in words, and what there is to show of a whole layer of a text.

/** How the numbers of a layer are drawn, in words. @param {Layer} layer */
export function laidOut(layer) {
  const { kind, takes, shape } = layer;
  const [count, second, third] = shape;
  if (grid && isOfPatches(layer)) {
    return message("layoutOfPatches", { count: second, rows: grid.rows, columns: grid.columns });
  }
  if (kind === "attention-weights") return message("layoutOfHeads", { count });
  if (third !== undefined) {
    const size = { rows: second, columns: third };
    return count === 1 ? message("layoutOfOneMap", size) : message("layoutOfMaps", { count, ...size });
  }
  if (second !== undefined && kind === "attention") {
    return message("layoutOfAttention", { count, numbers: second, each: second / shapeOf(takes[1])[0] });
  }
  if (second !== undefined) return message("layoutOfText", { count, numbers: second });
  return count === 1 ? message("layoutOfOne") : message("layoutOfNumbers", { count });
}

/** The n-grams that won, or the layer unrolled. @param {Layer} layer */
export function moreOf(layer) {
  if (layer.kind === "text-max") return winnersView(layer);
  return layer.kind === "lstm" || layer.kind === "gru" ? unrolledView(layer) : null;
}

// Dropout before a layer, as training has it: an example, since an answer is computed without.

/** Numbers of which a mask can be drawn. */
const MOST_DROPPED = 20_000;

/** @param {Layer} layer @returns {Element[]} */
export function dropoutView(layer) {
  const { dropout } = layer;
  if (!dropout) return [];
  const found = layerValue(layer.takes[0]);
  const words = { probability: shown(dropout, 3), kept: shown(1 - dropout, 3) };
  const parts = [
    element("h3", {}, message("dropoutTitle")),
    element("p", {}, message("dropoutWords", words)),
  ];
  if (!found || found.kept || found.data.length > MOST_DROPPED) return parts;
  const canvas = element("canvas", { role: "img" });
  const example = element("p", { class: "quiet" });
  let seed = 0;
  const draw = () => {
    seed += 1;
    const dropped = paintDropped(canvas, found, dropout, seed);
    const counts = { dropped: counted(dropped), count: counted(found.data.length) };
    example.textContent = message("dropoutExample", counts);
    canvas.setAttribute("aria-label", message("dropoutLabel", counts));
  };
  draw();
  const again = button({ class: "plain-button" }, message("dropoutAgain"), draw);
  return [...parts, element("div", { class: "dropped scroll" }, canvas), example, element("p", {}, again)];
}

/**
 * Draw the numbers that a layer takes, and cross out those of a mask; returns how many these are.
 * @param {HTMLCanvasElement} canvas @param {Whole} found @param {number} probability @param {number} seed
 */
function paintDropped(canvas, found, probability, seed) {
  const plan = layout(found.shape, 320, 56);
  paint(canvas, found, plan);
  const context = contextOf(canvas);
  const [wide, high] = plan.cell;
  const draws = uniform(seed);
  let dropped = 0;
  for (let at = 0; at < found.data.length; at += 1) {
    if (draws() >= probability) continue;
    dropped += 1;
    const [x, y] = plan.spot(unravel(at, found.shape));
    context.fillStyle = "#fff";
    context.fillRect(x, y, wide, high);
    context.strokeStyle = "#767676";
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(x + wide, y + high);
    context.moveTo(x + wide, y);
    context.lineTo(x, y + high);
    context.stroke();
  }
  return dropped;
}

/**
 * Numbers from 0 to below 1 by a seed, the same in every browser (mulberry32).
 * @param {number} seed
 */
function uniform(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

// The weights of a unit as images: kernels by channel, a row for each token, or the maps a dense unit sees.

/** @param {Layer} layer @param {Unit} unit */
export function kernelsOf(layer, unit) {
  if (layer.kind === "convolution") {
    const [at, own, [count, ...shape]] = weightsOf(layer, unit[0]);
    const label = message("kernelsImage", { at, channels: shape[0] });
    return own ? tiles(message("kernelsTitle", { at, count }), label, wholeOf(shape, own)) : [];
  }
  if (layer.kind === "transposed-convolution") return transposedKernels(layer, unit[0]);
  if (layer.kind === "neighbours") {
    const [at, own, [count, numbers, kernel]] = weightsOf(layer, unit[1]);
    const title = message("kernelsOfTokens", { at, count });
    const label = message("kernelsOfTokensImage", { at, kernel });
    return own ? tiles(title, label, rowForEachToken(own, numbers, kernel)) : [];
  }
  const seen = layer.kind === "dense" && mapsSeenBy(layer);
  if (!seen) return [];
  const [at, own, [count]] = weightsOf(layer, unit[0]);
  const [maps] = seen;
  const title = message(maps === 1 ? "weightsAsMap" : "weightsAsMaps", { at, count, maps });
  return own ? tiles(title, message("weightsAsMapsImage", { at, maps }), wholeOf(seen, own)) : [];
}

/**
 * Of every map that is taken, the kernel that it lays on one map that is given.
 * @param {Layer} layer @param {number} at which map
 */
function transposedKernels(layer, at) {
  const weight = stored(layer.weights[0]);
  if (!weight || weight.kept) return [];
  const [inputs, outputs, height, width] = weight.shape;
  const size = height * width;
  const own = new Float32Array(inputs * size);
  for (let i = 0; i < inputs; i += 1) {
    own.set(weight.row(i).subarray(at * size, (at + 1) * size), i * size);
  }
  const title = message("kernelsLaid", { at, count: outputs, inputs });
  return tiles(title, title, wholeOf([inputs, height, width], own));
}

/**
 * @param {Layer} layer @param {number} at which filter or unit
 * @returns {[at: number, own: Floats | null, shape: Shape]} its weights, and the shape of those of the layer
 */
function weightsOf(layer, at) {
  const weight = stored(layer.weights[0]);
  return [at, weight && weight.row(at), weight ? weight.shape : []];
}

/** @param {Floats} own @param {number} numbers of each token @param {number} kernel tokens that are seen */
function rowForEachToken(own, numbers, kernel) {
  const rows = new Float32Array(kernel * numbers);
  for (let k = 0; k < kernel; k += 1) {
    for (let i = 0; i < numbers; i += 1) rows[k * numbers + i] = own[i * kernel + k];
  }
  return wholeOf([kernel, numbers], rows);
}

/** Shape of the maps that a dense layer sees; null where it sees no maps. @param {Layer} layer */
function mapsSeenBy(layer) {
  const source = layerCalled(layer.takes[0]);
  if (!source || source.kind !== "flatten") return null;
  const seen = shapeOf(source.takes[0]);
  return seen.length === 3 ? seen : null;
}

/** @param {string} title @param {string} label @param {Whole} found */
function tiles(title, label, found) {
  const canvas = element("canvas", { role: "img", "aria-label": label });
  const scale = paint(canvas, found, layout(found.shape, 320));
  return [element("h3", {}, title), scrolling(message("kernelsLabel"), canvas), legend(scale)];
}
