"""Units of recurrent layers, of transformers and of networks that make images, opened step by step."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from pellucid.arithmetic.rounding import with_minus
from pellucid.insight.unit_arithmetic import Asked, Parts, Step, Weighing, bias_of, weighed, wide
from pellucid.reference.activations import sigmoid
from pellucid.reference.attention import parts
from pellucid.reference.autoencoder import NOISE_VARIANCE

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


# One unit of the layers of a transformer opened: attention, layer norm, places, length 1.
#
# By the formulas of `pellucid.reference`, `texts.attention` and `layers.layer_norm`. Each function
# takes what the layer takes, values without the batch, then its settings and the index of the unit.

Arrays = Sequence[np.ndarray]
Settings = Mapping[str, Any]
Index = tuple[int, ...]


def attention_weight(taken: Arrays, settings: Settings, unit: Index) -> Parts:
    """Open a weight of a head from token i to token j: the product of query and key, and its softmax.

    The sum shown is the product of the query of i with the key of j, number by number. The weights of a
    query add up to 1, which is what a difference is measured against.
    """
    head, i, j = unit
    query, key, _ = _heads(taken[0], settings["heads"])
    root = float(np.sqrt(query.shape[-1]))
    scores = np.where(taken[1], key[head] @ query[head, i] / root, -np.inf)
    product = Weighing("", key[head, j], query[head, i], 0.0)
    powers = np.exp(scores - scores.max())
    value = float(powers[j] / powers.sum())
    steps = (
        Step(f"s: query times key \u00f7 \u221a{query.shape[-1]}", product.value / root),
        Step(f"e to the power of s \u2212 {scores.max():.6g}", float(powers[j])),
        Step(f"sum of these powers over all {int(taken[1].sum())} tokens", float(powers.sum())),
        Step("the one divided by the sum", value),
    )
    return Parts(value, 1.0, (product,), steps=steps)


def attention_unit(taken: Arrays, settings: Settings, unit: Index) -> Parts:
    """Open one mixed number of a token: the values of all tokens, weighed by its head's weights."""
    del settings
    (projected, weights), (place, number) = taken, unit
    *_, value = _heads(projected, len(weights))
    head, inside = divmod(number, value.shape[-1])
    mixing = Weighing("", value[head, :, inside], weights[head, place].astype(np.float64), 0.0)
    return Parts(mixing.value, mixing.magnitude, (mixing,))


def layer_norm_unit(taken: Arrays, settings: Settings, unit: Index) -> Parts:
    """Open one number of a layer norm; mean and variance are those of the vector that it stands in."""
    inputs, *weights = taken
    scale, shift = (float(each[unit[-1]]) for each in weights)
    vector = inputs[unit[:-1]].astype(np.float64)
    x, mean, variance = float(vector[unit[-1]]), float(vector.mean()), float(vector.var())
    deviation = float(np.sqrt(variance + settings["epsilon"]))
    steps = (
        Step("x", x),
        Step(f"\u2212 mean {mean:.6g} of the {len(vector)} numbers", x - mean),
        Step(f"÷ √(variance {variance:.6g} + {settings['epsilon']:g})", (x - mean) / deviation),
        Step(f"\u00d7 scale {scale:.6g}", scale * (x - mean) / deviation),
        Step(f"+ shift {shift:.6g}", scale * (x - mean) / deviation + shift),
    )
    magnitude = (abs(x) + float(np.abs(vector).mean())) * abs(scale) / deviation + abs(shift)
    return Parts(steps[-1].value, magnitude, steps=steps, source=unit)


def positional_embedding_unit(taken: Arrays, settings: Settings, unit: Index) -> Parts:
    """Open one number of a token with its place: that of the token, and that of the place's vector."""
    del settings
    (vectors, weight), (place, number) = taken, unit
    x, added = float(vectors[unit]), float(weight[min(place, len(weight) - 1), number])
    steps = (
        Step("x", x),
        Step(f"+ number {number} of the vector of place {place}, {added:.6g}", x + added),
    )
    return Parts(x + added, abs(x) + abs(added), steps=steps, source=unit)


def unit_length_unit(taken: Arrays, settings: Settings, unit: Index) -> Parts:
    """Open one number of a vector that is scaled to length 1."""
    del settings
    vector = taken[0].astype(np.float64)
    x, length = float(vector[unit]), max(float(np.sqrt((vector**2).sum())), 1e-12)
    steps = (Step("x", x), Step(f"÷ length {length:.6g} of the vector", x / length))
    return Parts(x / length, abs(x / length), steps=steps, source=unit)


def _heads(projected: np.ndarray, heads: int) -> list[Float64[np.ndarray, "heads length size"]]:
    """Queries, keys and values of each head."""
    return [each[0].astype(np.float64) for each in parts(projected[None], heads)]


# One unit of the layers of networks that make images: transposed convolutions, draws, terms of the bound.
#
# By the formulas of `pellucid.reference`, `layers.transposed` and `autoencoder`. A term is one number, and
# its
# steps are the sums that it is made of.

# Components of a prior that are written out: those in which a draw is likeliest.
MOST_COMPONENTS = 12


def meeting(at: int, stride: int, padding: int, kernel: int, count: int) -> list[tuple[int, int]]:
    """Rows (or columns) whose kernels reach one of the output, each with the place of its kernel there.

    By $h = rs + k - p$: of an output $h$ all $r$ from 0 to `count` - 1 with $k$ from 0 to `kernel` - 1.
    """
    found = ((row, at + padding - row * stride) for row in range(count))
    return [(row, inside) for row, inside in found if 0 <= inside < kernel]


def transposed_convolution(asked: Asked) -> Parts:
    """A place of a map of a transposed convolution: what every kernel that reaches it lays there."""
    (inputs, weight, *_), (channel, *place) = asked.taken, asked.unit
    (rows, k), (columns, l) = (  # noqa: E741
        zip(*meeting(at, *sizes), strict=True)
        for at, *sizes in zip(
            place,
            asked.settings["stride"],
            asked.settings["padding"],
            weight.shape[2:],
            inputs.shape[1:],
            strict=True,
        )
    )
    seen = inputs[:, rows][:, :, columns]
    return weighed(seen, weight[:, channel][:, k][:, :, l], bias_of(asked, channel))


def unflattened(asked: Asked) -> Parts:
    """A number of maps that is passed on from a vector."""
    source = (int(np.ravel_multi_index(asked.unit, asked.settings["shape"])),)
    return _passed_on(asked, source)


def part_of_vector(asked: Asked) -> Parts:
    """A number that is passed on from a longer vector."""
    return _passed_on(asked, (asked.settings["start"] + asked.unit[0],))


def _passed_on(asked: Asked, source: tuple[int, ...]) -> Parts:
    value = float(asked.taken[0][source])
    return Parts(value, abs(value), steps=(Step(f"the number at {source}", value),), source=source)


def clamped(asked: Asked) -> Parts:
    """A number kept within bounds."""
    x, low, high = float(asked.taken[0][asked.unit]), asked.settings["low"], asked.settings["high"]
    value = min(high, max(low, x))
    steps = (Step("x", x), Step(f"kept within {low:g} and {high:g}", value))
    return Parts(value, abs(x) + abs(value), steps=steps, source=asked.unit)


def reparametrised(asked: Asked) -> Parts:
    """A latent number, drawn: the mean, and the noise times the deviation."""
    mean, log_variance, noise = (float(each[asked.unit]) for each in asked.taken)
    deviation = math.exp(log_variance / 2)
    steps = (
        Step("mean \u03bc", mean),
        Step("log variance \u03bb", log_variance),
        Step("deviation \u03c3 = e to the power of \u03bb / 2", deviation),
        Step("noise \u03b5", noise),
        Step("\u03c3 \u00d7 \u03b5", deviation * noise),
        Step("z = \u03bc + \u03c3 \u00d7 \u03b5", mean + deviation * noise),
    )
    return Parts(steps[-1].value, abs(mean) + abs(deviation * noise), steps=steps, source=asked.unit)


def reconstruction(asked: Asked) -> Parts:
    """Minus the logarithm of the probability of the grey levels."""
    images, rebuilt = (wide(each) for each in asked.taken)
    variance, count = asked.settings["variance"], images.size
    errors = float(((rebuilt - images) ** 2).sum())
    noise = count * NOISE_VARIANCE
    density = count / 2 * math.log(2 * math.pi * variance)
    of_errors = (errors + noise) / (2 * variance)
    steps = (
        Step("grey levels D", float(count)),
        Step("variance v of a grey level", variance),
        Step("sum of (rebuilt \u2212 given)\u00b2 over all of them", errors),
        Step("+ D / 12, the noise within one grey level", errors + noise),
        Step("\u00f7 2 v", of_errors),
        Step("D / 2 \u00d7 ln(2 \u03c0 v)", density),
        Step("reconstruction: the sum of these two, in nats", density + of_errors),
    )
    return Parts(density + of_errors, abs(density) + of_errors, steps=steps)


def density_of_draw(asked: Asked) -> Parts:
    """Logarithm of the density of the draw under the distribution that it is drawn from."""
    log_variances, noise = (wide(each) for each in asked.taken)
    squares, spreads = float((noise**2).sum()), float(log_variances.sum())
    constant = noise.size * math.log(2 * math.pi)
    value = -(squares + spreads + constant) / 2
    steps = (
        Step("sum of the squares of the noise \u03b5", squares),
        Step("sum of the log variances \u03bb", spreads),
        Step(f"{noise.size} latent numbers \u00d7 ln 2 \u03c0", constant),
        Step("ln q(z|x) = \u2212 half of the sum of these three, in nats", value),
    )
    magnitude = (squares + float(np.abs(log_variances).sum()) + constant) / 2
    return Parts(value, magnitude, steps=steps)


def mixture_density(asked: Asked) -> Parts:
    """Logarithm of the density of the draw under the prior of the class."""
    latent, means, log_variances, logits = (wide(each) for each in asked.taken)
    log_shares = logits[0] - _log_sum(logits[0])
    squares = (latent - means[0]) ** 2 / np.exp(log_variances[0])
    constant = latent.size * math.log(2 * math.pi)
    joint = log_shares - (squares.sum(axis=1) + log_variances[0].sum(axis=1) + constant) / 2
    order = np.argsort(-joint, kind="stable")[:MOST_COMPONENTS].tolist()
    steps = [
        Step(
            with_minus(
                f"component {at}: ln {math.exp(log_shares[at]):.4g} \u2212 ({squares[at].sum():.5g} + "
                f"{log_variances[0, at].sum():.5g} + {constant:.5g}) / 2"
            ),
            float(joint[at]),
        )
        for at in order
    ]
    value = _log_sum(joint)
    steps.append(Step("ln p(z|y) = ln of the sum of e to the power of these, in nats", value))
    best = order[0]
    magnitude = abs(log_shares[best]) + float(squares[best].sum() + np.abs(log_variances[0, best]).sum()) / 2
    return Parts(value, float(magnitude) + constant / 2, steps=tuple(steps))


def _log_sum(powers: np.ndarray) -> float:
    """Logarithm of the sum of e to the power of some numbers."""
    highest = float(powers.max())
    return highest + math.log(float(np.exp(powers - highest).sum()))
