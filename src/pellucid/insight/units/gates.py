r"""One unit of a recurrent layer opened: its gates at one place, and what it remembers from before.

A unit's gates need the vector of the place and the states of all units at the place before, which the
network itself gave. Its own memory is followed from the first place on, by the formulas of
`pellucid.reference.texts.lstm` and `pellucid.reference.texts.gru`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from pellucid.insight.units.arithmetic import Step, Weighing
from pellucid.insight.units.parts import Parts
from pellucid.reference.layers.activations import sigmoid

_LSTM = ("input gate i", "forget gate f", "candidate g", "output gate o")
_GRU = ("reset gate r", "update gate z", "candidate g")


class GatesOverTime(NamedTuple):
    """Gates of one unit at every place.

    Attributes:
        names: of the gates.
        gates: their values.
        memory: of an LSTM, else the state itself.
        state: by hand.
    """

    names: tuple[str, ...]
    gates: Float64[np.ndarray, "gate place"]
    memory: Float64[np.ndarray, " place"]
    state: Float64[np.ndarray, " place"]


def lstm_unit(taken: Sequence[np.ndarray], unit: tuple[int, ...]) -> Parts:
    """Open one unit (place and unit) of an LSTM, given its inputs, four weights and states.

    Two sums for each gate, of the inputs and of the states before, and the steps from them to the state.
    """
    place, number = unit
    found = lstm_over_time(taken, number)
    i, f, g, o = (float(each) for each in found.gates[:, place])
    before = float(found.memory[place - 1]) if place else 0.0
    memory, value = float(found.memory[place]), float(found.state[place])
    steps = (
        *(Step(_after(name), gate) for name, gate in zip(_LSTM, (i, f, g, o), strict=True)),
        Step("memory before", before),
        Step("memory s: f \u00d7 memory before + i \u00d7 g", memory),
        Step("state h: o \u00d7 tanh(s)", value),
    )
    weighings = _weighings(taken, unit, _LSTM)
    return Parts(value, max(each.magnitude for each in weighings) + abs(value), weighings, steps=steps)


def gru_unit(taken: Sequence[np.ndarray], unit: tuple[int, ...]) -> Parts:
    """Open one unit of a GRU, as `lstm_unit` does."""
    place, number = unit
    found = gru_over_time(taken, number)
    r, z, g = (float(each) for each in found.gates[:, place])
    before, value = float(taken[5][place - 1, number]) if place else 0.0, float(found.state[place])
    steps = (
        *(Step(_after(name), gate) for name, gate in zip(_GRU, (r, z, g), strict=True)),
        Step("state before", before),
        Step("state h: (1 \u2212 z) \u00d7 g + z \u00d7 state before", value),
    )
    weighings = _weighings(taken, unit, _GRU)
    return Parts(value, max(each.magnitude for each in weighings) + abs(value), weighings, steps=steps)


def lstm_over_time(taken: Sequence[np.ndarray], unit: int) -> GatesOverTime:
    """Gates, memory and state of one unit of an LSTM at every place; `taken` as for `lstm_unit`."""
    inside = _sums(taken, unit, 4, 0) + _sums(taken, unit, 4, 1)
    i, f, g, o = sigmoid(inside[0]), sigmoid(inside[1]), np.tanh(inside[2]), sigmoid(inside[3])
    memory, s = np.zeros(len(i)), 0.0
    for t in range(len(i)):
        s = f[t] * s + i[t] * g[t]
        memory[t] = s
    return GatesOverTime(_LSTM, np.stack([i, f, g, o]), memory, o * np.tanh(memory))


def gru_over_time(taken: Sequence[np.ndarray], unit: int) -> GatesOverTime:
    """Gates and state of one unit of a GRU at every place; `taken` as for `lstm_unit`."""
    of_inputs, of_state = _sums(taken, unit, 3, 0), _sums(taken, unit, 3, 1)
    r, z = sigmoid(of_inputs[0] + of_state[0]), sigmoid(of_inputs[1] + of_state[1])
    g = np.tanh(of_inputs[2] + r * of_state[2])
    before = _before(taken[5])[:, unit]
    state = (1 - z) * g + z * before
    return GatesOverTime(_GRU, np.stack([r, z, g]), state, state)


def _sums(taken: Sequence[np.ndarray], unit: int, gates: int, part: int) -> Float64[np.ndarray, "gate place"]:
    """Weighted sums inside a unit's gates at every place: of the inputs (0), or of the states (1)."""
    inputs, weights, biases = (taken[0], taken[5])[part], taken[1 + part], taken[3 + part]
    rows = unit + np.arange(gates) * (len(weights) // gates)
    given = _before(inputs) if part else inputs.astype(np.float64)
    sums: np.ndarray = weights[rows].astype(np.float64) @ given.T + biases[rows][:, None]
    return sums


def _before(states: np.ndarray) -> Float64[np.ndarray, "place units"]:
    """States at the place before each, zeros at the first."""
    return np.concatenate([np.zeros((1, states.shape[1])), states[:-1].astype(np.float64)])


def _after(name: str) -> str:
    """Value of a gate in words: candidates go through tanh, the others through a sigmoid."""
    return f"{name}, after {'tanh' if name.startswith('candidate') else 'the sigmoid'}"


def _weighings(
    taken: Sequence[np.ndarray], unit: tuple[int, ...], names: tuple[str, ...]
) -> tuple[Weighing, ...]:
    """Sum inside each gate, of the place's vector and of the states before."""
    inputs, input_weight, state_weight, input_bias, state_bias, states = taken
    place, number = unit
    here, before = inputs[place].astype(np.float64), _before(states)[place]
    found = []
    for gate, name in enumerate(names):
        row = gate * (len(input_weight) // len(names)) + number
        of_inputs = Weighing(
            f"{name}, from the place", here, input_weight[row].astype(np.float64), float(input_bias[row])
        )
        of_state = Weighing(
            f"{name}, from the states before",
            before,
            state_weight[row].astype(np.float64),
            float(state_bias[row]),
        )
        found += [of_inputs, of_state]
    return tuple(found)
