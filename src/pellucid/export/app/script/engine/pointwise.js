// Layers that take each number by itself, and dense ones, over whole arrays.
import { activate } from "../../../../reports/explain/script/arithmetic/activations.js";
import { product } from "../../../../reports/explain/script/data/arrays.js";
import { need } from "../../../../reports/explain/script/data/missing.js";
/** @import { ActivationKind, Layer, Numbers, Whole } from "../../../../reports/explain/script/types.js" */

/**
 * @param {Layer<"dense">} layer
 * @param {Whole[]} sources
 * @param {Numbers[]} weights
 */
export function denseLayer(layer, [x], [weight, bias]) {
  const outputs = layer.shape[layer.shape.length - 1];
  const places = product(layer.shape) / outputs;
  const size = x.data.length / places;
  const made = new Float32Array(places * outputs);
  for (let o = 0; o < outputs; o += 1) {
    const row = need(weight.row(o));
    const start = bias ? bias.data[o] : 0;
    for (let t = 0; t < places; t += 1) {
      let sum = start;
      for (let k = 0; k < size; k += 1) sum += row[k] * x.data[t * size + k];
      made[t * outputs + o] = sum;
    }
  }
  return made;
}

/**
 * Each map times a number, and another one added.
 * @param {Whole} maps
 * @param {(channel: number) => [factor: number, shift: number]} numbersOf
 */
function scaled({ data, shape }, numbersOf) {
  const made = new Float32Array(data.length);
  const size = product(shape.slice(1));
  for (let channel = 0; channel < shape[0]; channel += 1) {
    const [factor, shift] = numbersOf(channel);
    for (let at = channel * size; at < (channel + 1) * size; at += 1) made[at] = factor * data[at] + shift;
  }
  return made;
}

/**
 * @param {Layer<"fixed-norm">} layer
 * @param {Whole[]} sources
 * @param {Numbers[]} weights
 */
export const normLayer = ({ settings }, [x], [scale, shift, mean, variance]) =>
  scaled(x, (channel) => {
    const factor = scale.data[channel] / Math.sqrt(variance.data[channel] + settings.epsilon);
    return [factor, shift.data[channel] - factor * mean.data[channel]];
  });

/**
 * @param {Layer<"standardise">} _
 * @param {Whole[]} sources
 * @param {Numbers[]} weights
 */
export const standardiseLayer = (_, [x], [mean, deviation]) =>
  scaled(x, (channel) => [1 / deviation.data[channel], -mean.data[channel] / deviation.data[channel]]);

/**
 * @param {Layer<ActivationKind>} layer
 * @param {Whole[]} sources
 */
export function activationLayer(layer, [{ data }]) {
  const made = new Float32Array(data.length);
  for (let at = 0; at < data.length; at += 1) made[at] = activate(layer, data[at]);
  return made;
}

/**
 * Rectified linear units, from 0 up to a most.
 * @param {number} most
 * @returns {(layer: Layer, sources: Whole[]) => Float32Array}
 */
export const rectifiedUpTo =
  (most) =>
  (_, [{ data }]) => {
    const made = new Float32Array(data.length);
    for (let at = 0; at < data.length; at += 1) {
      const number = data[at];
      made[at] = number > 0 ? (number < most ? number : most) : 0;
    }
    return made;
  };

/**
 * @param {Layer<"add">} _
 * @param {Whole[]} sources
 */
export function addLayer(_, [{ data }, shortcut]) {
  const made = new Float32Array(data.length);
  for (let at = 0; at < data.length; at += 1) made[at] = data[at] + shortcut.data[at];
  return made;
}

/**
 * The largest of each window.
 * @param {Layer<"max-pool">} layer
 * @param {Whole[]} sources
 */
export function maxPoolLayer({ shape: [channels, height, width], settings }, [{ data, shape }]) {
  const [, rows, columns] = shape;
  const [high, wide] = settings.window;
  const made = new Float32Array(channels * height * width).fill(-Infinity);
  for (let line = 0; line < channels * height; line += 1) {
    const top = Math.floor(line / height) * rows + (line % height) * high;
    for (let row = top; row < top + high; row += 1) {
      for (let column = 0; column < width; column += 1) {
        const place = line * width + column;
        const start = row * columns + column * wide;
        for (let at = start; at < start + wide; at += 1) {
          if (data[at] > made[place]) made[place] = data[at];
        }
      }
    }
  }
  return made;
}

/**
 * The mean of each map.
 * @param {Layer<"global-average">} _
 * @param {Whole[]} sources
 */
export function globalAverageLayer(_, [{ data, shape }]) {
  const made = new Float32Array(shape[0]);
  const size = data.length / shape[0];
  for (let channel = 0; channel < shape[0]; channel += 1) {
    let sum = 0;
    for (let at = channel * size; at < (channel + 1) * size; at += 1) sum += data[at];
    made[channel] = sum / size;
  }
  return made;
}
