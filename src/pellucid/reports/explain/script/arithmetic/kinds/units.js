// One unit of any layer, computed by hand in double precision, beside the network's own value.
import { need } from "../../data/missing.js";
import { stored } from "../../data/stored.js";
import { told } from "../../data/told.js";
import { tokenLabel } from "../../data/tokens.js";
import { attentionWeight } from "../attention.js";
import { calculation } from "../opening.js";
import {
  flattened,
  largestOfWindow,
  lookedUp,
  partTaken,
  sideBySide,
  turned,
  unflattened,
} from "../passing.js";
import { activated, added, divided, layerNormed, normed, ofUnitLength } from "../pointwise.js";
import { placeAdded, rescaled, softmax, standardised } from "../pointwise.js";
import { isWeighed, sumOf } from "../sums.js";
import { numberAt } from "../values.js";
import { factorsOf, weigh, weightPlaces } from "../weighing.js";
import { clamped, drawDensity, latentDrawn, priorDensity, reconstructed } from "./generating.js";
import { recurrent } from "./recurrent.js";
/** @import { ComparedUnit, Kind, Layer, OpenedUnit, Unit, WeighedKind } from "../../types.js" */

/**
 * @template {WeighedKind} K
 * @param {Layer<K>} layer
 * @param {Unit} unit
 */
function weighed(layer, unit) {
  const weighing = sumOf(layer, unit);
  return calculation({ weighings: [weighing], value: weighing.value, magnitude: weighing.magnitude });
}

/** @type {{ [K in Kind]: (layer: Layer<K>, unit: Unit) => OpenedUnit }} */
const openers = {
  dense: weighed,
  convolution: weighed,
  "transposed-convolution": weighed,
  neighbours: weighed,
  "weighed-sum": weighed,
  resize: weighed,
  "average-pool": weighed,
  "global-average": weighed,
  "text-average": weighed,
  attention: weighed,
  "attention-weights": attentionWeight,
  "max-pool": largestOfWindow,
  "global-max": largestOfWindow,
  "text-max": largestOfWindow,
  relu: activated,
  relu6: activated,
  "leaky-relu": activated,
  gelu: activated,
  sigmoid: activated,
  tanh: activated,
  softplus: activated,
  "fixed-norm": normed,
  "layer-norm": layerNormed,
  standardise: standardised,
  rescale: rescaled,
  divide: divided,
  "unit-length": ofUnitLength,
  add: added,
  flatten: flattened,
  unflatten: unflattened,
  part: partTaken,
  clamp: clamped,
  reparametrised: latentDrawn,
  reconstruction: reconstructed,
  "density-of-draw": drawDensity,
  "mixture-density": priorDensity,
  "side-by-side": sideBySide,
  turn: turned,
  embedding: lookedUp,
  places: placeAdded,
  lstm: recurrent,
  gru: recurrent,
  softmax,
};

/**
 * @template {Kind} K
 * @param {Layer<K>} layer
 * @param {Unit} unit
 */
const opened = (layer, unit) => openers[layer.kind](layer, unit);

/**
 * @param {Layer} layer
 * @param {Unit} unit
 * @returns {ComparedUnit}
 */
export function openUnit(layer, unit) {
  const found = openedBeforehand(layer, unit) || opened(layer, unit);
  const network = found.network ?? need(numberAt(layer.name, unit));
  return { ...found, network, difference: Math.abs(found.value - network) };
}

/**
 * Units of a layer that were opened beforehand: some of each where a network is too large for the page.
 * @param {Layer} layer
 */
export const chosenUnits = (layer) => told.chosen[layer.name] || [];

/**
 * @param {Layer} layer
 * @param {Unit} unit
 */
function openedBeforehand(layer, unit) {
  const found = chosenUnits(layer).find((each) => each.unit.join() === unit.join());
  if (!found) return null;
  const { steps, magnitude, network } = found;
  const row = layer.kind === "convolution" ? unit[0] : unit[unit.length - 1];
  const names = layer.kind === "attention" ? told.tokens.map((_, place) => tokenLabel(place)) : null;
  const weighings = found.weighings.map(({ name, at, shape, bias }) => {
    const [patch, weights] = ["patch", "weights"].map((part) => need(stored(`${at}:${part}`)).data);
    const columns = factorsOf(layer.kind);
    return weigh({
      name,
      patch,
      weights,
      shape,
      bias,
      names,
      columns,
      weightAt: weightPlaces(layer, row, shape),
    });
  });
  const choice = found.choice && { ...found.choice, data: need(stored(found.choice.at)).data };
  const value = isWeighed(layer) ? weighings[0].value : found.value;
  return calculation({ weighings, steps, value, magnitude, choice, network });
}
