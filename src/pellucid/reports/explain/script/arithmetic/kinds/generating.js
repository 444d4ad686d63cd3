// Units of networks that make images: draws of latent numbers, and the terms of the bound.
import { needWhole } from "../../data/missing.js";
import { shown } from "../../dom/numbers.js";
import { calculation, stepped, taken } from "../opening.js";
import { value } from "../values.js";
import { tensorOf } from "../weighing.js";
/** @import { Floats, Layer, Mixture, OpenedUnit, Step, Unit } from "../../types.js" */

const MOST_COMPONENTS = 12;

/** @param {ArrayLike<number>} numbers */
const total = (numbers) => Array.from(numbers).reduce((sum, each) => sum + each, 0);

/**
 * @param {Layer<"clamp">} layer
 * @param {Unit} unit
 */
export function clamped(layer, unit) {
  const x = taken(layer, unit);
  const { low, high } = layer.settings;
  const y = Math.min(high, Math.max(low, x));
  return stepped(
    [
      ["x", x],
      [`kept within ${shown(low)} and ${shown(high)}`, y],
    ],
    Math.abs(x) + Math.abs(y),
  );
}

/**
 * @param {Layer<"reparametrised">} layer
 * @param {Unit} unit
 */
export function latentDrawn(layer, unit) {
  const [mean, logVariance, noise] = [0, 1, 2].map((source) => taken(layer, unit, source));
  const deviation = Math.exp(logVariance / 2);
  return stepped(
    [
      ["mean \u03bc", mean],
      ["log variance \u03bb", logVariance],
      ["deviation \u03c3 = e to the power of \u03bb / 2", deviation],
      ["noise \u03b5", noise],
      ["\u03c3 \u00d7 \u03b5", deviation * noise],
      ["z = \u03bc + \u03c3 \u00d7 \u03b5", mean + deviation * noise],
    ],
    Math.abs(mean) + Math.abs(deviation * noise),
  );
}

/**
 * The sums of a reconstruction.
 * @param {number} variance
 * @param {Floats} given
 * @param {Floats} rebuilt
 */
export function reconstructionOf(variance, given, rebuilt) {
  const count = given.length;
  let errors = 0;
  for (let at = 0; at < count; at += 1) errors += (rebuilt[at] - given[at]) ** 2;
  const ofErrors = (errors + count / 12) / (2 * variance);
  const density = (count / 2) * Math.log(2 * Math.PI * variance);
  return { count, errors, ofErrors, density, sum: density + ofErrors };
}

/** @param {Layer<"reconstruction">} layer */
export function reconstructed(layer) {
  const { variance } = layer.settings;
  const [given, rebuilt] = layer.takes.map((name) => needWhole(value(name)).data);
  const { count, errors, ofErrors, density, sum } = reconstructionOf(variance, given, rebuilt);
  return stepped(
    [
      ["grey levels D", count],
      ["variance v of a grey level", variance],
      ["sum of (rebuilt \u2212 given)\u00b2 over all of them", errors],
      ["+ D / 12, the noise within one grey level", errors + count / 12],
      ["\u00f7 2 v", ofErrors],
      ["D / 2 \u00d7 ln(2 \u03c0 v)", density],
      ["reconstruction: the sum of these two, in nats", sum],
    ],
    Math.abs(density) + ofErrors,
  );
}

/**
 * The sums of the density of a draw.
 * @param {Floats} logVariances
 * @param {Floats} noise
 */
export function densityOfDraw(logVariances, noise) {
  const squares = total(noise.map((each) => each ** 2));
  const spreads = total(logVariances);
  const constant = noise.length * Math.log(2 * Math.PI);
  return { squares, spreads, constant, sum: -(squares + spreads + constant) / 2 };
}

/** @param {Layer<"density-of-draw">} layer */
export function drawDensity(layer) {
  const [logVariances, noise] = layer.takes.map((name) => needWhole(value(name)).data);
  const { squares, spreads, constant, sum } = densityOfDraw(logVariances, noise);
  return stepped(
    [
      ["sum of the squares of the noise \u03b5", squares],
      ["sum of the log variances \u03bb", spreads],
      [`${noise.length} latent numbers \u00d7 ln 2 \u03c0`, constant],
      ["ln q(z|x) = \u2212 half of the sum of these three, in nats", sum],
    ],
    (squares + total(logVariances.map(Math.abs)) + constant) / 2,
  );
}

/** @param {number[]} powers */
function logSum(powers) {
  const most = Math.max(...powers);
  return most + Math.log(total(powers.map((power) => Math.exp(power - most))));
}

/**
 * The density of latent numbers under a mixture, with all that it is made of.
 * @param {Floats} latent
 * @param {Floats[]} tensors means and log variances of all components one behind the other, and logits
 * @returns {Mixture}
 */
export function mixtureOf(latent, [means, logVariances, logits]) {
  const size = latent.length;
  const normaliser = logSum(Array.from(logits));
  const constant = size * Math.log(2 * Math.PI);
  const components = Array.from(logits, (logit, k) => {
    let [squares, spreads, magnitude] = [0, 0, 0];
    for (let j = 0; j < size; j += 1) {
      const at = k * size + j;
      squares += (latent[j] - means[at]) ** 2 / Math.exp(logVariances[at]);
      spreads += logVariances[at];
      magnitude += Math.abs(logVariances[at]);
    }
    const logShare = logit - normaliser;
    const joint = logShare - (squares + spreads + constant) / 2;
    return {
      k,
      logShare,
      squares,
      spreads,
      joint,
      magnitude: Math.abs(logShare) + (squares + magnitude + constant) / 2,
    };
  });
  const sum = logSum(components.map(({ joint }) => joint));
  return { components, constant, sum, shares: components.map(({ joint }) => Math.exp(joint - sum)) };
}

/**
 * @param {Layer<"mixture-density">} layer
 * @returns {Mixture}
 */
export const mixtureAt = (layer) =>
  mixtureOf(
    needWhole(value(layer.takes[0])).data,
    [0, 1, 2].map((which) => needWhole(tensorOf(layer, which)).data),
  );

/**
 * @param {Layer<"mixture-density">} layer
 * @returns {OpenedUnit}
 */
export function priorDensity(layer) {
  const { components, constant, sum } = mixtureAt(layer);
  const order = [...components].sort((one, other) => other.joint - one.joint).slice(0, MOST_COMPONENTS);
  /** @type {Step[]} */
  const steps = order.map(({ k, logShare, squares, spreads, joint }) => [
    `component ${k}: ln ${shown(Math.exp(logShare), 4)} \u2212 (${shown(squares)} + ${shown(spreads)} + ${shown(constant)}) / 2`,
    joint,
  ]);
  return calculation({
    steps: [...steps, ["ln p(z|y) = ln of the sum of e to the power of these, in nats", sum]],
    value: sum,
    magnitude: order[0].magnitude,
  });
}
