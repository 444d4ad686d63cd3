// Units computed from the number at their own place: norms, scales, sums of two, activations, softmax.
import { need, needWhole } from "../data/missing.js";
import { shown } from "../dom/numbers.js";
import { activate } from "./activations.js";
import { calculation, constantOf, stepped, taken } from "./opening.js";
import { value } from "./values.js";
import { tensorOf } from "./weighing.js";
/** @import { ActivationKind, Layer, OpenedUnit, Unit } from "../types.js" */

/**
 * @param {Layer<"fixed-norm">} layer
 * @param {Unit} unit
 */
export function normed(layer, unit) {
  const x = taken(layer, unit);
  const [scale, shift, mean, variance] = [0, 1, 2, 3].map((which) => constantOf(layer, which, unit[0]));
  const { epsilon } = layer.settings;
  const deviation = Math.sqrt(variance + epsilon);
  return stepped(
    [
      ["x", x],
      [`\u2212 mean ${shown(mean)}`, x - mean],
      [`\u00f7 \u221a(variance ${shown(variance)} + ${epsilon})`, (x - mean) / deviation],
      [`\u00d7 scale ${shown(scale)}`, (scale * (x - mean)) / deviation],
      [`+ shift ${shown(shift)}`, (scale * (x - mean)) / deviation + shift],
    ],
    ((Math.abs(x) + Math.abs(mean)) * Math.abs(scale)) / deviation + Math.abs(shift),
  );
}

/**
 * Mean and variance of the numbers of one vector.
 * @param {ArrayLike<number>} vector
 */
export function momentsOf(vector) {
  let [mean, variance] = [0, 0];
  for (let at = 0; at < vector.length; at += 1) mean += vector[at] / vector.length;
  for (let at = 0; at < vector.length; at += 1) variance += (vector[at] - mean) ** 2 / vector.length;
  return { mean, variance };
}

/**
 * Mean and variance are those of the vector in which the number stands.
 * @param {Layer<"layer-norm">} layer
 * @param {Unit} unit
 */
export function layerNormed(layer, [place, number]) {
  const vector = need(need(value(layer.takes[0])).row(place));
  const [scale, shift] = [0, 1].map((which) => constantOf(layer, which, number));
  const { epsilon } = layer.settings;
  const { mean, variance } = momentsOf(vector);
  const deviation = Math.sqrt(variance + epsilon);
  const centred = vector[number] - mean;
  const size = momentsOf(vector.map(Math.abs)).mean;
  return stepped(
    [
      ["x", vector[number]],
      [`\u2212 mean ${shown(mean)} of the ${vector.length} numbers`, centred],
      [`\u00f7 \u221a(variance ${shown(variance)} + ${epsilon})`, centred / deviation],
      [`\u00d7 scale ${shown(scale)}`, (scale * centred) / deviation],
      [`+ shift ${shown(shift)}`, (scale * centred) / deviation + shift],
    ],
    ((Math.abs(vector[number]) + size) * Math.abs(scale)) / deviation + Math.abs(shift),
  );
}

/**
 * The row of a table of places that belongs to a place; beyond the last one, the last.
 * @param {number} place
 * @param {number} count of rows
 */
export const rowOfPlace = (place, count) => Math.min(place, count - 1);

/**
 * @param {Layer<"places">} layer
 * @param {Unit} unit
 */
export function placeAdded(layer, unit) {
  const [place, number] = unit;
  const table = tensorOf(layer);
  const x = taken(layer, unit);
  const ofPlace = need(table.row(rowOfPlace(place, table.shape[0])))[number];
  return stepped(
    [
      ["x", x],
      [`+ number ${number} of the vector of place ${place}, ${shown(ofPlace)}`, x + ofPlace],
    ],
    Math.abs(x) + Math.abs(ofPlace),
  );
}

/**
 * Length of a vector, or the least by which one is divided.
 * @param {Iterable<number>} vector
 */
export const lengthOf = (vector) => Math.max(Math.hypot(...vector), 1e-12);

/**
 * @param {Layer<"unit-length">} layer
 * @param {Unit} unit
 */
export function ofUnitLength(layer, [unit]) {
  const vector = needWhole(value(layer.takes[0])).data;
  const length = lengthOf(vector);
  return stepped(
    [
      ["x", vector[unit]],
      [`\u00f7 length ${shown(length)} of the vector`, vector[unit] / length],
    ],
    Math.abs(vector[unit] / length),
  );
}

/**
 * @param {Layer<"standardise">} layer
 * @param {Unit} unit
 */
export function standardised(layer, unit) {
  const x = taken(layer, unit);
  const [mean, deviation] = [0, 1].map((which) => constantOf(layer, which, unit[0]));
  return stepped(
    [
      ["x", x],
      [`\u2212 mean ${shown(mean)}`, x - mean],
      [`\u00f7 deviation ${shown(deviation)}`, (x - mean) / deviation],
    ],
    (Math.abs(x) + Math.abs(mean)) / deviation,
  );
}

/**
 * @param {Layer<"rescale">} layer
 * @param {Unit} unit
 */
export function rescaled(layer, unit) {
  const x = taken(layer, unit);
  const [mean, deviation] = [0, 1].map((which) => constantOf(layer, which, unit[0]));
  return stepped(
    [
      ["x", x],
      [`\u00d7 deviation ${shown(deviation)}`, deviation * x],
      [`+ mean ${shown(mean)}`, deviation * x + mean],
    ],
    Math.abs(deviation * x) + Math.abs(mean),
  );
}

/**
 * @param {Layer<"divide">} layer
 * @param {Unit} unit
 */
export function divided(layer, unit) {
  const x = taken(layer, unit);
  const { divisor } = layer.settings;
  const y = x / divisor;
  return stepped(
    [
      ["x", x],
      [`\u00f7 ${shown(divisor)}`, y],
    ],
    Math.abs(y),
  );
}

/**
 * @param {Layer<"add">} layer
 * @param {Unit} unit
 */
export function added(layer, unit) {
  const [x, shortcut] = [taken(layer, unit), taken(layer, unit, 1)];
  return stepped(
    [
      ["x", x],
      [`+ shortcut ${shown(shortcut)}`, x + shortcut],
    ],
    Math.abs(x) + Math.abs(shortcut),
  );
}

/** Name of the step that holds the slope of an activation. */
export const SLOPE = "slope there";

/**
 * @template {ActivationKind} K
 * @param {Layer<K>} layer
 * @param {Unit} unit
 * @returns {OpenedUnit}
 */
export function activated(layer, unit) {
  /** @param {number} at */
  const height = (at) => activate(layer, at);
  const x = taken(layer, unit);
  const y = height(x);
  const slope = (height(x + 1e-4) - height(x - 1e-4)) / 2e-4;
  return calculation({
    steps: [
      ["x", x],
      [SLOPE, slope],
      [`${layer.words} of x`, y],
    ],
    value: y,
    magnitude: Math.abs(x) + Math.abs(y),
    curve: { x, y, height },
  });
}

/**
 * @param {Layer<"softmax">} layer
 * @param {Unit} unit
 * @returns {OpenedUnit}
 */
export function softmax(layer, [unit]) {
  const logits = Array.from(needWhole(value(layer.takes[0])).data);
  const most = Math.max(...logits);
  const powers = logits.map((z) => Math.exp(z - most));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return {
    ...stepped(
      [
        ["z", logits[unit]],
        [`e to the power of z \u2212 ${shown(most)}`, powers[unit]],
        [`sum of these powers over all ${logits.length} classes`, total],
        ["the one divided by the sum", powers[unit] / total],
      ],
      1,
    ),
    powers,
  };
}
