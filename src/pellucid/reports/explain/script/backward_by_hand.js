// What kinds of layers hand back that neither a line nor steps describe, by the formulas of `pellucid.reference`.
import { needWhole, product } from "./arrays.js";
import { lengthOf, mixtureOf, momentsOf, resizingShares } from "./functions.js";
import { headParts, recurrent } from "./layers.js";
import { addProducts } from "./products.js";
/** @import { CellStep, Floats, Pair, Passing } from "./types.js" */

// Pools.

/** The first winner of each window gets all. @param {Passing} passing */
function throughWindows({ layer: { shape, settings }, above, sources: [source], made, Kind }) {
  const [, rows, columns] = source.shape;
  const [, height, width] = shape;
  const [high, wide] = settings.window;
  const found = new Kind(source.data.length);
  for (let at = 0; at < above.length; at += 1) {
    const line = Math.floor(at / width);
    let first = (Math.floor(line / height) * rows + (line % height) * high) * columns + (at % width) * wide;
    let tap = 0;
    for (; tap < high * wide && source.data[first + (tap % wide)] !== made[at]; tap += 1) {
      if (tap % wide === wide - 1) first += columns;
    }
    if (tap < high * wide) found[first + (tap % wide)] = above[at];
  }
  return [found];
}

/** All that are equal to the maximum of a map, or of a text, have the same share. @param {Passing} passing */
function throughMaximum({ above, sources: [{ shape, data }], made, Kind }) {
  const area = product(shape.slice(1));
  /** @param {number} at */
  const channelOf = (at) => (shape.length === 3 ? Math.floor(at / area) : at % area);
  const counts = new Int32Array(above.length);
  for (let at = 0; at < data.length; at += 1) {
    const channel = channelOf(at);
    if (data[at] === made[channel]) counts[channel] += 1;
  }
  return [
    new Kind(data.length).map((_, at) => {
      const channel = channelOf(at);
      return data[at] === made[channel] ? above[channel] / counts[channel] : 0;
    }),
  ];
}

// Vectors.

/** @param {Passing} passing */
function throughLayerNorm({ layer: { settings, shape }, above, sources: [{ data }], weights, Kind }) {
  const size = shape[shape.length - 1];
  const found = new Kind(data.length);
  for (let start = 0; start < data.length; start += size) {
    const { mean, variance } = momentsOf(data.subarray(start, start + size));
    const deviation = Math.sqrt(variance + settings.epsilon);
    const values = Float64Array.from({ length: size }, (_, at) => (data[start + at] - mean) / deviation);
    const scaled = values.map((_, at) => above[start + at] * weights[0].data[at]);
    const [middle, along] = [averageOf(scaled), averageOf(scaled.map((each, at) => each * values[at]))];
    scaled.forEach((each, at) => {
      found[start + at] = (each - middle - values[at] * along) / deviation;
    });
  }
  return [found];
}

/** @param {Float64Array} numbers */
const averageOf = (numbers) =>
  dot(
    numbers,
    numbers.map(() => 1),
  ) / numbers.length;

/** @param {Floats} one @param {Floats} other */
function dot(one, other) {
  let sum = 0;
  for (let at = 0; at < one.length; at += 1) sum += one[at] * other[at];
  return sum;
}

/** @param {Passing} passing */
function throughParts({ layer: { shape }, above, sources, Kind }) {
  const width = shape[shape.length - 1];
  let start = 0;
  return sources.map((source) => {
    const size = source.shape[source.shape.length - 1];
    const first = start;
    start += size;
    return new Kind(source.data.length).map(
      (_, at) => above[Math.floor(at / size) * width + first + (at % size)],
    );
  });
}

/** @param {Passing} passing */
function throughResizing({ layer: { shape }, above, sources: [source], Kind }) {
  const [channels, rows, columns] = source.shape;
  const [, height, width] = shape;
  /** @param {number} before @param {number} after @returns {Pair[][]} */
  const shares = (before, after) =>
    Array.from({ length: after }, (_, at) => resizingShares(before, after, at));
  const [down, across] = [shares(rows, height), shares(columns, width)];
  const found = new Float64Array(source.data.length);
  for (let at = 0; at < above.length; at += 1) {
    const map = Math.min(channels - 1, Math.floor(at / height / width)) * rows * columns;
    for (const [row, share] of down[Math.floor(at / width) % height]) {
      for (const [column, other] of across[at % width]) {
        found[map + row * columns + column] += share * other * above[at];
      }
    }
  }
  return [new Kind(found)];
}

// Attention.

/** @param {Floats} rows @param {number} size of a row @returns {Floats} columns as rows */
function turned(rows, size) {
  const count = rows.length / size;
  return rows.slice().map((_, at) => rows[(at % count) * size + Math.floor(at / count)]);
}

/** @param {Passing} passing */
function throughAttention({ above, sources: [projected, shares], Kind }) {
  const [length, width] = projected.shape;
  const size = width / 3;
  const ofShares = new Kind(shares.data.length);
  const made = new Kind(projected.data.length);
  const part = size / shares.shape[0];
  for (let head = 0; head < shares.shape[0]; head += 1) {
    const x = new Kind(length * part).map(
      (_, at) => above[Math.floor(at / part) * size + head * part + (at % part)],
    );
    const map = ofShares.subarray(head * length * length, (head + 1) * length * length);
    const weights = headParts(projected, 2, head, shares.shape[0]);
    addProducts({ x, weights, size: part, made: map, width: length, start: 0 });
    const start = 2 * size + head * part;
    const mixed = turned(shares.row(head), length);
    addProducts({ x: mixed, weights: turned(x, part), size: length, made, width, start });
  }
  return [made, ofShares];
}

/** @param {Passing} passing */
function throughAttentionWeights({ layer: { settings }, above, sources: [projected], made: shares, Kind }) {
  const [length, width] = projected.shape;
  const part = width / 3 / settings.heads;
  const made = new Kind(projected.data.length);
  for (let head = 0; head < settings.heads; head += 1) {
    const x = new Kind(length * length);
    for (let t = 0; t < length; t += 1) {
      const from = (head * length + t) * length;
      const row = shares.subarray(from, from + length);
      const own = above.subarray(from, from + length);
      const along = dot(row, own);
      for (let at = 0; at < length; at += 1) {
        x[t * length + at] = (row[at] * (own[at] - along)) / Math.sqrt(part);
      }
    }
    const [queries, keys] = [0, 1].map((which) =>
      turned(headParts(projected, which, head, settings.heads), part),
    );
    addProducts({ x, weights: keys, size: length, made, width, start: head * part });
    const start = width / 3 + head * part;
    addProducts({ x: turned(x, length), weights: queries, size: length, made, width, start });
  }
  return [made];
}

// Recurrent layers, from the last step back to the first.

/** Gradients at the sums inside the gates of one unit, in the order of the gates. @typedef {{ sums: number[], stateSums: number[], before: number }} StepBack */

/**
 * From the gradient at a unit's state and, of an LSTM, the one at its memory. `before`: of the memory before, or of the
 * state as far as it was kept.
 * @type {Record<string, (step: CellStep, former: number, old: number, of: { state: number, memory: number }) => StepBack>}
 */
const CELLS_BACK = {
  lstm({ gates: [i, f, g, o], memory }, former, _, of) {
    const bent = Math.tanh(memory);
    const inside = of.memory + of.state * o * (1 - bent ** 2);
    const sums = [
      inside * g * i * (1 - i),
      inside * former * f * (1 - f),
      inside * i * (1 - g ** 2),
      of.state * bent * o * (1 - o),
    ];
    return { sums, stateSums: sums, before: inside * f };
  },
  gru({ gates: [r, z, g] }, former, old, of) {
    const inside = of.state * (1 - z) * (1 - g ** 2);
    const both = [inside * old * r * (1 - r), of.state * (former - g) * z * (1 - z)];
    return { sums: [...both, inside], stateSums: [...both, inside * r], before: of.state * z };
  },
};

/** @param {Passing} passing */
function throughTimeBack({ layer, above, sources, weights, Kind, keep }) {
  const [{ data: ofInput, shape }, { data: ofState }] = weights;
  const [length, units] = layer.shape;
  const width = ofState.length / units;
  /** @type {{ step: CellStep, old: number }[]} */
  const steps = [];
  recurrent(layer, sources, weights.map(needWhole), Float64Array, (_, unit, step, ofStates) =>
    steps.push({ step, old: ofStates[2 * units + unit] }),
  );
  const [sums, stateSums] = [new Kind(length * width), new Kind(length * width)];
  let ofStates = new Float64Array(units);
  const ofMemory = new Float64Array(units);
  for (let t = length - 1; t >= 0; t -= 1) {
    const next = new Float64Array(units);
    for (let unit = 0; unit < units; unit += 1) {
      const { step, old } = steps[t * units + unit];
      const former = t ? steps[(t - 1) * units + unit].step.memory : 0;
      const of = { state: ofStates[unit] + above[t * units + unit], memory: ofMemory[unit] };
      const found = CELLS_BACK[layer.kind](step, former, old, of);
      found.sums.forEach((each, gate) => {
        sums[t * width + gate * units + unit] = each;
        stateSums[t * width + gate * units + unit] = found.stateSums[gate];
      });
      if (layer.kind === "lstm") ofMemory[unit] = found.before;
      else next[unit] = found.before;
    }
    addProducts({
      x: stateSums.subarray(t * width, (t + 1) * width),
      weights: turned(ofState, units),
      size: width,
      made: next,
      width: units,
      start: 0,
    });
    ofStates = next;
  }
  keep("sums", [length, width], sums);
  keep("state-sums", [length, width], stateSums);
  const found = new Kind(length * shape[1]);
  addProducts({
    x: sums,
    weights: turned(ofInput, shape[1]),
    size: width,
    made: found,
    width: shape[1],
    start: 0,
  });
  return [found];
}

/** @type {Record<string, (passing: Passing) => (Floats | null)[]>} one gradient for each source; null: it has none */
export const BACKWARD_BY_HAND = {
  "max-pool": throughWindows,
  "global-max": throughMaximum,
  "text-max": throughMaximum,
  "layer-norm": throughLayerNorm,
  "side-by-side": throughParts,
  resize: throughResizing,
  attention: throughAttention,
  "attention-weights": throughAttentionWeights,
  lstm: throughTimeBack,
  gru: throughTimeBack,
  embedding: () => [null],
  "weighed-sum": () => [null],
  softmax({ above, made, Kind }) {
    const along = dot(above, made);
    return [new Kind(made).map((share, at) => share * (above[at] - along))];
  },
  "unit-length"({ above, sources: [{ data }], made, Kind }) {
    const [along, length] = [dot(above, made), lengthOf(data)];
    return [new Kind(made).map((each, at) => (above[at] - each * along) / length)];
  },
  reparametrised({ above, sources: [, logVariance, noise], Kind }) {
    const spread = new Kind(above).map(
      (each, j) => (each * noise.data[j] * Math.exp(logVariance.data[j] / 2)) / 2,
    );
    return [above, spread, null];
  },
  reconstruction: ({ layer, above, sources: [given, rebuilt], Kind }) => [
    null,
    new Kind(rebuilt.data).map((each, at) => ((each - given.data[at]) * above[0]) / layer.settings.variance),
  ],
  "density-of-draw": ({ above, sources: [{ data }], Kind }) => [
    new Kind(data.length).fill(-above[0] / 2),
    null,
  ],
  "mixture-density"({ above, sources: [{ data: latent }], weights, Kind }) {
    const [means, logVariances] = weights.map(({ data }) => data);
    const found = new Kind(latent.length);
    mixtureOf(
      latent,
      weights.map(({ data }) => data),
    ).shares.forEach((share, k) => {
      for (let j = 0; j < latent.length; j += 1) {
        const at = k * latent.length + j;
        found[j] -= (above[0] * share * (latent[j] - means[at])) / Math.exp(logVariances[at]);
      }
    });
    return [found];
  },
};
