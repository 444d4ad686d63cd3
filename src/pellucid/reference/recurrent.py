r"""Recurrent layers: LSTM and GRU.

Functions take `inputs` $x$, `input_weight` $W$, `state_weight` $U$, `input_bias` $b$ and `state_bias` $c$.

LSTM: a memory with input, forget and output gates.

$$\begin{aligned}
i_t &= \sigma(W_i x_t + b_i + U_i h_{t-1} + c_i) && \text{what comes in} \\
f_t &= \sigma(W_f x_t + b_f + U_f h_{t-1} + c_f) && \text{what is kept} \\
g_t &= \tanh(W_g x_t + b_g + U_g h_{t-1} + c_g) && \text{what is new} \\
o_t &= \sigma(W_o x_t + b_o + U_o h_{t-1} + c_o) && \text{what goes out} \\
s_t &= f_t s_{t-1} + i_t g_t && \text{the memory} \\
h_t &= o_t \tanh s_t && \text{the state}
\end{aligned}$$

with $h_0 = s_0 = 0$; products of vectors are value by value. $W$, $U$, $b$ and $c$ hold the rows of the
four gates in the order $i, f, g, o$.

Source: Hochreiter and Schmidhuber 1997, Neural Computation 9(8); Gers, Schmidhuber and Cummins 2000,
Neural Computation 12(10), for $f$.

GRU: a state with an update gate and a gate on what the candidate sees of it.

$$\begin{aligned}
r_t &= \sigma(W_r x_t + b_r + U_r h_{t-1} + c_r) && \text{what the new sees of the old} \\
z_t &= \sigma(W_z x_t + b_z + U_z h_{t-1} + c_z) && \text{what is kept} \\
q_t &= U_q h_{t-1} + c_q && \text{the old, as the new may see it} \\
g_t &= \tanh(W_g x_t + b_g + r_t q_t) && \text{what is new} \\
h_t &= (1 - z_t) g_t + z_t h_{t-1} && \text{the state}
\end{aligned}$$

with $h_0 = 0$; products of vectors are value by value. $W$ and $b$ hold the rows of $r, z, g$ in this order,
$U$ and $c$ those of $r, z, q$. As in torch and cuDNN the reset gate $r$ acts after the product with $U$; in
the paper it acts before.

Source: Cho et al. 2014, arXiv:1406.1078, eq. 5 to 8.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from pellucid.reference.activations import sigmoid

Bias = Float[np.ndarray, " gates"]
States = Float[np.ndarray, "batch length units"]
StateWeight = Float[np.ndarray, "gates units"]
InputWeight = Float[np.ndarray, "gates size"]
Inputs = Float[np.ndarray, "batch length size"]
Gates = Float[np.ndarray, "batch length gates"]


class LstmStates(NamedTuple):
    """Gates $i, f, g, o$, memory $s$ and state $h$ of texts, place by place."""

    incoming: States
    kept: States
    new: States
    outgoing: States
    memory: States
    state: States


def lstm_states(
    inputs: Inputs, input_weight: InputWeight, state_weight: StateWeight, input_bias: Bias, state_bias: Bias
) -> LstmStates:
    """Gates, memory and state after each place of texts."""
    (batch, length, _), units = inputs.shape, state_weight.shape[1]
    found = LstmStates(*(np.zeros((batch, length, units), inputs.dtype) for _ in LstmStates._fields))
    h = s = np.zeros((batch, units), inputs.dtype)
    for t in range(length):
        sums = inputs[:, t] @ input_weight.T + input_bias + h @ state_weight.T + state_bias
        of_i, of_f, of_g, of_o = np.split(sums, 4, axis=1)
        i, f, g, o = sigmoid(of_i), sigmoid(of_f), np.tanh(of_g), sigmoid(of_o)
        s = f * s + i * g
        h = o * np.tanh(s)
        for kept, now in zip(found, (i, f, g, o, s, h), strict=True):
            kept[:, t] = now
    return found


def lstm(
    inputs: Inputs, input_weight: InputWeight, state_weight: StateWeight, input_bias: Bias, state_bias: Bias
) -> States:
    """State $h$ after each place of texts."""
    return lstm_states(inputs, input_weight, state_weight, input_bias, state_bias).state


def lstm_backward(
    gradient: States,
    inputs: Inputs,
    input_weight: InputWeight,
    state_weight: StateWeight,
    input_bias: Bias,
    state_bias: Bias,
) -> tuple[Inputs, InputWeight, StateWeight, Bias, Bias]:
    r"""Gradients of `lstm`, from the last place back to the first.

    With $a$ the sums inside the four gates, $\bar h_t$ the gradient from above plus
    $U^\top \bar a_{t+1}$, and from the place after $\bar s_t = f_{t+1} \bar s_{t+1}$ to begin with:

    $$\bar o = \bar h \tanh s_t, \quad \bar s \mathrel{+}= \bar h \, o \, (1 - \tanh^2 s_t), \quad
      \bar i = \bar s \, g, \quad \bar f = \bar s \, s_{t-1}, \quad \bar g = \bar s \, i$$

    $$\bar a_i = \bar i \, i (1 - i), \quad \bar a_f = \bar f f (1 - f), \quad
      \bar a_g = \bar g (1 - g^2), \quad \bar a_o = \bar o \, o (1 - o)$$

    $$\bar x_t = W^\top \bar a_t, \quad \bar W = \sum_t \bar a_t x_t^\top, \quad
      \bar U = \sum_t \bar a_t h_{t-1}^\top, \quad \bar b = \bar c = \sum_t \bar a_t$$

    Source: Graves and Schmidhuber 2005, "Framewise phoneme classification with bidirectional LSTM",
        Neural Networks 18, appendix, without peepholes.
    """
    found = lstm_states(inputs, input_weight, state_weight, input_bias, state_bias)
    inside = lstm_sum_gradients(gradient, inputs, input_weight, state_weight, input_bias, state_bias)
    return _from_sums(inside, inside, inputs, found.state, input_weight)


def lstm_sum_gradients(
    gradient: States,
    inputs: Inputs,
    input_weight: InputWeight,
    state_weight: StateWeight,
    input_bias: Bias,
    state_bias: Bias,
) -> Gates:
    r"""Gradients at the sums inside the gates, $\bar a_t$ of `lstm_backward`.

    `gradient`: of the states, from above; result: at each place, in the order of the gates.
    """
    found = lstm_states(inputs, input_weight, state_weight, input_bias, state_bias)
    s_before = one_later(found.memory)
    of_sums = np.zeros((*inputs.shape[:2], len(input_weight)), inputs.dtype)
    of_h = of_s = np.zeros_like(gradient[:, 0])
    for t in reversed(range(inputs.shape[1])):
        i, f, g, o, s, _ = (each[:, t] for each in found)
        of_h = of_h + gradient[:, t]
        of_o = of_h * np.tanh(s)
        of_s = of_s + of_h * o * (1 - np.tanh(s) ** 2)
        of_i, of_f, of_g = of_s * g, of_s * s_before[:, t], of_s * i
        inside = [of_i * i * (1 - i), of_f * f * (1 - f), of_g * (1 - g**2), of_o * o * (1 - o)]
        of_sums[:, t] = np.concatenate(inside, axis=1)
        of_h, of_s = of_sums[:, t] @ state_weight, of_s * f
    return of_sums


class GruStates(NamedTuple):
    """Gates $r, z$, old $q$, new $g$ and state $h$ of texts, place by place."""

    reset: States
    kept: States
    old: States
    new: States
    state: States


def gru_states(
    inputs: Inputs, input_weight: InputWeight, state_weight: StateWeight, input_bias: Bias, state_bias: Bias
) -> GruStates:
    """Gates and state after each place of texts."""
    (batch, length, _), units = inputs.shape, state_weight.shape[1]
    found = GruStates(*(np.zeros((batch, length, units), inputs.dtype) for _ in GruStates._fields))
    h = np.zeros((batch, units), inputs.dtype)
    for t in range(length):
        from_r, from_z, from_g = np.split(inputs[:, t] @ input_weight.T + input_bias, 3, axis=1)
        back_r, back_z, q = np.split(h @ state_weight.T + state_bias, 3, axis=1)
        r, z = sigmoid(from_r + back_r), sigmoid(from_z + back_z)
        g = np.tanh(from_g + r * q)
        h = (1 - z) * g + z * h
        for kept, now in zip(found, (r, z, q, g, h), strict=True):
            kept[:, t] = now
    return found


def gru(
    inputs: Inputs, input_weight: InputWeight, state_weight: StateWeight, input_bias: Bias, state_bias: Bias
) -> States:
    """State $h$ after each place of texts."""
    return gru_states(inputs, input_weight, state_weight, input_bias, state_bias).state


def gru_backward(
    gradient: States,
    inputs: Inputs,
    input_weight: InputWeight,
    state_weight: StateWeight,
    input_bias: Bias,
    state_bias: Bias,
) -> tuple[Inputs, InputWeight, StateWeight, Bias, Bias]:
    r"""Gradients of `gru`, from the last place back to the first.

    With $a$ the sums inside $r$, $z$ and $g$, and $\bar h_t$ the gradient from above plus what the place
    after hands back:

    $$\bar g = \bar h (1 - z), \quad \bar z = \bar h (h_{t-1} - g), \quad \bar a_g = \bar g (1 - g^2), \quad
      \bar q = \bar a_g \, r, \quad \bar r = \bar a_g \, q$$

    $$\bar a_r = \bar r \, r (1 - r), \quad \bar a_z = \bar z \, z (1 - z), \quad
      \bar h_{t-1} = \bar h z + U^\top (\bar a_r, \bar a_z, \bar q)$$

    Sums over places of $(\bar a_r, \bar a_z, \bar a_g)$ times $x_t$ give $\bar W$, of
    $(\bar a_r, \bar a_z, \bar q)$ times $h_{t-1}$ give $\bar U$, and alone $\bar b$ and $\bar c$.
    """
    found = gru_states(inputs, input_weight, state_weight, input_bias, state_bias)
    inside = gru_sum_gradients(gradient, inputs, input_weight, state_weight, input_bias, state_bias)
    return _from_sums(*inside, inputs, found.state, input_weight)


def gru_sum_gradients(
    gradient: States,
    inputs: Inputs,
    input_weight: InputWeight,
    state_weight: StateWeight,
    input_bias: Bias,
    state_bias: Bias,
) -> tuple[Gates, Gates]:
    r"""Gradients at the sums inside the gates, as `gru_backward` needs them.

    `gradient`: of the states, from above; result: at each place $(\bar a_r, \bar a_z, \bar a_g)$, which the
    input's weights meet, and $(\bar a_r, \bar a_z, \bar q)$, which the state's weights meet.
    """
    found = gru_states(inputs, input_weight, state_weight, input_bias, state_bias)
    h_before = one_later(found.state)
    from_inputs = np.zeros((*inputs.shape[:2], len(input_weight)), inputs.dtype)
    from_state = np.zeros_like(from_inputs)
    of_h = np.zeros_like(gradient[:, 0])
    for t in reversed(range(inputs.shape[1])):
        r, z, q, g, _ = (each[:, t] for each in found)
        of_h = of_h + gradient[:, t]
        of_g, of_z = of_h * (1 - z), of_h * (h_before[:, t] - g)
        inside_g = of_g * (1 - g**2)
        of_q, of_r = inside_g * r, inside_g * q
        inside_r, inside_z = of_r * r * (1 - r), of_z * z * (1 - z)
        from_inputs[:, t] = np.concatenate([inside_r, inside_z, inside_g], axis=1)
        from_state[:, t] = np.concatenate([inside_r, inside_z, of_q], axis=1)
        of_h = of_h * z + from_state[:, t] @ state_weight
    return from_inputs, from_state


def _from_sums(
    from_inputs: Gates, from_state: Gates, inputs: Inputs, states: States, input_weight: InputWeight
) -> tuple[Inputs, InputWeight, StateWeight, Bias, Bias]:
    """Gradients of inputs, weights and biases from those at the sums that either of the weights meets."""
    of_input_weight = np.einsum("nta,nti->ai", from_inputs, inputs)
    of_state_weight = np.einsum("nta,ntu->au", from_state, one_later(states))
    of_biases = from_inputs.sum(axis=(0, 1)), from_state.sum(axis=(0, 1))
    return from_inputs @ input_weight, of_input_weight, of_state_weight, *of_biases


def one_later(states: np.ndarray) -> np.ndarray:
    """Values one place before, zeros at the first."""
    return np.concatenate([np.zeros_like(states[:, :1]), states[:, :-1]], axis=1)
