// Units that pass on one number of another layer, or of a table.
import { ravel, unravel } from "../data/arrays.js";
import { need } from "../data/missing.js";
import { partOfChannel, shapeOf, told } from "../data/told.js";
import { indexText } from "../dom/numbers.js";
import { calculation, stepped, taken } from "./opening.js";
import { numberAt } from "./values.js";
import { tensorOf } from "./weighing.js";
import { windowOf } from "./windows.js";
/** @import { LargestKind, Layer, Unit } from "../types.js" */

/**
 * The largest number of a window.
 * @param {Layer<LargestKind>} layer
 * @param {Unit} unit
 */
export function largestOfWindow(layer, unit) {
  const { data, shape, start } = windowOf(layer, unit);
  let winner = 0;
  for (let at = 0; at < data.length; at += 1) if (data[at] > data[winner]) winner = at;
  const place = unravel(winner, shape).map((index, axis) => index + start[axis]);
  const source = layer.kind === "text-max" ? [place[0], unit[0]] : [unit[0], ...place];
  const found = data[winner];
  return calculation({ choice: { data, shape, winner, source }, value: found, magnitude: Math.abs(found) });
}

/**
 * @param {string} words where the number stands
 * @param {number} number
 */
const passed = (words, number) => stepped([[words, number]], Math.abs(number));

/**
 * @param {Layer<"flatten">} layer
 * @param {Unit} unit
 */
export function flattened(layer, unit) {
  const source = unravel(unit[0], shapeOf(layer.takes[0]));
  return passed(`the number at ${indexText(source)}`, taken(layer, source));
}

/**
 * @param {Layer<"unflatten">} layer
 * @param {Unit} unit
 */
export function unflattened(layer, unit) {
  const source = [ravel(unit, layer.shape)];
  return passed(`the number at ${indexText(source)}`, taken(layer, source));
}

/**
 * @param {Layer<"part">} layer
 * @param {Unit} unit
 */
export function partTaken(layer, [unit]) {
  const source = [layer.settings.start + unit];
  return passed(`the number at ${indexText(source)}`, taken(layer, source));
}

/**
 * @param {Layer<"side-by-side">} layer
 * @param {Unit} unit
 */
export function sideBySide(layer, unit) {
  const { name, channel } = partOfChannel(layer, unit[unit.length - 1]);
  const source = [...unit.slice(0, -1), channel];
  return passed(`the number at ${indexText(source)} of ${name}`, need(numberAt(name, source)));
}

/**
 * @param {Layer<"turn">} layer
 * @param {Unit} unit
 */
export function turned(layer, [place, channel]) {
  const source = [layer.shape[0] - 1 - place, channel];
  return passed(`the number at ${indexText(source)}`, taken(layer, source));
}

/**
 * @param {Layer<"embedding">} layer
 * @param {Unit} unit
 */
export function lookedUp(layer, [place, number]) {
  const id = told.ids[place];
  const words = `number ${number} of the vector of \u201c${told.tokens[place]}\u201d (id ${id})`;
  return passed(words, need(tensorOf(layer).row(id))[number]);
}
