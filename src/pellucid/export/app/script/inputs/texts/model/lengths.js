// The layers of a network of texts have as many places as the text that is read has ids.
import { need } from "../../../../../../reports/explain/script/data/missing.js";
import { stored } from "../../../../../../reports/explain/script/data/stored.js";
import { told } from "../../../../../../reports/explain/script/data/told.js";
/** @import { HiddenLayer, Layer, Pair } from "../../../../../../reports/explain/script/types.js" */

/**
 * Give every layer of a network the shape that it has for so many ids.
 * @param {(Layer | HiddenLayer)[]} layers
 * @param {number} length
 */
export function fitShapes(layers, length) {
  if (layers === told.layers) told.inputs = [length];
  for (const layer of layers) {
    const [first, last] = [layer.shape[0], layer.shape[layer.shape.length - 1]];
    if (layer.hidden) layer.shape = [length];
    else if (layer.kind === "attention-weights") layer.shape = [first, length, length];
    else if (layer.shape.length === 2) layer.shape = [length, last];
  }
}

/** @typedef {Pair[] | null} Ranges of places that each place sees; null where each sees all */

/**
 * Work out for every layer what its places see of so many ids.
 * @param {number} length
 */
export function fitFields(length) {
  const places = Array.from({ length }, (_, place) => place);
  /** @type {Map<string, Ranges>} */
  const known = new Map([["inputs", places.map((place) => [place, place])]]);
  for (const layer of told.layers) {
    if (layer.hidden) continue;
    const sources = layer.takes.flatMap((name) => (known.has(name) ? [known.get(name) || null] : []));
    const isWhole = layer.shape.length !== 2 || layer.kind === "attention" || sources.includes(null);
    const ranges = isWhole ? null : rangesOf(layer, joinedRanges(/** @type {Pair[][]} */ (sources)));
    known.set(layer.name, ranges);
    layer.field = ranges && [ranges];
  }
}

/**
 * What a place sees of several layers: from the first place that one of them sees to the last.
 * @param {Pair[][]} sources
 * @returns {Pair[]}
 */
const joinedRanges = ([first, ...others]) =>
  first.map((range, place) =>
    others.reduce(
      ([low, high], other) => [Math.min(low, other[place][0]), Math.max(high, other[place][1])],
      range,
    ),
  );

/**
 * @param {Layer | HiddenLayer} layer
 * @param {Pair[]} before ranges of what it takes
 * @returns {Pair[]}
 */
function rangesOf(layer, before) {
  switch (layer.kind) {
    case "neighbours": {
      const kernel = need(stored(layer.weights[0])).shape[2];
      const left = Math.floor((kernel - 1) / 2);
      return before.map((_, place) =>
        spanned(before.slice(Math.max(0, place - left), place - left + kernel)),
      );
    }
    case "lstm":
    case "gru":
      return spannedSoFar(before);
    case "turn":
      return [...before].reverse();
    default:
      return before;
  }
}

/**
 * @param {Pair[]} ranges
 * @returns {Pair}
 */
const spanned = (ranges) => [
  ranges.reduce((low, range) => Math.min(low, range[0]), Infinity),
  ranges.reduce((high, range) => Math.max(high, range[1]), 0),
];

/**
 * What all places up to each one see together.
 * @param {Pair[]} ranges
 */
function spannedSoFar(ranges) {
  let [low, high] = [Infinity, 0];
  return ranges.map((range) => {
    low = Math.min(low, range[0]);
    high = Math.max(high, range[1]);
    return /** @type {Pair} */ ([low, high]);
  });
}
