// The gradient of one weight in three ways: by the chain rule, by autograd, and by a central difference.
import {
  columnOf,
  need,
  needWhole,
  partOf,
  product,
  ravel,
  ravelInRow,
  unlessMissing,
  unravel,
  wholeOf,
} from "./arrays.js";
import { openedAnswer } from "./decision.js";
import { indexText } from "./dom.js";
import { momentsOf } from "./functions.js";
import { sumOf } from "./shares.js";
import { computed } from "./layers.js";
import { usesOf } from "./notation.js";
import { gramOf, grid, pageData, stored, tokenAtStep, tokenLabel } from "./page_data.js";
import { mixtureAt, stepsAt } from "./units.js";
import { boundLine, gradientAt, layerValue, tensorOf } from "./values.js";
import { message } from "./words/message.js";
/** @import { HandKind, HiddenLayer, Layer, LineDeclaration, MovedWeight, Pointwise, Terms } from "./types.js" */
/** @import { ThreeWays, Unit, Whole } from "./types.js" */

// The terms of a weight's gradient: the gradient above, what the weight meets, and where.

/** @param {Layer} layer @param {Unit} unit */
const aboveAt = (layer, unit) => need(gradientAt(layer.name, unit));

/**
 * Terms at places of what a layer gives.
 * @param {Layer} layer @param {{ place: Unit, met: number }[]} uses @param {(place: Unit) => string} [label]
 * @returns {Terms}
 */
const termsAt = (layer, uses, label = placeLabel(layer)) => ({
  above: uses.map(({ place }) => aboveAt(layer, place)),
  seen: uses.map(({ met }) => met),
  at: (which) => label(uses[which].place),
});

/** How places of a layer are called: by their index, their token or their unit. @param {Layer} layer @returns {(place: Unit) => string} */
function placeLabel({ shape: { length, 0: count } }) {
  if (length === 3) return indexText;
  const before = grid ? count - grid.rows * grid.columns : 0;
  return length === 2 ? ([token]) => tokenLabel(token, before) : ([unit]) => message("useOfUnit", { unit });
}

/**
 * Every place of a layer's numbers that one channel, or one row of a table, is for.
 * @param {Layer} layer @param {(place: Unit) => boolean} isOwn
 */
const placesWhere = ({ shape }, isOwn) =>
  Array.from({ length: product(shape) }, (_, at) => unravel(at, shape)).filter(isOwn);

/** @param {Layer} layer @param {LineDeclaration} line @param {number} part which of its tensors @param {number[]} index */
function termsByLine(layer, line, part, index) {
  const weight = line.factors.some(({ name }) => name === "E") ? "E" : "W";
  const uses = usesOf(boundLine(layer, line), part ? "b" : weight, index, layer.shape);
  return termsAt(layer, uses, weight === "E" && !part ? () => gramOf(index[0]) : undefined);
}

/**
 * An operand of a step meets 1 where it is added, and the number before the step where it scales that; steps behind
 * it
 * scale both.
 * @param {Layer} layer @param {Pointwise[]} steps @param {number} part @param {number[]} index
 */
function termsBySteps(layer, steps, part, index) {
  const step = steps.findIndex(([, , , operand]) => operand === layer.takes.length + part);
  const isTable = steps[step][4] === "place";
  const last = tensorOf(layer, part).shape[0] - 1;
  const places = placesWhere(layer, ([first, ...rest]) =>
    isTable ? Math.min(first, last) === index[0] && rest[0] === index[1] : first === index[0],
  );
  const uses = places.map((place) => {
    const { after } = stepsAt(layer, steps, place);
    const behind = after.slice(step + 1).reduce((factor, each) => factor * each.factor, 1);
    return { place, met: (steps[step][0] === "*" ? after[step].before : 1) * behind };
  });
  return termsAt(layer, uses);
}

/** @type {Partial<Record<HandKind, (layer: Layer, part: number, index: number[]) => Terms>>} */
const TERMS_BY_HAND = {
  "layer-norm"(layer, part, [number]) {
    const vectors = need(layerValue(layer.takes[0]));
    const uses = Array.from({ length: layer.shape[0] }, (_, place) => {
      const vector = need(vectors.row(place));
      const { mean, variance } = momentsOf(vector);
      const seen = (vector[number] - mean) / Math.sqrt(variance + layer.settings.epsilon);
      return { place: [place, number], met: part ? 1 : seen };
    });
    return termsAt(layer, uses);
  },
  embedding(layer, _, [id, number]) {
    const places = [...pageData.ids.keys()].filter((place) => pageData.ids[place] === id);
    return termsAt(
      layer,
      places.map((place) => ({ place: [place, number], met: 1 })),
    );
  },
  "mixture-density"(layer, part, [, k, j]) {
    const uses = [{ place: [0], met: slopeOfMixture(layer, part, k, j) }];
    return termsAt(layer, uses, () => "the density, by its slope");
  },
  lstm: throughTime,
  gru: throughTime,
};

/**
 * How the density under a mixture changes with one of its means, log variances or logits.
 * @param {Layer} layer @param {number} part @param {number} k component
 * @param {number} j latent variable; none of a logit
 */
function slopeOfMixture(layer, part, k, j) {
  const { components, shares } = mixtureAt(layer);
  if (part === 2) return shares[k] - Math.exp(components[k].logShare);
  const latent = needWhole(layerValue(layer.takes[0])).data;
  const [mean, logVariance] = [0, 1].map(
    (which) => needWhole(tensorOf(layer, which)).data[k * latent.length + j],
  );
  const away = (latent[j] - mean) / Math.exp(logVariance);
  return part ? (shares[k] / 2) * (away * (latent[j] - mean) - 1) : shares[k] * away;
}

/**
 * A gate's weight meets the numbers of every step, or the states before it.
 * @param {Layer} layer @param {number} part weights of inputs, of states, and the bias of each
 * @param {number[]} index @returns {Terms}
 */
function throughTime(layer, part, [row, number]) {
  const ofState = part % 2 === 1;
  const above = columnOf(need(stored(`${ofState ? "state-sums" : "sums"}:${layer.name}`)), row);
  const met = part < 2 ? columnOf(need(layerValue(ofState ? layer.name : layer.takes[0])), number) : [];
  const seen = above.map((_, t) => {
    if (part >= 2) return 1;
    return ofState ? (t ? met[t - 1] : 0) : met[t];
  });
  return { above, seen, at: (step) => message("useAtStep", { step, token: tokenAtStep(layer, step) }) };
}

/** @param {Layer} layer @param {number} part which of its tensors @param {number[]} index @returns {Terms} */
function termsOf(layer, part, index) {
  const { declaration } = layer;
  if (!declaration) return need(TERMS_BY_HAND[/** @type {HandKind} */ (layer.kind)])(layer, part, index);
  if ("line" in declaration) return termsByLine(layer, declaration, part, index);
  return termsBySteps(layer, declaration.steps, part, index);
}

// The central difference: the network from its layer on, that weight moved a little.

/** @param {Layer} layer @param {string} name @param {number[]} index @param {number} weight */
function centralDifference(layer, name, index, weight) {
  const step = Math.cbrt(Number.EPSILON) * Math.max(1, Math.abs(weight));
  const [more, less] = [step, -step].map((by) => lossWith(layer, { name, index, by }));
  return { difference: (more - less) / (weight + step - (weight - step)), step };
}

/**
 * The loss, or the predicted number, of the network when one weight is moved. Terms that it does not reach are
 * the network's own in both runs.
 * @param {Layer} layer @param {MovedWeight} moved
 */
function lossWith(layer, moved) {
  /** @type {Map<string, Whole>} */
  const held = new Map();
  for (const each of pageData.layers.slice(pageData.layers.indexOf(layer))) {
    if (!isBeforeAnswer(each)) continue;
    if (each !== layer && !each.takes.some((name) => held.has(name))) continue;
    const sources = each.takes.map((name) => held.get(name) || needWhole(layerValue(name)));
    const weights = each.weights.map((name) => tensorWith(name, moved));
    held.set(each.name, computed(each, sources, weights, Float64Array));
  }
  const terms = Object.entries(pageData.terms);
  if (terms.length) {
    return terms.reduce((sum, [name, factor]) => {
      const term = held.get(name) || needWhole(layerValue(name));
      return sum + factor * term.data[0];
    }, 0);
  }
  return openedAnswer.loss(Array.from(need(held.get(pageData.output)).data), pageData.against);
}

/** @param {Layer | HiddenLayer} layer @returns {layer is Layer} */
const isBeforeAnswer = (layer) => !layer.hidden && !pageData.answers.includes(layer.name);

/** A tensor of weights, one number of it moved. @param {string} name @param {MovedWeight} moved */
function tensorWith(name, moved) {
  const found = need(stored(name));
  if (moved.name !== name) return found;
  const { shape, kept } = found;
  const data = Float64Array.from(found.data);
  const first = kept ? kept.indexOf(moved.index[0]) : moved.index[0];
  data[ravel([first, ...moved.index.slice(1)], shape)] += moved.by;
  return kept ? partOf(shape, data, kept) : wholeOf(shape, data);
}

/** @param {Layer} layer @param {string} name @param {number[]} index @returns {ThreeWays} */
export function gradientsOf(layer, name, index) {
  const weight = numberOf(name, index);
  const byAutograd = numberOf(`autograd:${name}`, index);
  const terms = unlessMissing(() => termsOf(layer, layer.weights.indexOf(name), index));
  const byHand = terms && sumOf(terms.above.map((above, at) => above * terms.seen[at]));
  const moved = terms && unlessMissing(() => centralDifference(layer, name, index, need(weight)));
  const byDifference = moved && moved.difference;
  const relativeError = disagreement([byHand, byAutograd, byDifference]);
  return { weight, terms, byHand, byAutograd, byDifference, step: moved && moved.step, relativeError };
}

/** One number of a stored array, or null. @param {string} name @param {number[]} index */
function numberOf(name, index) {
  const found = stored(name);
  const row = found && found.row(index[0]);
  return found && row ? row[ravelInRow(index, found.shape)] : null;
}

/**
 * How far numbers are from one another, as a share of the largest; null where there is nothing to compare.
 * @param {(number | null)[]} ways
 */
function disagreement(ways) {
  const found = ways.filter((each) => each !== null);
  if (found.length < 2) return null;
  const most = Math.max(...found.map(Math.abs));
  return most ? (Math.max(...found) - Math.min(...found)) / most : 0;
}
