// Windows of pools: part of a map, the whole map, or one number of every place of a text.
import { columnOf } from "../data/arrays.js";
import { need } from "../data/missing.js";
import { value } from "./values.js";
import { weigh } from "./weighing.js";
/** @import { Floats, LargestKind, Layer, MeanKind, Shape, Unit } from "../types.js" */

/**
 * @param {Layer<LargestKind | MeanKind>} layer
 * @param {Unit} unit
 * @returns {{ data: Floats, shape: Shape, start: number[] }} start: of the window in its map
 */
export function windowOf(layer, unit) {
  const source = need(value(layer.takes[0]));
  if (source.shape.length === 2) {
    return { data: Float64Array.from(columnOf(source, unit[0])), shape: [source.shape[0]], start: [0] };
  }
  const [, rows, columns] = source.shape;
  const map = need(source.row(unit[0]));
  const { window } = layer.settings;
  const [height, width] = window || [rows, columns];
  const [top, left] = window ? [unit[1] * height, unit[2] * width] : [0, 0];
  const data = new Float64Array(height * width);
  for (let k = 0; k < height; k += 1) {
    for (let l = 0; l < width; l += 1) data[k * width + l] = map[(top + k) * columns + left + l];
  }
  return { data, shape: [height, width], start: [top, left] };
}

/**
 * A mean as a sum whose weights are all equal.
 * @param {Layer<MeanKind>} layer
 * @param {Unit} unit
 */
export function averaged(layer, unit) {
  const window = windowOf(layer, unit);
  const weights = new Float64Array(window.data.length).fill(1 / window.data.length);
  return weigh({ patch: window.data, weights, shape: [1, ...window.shape], bias: 0 });
}
