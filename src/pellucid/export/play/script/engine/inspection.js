// What is shown of a network that learns: one step by hand, dead units, the decision between points, gradients checked.
import { product } from "../../../../reports/explain/script/arrays.js";
import { drawsOf } from "./draws.js";
import { LAYERS } from "./layers.js";
import { correctionsOf, OPTIMISERS } from "./learning.js";
import { networkOf } from "./network.js";
/** @import { Network } from "./network.js" */
/** @import { WeightPlace } from "./types.js" */

/** Terms of a gradient that are shown, the largest. */
const MOST_TERMS_SHOWN = 12;
/** Validation examples by which a unit is judged dead. */
const JUDGED = 200;
/** Places along a side of the plane on which a decision is drawn, which reaches so far from 0. */
const [SIDE_OF_PLANE, REACH_OF_PLANE] = [48, 1.2];
/** By how much a weight is moved, to either side. */
const MOVED = 1e-5;
/** Examples that gradients are checked on. */
const CHECKED = 8;

/** The largest gradient of the last layer, where nobody chose a weight. @param {Network} network @returns {WeightPlace} */
function steepest({ last }) {
  const { name, gradient } = last.weights[0];
  let index = 0;
  for (let at = 1; at < gradient.length; at += 1) {
    if (Math.abs(gradient[at]) > Math.abs(gradient[index])) index = at;
  }
  return { layer: last.name, name, index };
}

/**
 * One step from a single example, with all that it is made of, and the update of one weight by hand.
 * @param {Network} network @param {number} example of train @param {WeightPlace | undefined} asked
 */
export function stepByHand(network, example, asked) {
  const { design, data } = network;
  const { loss } = network.differentiate([example], network.steps);
  const place = asked ?? steepest(network);
  const { layer, weights } = network.weightsAt(place);
  const index = Math.min(place.index, weights.data.length - 1);
  const terms = LAYERS[layer.kind].terms?.(layer, weights, index) ?? [];
  terms.sort((one, other) => Math.abs(other[0] * other[1]) - Math.abs(one[0] * one[1]));
  const { states } = OPTIMISERS[design.optimiser];
  const stateOf = () => Object.fromEntries(states.map((name, at) => [name, weights.states[at][index]]));
  const [before, state] = [weights.data[index], stateOf()];
  const values = network.valuesOf("made");
  const found = {
    ...{ example, label: data.train.labels[example], loss, values, gradients: network.valuesOf("gradient") },
    inputs: network.input.made.slice(0, network.input.size),
  };
  network.step([example]);
  const after = weights.data[index];
  return {
    ...found,
    step: network.steps,
    weight: {
      ...{ layer: layer.name, name: weights.name, index, shape: weights.shape, before, after },
      ...{ gradient: weights.gradient[index], terms: terms.slice(0, MOST_TERMS_SHOWN), count: terms.length },
      state: { before: state, after: stateOf(), corrections: correctionsOf(network.steps) },
    },
  };
}

/** By layer how many of its units, or maps, give 0 for every one of some examples. @param {Network} network */
export function deadUnits(network) {
  const relus = network.layers.filter(({ kind }) => kind === "relu");
  const alive = relus.map(({ shape }) => new Uint8Array(shape[0]));
  const { validation } = network.data;
  network.asked(validation, Math.min(JUDGED, validation.labels.length), (places) => {
    relus.forEach(({ made, size, shape }, which) => {
      const each = size / shape[0];
      for (let at = 0; at < places.length * size; at += 1) {
        if (made[at] > 0) alive[which][Math.floor((at % size) / each)] = 1;
      }
    });
  });
  return Object.fromEntries(
    relus.map(({ name }, at) => [name, alive[at].reduce((count, is) => count + Number(!is), 0)]),
  );
}

/** What is answered all over the plane of two-dimensional points. @param {Network} network */
export function decisionOnPlane(network) {
  const count = SIDE_OF_PLANE ** 2;
  const inputs = new Float32Array(2 * count);
  const step = (2 * REACH_OF_PLANE) / SIDE_OF_PLANE;
  for (let at = 0; at < count; at += 1) {
    inputs[2 * at] = ((at % SIDE_OF_PLANE) + 0.5) * step - REACH_OF_PLANE;
    inputs[2 * at + 1] = REACH_OF_PLANE - (Math.floor(at / SIDE_OF_PLANE) + 0.5) * step;
  }
  const answers = new Float32Array(count);
  const { last } = network;
  network.asked({ inputs, labels: new Uint8Array(count) }, count, (places) => {
    places.forEach((place, at) => {
      const [first, second] = last.made.subarray(at * last.size, at * last.size + 2);
      answers[place] = second - first;
    });
  });
  return { size: SIDE_OF_PLANE, reach: REACH_OF_PLANE, answers };
}

/**
 * Gradients of some weights by back-propagation and by central differences, both in double precision.
 * @param {Network} network @param {number} count
 */
export function checkedGradients(network, count) {
  const { design, data, steps } = network;
  const exact = networkOf({ ...design, precision: "float64", batch: CHECKED }, data);
  const tensors = exact.layers.flatMap((layer, at) =>
    layer.weights.map((weights, which) => {
      weights.data.set(network.layers[at].weights[which].data);
      return { layer: layer.name, weights };
    }),
  );
  const places = Array.from({ length: Math.min(CHECKED, data.train.labels.length) }, (_, at) => at);
  const draw = drawsOf(steps + 1);
  const chosen = Array.from({ length: count }, (_, at) => {
    const { layer, weights } = tensors[at % tensors.length];
    return { layer, weights, index: Math.floor(draw() * product(weights.shape)) };
  });
  exact.differentiate(places, steps);
  const byBackprop = chosen.map(({ weights, index }) => weights.gradient[index]);
  const meanLoss = () => exact.differentiate(places, steps).loss / places.length;
  return chosen.map(({ layer, weights, index }, at) => {
    const own = weights.data[index];
    const [more, less] = [MOVED, -MOVED].map((by) => {
      weights.data[index] = own + by;
      return meanLoss();
    });
    weights.data[index] = own;
    const byDifference = (more - less) / (2 * MOVED);
    const size = Math.max(Math.abs(byBackprop[at]), Math.abs(byDifference), 1e-7);
    const relativeError = Math.abs(byBackprop[at] - byDifference) / size;
    return { layer, name: weights.name, index, byBackprop: byBackprop[at], byDifference, relativeError };
  });
}
