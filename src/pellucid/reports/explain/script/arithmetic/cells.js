// One step of one unit of a recurrent layer.
import { sigmoid } from "./activations.js";
/** @import { CellStep, Pair, RecurrentKind } from "../types.js" */

/** @type {Record<RecurrentKind, string[]>} */
export const GATES = {
  lstm: ["input gate i", "forget gate f", "candidate g", "output gate o"],
  gru: ["reset gate r", "update gate z", "candidate g"],
};

/**
 * A candidate goes through tanh, a gate through the sigmoid.
 * @param {string} name
 */
export const isCandidate = (name) => name.startsWith("candidate");

/**
 * A step, from the sums inside its gates: those from the place, and those from the states before.
 * @type {Record<RecurrentKind, (pairs: Pair[], before: number) => CellStep>}
 */
export const cells = {
  lstm(pairs, before) {
    const total = pairs.map(([one, other]) => one + other);
    const gates = [sigmoid(total[0]), sigmoid(total[1]), Math.tanh(total[2]), sigmoid(total[3])];
    const added = gates[0] * gates[2];
    const memory = gates[1] * before + added;
    return { gates, kept: gates[1] * before, added, memory, state: gates[3] * Math.tanh(memory) };
  },
  gru([ofReset, ofUpdate, ofCandidate], before) {
    const reset = sigmoid(ofReset[0] + ofReset[1]);
    const update = sigmoid(ofUpdate[0] + ofUpdate[1]);
    const candidate = Math.tanh(ofCandidate[0] + reset * ofCandidate[1]);
    const added = (1 - update) * candidate;
    const state = added + update * before;
    return { gates: [reset, update, candidate], kept: update * before, added, memory: state, state };
  },
};
