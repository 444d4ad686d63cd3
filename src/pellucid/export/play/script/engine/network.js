// A small network from its design: its layers, a pass forwards and backwards over some examples, and a step of learning.
import { product } from "../../../../reports/explain/script/arrays.js";
import { drawsOf, normalOf, seedOf, shuffled } from "./draws.js";
import { LAYERS, runsOf } from "./layers.js";
import { LOSSES, OPTIMISERS } from "./learning.js";
/** @import { FloatsKind } from "../../../../reports/explain/script/types.js" */
/** @import { Data, Design, Examples } from "../types.js" */
/** @import { NetLayer, Source, Weights, WeightPlace } from "./types.js" */

/** What a seed is joined with, so that draws of one purpose share nothing with those of another. */
const [OF_WEIGHTS, OF_ORDER, OF_DROPOUT] = [1, 2, 3];
/** Standard deviation with which the vectors of words begin. */
const SPREAD_OF_WORDS = 0.1;
/** Examples that are asked at once outside of training. */
const FEWEST_AT_ONCE = 32;
/** Pixels from 0 to 255 are brought to −1 to 1. */
const HALF_OF_PIXELS = 127.5;

/** @typedef {{ kind: string, shape: number[], weights: [name: string, shape: number[]][], rate?: number }} Plan */

/** The layers of a design, one behind the other, as plans. @param {Design} design @param {Data} data @returns {Plan[]} */
function plansOf({ model, depth, width, kernel, activation, dropout }, { shape, classes }) {
  /** @type {Plan[]} */
  const plans = [];
  let now = model === "cnn" ? shape : [product(shape)];
  /** @param {string} kind @param {number[]} next @param {Plan["weights"]} [weights] */
  const add = (kind, next, weights = []) => {
    plans.push({ kind, shape: next, weights, rate: kind === "dropout" ? dropout : 0 });
    now = next;
  };
  /** @param {number} units */
  const dense = (units) =>
    add(
      "dense",
      [units],
      [
        ["weight", [units, product(now)]],
        ["bias", [units]],
      ],
    );
  const drop = () => dropout && add("dropout", now);
  if (model === "bag") add("embedding", [width], [["weight", [shape[0], width]]]);
  if (model === "cnn") {
    for (let block = 0; block < depth; block += 1) {
      const filters = width * 2 ** block;
      const [channels, rows, columns] = now;
      /** @type {Plan["weights"]} */
      const weights = [
        ["weight", [filters, channels, kernel, kernel]],
        ["bias", [filters]],
      ];
      add("convolution", [filters, rows, columns], weights);
      add(activation, now);
      if (rows > 1 && columns > 1) add("pool", [filters, Math.floor(rows / 2), Math.floor(columns / 2)]);
    }
    drop();
  }
  const hidden = { perceptron: 0, mlp: depth, cnn: 0, bag: depth - 1 }[model];
  for (let layer = 0; layer < hidden; layer += 1) {
    dense(width);
    add(activation, now);
    drop();
  }
  dense(classes.length);
  return plans;
}

/** Uniform from −1 to 1 over the root of what a unit sees, as PyTorch begins; words are normal. @param {Weights[]} all @param {string} kind @param {() => number} draw */
function begin(all, kind, draw) {
  const seen = product(all[0].shape.slice(1));
  for (const { data } of all) {
    for (let at = 0; at < data.length; at += 1) {
      data[at] = kind === "embedding" ? SPREAD_OF_WORDS * normalOf(draw) : (2 * draw() - 1) / Math.sqrt(seen);
    }
  }
}

/** @param {Design} design @param {Data} data */
export function networkOf(design, data) {
  const Kind = design.precision === "float64" ? Float64Array : Float32Array;
  const room = Math.max(design.batch, FEWEST_AT_ONCE);
  const size = product(data.shape);
  /** @type {Source} */
  const input = {
    name: "inputs",
    shape: data.shape,
    size: data.kind === "text" ? 0 : size,
    made: new Kind(data.kind === "text" ? 0 : room * size),
    gradient: null,
    ids: new Uint16Array(0),
    from: [],
    to: [],
  };
  const draw = drawsOf(seedOf(design.seed, OF_WEIGHTS));
  /** @type {Record<string, number>} */
  const counts = {};
  let before = input;
  const layers = plansOf(design, data).map((plan) => {
    counts[plan.kind] = (counts[plan.kind] ?? 0) + 1;
    const layer = layerOf(plan, `${plan.kind}${counts[plan.kind]}`, before, { Kind, room, design });
    if (layer.weights.length) begin(layer.weights, plan.kind, draw);
    before = layer;
    return layer;
  });
  return new Network(design, data, input, layers);
}

/** @param {Plan} plan @param {string} name @param {Source} before @param {{ Kind: FloatsKind, room: number, design: Design }} of @returns {NetLayer} */
function layerOf({ kind, shape, weights, rate = 0 }, name, before, { Kind, room, design }) {
  const size = product(shape);
  const isConvolution = kind === "convolution";
  const seen = isConvolution ? product(weights[0][1].slice(1)) * shape[1] * shape[2] : 0;
  return {
    ...{ name, kind, shape, size, before, rate, draw: null, ids: new Uint16Array(0), from: [], to: [] },
    made: new Kind(room * size),
    gradient: new Kind(room * size),
    weights: weights.map(([own, form]) => ({
      ...{ name: own, shape: form, data: new Kind(product(form)), gradient: new Kind(product(form)) },
      states: OPTIMISERS[design.optimiser].states.map(() => new Kind(product(form))),
    })),
    columns: new Kind(room * seen),
    spread: new Kind(seen),
    runs: isConvolution ? runsOf(before.shape, design.kernel) : new Int32Array(0),
    winners: new Int32Array(kind === "pool" ? room * size : 0),
    mask: new Kind(kind === "dropout" ? room * size : 0),
  };
}

/** A network that learns: `steps` have been made. */
export class Network {
  /** @param {Design} design @param {Data} data @param {Source} input @param {NetLayer[]} layers */
  constructor(design, data, input, layers) {
    this.design = design;
    this.data = data;
    this.input = input;
    this.layers = layers;
    this.last = layers[layers.length - 1];
    this.steps = 0;
    this.most = this.last.made.length / this.last.size;
    /** @type {{ epoch: number, order: Uint32Array }} */
    this.epoch = { epoch: -1, order: new Uint32Array(0) };
  }

  get stepsOfEpoch() {
    return Math.ceil(this.data.train.labels.length / this.design.batch);
  }

  /** Examples of a step, in the order that the seed and the epoch decide. @param {number} step */
  examplesOf(step) {
    const epoch = Math.floor(step / this.stepsOfEpoch);
    const { seed, batch } = this.design;
    if (this.epoch.epoch !== epoch) {
      const order = shuffled(this.data.train.labels.length, seedOf(seed, OF_ORDER, epoch));
      this.epoch = { epoch, order };
    }
    const start = (step % this.stepsOfEpoch) * batch;
    return this.epoch.order.subarray(start, start + batch);
  }

  /** Put examples where the first layer finds them. @param {Examples} examples @param {ArrayLike<number>} places */
  take({ inputs }, places) {
    const { input } = this;
    if ("ids" in inputs) {
      input.ids = inputs.ids;
      input.from = Array.from(places, (place) => inputs.starts[place]);
      input.to = Array.from(places, (place) => inputs.starts[place + 1]);
      return;
    }
    const isOfPixels = inputs instanceof Uint8Array;
    for (let at = 0; at < places.length; at += 1) {
      const [from, to] = [places[at] * input.size, at * input.size];
      for (let i = 0; i < input.size; i += 1) {
        const number = inputs[from + i];
        input.made[to + i] = isOfPixels ? number / HALF_OF_PIXELS - 1 : number;
      }
    }
  }

  /** Let dropout draw as in a step; outside of training everything passes. @param {number | null} step */
  drawAs(step) {
    this.layers.forEach((layer, at) => {
      layer.draw = step === null ? null : drawsOf(seedOf(this.design.seed, OF_DROPOUT, step, at));
    });
  }

  /** @param {number} count */
  forward(count) {
    for (const layer of this.layers) LAYERS[layer.kind].forward(layer, count);
  }

  /**
   * Losses and right answers of the examples that were taken; the gradient of their mean loss begins at the outputs.
   * @param {Examples} examples @param {ArrayLike<number>} places
   */
  judged({ labels }, places) {
    const { last, design } = this;
    let [loss, right] = [0, 0];
    for (let at = 0; at < places.length; at += 1) {
      const start = at * last.size;
      const label = labels[places[at]];
      loss += LOSSES[design.loss].of(last, start, label);
      let best = 0;
      for (let each = 1; each < last.size; each += 1) {
        if (last.made[start + each] > last.made[start + best]) best = each;
      }
      right += Number(best === label);
    }
    return { loss, right };
  }

  /** Gradients of the mean loss of some examples, by dropout as in a step. @param {ArrayLike<number>} places @param {number} step */
  differentiate(places, step) {
    const { train } = this.data;
    const count = places.length;
    this.take(train, places);
    this.drawAs(step);
    this.forward(count);
    const judged = this.judged(train, places);
    const { gradient, size } = this.last;
    for (let at = 0; at < count * size; at += 1) gradient[at] /= count;
    for (const { weights } of this.layers) for (const each of weights) each.gradient.fill(0);
    for (const layer of [...this.layers].reverse()) LAYERS[layer.kind].backward(layer, count);
    return judged;
  }

  /** One step of learning, from the next examples or those that are given. @param {ArrayLike<number>} [places] */
  step(places = this.examplesOf(this.steps)) {
    const judged = this.differentiate(places, this.steps);
    this.steps += 1;
    const { update } = OPTIMISERS[this.design.optimiser];
    for (const { weights } of this.layers) {
      for (const each of weights) update(each, this.design.rate, this.steps);
    }
    return judged;
  }

  /** Mean loss and accuracy of some examples. @param {Examples} examples @param {number} count the first so many */
  score(examples, count) {
    let [loss, right] = [0, 0];
    this.asked(examples, count, (places) => {
      const judged = this.judged(examples, places);
      loss += judged.loss;
      right += judged.right;
    });
    return { loss: loss / count, accuracy: right / count };
  }

  /** Run examples through the network, some at once. @param {Examples} examples @param {number} count @param {(places: number[]) => void} see */
  asked(examples, count, see) {
    this.drawAs(null);
    for (let first = 0; first < count; first += this.most) {
      const places = Array.from({ length: Math.min(this.most, count - first) }, (_, at) => first + at);
      this.take(examples, places);
      this.forward(places.length);
      see(places);
    }
  }

  /** What every layer makes of one example, and the probabilities. @param {Examples} examples @param {number} place */
  opened(examples, place) {
    this.drawAs(null);
    this.take(examples, [place]);
    this.forward(1);
    return { values: this.valuesOf("made"), probabilities: LOSSES[this.design.loss].shares(this.outputs()) };
  }

  /** The outputs for the first of the examples that were taken. */
  outputs() {
    return Float64Array.from(this.last.made.subarray(0, this.last.size));
  }

  /** Of the first example what each layer made, or the gradient there. @param {"made" | "gradient"} what */
  valuesOf(what) {
    return Object.fromEntries(this.layers.map((layer) => [layer.name, layer[what].slice(0, layer.size)]));
  }

  /** @param {WeightPlace} place */
  weightsAt({ layer: wanted, name }) {
    const layer = this.layers.find((each) => each.name === wanted && each.weights.length) ?? this.last;
    return { layer, weights: layer.weights.find((each) => each.name === name) ?? layer.weights[0] };
  }
}
