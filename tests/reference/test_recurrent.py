import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.reference.gru import gru_states
from pellucid.reference.lstm import lstm, lstm_states
from reference.agreement import assert_agrees
from reference.cases import GRU_GATES, LSTM_GATES, draw

LARGE = 1e3
"""What a gate adds up to when it is wide open; below zero when it is shut."""


def test_one_unit_of_an_lstm_by_hand():
    # Gates i, f, g, o: all half open but g, which is tanh of the input.
    weights = np.array([[0.0], [0.0], [1.0], [0.0]])
    states = lstm_states(np.array([[[1.0], [2.0]]]), weights, 0 * weights, np.zeros(4), np.zeros(4))
    first = 0.5 * np.tanh(1.0)
    second = 0.5 * first + 0.5 * np.tanh(2.0)
    assert states.memory[0, :, 0].tolist() == pytest.approx([first, second])
    assert states.state[0, :, 0].tolist() == pytest.approx([0.5 * np.tanh(first), 0.5 * np.tanh(second)])
    assert states.kept.ravel().tolist() == states.incoming.ravel().tolist() == [0.5, 0.5]
    assert states.new[0, :, 0].tolist() == pytest.approx([np.tanh(1.0), np.tanh(2.0)])


def test_an_open_gate_keeps_the_memory_for_good():
    bias = np.array([-LARGE, LARGE, 0.0, LARGE])
    opened = bias + np.array([2 * LARGE, 0.0, 0.0, 0.0])
    text = np.ones((1, 6, 1))
    weights = np.array([[0.0], [0.0], [1.0], [0.0]])
    assert lstm(text, weights, 0 * weights, bias, np.zeros(4)).tolist() == np.zeros((1, 6, 1)).tolist()
    memory = lstm_states(text, weights, 0 * weights, opened, np.zeros(4)).memory
    assert memory[0, :, 0].tolist() == pytest.approx(np.tanh(1.0) * np.arange(1, 7))  # in, and never out


def test_one_unit_of_a_gru_by_hand():
    # Gates r, z half open; the new is tanh(input + r * (2 * state)).
    weights, back = np.array([[0.0], [0.0], [1.0]]), np.array([[0.0], [0.0], [2.0]])
    states = gru_states(np.array([[[1.0], [2.0]]]), weights, back, np.zeros(3), np.zeros(3))
    first = 0.5 * np.tanh(1.0)
    second = 0.5 * np.tanh(2.0 + 0.5 * 2 * first) + 0.5 * first
    assert states.state[0, :, 0].tolist() == pytest.approx([first, second])
    assert states.old[0, :, 0].tolist() == pytest.approx([0.0, 2 * first])


@pytest.mark.parametrize(
    ("kind", "gates", "layer"), [("lstm", LSTM_GATES, torch.nn.LSTM), ("gru", GRU_GATES, torch.nn.GRU)]
)
@given(batch=st.integers(1, 3), length=st.integers(1, 7), size=st.integers(1, 3), units=st.integers(1, 3))
@settings(max_examples=20)
def test_any_shape_is_torchs(kind, gates, layer, batch, length, size, units):
    module = layer(size, units, batch_first=True).double()
    names = [name for name, _ in module.named_parameters()]
    rows = gates * units

    def theirs(inputs, *weights):
        values = dict(zip(names, weights, strict=True))
        return torch.func.functional_call(module, values, (inputs,))[0]

    weights = (draw(rows, size), draw(rows, units), draw(rows), draw(rows, seed=1))
    assert_agrees(kind, (draw(batch, length, size), *weights), theirs)
