// What is shown of a whole layer: its kernels, winning n-grams, and steps over a text.
import { need, unlessMissing, wholeOf } from "./arrays.js";
import { button, cell, element, headOf, rowHead, scrolling, shown } from "./dom.js";
import { layout, legend, onColour, paint, scaleOf } from "./drawing.js";
import { layerCalled, shapeOf, stored, tokenAtStep } from "./page_data.js";
import { actions, gramAt } from "./unit_views.js";
import { openUnit } from "./units.js";
import { layerValue } from "./values.js";
/** @import { Floats, Layer, Shape, Unit, Whole } from "./types.js" */

// How far the states of a whole recurrent layer move at each step, token by token.

/** @param {Layer} layer */
function stepsView(layer) {
  const states = layerValue(layer.name);
  if (!states || states.kept) return null;
  const moves = movesOf(states);
  const scale = scaleOf([0, ...moves]);
  const spans = moves.flatMap((move, t) => {
    const span = element("span", { title: shown(move, 3) }, tokenAtStep(layer, t));
    return [onColour(span, scale.colour(move)), " "];
  });
  const words =
    "How far the states of the layer move at each token (length of the change), in the order in which they are read.";
  return element(
    "div",
    {},
    element("h3", {}, "What each step adds"),
    element("p", { class: "quiet" }, words),
    element("p", { class: "pieces foreign" }, ...spans),
    legend(scale),
  );
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
  const head = headOf(["filter", "largest", "at", "n-gram"], "n-gram");
  const table = element("table", {}, head, element("tbody", {}, ...rows));
  return element(
    "details",
    { open: true },
    element("summary", {}, `The n-gram that won, for each of ${winners.length} filters`),
    scrolling("winning n-grams", table, "scroll tall"),
  );
}

// A whole layer in words, and what there is to show of a whole layer of a text.

/** How the numbers of a layer are drawn, in words. @param {Layer} layer */
export function laidOut({ kind, takes, shape: [first, second, third] }) {
  if (kind === "attention-weights") {
    return `a map for each of ${first} heads, query tokens as rows, key tokens as columns`;
  }
  if (third !== undefined) {
    return `${first === 1 ? "one map" : `${first} maps`} of ${second}\u00d7${third} numbers`;
  }
  if (second !== undefined) {
    const heads = kind === "attention" ? `, ${second / shapeOf(takes[1])[0]} of each head side by side` : "";
    return `${first} places of the text (rows) with ${second} numbers each${heads}`;
  }
  return `${first} ${first === 1 ? "number" : "numbers"}`;
}

/** The n-grams that won, or what each step adds. @param {Layer} layer */
export function moreOf(layer) {
  if (layer.kind === "text-max") return winnersView(layer);
  return layer.kind === "lstm" || layer.kind === "gru" ? stepsView(layer) : null;
}

// The weights of a unit as images: kernels by channel, a row for each token, or the maps a dense unit sees.

/** @param {Layer} layer @param {Unit} unit */
export function kernelsOf(layer, unit) {
  if (layer.kind === "convolution") {
    const [at, own, [count, ...shape]] = weightsOf(layer, unit[0]);
    const label = `kernels of filter ${at}, one for each of ${shape[0]} channels`;
    return own ? tiles(`Kernels of filter ${at} of ${count}`, label, wholeOf(shape, own)) : [];
  }
  if (layer.kind === "transposed-convolution") return transposedKernels(layer, unit[0]);
  if (layer.kind === "neighbours") {
    const [at, own, [count, numbers, kernel]] = weightsOf(layer, unit[1]);
    const title = `Weights of filter ${at} of ${count}: a row for each neighbouring token`;
    const label = `weights of filter ${at}, a row for each of ${kernel} neighbouring tokens`;
    return own ? tiles(title, label, rowForEachToken(own, numbers, kernel)) : [];
  }
  const seen = layer.kind === "dense" && mapsSeenBy(layer);
  if (!seen) return [];
  const [at, own, [count]] = weightsOf(layer, unit[0]);
  const maps = seen[0] === 1 ? "map" : `${seen[0]} maps`;
  const title = `Weights of unit ${at} of ${count}, laid out as the ${maps} it sees`;
  return own ? tiles(title, `weights of unit ${at} as ${seen[0]} maps`, wholeOf(seen, own)) : [];
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
  const title = `Kernels laid on map ${at} of ${outputs}, one for each of ${inputs} maps below`;
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
  return [element("h3", {}, title), scrolling("kernels", canvas), legend(scale)];
}
