// A whole attention computed anew, in double precision.
import { PART, partOfToken } from "../arithmetic/attention.js";
import { zeros } from "../data/arrays.js";
import { dot } from "./running.js";
/** @import { Layer, Whole } from "../types.js" */

/**
 * The weights of all heads.
 * @param {Layer<"attention-weights">} layer
 * @param {Whole} projected
 */
export function attentionWeights(layer, projected) {
  const made = zeros(layer.shape);
  const [heads, length] = layer.shape;
  for (let head = 0; head < heads; head += 1) {
    const of = { head, heads };
    const keys = Array.from({ length }, (_, token) => partOfToken(projected, PART.key, of, token));
    const map = made.row(head);
    for (let asking = 0; asking < length; asking += 1) {
      const query = partOfToken(projected, PART.query, of, asking);
      const scores = keys.map((key) => dot(query, key) / Math.sqrt(query.length));
      const most = scores.reduce((best, score) => Math.max(best, score));
      const powers = scores.map((score) => Math.exp(score - most));
      const total = powers.reduce((sum, power) => sum + power, 0);
      powers.forEach((power, answering) => {
        map[asking * length + answering] = power / total;
      });
    }
  }
  return made;
}

/**
 * The values of all tokens, mixed by the weights of each head.
 * @param {Layer<"attention">} layer
 * @param {Whole} projected
 * @param {Whole} weights
 */
export function attended(layer, projected, weights) {
  const made = zeros(layer.shape);
  const [heads, length] = weights.shape;
  const width = layer.shape[1] / heads;
  for (let head = 0; head < heads; head += 1) {
    const map = weights.row(head);
    for (let token = 0; token < length; token += 1) {
      const values = partOfToken(projected, PART.value, { head, heads }, token);
      for (let place = 0; place < length; place += 1) {
        const share = map[place * length + token];
        const own = made.row(place);
        for (let c = 0; c < width; c += 1) own[head * width + c] += share * values[c];
      }
    }
  }
  return made;
}
