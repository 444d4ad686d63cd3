// Attention: the weight of every token for every other, and the values that are mixed by these weights.
import { need } from "../data/missing.js";
import { told } from "../data/told.js";
import { tokenLabel } from "../data/tokens.js";
import { shown } from "../dom/numbers.js";
import { calculation } from "./opening.js";
import { value } from "./values.js";
import { factorsOf, weigh } from "./weighing.js";
/** @import { Floats, Layer, Numbers, OpenedUnit, Unit } from "../types.js" */

/** Where the queries, keys and values of a token stand among its projected numbers. */
export const PART = { query: 0, key: 1, value: 2 };

/**
 * The numbers of one token that a head sees of its query, key or value.
 * @param {Numbers} projected all three side by side
 * @param {number} part
 * @param {{ head: number, heads: number }} of
 * @param {number} token
 */
export function partOfToken(projected, part, { head, heads }, token) {
  const size = projected.shape[1] / 3;
  const width = size / heads;
  const start = part * size + head * width;
  return need(projected.row(token)).subarray(start, start + width);
}

/**
 * The product of a query with a key as a sum, number by number.
 * @param {Floats} query
 * @param {Floats} key
 */
const productOf = (query, key) =>
  weigh({
    patch: key,
    weights: query,
    shape: [key.length],
    bias: 0,
    columns: factorsOf("attention-weights"),
  });

/**
 * The weight of a key for a query: their product, and its softmax over all tokens.
 * @param {Layer<"attention-weights">} layer
 * @param {Unit} unit
 * @returns {OpenedUnit}
 */
export function attentionWeight(layer, [head, query, key]) {
  const projected = need(value(layer.takes[0]));
  const of = { head, heads: layer.settings.heads };
  const asks = partOfToken(projected, PART.query, of, query);
  const products = told.tokens.map((_, token) =>
    productOf(asks, partOfToken(projected, PART.key, of, token)),
  );
  const root = Math.sqrt(asks.length);
  const scores = products.map((product) => product.value / root);
  const most = scores.reduce((best, score) => Math.max(best, score));
  const powers = scores.map((score) => Math.exp(score - most));
  const total = powers.reduce((sum, power) => sum + power, 0);
  const found = powers[key] / total;
  return calculation({
    weighings: [products[key]],
    steps: [
      [`s: query times key \u00f7 \u221a${asks.length}`, scores[key]],
      [`e to the power of s \u2212 ${shown(most)}`, powers[key]],
      [`sum of these powers over all ${powers.length} tokens`, total],
      ["the one divided by the sum", found],
    ],
    value: found,
    magnitude: 1, // the weights of a row add up to it
  });
}

/**
 * One mixed number of a token: the values of all tokens, weighed by its head's weights.
 * @param {Layer<"attention">} layer
 * @param {Unit} unit
 */
export function mixedValue(layer, [place, number]) {
  const [projected, weights] = layer.takes.map((name) => need(value(name)));
  const [heads, length] = weights.shape;
  const width = layer.shape[1] / heads;
  const head = Math.floor(number / width);
  const inside = number % width;
  const patch = Float64Array.from(
    { length },
    (_, token) => partOfToken(projected, PART.value, { head, heads }, token)[inside],
  );
  const own = need(weights.row(head)).subarray(place * length, (place + 1) * length);
  const names = told.tokens.map((_, token) => tokenLabel(token));
  return weigh({ patch, weights: own, shape: [length], bias: 0, names, columns: factorsOf("attention") });
}
