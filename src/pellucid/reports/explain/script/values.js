// Values of layers, what follows from their declarations, and what a unit sees of the input.
import { filled, need, needWhole, numberIn, partOf, unravel, wholeOf } from "./arrays.js";
import { bagShares, FUNCTIONS, resizingShares } from "./functions.js";
import { arraysOfLine, computed } from "./layers.js";
import { axesOfPlaces, bound, isCopy, seenThrough } from "./notation.js";
import {
  grid,
  isOfPatches,
  knownLayer,
  layerCalled,
  pageData,
  partOfChannel,
  shapeOf,
  stored,
} from "./page_data.js";
/** @import { HiddenLayer, Layer, LayerFacts, LineDeclaration, Numbers, Pair, Unit, Whole } from "./types.js" */

/** @type {Map<string, Numbers | null>} */
const cache = new Map();

/** Look all values up anew: the network was run on another input. */
export function forgetValues() {
  cache.clear();
}

/** What a layer gave, or what the model was given; null where the page does not hold it. @param {string} name */
export function layerValue(name) {
  const known = cache.get(name);
  if (known !== undefined) return known;
  const found = stored(name) || copiedValue(layerCalled(name));
  cache.set(name, found);
  return found;
}

/** @param {Layer | HiddenLayer | undefined} layer */
function copiedValue(layer) {
  if (!layer || layer.hidden) return null;
  const line = lineOf(layer);
  if (layer.kind !== "side-by-side" && !(line && isCopy(bound(line, layer.shape, {})))) return null;
  /** @type {Whole[]} */
  const sources = [];
  for (const name of layer.takes) {
    const source = layerValue(name);
    if (!source || source.kept) return null;
    sources.push(source);
  }
  return computed(layer, sources, [], Float64Array);
}

/**
 * Values or gradients as they are drawn; those of patches channel by channel, of which the page may hold some.
 * @param {LayerFacts} layer @param {string} [of] what of the layer, before its name @returns {Numbers | null}
 */
export function drawnNumbers(layer, of = "") {
  const found = of ? stored(of + layer.name) : layerValue(layer.name);
  if (!isOfPatches(layer)) return found;
  if (!found || found.kept) return stored(`maps:${of}${layer.name}`);
  const [count, size] = found.shape;
  return filled([size, count], (channel, token) => found.data[token * size + channel]);
}

/** A layer's values for a small picture: of patches a map for each channel. @param {LayerFacts} layer @returns {Numbers | null} */
export function picturedNumbers(layer) {
  const found = drawnNumbers(layer);
  if (!found || !grid || !isOfPatches(layer)) return found;
  const { rows, columns } = grid;
  const [size, count] = found.shape;
  const before = count - rows * columns;
  const data = found.data.filter((_, at) => at % count >= before);
  const shape = [size, rows, columns];
  return found.kept ? partOf(shape, data, found.kept) : wholeOf(shape, data);
}

/** A number of a token where the page holds some channels alone. @param {string} name @param {Unit} unit */
const inChannel = (name, [token, channel, third]) =>
  third === undefined ? numberIn(stored(`maps:${name}`), [channel, token]) : undefined;

/** One number of a value; undefined where the page does not hold it. @param {string} name @param {Unit} unit */
export const numberAt = (name, unit) => numberIn(layerValue(name), unit) ?? inChannel(name, unit);

/**
 * The gradient of the loss at one number; undefined where there is none, or the page does not hold it.
 * @param {string} name @param {Unit} unit
 */
export const gradientAt = (name, unit) =>
  numberIn(stored(`gradient:${name}`), unit) ?? inChannel(`gradient:${name}`, unit);

/** One number of a layer that a unit takes. @param {Layer} layer @param {Unit} unit of the source @param {number} [source] which */
export const taken = (layer, unit, source = 0) => need(numberAt(layer.takes[source], unit));

/** The tensor that holds a layer's weights. @param {LayerFacts} layer @param {number} [which] */
export const tensorOf = (layer, which = 0) => need(stored(layer.weights[which]));

/** The numbers of all tensors of a layer. @param {Layer} layer */
export const tensorsOf = (layer) => layer.weights.map((_, which) => needWhole(tensorOf(layer, which)).data);

/** The numbers of all that a layer takes. @param {Layer} layer */
export const wholesOf = (layer) => layer.takes.map((name) => needWhole(layerValue(name)).data);

// What follows from the declaration of a layer.

/** @param {Layer | HiddenLayer} layer @returns {LineDeclaration | null} */
export const lineOf = ({ declaration }) => (declaration && "line" in declaration ? declaration : null);

/** The line of a layer with its arrays, as far as the page holds them. @param {Layer | HiddenLayer} layer @param {LineDeclaration} line */
export function boundLine(layer, line) {
  const sources = layer.takes.map(
    (name) => layerValue(name) ?? partOf(shapeOf(name), new Float32Array(0), []),
  );
  const arrays = arraysOfLine(
    sources,
    layer.weights.map((name) => stored(name)),
  );
  return bound(line, layer.shape, { ...arrays, ...computedArrays(layer, sources) });
}

/**
 * Arrays of a line that are computed from what its layer takes.
 * @param {LayerFacts} layer @param {Numbers[]} sources @returns {Record<string, Numbers>}
 */
function computedArrays(layer, sources) {
  if (layer.kind === "weighed-sum") return { A: rowOfShares(bagOf(layer), tensorOf(layer).shape[0]) };
  if (layer.kind !== "resize") return {};
  const [[, rows, columns], [, height, width]] = [sources[0].shape, layer.shape];
  /** @param {number} before @param {number} after */
  const matrix = (before, after) => {
    const every = Array.from({ length: after }, (_, at) =>
      rowOfShares(resizingShares(before, after, at), before),
    );
    return wholeOf([after, before], Float64Array.from(every.flatMap(({ data }) => Array.from(data))));
  };
  return { A: matrix(rows, height), B: matrix(columns, width) };
}

/** @param {Pair[]} shares each with its place @param {number} count */
function rowOfShares(shares, count) {
  const row = wholeOf([count], new Float64Array(count));
  for (const [place, share] of shares) row.data[place] = share;
  return row;
}

/** What each n-gram of the text counts in a bag. @param {LayerFacts} layer */
const bagOf = (layer) =>
  bagShares(layer.settings.groups, pageData.ids, (id) => need(tensorOf(layer, 2).row(id))[0]);

// What a unit sees of the input.

/** Kinds of which each number sees all that there are, though there are as many. */
const SEEING_ALL = ["closed", "attention-weights", "unit-length", "softmax"];

/**
 * First and last row and column, or place of a text, that a unit sees; null for all of the input, none for nothing.
 * @param {string} name @param {Unit} unit @returns {Pair[] | null}
 */
export function fieldOf(name, unit) {
  const start = axesOfPlaces(unit).map((place) => /** @type {Pair} */ ([place, place]));
  if (name === "inputs") return start;
  const layer = knownLayer(name);
  const [source] = layer.takes;
  if (layer.kind === "flatten") return fieldOf(source, unravel(unit[0], shapeOf(source)));
  if (layer.kind === "side-by-side" && unit.length === 2) {
    const part = partOfChannel(layer, unit[1]);
    return fieldOf(part.name, [unit[0], part.channel]);
  }
  if (layer.kind in FUNCTIONS) return fieldOf(source, unit);
  return followedBack(layer, start);
}

/**
 * The box of the input that a box of a layer's places sees, followed back layer by layer.
 * @param {Layer | HiddenLayer} layer @param {Pair[]} start
 */
function followedBack(layer, start) {
  const axes = axesOfPlaces(pageData.inputs).length;
  /** @type {Map<string, Pair[]>} */
  const boxes = new Map([[layer.name, start]]);
  for (const each of [...pageData.layers].reverse()) {
    const box = boxes.get(each.name);
    if (!box || each.hidden) continue;
    // In a vector, or where places are not those of the input, everything is seen.
    if (each.shape.length === 1 || axesOfPlaces(each.shape).length > axes) return null;
    for (const source of each.takes) {
      if (source in pageData.given || pageData.unseeing.includes(source)) continue;
      const seen = sourceBox(each, source, box);
      if (seen.some(([low, high]) => low > high)) continue; // beyond its edges, as a learnt token
      const known = boxes.get(source);
      boxes.set(source, known ? known.map((range, axis) => joinedRanges(range, seen[axis])) : seen);
    }
  }
  return boxes.get("inputs") ?? [];
}

/**
 * First and last row and column, or place of a text, that a unit sees of the first thing that its layer takes.
 * @param {Layer} layer @param {Unit} unit
 */
export const windowOf = (layer, unit) =>
  sourceBox(
    layer,
    layer.takes[0],
    axesOfPlaces(unit).map((place) => /** @type {Pair} */ ([place, place])),
  );

/** @param {Pair} one @param {Pair} other @returns {Pair} */
const joinedRanges = ([low, high], other) => [Math.min(low, other[0]), Math.max(high, other[1])];

/** Box of one source that a box of a layer's places sees. @param {Layer | HiddenLayer} layer @param {string} source @param {Pair[]} box */
function sourceBox(layer, source, box) {
  const lengths = axesOfPlaces(shapeOf(source));
  /** @type {Pair[]} */
  let seen = lengths.map((length) => [0, length - 1]);
  const line = lineOf(layer);
  const name = layer.takes.indexOf(source) ? "a" : "x";
  if (line) {
    if (line.factors.some((factor) => factor.name === name)) {
      seen = seenThrough(boundLine(layer, line), name, box);
    }
  } else if (layer.kind === "lstm" || layer.kind === "gru") seen = [[0, box[0][1]]];
  else if (lengths.join() === axesOfPlaces(layer.shape).join() && !SEEING_ALL.includes(layer.kind)) {
    seen = box;
  }
  return seen.map(
    ([low, high], axis) => /** @type {Pair} */ ([Math.max(0, low), Math.min(lengths[axis] - 1, high)]),
  );
}
