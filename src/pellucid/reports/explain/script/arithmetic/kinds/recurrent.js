// A unit of a recurrent layer: its gates at one place, its own memory followed from the first place on.
import { need } from "../../data/missing.js";
import { cells, GATES, isCandidate } from "../cells.js";
import { calculation } from "../opening.js";
import { value } from "../values.js";
import { tensorOf, weigh } from "../weighing.js";
/** @import { Layer, Pair, PastStep, RecurrentKind, Step, Unit, Weighing } from "../../types.js" */

/**
 * @param {Layer<RecurrentKind>} layer
 * @param {Unit} unit
 */
export function recurrent(layer, [place, unit]) {
  const sumsAt = sumsOfGates(layer, unit);
  /** @type {PastStep[]} */
  const history = [];
  for (let t = 0; t < layer.shape[0]; t += 1) {
    const former = t ? history[t - 1].memory : 0;
    /** @type {Pair[]} */
    const pairs = sumsAt(t).map(([one, other]) => [one.value, other.value]);
    history.push({ ...cells[layer.kind](pairs, former), former });
  }
  const now = history[place];
  const weighings = sumsAt(place).flat();
  const magnitude = Math.max(...weighings.map((each) => each.magnitude)) + Math.abs(now.state);
  return calculation({ weighings, steps: stepsOf(layer.kind, now), value: now.state, magnitude, history });
}

/**
 * For every place two sums inside each gate: from the place, and from the states before.
 * @param {Layer<RecurrentKind>} layer
 * @param {number} unit
 */
function sumsOfGates(layer, unit) {
  const [ofInput, ofState, inputBias, stateBias] = layer.weights.map((_, which) => tensorOf(layer, which));
  const inputs = need(value(layer.takes[0]));
  const states = need(value(layer.name));
  const units = layer.shape[1];
  const nothing = new Float64Array(units);
  /**
   * @param {number} t
   * @returns {[Weighing, Weighing][]}
   */
  const sumsAt = (t) =>
    GATES[layer.kind].map((name, gate) => {
      const row = gate * units + unit;
      return [
        weigh({
          name: `${name}, from the place`,
          patch: need(inputs.row(t)),
          weights: need(ofInput.row(row)),
          shape: [inputs.shape[1]],
          bias: need(inputBias.row(row))[0],
          weightAt: (at) => [layer.weights[0], [row, at]],
        }),
        weigh({
          name: `${name}, from the states before`,
          patch: t ? need(states.row(t - 1)) : nothing,
          weights: need(ofState.row(row)),
          shape: [units],
          bias: need(stateBias.row(row))[0],
          weightAt: (at) => [layer.weights[1], [row, at]],
        }),
      ];
    });
  return sumsAt;
}

/**
 * @param {RecurrentKind} kind
 * @param {PastStep} now
 * @returns {Step[]}
 */
function stepsOf(kind, now) {
  const gates = GATES[kind].map((name, gate) => {
    /** @type {Step} */
    const step = [`${name}, after ${isCandidate(name) ? "tanh" : "the sigmoid"}`, now.gates[gate]];
    return step;
  });
  if (kind === "lstm") {
    return [
      ...gates,
      ["memory before", now.former],
      ["memory s: f \u00d7 memory before + i \u00d7 g", now.memory],
      ["state h: o \u00d7 tanh(s)", now.state],
    ];
  }
  return [
    ...gates,
    ["state before", now.former],
    ["state h: (1 \u2212 z) \u00d7 g + z \u00d7 state before", now.state],
  ];
}
