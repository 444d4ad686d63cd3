r"""GRU: a state with an update gate and a gate on what the candidate sees of it.

$$\begin{aligned}
r_t &= \sigma(W_r x_t + b_r + U_r h_{t-1} + c_r) && \text{what the new sees of the old} \\
z_t &= \sigma(W_z x_t + b_z + U_z h_{t-1} + c_z) && \text{what is kept} \\
q_t &= U_q h_{t-1} + c_q && \text{the old, as the new may see it} \\
g_t &= \tanh(W_g x_t + b_g + r_t q_t) && \text{what is new} \\
h_t &= (1 - z_t) g_t + z_t h_{t-1} && \text{the state}
\end{aligned}$$

with $h_0 = 0$; products of vectors are value by value. $W$ and $b$ hold the rows of $r, z, g$ in this order,
$U$ and $c$ those of $r, z, q$. As in torch and cuDNN the reset gate $r$ acts after the product with $U$; in
the paper it acts before. Functions take what those of `lstm.py` take.

Source: Cho et al. 2014, arXiv:1406.1078, eq. 5 to 8.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from pellucid.reference.activations import sigmoid
from pellucid.reference.lstm import Bias, Inputs, InputWeight, States, StateWeight, one_later


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
    from_inputs, from_state = gru_sum_gradients(
        gradient, inputs, input_weight, state_weight, input_bias, state_bias
    )
    found = gru_states(inputs, input_weight, state_weight, input_bias, state_bias)
    of_input_weight = np.einsum("nta,nti->ai", from_inputs, inputs)
    of_state_weight = np.einsum("nta,ntu->au", from_state, one_later(found.state))
    of_biases = from_inputs.sum(axis=(0, 1)), from_state.sum(axis=(0, 1))
    return from_inputs @ input_weight, of_input_weight, of_state_weight, *of_biases


def gru_sum_gradients(
    gradient: States,
    inputs: Inputs,
    input_weight: InputWeight,
    state_weight: StateWeight,
    input_bias: Bias,
    state_bias: Bias,
) -> tuple[Float[np.ndarray, "batch length gates"], Float[np.ndarray, "batch length gates"]]:
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
