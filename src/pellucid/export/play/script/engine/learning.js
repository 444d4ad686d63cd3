// Losses of one example, and rules by which weights change.
import { softmaxOf, sumOf } from "../../../../reports/explain/script/shares.js";
/** @import { Loss, Optimiser } from "./types.js" */

/**
 * Each gives the loss of the outputs from `at` on and writes its gradient; both are later divided by the batch.
 * @type {Record<string, Loss>}
 */
export const LOSSES = {
  // −log softmax(z)[label]; its gradient is softmax(z) less 1 at the label.
  "cross-entropy": {
    of({ made, size, gradient }, at, label) {
      let most = -Infinity;
      for (let each = at; each < at + size; each += 1) most = Math.max(most, made[each]);
      let sum = 0;
      for (let each = at; each < at + size; each += 1) sum += Math.exp(made[each] - most);
      for (let each = at; each < at + size; each += 1) gradient[each] = Math.exp(made[each] - most) / sum;
      gradient[at + label] -= 1;
      return Math.log(sum) + most - made[at + label];
    },
    shares: softmaxOf,
  },
  // Mean over the classes of (z − 1 at the label, 0 elsewhere)².
  "squared-error": {
    of({ made, size, gradient }, at, label) {
      let sum = 0;
      for (let each = 0; each < size; each += 1) {
        const error = made[at + each] - Number(each === label);
        sum += (error * error) / size;
        gradient[at + each] = (2 * error) / size;
      }
      return sum;
    },
    shares(outputs) {
      const positive = Float64Array.from(outputs, (each) => Math.max(0, each));
      const sum = sumOf(positive);
      return positive.map((each) => (sum ? each / sum : 1 / outputs.length));
    },
  },
  // Mean over the classes of max(0, 1 − z[label] + z[other]) (Crammer & Singer 2001, as PyTorch's multi_margin_loss).
  hinge: {
    of({ made, size, gradient }, at, label) {
      let sum = 0;
      gradient[at + label] = 0;
      for (let each = 0; each < size; each += 1) {
        if (each === label) continue;
        const short = 1 - made[at + label] + made[at + each];
        sum += Math.max(0, short) / size;
        gradient[at + each] = short > 0 ? 1 / size : 0;
        gradient[at + label] -= gradient[at + each];
      }
      return sum;
    },
    shares: softmaxOf,
  },
};

const FRICTION = 0.9; // share of the speed that momentum keeps
const FIRST = 0.9; // share that Adam's mean of the gradients keeps
const SECOND = 0.999; // share that Adam's mean of their squares keeps
const LEAST = 1e-8; // added to Adam's root, so that nothing is divided by 0

/** As PyTorch's SGD and Adam; `states` are the names of what is kept of each weight. @type {Record<string, Optimiser>} */
export const OPTIMISERS = {
  "gradient-descent": {
    states: [],
    update({ data, gradient }, rate) {
      for (let at = 0; at < data.length; at += 1) data[at] -= rate * gradient[at];
    },
  },
  momentum: {
    states: ["momentum"],
    update({ data, gradient, states: [speed] }, rate) {
      for (let at = 0; at < data.length; at += 1) {
        speed[at] = FRICTION * speed[at] + gradient[at];
        data[at] -= rate * speed[at];
      }
    },
  },
  // Kingma & Ba (2015), algorithm 1; the corrections undo that both means began at 0.
  adam: {
    states: ["first", "second"],
    update({ data, gradient, states: [first, second] }, rate, step) {
      const [ofFirst, ofSecond] = correctionsOf(step);
      const length = rate / ofFirst;
      const root = 1 / Math.sqrt(ofSecond);
      for (let at = 0; at < data.length; at += 1) {
        const slope = gradient[at];
        const mean = first[at] + (1 - FIRST) * (slope - first[at]);
        const square = SECOND * second[at] + (1 - SECOND) * slope * slope;
        first[at] = mean;
        second[at] = square;
        data[at] -= (length * mean) / (Math.sqrt(square) * root + LEAST);
      }
    },
  },
};

/** What Adam's means are divided by. @param {number} step from 1 on */
export const correctionsOf = (step) => [1 - FIRST ** step, 1 - SECOND ** step];
