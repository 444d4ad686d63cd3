// Values of layers; those that only pass numbers on are not stored, but made from their sources.
import { numberIn, product, wholeOf } from "../data/arrays.js";
import { stored } from "../data/stored.js";
import { layerCalled } from "../data/told.js";
/** @import { CopyKind, Floats, HiddenLayer, Layer, Numbers, Unit, Whole } from "../types.js" */

/** @type {Map<string, Numbers | null>} */
const cache = new Map();

/** Look all values up anew: the network was run on another input. */
export function forgetValues() {
  cache.clear();
}

/**
 * What a layer gave, or what the model was given; null where the page does not hold it.
 * @param {string} name
 */
export function value(name) {
  const known = cache.get(name);
  if (known !== undefined) return known;
  const found = stored(name) || copiedValue(layerCalled(name));
  cache.set(name, found);
  return found;
}

/** @param {Layer | HiddenLayer | undefined} layer */
function copiedValue(layer) {
  if (!layer || !isCopy(layer)) return null;
  /** @type {Whole[]} */
  const sources = [];
  for (const name of layer.takes) {
    const source = value(name);
    if (!source || source.kept) return null;
    sources.push(source);
  }
  return copied(layer, sources);
}

/** @type {{ [K in CopyKind]: (data: Floats, layer: Layer<K>, sources: Whole[]) => void }} */
const copies = {
  flatten: (data, _, [source]) => data.set(source.data),
  unflatten: (data, _, [source]) => data.set(source.data),
  part: (data, { settings: { start, stop } }, [source]) => data.set(source.data.subarray(start, stop)),
  turn(data, { shape: [length, channels] }, [source]) {
    for (let t = 0; t < length; t += 1) data.set(source.row(length - 1 - t), t * channels);
  },
  "side-by-side"(data, { shape }, sources) {
    const width = shape[shape.length - 1];
    const places = data.length / width;
    let start = 0;
    for (const source of sources) {
      const own = source.shape[source.shape.length - 1];
      for (let t = 0; t < places; t += 1) {
        data.set(source.data.subarray(t * own, (t + 1) * own), t * width + start);
      }
      start += own;
    }
  },
};

/**
 * @param {Layer | HiddenLayer} layer
 * @returns {layer is Layer<CopyKind>}
 */
const isCopy = (layer) => layer.kind in copies;

/**
 * The numbers of other layers, in the order of this one.
 * @template {CopyKind} K
 * @param {Layer<K>} layer
 * @param {Whole[]} sources
 */
export function copied(layer, sources) {
  const isDouble = sources.some((source) => source.data instanceof Float64Array);
  const data = new (isDouble ? Float64Array : Float32Array)(product(layer.shape));
  copies[layer.kind](data, layer, sources);
  return wholeOf(layer.shape, data);
}

/**
 * One number of a value; undefined where the page does not hold it.
 * @param {string} name
 * @param {Unit} unit
 */
export const numberAt = (name, unit) => numberIn(value(name), unit);

/**
 * The gradient of the loss at one number; undefined where there is none, or the page does not hold it.
 * @param {string} name
 * @param {Unit} unit
 */
export const gradientAt = (name, unit) => numberIn(stored(`gradient:${name}`), unit);
