// Whole layers from what they take, for both pages: in single precision where they are to be fast, in double where the
// explain page computes a network anew. A layer of no function of its own follows from its declaration.
import { filled, need, needWhole, product, wholeOf } from "./arrays.js";
import { convolved } from "./convolutions.js";
import {
  bagShares,
  CELLS,
  densityOfDraw,
  FUNCTIONS,
  lengthOf,
  mixtureOf,
  momentsOf,
  reconstructionOf,
  resizingShares,
} from "./functions.js";
import { softmaxOf } from "./shares.js";
import { bound, contracted, isCopy } from "./notation.js";
import { addProducts, withBiasRows } from "./products.js";
/** @import { CellStep, Declaration, Floats, FloatsKind, Layer, Numbers, Pair, Pointwise, Whole } from "./types.js" */

// Layers that take each number by itself.

/**
 * Steps whose operands are a number for each channel, or a setting: together they scale and shift the channel.
 * @param {Layer} layer @param {Pointwise[]} steps @param {Numbers[]} taken @param {number} channel @returns {Pair}
 */
export function factorAndShift({ settings }, steps, taken, channel) {
  let [factor, shift] = [1, 0];
  for (const [operation, , , operand, at] of steps) {
    const own = at === "setting" ? settings[operand] : taken[Number(operand)].data[channel];
    const number = operation === "/\u221a" ? Math.sqrt(own + settings.epsilon) : own;
    if ("+-".includes(operation)) shift += operation === "+" ? number : -number;
    else {
      factor = operation === "*" ? factor * number : factor / number;
      shift = operation === "*" ? shift * number : shift / number;
    }
  }
  return [factor, shift];
}

/** @param {Layer} layer @param {Pointwise[]} steps @param {Numbers[]} taken @param {FloatsKind} Kind */
function scaled(layer, steps, taken, Kind) {
  const [{ data, shape }] = taken;
  const made = new Kind(data.length);
  const size = product(shape.slice(1));
  for (let channel = 0; channel < shape[0]; channel += 1) {
    const [factor, shift] = factorAndShift(layer, steps, taken, channel);
    for (let at = channel * size; at < (channel + 1) * size; at += 1) made[at] = factor * data[at] + shift;
  }
  return made;
}

/** A row added to each: that of another value, or of a table, of which the last goes on. @param {Numbers[]} taken @param {FloatsKind} Kind */
function added([x, other], Kind) {
  const made = new Kind(x.data);
  const size = product(x.shape.slice(1));
  const isTable = other.shape[0] < x.shape[0] || other.kept;
  if (!isTable) for (let at = 0; at < made.length; at += 1) made[at] = x.data[at] + other.data[at];
  for (let first = 0; isTable && first < x.shape[0]; first += 1) {
    const row = need(other.row(Math.min(first, other.shape[0] - 1)));
    for (let at = 0; at < size; at += 1) made[first * size + at] = x.data[first * size + at] + row[at];
  }
  return made;
}

/** Rectified linear units, from 0 up to a most. @param {Floats} data @param {number} most @param {FloatsKind} Kind */
function rectified(data, most, Kind) {
  const made = new Kind(data.length);
  for (let at = 0; at < data.length; at += 1) {
    const number = data[at];
    made[at] = number > 0 ? (number < most ? number : most) : 0;
  }
  return made;
}

/** From this size on GELU is x, or 0, to within single precision. */
const REACH = 8;
/** Pieces for each 1; the error of a piece falls with their fourth power, and is 3e-10 here. */
const PIECES = 64;
/** @type {{ pieces: Float64Array | null }} four coefficients for each, made when they are first needed */
const curve = { pieces: null };

/** Cubic pieces that meet GELU and its slope at both ends. */
function piecesOfGelu() {
  const count = 2 * REACH * PIECES;
  const places = Float64Array.from({ length: count + 1 }, (_, at) => at / PIECES - REACH);
  const values = places.map((x) => FUNCTIONS.gelu(x, {}));
  const slopes = places.map((x, at) => {
    const share = x ? values[at] / x : 0.5;
    return (share + (x * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI)) / PIECES;
  });
  const pieces = new Float64Array(4 * count);
  for (let at = 0; at < count; at += 1) {
    const rise = values[at + 1] - values[at];
    const [first, last] = [slopes[at], slopes[at + 1]];
    pieces.set([values[at], first, 3 * rise - 2 * first - last, first + last - 2 * rise], 4 * at);
  }
  return pieces;
}

/** GELU in single precision, or its slope. @param {Floats} data */
export function geluOf(data, isSlope = false) {
  curve.pieces ??= piecesOfGelu();
  const { pieces } = curve;
  const made = new Float32Array(data.length);
  for (let at = 0; at < data.length; at += 1) {
    const x = data[at];
    if (x > -REACH && x < REACH) {
      const place = (x + REACH) * PIECES;
      const piece = Math.floor(place);
      const part = place - piece;
      const c = 4 * piece;
      made[at] = isSlope
        ? PIECES * (pieces[c + 1] + part * (2 * pieces[c + 2] + part * 3 * pieces[c + 3]))
        : pieces[c] + part * (pieces[c + 1] + part * (pieces[c + 2] + part * pieces[c + 3]));
    } else if (isSlope) made[at] = x < 0 ? 0 : x / x;
    else made[at] = x < 0 ? 0 : x; // what is no number stays none
  }
  return made;
}

/** @param {Layer} layer @param {Floats} data @param {FloatsKind} Kind */
function functionOf({ kind, settings }, data, Kind) {
  if (kind === "relu" || kind === "relu6") return rectified(data, kind === "relu" ? Infinity : 6, Kind);
  if (kind === "gelu" && Kind === Float32Array) return geluOf(data);
  const made = new Kind(data.length);
  const own = FUNCTIONS[kind];
  for (let at = 0; at < data.length; at += 1) made[at] = own(data[at], settings);
  return made;
}

/** The largest of each window, in single precision or double. @param {Layer} layer @param {Whole} maps @param {FloatsKind} Kind */
function largestOfWindows({ shape, settings }, { data, shape: [, rows, columns] }, Kind) {
  const [channels, height, width] = shape;
  const [high, wide] = settings.window;
  const made = new Kind(channels * height * width).fill(-Infinity);
  for (let line = 0; line < channels * height; line += 1) {
    const top = Math.floor(line / height) * rows + (line % height) * high;
    for (let row = top; row < top + high; row += 1) {
      for (let at = 0; at < width * wide; at += 1) {
        const place = line * width + Math.floor(at / wide);
        if (data[row * columns + at] > made[place]) made[place] = data[row * columns + at];
      }
    }
  }
  return made;
}

// Layers of texts.

/** @type {WeakMap<Floats, Float64Array[]>} Kernels with the numbers of each place in one piece, by the data they were made from. */
const tapsKnown = new WeakMap();

/** For each place of a kernel the weights of all filters, one filter behind the other. @param {Numbers} weight @returns {Float64Array[]} */
export function tapsOf({ shape: [filters, size, ...kernel], data }) {
  const known = tapsKnown.get(data);
  if (known) return known;
  const count = product(kernel);
  const made = Array.from({ length: count }, (_, tap) =>
    new Float64Array(filters * size).map((__, at) => data[at * count + tap]),
  );
  tapsKnown.set(data, made);
  return made;
}

/** Filters over neighbouring tokens, zeros beyond both ends. @param {Whole} vectors @param {Numbers[]} weights @param {FloatsKind} Kind */
function convolvedText({ shape: [length, size], data }, [weight, bias], Kind) {
  const [filters, , kernel] = weight.shape;
  const made = withBiasRows(new Kind(length * filters), bias?.data);
  tapsOf(weight).forEach((weights, k) => {
    const shift = k - Math.floor((kernel - 1) / 2);
    const first = Math.max(0, -shift);
    const last = Math.min(length, length - shift);
    if (last <= first) return;
    const x = data.subarray((first + shift) * size, (last + shift) * size);
    addProducts({ x, weights, size, made, width: filters, start: first * filters });
  });
  return made;
}

/**
 * A dense layer on one row or many: weights of (outputs, inputs).
 * @param {Floats} x @param {Numbers} weight @param {Numbers | undefined} bias @param {FloatsKind} Kind
 */
export function dense(x, { data: weights, shape: [width, size] }, bias, Kind) {
  const made = withBiasRows(new Kind((x.length / size) * width), bias?.data);
  addProducts({ x, weights, size, made, width, start: 0 });
  return made;
}

/**
 * The states of all places.
 * @param {Layer} layer @param {Whole[]} sources @param {Numbers[]} weights @param {FloatsKind} Kind
 * @param {(t: number, unit: number, step: CellStep, ofStates: Float64Array) => void} [watch] gets every step
 */
export function recurrent(
  { kind },
  [{ data, shape }],
  [ofInput, ofState, inputBias, stateBias],
  Kind,
  watch = () => {},
) {
  const [sums, units] = ofState.shape;
  const ofPlace = dense(data, ofInput, inputBias, Kind);
  const states = new Kind(shape[0] * units);
  const memory = new Float64Array(units);
  let before = new Kind(units);
  for (let t = 0; t < shape[0]; t += 1) {
    const ofStates = new Float64Array(stateBias.data);
    addProducts({ x: before, weights: ofState.data, size: units, made: ofStates, width: sums, start: 0 });
    const state = states.subarray(t * units, (t + 1) * units);
    const sumsHere = { ofPlace, ofStates, at: t * sums, units };
    for (let unit = 0; unit < units; unit += 1) {
      const step = CELLS[kind](sumsHere, unit, kind === "lstm" ? memory[unit] : before[unit]);
      watch(t, unit, step, ofStates);
      memory[unit] = step.memory;
      state[unit] = step.state;
    }
    before = state;
  }
  return states;
}

/**
 * The part of every token that one head sees, one token behind the other.
 * @param {Whole} projected queries, keys and values side by side
 * @param {number} part 0: queries, 1: keys, 2: values @param {number} head @param {number} heads
 */
export function headParts({ shape: [length, thrice], data }, part, head, heads) {
  const width = thrice / 3 / heads;
  const found = new /** @type {FloatsKind} */ (data.constructor)(length * width);
  for (let t = 0; t < length; t += 1) {
    const start = t * thrice + (part * heads + head) * width;
    found.set(data.subarray(start, start + width), t * width);
  }
  return found;
}

/** How much each token, in each head, takes from each other. @param {number} heads @param {Whole} projected @param {FloatsKind} Kind */
function attentionWeights(heads, projected, Kind) {
  const [length, thrice] = projected.shape;
  const size = thrice / 3 / heads;
  const made = new Kind(heads * length * length);
  for (let head = 0; head < heads; head += 1) {
    const x = headParts(projected, 0, head, heads);
    const weights = headParts(projected, 1, head, heads);
    const map = made.subarray(head * length * length, (head + 1) * length * length);
    addProducts({ x, weights, size, made: map, width: length, start: 0 });
    for (let t = 0; t < length; t += 1) {
      toShares(map.subarray(t * length, (t + 1) * length), 1 / Math.sqrt(size));
    }
  }
  return made;
}

/** The softmax of some scores, in their place. @param {Floats} scores @param {number} scale */
function toShares(scores, scale) {
  let most = -Infinity;
  for (const score of scores) most = Math.max(most, score);
  let total = 0;
  for (let at = 0; at < scores.length; at += 1) {
    scores[at] = Math.exp((scores[at] - most) * scale);
    total += scores[at];
  }
  for (let at = 0; at < scores.length; at += 1) scores[at] /= total;
}

/** The values of all tokens, mixed by these shares. @param {Whole[]} sources @param {FloatsKind} Kind */
function attended([projected, shares], Kind) {
  const [length, thrice] = projected.shape;
  const heads = shares.shape[0];
  const size = thrice / 3;
  const width = size / heads;
  const made = new Kind(length * size);
  for (let head = 0; head < heads; head += 1) {
    const values = headParts(projected, 2, head, heads);
    const weights = new Kind(values.length);
    for (let t = 0; t < length; t += 1) {
      for (let c = 0; c < width; c += 1) weights[c * length + t] = values[t * width + c];
    }
    addProducts({ x: shares.row(head), weights, size: length, made, width: size, start: head * width });
  }
  return made;
}

/** Every token brought to mean 0 and variance 1, then scaled and shifted. @param {Layer} layer @param {Whole} vectors @param {Numbers[]} weights @param {FloatsKind} Kind */
function layerNormed({ settings }, { data, shape }, [scale, shift], Kind) {
  const size = shape[shape.length - 1];
  const made = new Kind(data.length);
  for (let start = 0; start < data.length; start += size) {
    const { mean, variance } = momentsOf(data.subarray(start, start + size));
    const deviation = Math.sqrt(variance + settings.epsilon);
    for (let c = 0; c < size; c += 1) {
      made[start + c] = (scale.data[c] * (data[start + c] - mean)) / deviation + shift.data[c];
    }
  }
  return made;
}

/** The vector of every id. @param {Whole} ids @param {Numbers} table @param {FloatsKind} Kind */
function embedded({ data: ids }, table, Kind) {
  const made = new Kind(ids.length * table.shape[1]);
  for (let t = 0; t < ids.length; t += 1) made.set(need(table.row(ids[t])), t * table.shape[1]);
  return made;
}

/** @param {Layer} layer @param {Whole} ids @param {Numbers[]} weights */
function embeddingBag({ settings }, { data: ids }, [table, bias, rarity]) {
  const sums = new Float64Array(bias.data);
  for (const [id, share] of bagShares(settings.groups, ids, (each) => need(rarity.row(each))[0])) {
    const row = share ? need(table.row(id)) : [];
    for (let unit = 0; unit < row.length; unit += 1) sums[unit] += share * row[unit];
  }
  return sums;
}

/** Channels of several values side by side. @param {Layer} layer @param {Whole[]} sources */
function sideBySide({ shape }, sources) {
  const isDouble = sources.some(({ data }) => data instanceof Float64Array);
  const made = new (isDouble ? Float64Array : Float32Array)(product(shape));
  const width = shape[shape.length - 1];
  let start = 0;
  for (const { data, shape: own } of sources) {
    const size = own[own.length - 1];
    for (let t = 0; t * width < made.length; t += 1) {
      made.set(data.subarray(t * size, (t + 1) * size), t * width + start);
    }
    start += size;
  }
  return made;
}

/** An image at another size. @param {Layer} layer @param {Whole} image */
function resized({ shape }, image) {
  const [channels, rows, columns] = image.shape;
  const [, height, width] = shape;
  /** @param {number} before @param {number} after @returns {Pair[][]} */
  const shares = (before, after) =>
    Array.from({ length: after }, (_, at) => resizingShares(before, after, at));
  const [down, across] = [shares(rows, height), shares(columns, width)];
  return filled(shape, (o, rest) => {
    const map = image.row(Math.min(o, channels - 1));
    let sum = 0;
    for (const [row, share] of down[Math.floor(rest / width)]) {
      for (const [column, other] of across[rest % width]) sum += share * other * map[row * columns + column];
    }
    return sum;
  }).data;
}

/**
 * Kinds with a function of their own: those that no declaration describes, and those that are slow by it.
 * @type {Record<string, (layer: Layer, sources: Whole[], weights: Numbers[], Kind: FloatsKind) => Floats>}
 */
const BY_KIND = {
  convolution: convolved,
  dense: (_, [x], [weight, bias], Kind) => dense(x.data, weight, bias, Kind),
  "max-pool": (layer, [x], _, Kind) => largestOfWindows(layer, x, Kind),
  neighbours: (_, [x], weights, Kind) => convolvedText(x, weights, Kind),
  lstm: recurrent,
  gru: recurrent,
  "attention-weights": ({ settings }, [projected], _, Kind) =>
    attentionWeights(settings.heads, projected, Kind),
  attention: (_, sources, __, Kind) => attended(sources, Kind),
  "layer-norm": (layer, [x], weights, Kind) => layerNormed(layer, x, weights, Kind),
  embedding: (_, [ids], [table], Kind) => embedded(ids, table, Kind),
  "weighed-sum": (layer, [ids], weights, Kind) => new Kind(embeddingBag(layer, ids, weights)),
  "side-by-side": sideBySide,
  resize: (layer, [image]) => resized(layer, image),
  softmax: (_, [{ data }]) => softmaxOf(data),
  "unit-length"(_, [{ data }]) {
    const length = lengthOf(data);
    return Float64Array.from(data, (x) => x / length);
  },
  reparametrised: (_, [mean, logVariance, noise]) =>
    Float64Array.from(mean.data, (m, j) => m + Math.exp(logVariance.data[j] / 2) * noise.data[j]),
  reconstruction: ({ settings }, [given, rebuilt]) =>
    Float64Array.of(reconstructionOf(settings.variance, given.data, rebuilt.data).sum),
  "density-of-draw": (_, [logVariances, noise]) =>
    Float64Array.of(densityOfDraw(logVariances.data, noise.data).sum),
  "mixture-density": (_, [latent], tensors) => {
    const numbers = tensors.map(({ data }) => data);
    return Float64Array.of(mixtureOf(latent.data, numbers).sum);
  },
};

/** Kinds of which a page may hold only the rows of a tensor that the ids of its text name. */
const BY_ROWS = ["embedding", "weighed-sum", "places"];

/**
 * What a layer gives.
 * @param {Layer} layer @param {Whole[]} sources @param {Numbers[]} tensors @param {FloatsKind} Kind
 * @returns {Whole}
 */
export function computed(layer, sources, tensors, Kind) {
  const weights = BY_ROWS.includes(layer.kind) ? tensors : tensors.map(needWhole);
  const own = BY_KIND[layer.kind];
  return wholeOf(
    layer.shape,
    own
      ? own(layer, sources, weights, Kind)
      : declared(layer, need(layer.declaration), sources, weights, Kind),
  );
}

/**
 * @param {Layer} layer @param {Declaration} declaration @param {Whole[]} sources @param {Numbers[]} weights
 * @param {FloatsKind} Kind
 */
function declared(layer, declaration, sources, weights, Kind) {
  const taken = [...sources, ...weights];
  if ("steps" in declaration) {
    const [[operation, , , operand, at]] = declaration.steps;
    if (operation === "function") return functionOf(layer, taken[0].data, Kind);
    if (at === "unit" || at === "place") return added([taken[0], taken[Number(operand)]], Kind);
    return scaled(layer, declaration.steps, taken, Kind);
  }
  const line = bound(declaration, layer.shape, arraysOfLine(sources, weights));
  const made = contracted(line, layer.shape);
  // Numbers that are passed on keep their precision.
  return new (isCopy(line) ? /** @type {FloatsKind} */ (sources[0].data.constructor) : Kind)(made);
}

/**
 * What a layer takes by the names that lines have for it; A and B are computed from it.
 * @param {(Numbers | null)[]} sources @param {(Numbers | null)[]} weights
 * @returns {Record<string, Numbers | null>}
 */
export const arraysOfLine = ([x = null, a = null], [W = null, b = null]) => ({ x, a, W, E: W, b });
