// What every kind of unit is put together from: the numbers it takes, and its calculation.
import { need } from "../data/missing.js";
import { numberAt } from "./values.js";
import { tensorOf } from "./weighing.js";
/** @import { Layer, LayerFacts, OpenedUnit, Step, Unit } from "../types.js" */

/**
 * One number that a unit takes.
 * @param {LayerFacts} layer
 * @param {Unit} unit of the source
 * @param {number} [source] which of the layers that it takes
 */
export const taken = (layer, unit, source = 0) => need(numberAt(layer.takes[source], unit));

/**
 * One number of a tensor of a number for each unit.
 * @param {Layer} layer
 * @param {number} which of its tensors
 * @param {number} unit
 */
export const constantOf = (layer, which, unit) => need(tensorOf(layer, which).row(unit))[0];

/**
 * A calculation, from the parts it has.
 * @param {Pick<OpenedUnit, "value" | "magnitude"> & Partial<OpenedUnit>} parts
 * @returns {OpenedUnit}
 */
export const calculation = (parts) => ({
  weighings: [],
  steps: [],
  choice: null,
  curve: null,
  powers: null,
  history: null,
  network: null,
  ...parts,
});

/**
 * A calculation that ends with the last of its steps.
 * @param {Step[]} steps
 * @param {number} magnitude
 */
export const stepped = (steps, magnitude) =>
  calculation({ steps, value: steps[steps.length - 1][1], magnitude });
