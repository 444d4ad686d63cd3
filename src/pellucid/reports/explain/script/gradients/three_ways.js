// The gradient of one weight in three ways: by the chain rule, by autograd, and by a central difference.
import { ravelInRow } from "../data/arrays.js";
import { need, unlessMissing } from "../data/missing.js";
import { stored } from "../data/stored.js";
import { termsOf } from "./chains.js";
import { centralDifference } from "./difference.js";
/** @import { Layer, LearntKind, ThreeWays } from "../types.js" */

/**
 * @param {Layer<LearntKind>} layer
 * @param {string} name
 * @param {number[]} index
 * @returns {ThreeWays}
 */
export function gradientsOf(layer, name, index) {
  const weight = numberOf(name, index);
  const byAutograd = numberOf(`autograd:${name}`, index);
  const terms = unlessMissing(() => termsOf(layer, layer.weights.indexOf(name), index));
  const byHand = terms && terms.above.reduce((sum, above, at) => sum + above * terms.seen[at], 0);
  const moved = terms && unlessMissing(() => centralDifference(layer, name, index, need(weight)));
  const byDifference = moved && moved.difference;
  const relativeError = disagreement([byHand, byAutograd, byDifference]);
  return { weight, terms, byHand, byAutograd, byDifference, step: moved && moved.step, relativeError };
}

/**
 * One number of a stored array, or null.
 * @param {string} name
 * @param {number[]} index
 */
function numberOf(name, index) {
  const found = stored(name);
  const row = found && found.row(index[0]);
  return found && row ? row[ravelInRow(index, found.shape)] : null;
}

/**
 * How far numbers lie from one another, as a share of the largest; null where there is nothing to compare.
 * @param {(number | null)[]} ways
 */
function disagreement(ways) {
  const found = ways.filter((each) => each !== null);
  if (found.length < 2) return null;
  const most = Math.max(...found.map(Math.abs));
  return most ? (Math.max(...found) - Math.min(...found)) / most : 0;
}
