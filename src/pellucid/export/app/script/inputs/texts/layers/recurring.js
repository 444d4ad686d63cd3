// Recurrent layers over a whole text.
import { sigmoid } from "../../../../../../reports/explain/script/arithmetic/activations.js";
import { addProducts, dense } from "./products.js";
/** @import { Floats, Numbers, RecurrentKind, Whole } from "../../../../../../reports/explain/script/types.js" */

/**
 * What one step makes of the sums inside the gates: those from the place, and those from the states before.
 * @typedef {{ ofPlace: Floats, ofStates: Floats, at: number, units: number, before: Floats, memory: Floats,
 *   state: Floats }} Step at: where the sums of the place begin
 */

/** @type {Record<RecurrentKind, (step: Step) => void>} */
const steps = {
  lstm({ ofPlace, ofStates, at, units, memory, state }) {
    /** @param {number} gate @param {number} u */
    const sum = (gate, u) => ofPlace[at + gate * units + u] + ofStates[gate * units + u];
    for (let u = 0; u < units; u += 1) {
      memory[u] = sigmoid(sum(1, u)) * memory[u] + sigmoid(sum(0, u)) * Math.tanh(sum(2, u));
      state[u] = sigmoid(sum(3, u)) * Math.tanh(memory[u]);
    }
  },
  gru({ ofPlace, ofStates, at, units, before, state }) {
    for (let u = 0; u < units; u += 1) {
      const reset = sigmoid(ofPlace[at + u] + ofStates[u]);
      const update = sigmoid(ofPlace[at + units + u] + ofStates[units + u]);
      const candidate = Math.tanh(ofPlace[at + 2 * units + u] + reset * ofStates[2 * units + u]);
      state[u] = (1 - update) * candidate + update * before[u];
    }
  },
};

/**
 * The states of all places.
 * @param {RecurrentKind} kind
 * @param {Whole} inputs
 * @param {Numbers[]} weights
 */
export function recurredFast(kind, inputs, [ofInput, ofState, inputBias, stateBias]) {
  const [length, size] = inputs.shape;
  const units = ofState.shape[1];
  const sums = ofState.shape[0];
  const ofPlace = dense(inputs.data, ofInput.data, inputBias.data, size);
  const states = new Float32Array(length * units);
  const memory = new Float64Array(units);
  let before = new Float32Array(units);
  for (let t = 0; t < length; t += 1) {
    const ofStates = new Float64Array(stateBias.data);
    addProducts({ x: before, weights: ofState.data, size: units, made: ofStates, width: sums, start: 0 });
    const state = states.subarray(t * units, (t + 1) * units);
    steps[kind]({ ofPlace, ofStates, at: t * sums, units, before, memory, state });
    before = state;
  }
  return states;
}
