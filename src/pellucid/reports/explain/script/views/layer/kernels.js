// The weights of a unit as images: kernels by channel, a row for each token, or the maps a dense unit sees.
import { wholeOf } from "../../data/arrays.js";
import { stored } from "../../data/stored.js";
import { layerCalled, shapeOf } from "../../data/told.js";
import { element } from "../../dom/element.js";
import { scrolling } from "../../dom/tables.js";
import { layout } from "../../drawing/layout.js";
import { paint } from "../../drawing/paint.js";
import { legend } from "../../drawing/scales.js";
/** @import { Floats, Layer, Shape, Unit, Whole } from "../../types.js" */

/**
 * @param {Layer} layer
 * @param {Unit} unit
 */
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
 * @param {Layer<"transposed-convolution">} layer
 * @param {number} at which map
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
 * @param {Layer} layer
 * @param {number} at which filter or unit
 * @returns {[at: number, own: Floats | null, shape: Shape]} its weights, and the shape of those of the layer
 */
function weightsOf(layer, at) {
  const weight = stored(layer.weights[0]);
  return [at, weight && weight.row(at), weight ? weight.shape : []];
}

/**
 * @param {Floats} own
 * @param {number} numbers of each token
 * @param {number} kernel tokens that are seen
 */
function rowForEachToken(own, numbers, kernel) {
  const rows = new Float32Array(kernel * numbers);
  for (let k = 0; k < kernel; k += 1) {
    for (let i = 0; i < numbers; i += 1) rows[k * numbers + i] = own[i * kernel + k];
  }
  return wholeOf([kernel, numbers], rows);
}

/**
 * Shape of the maps that a dense layer sees; null where it sees no maps.
 * @param {Layer<"dense">} layer
 */
function mapsSeenBy(layer) {
  const source = layerCalled(layer.takes[0]);
  if (!source || source.kind !== "flatten") return null;
  const seen = shapeOf(source.takes[0]);
  return seen.length === 3 ? seen : null;
}

/**
 * @param {string} title
 * @param {string} label
 * @param {Whole} found
 */
function tiles(title, label, found) {
  const canvas = element("canvas", { role: "img", "aria-label": label });
  const scale = paint(canvas, found, layout(found.shape, 320));
  return [element("h3", {}, title), scrolling("kernels", canvas), legend(scale)];
}
