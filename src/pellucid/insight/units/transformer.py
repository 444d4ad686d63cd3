r"""One unit of the layers of a transformer opened: attention, layer norm, places, length 1.

By the formulas of `pellucid.reference`, `texts.attention` and `layers.layer_norm`. Each function
takes what the layer takes, values without the batch, then its settings and the index of the unit.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from pellucid.insight.units.arithmetic import Step, Weighing
from pellucid.insight.units.parts import Parts
from pellucid.reference.texts.attention import parts

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


def place_added(taken: Arrays, settings: Settings, unit: Index) -> Parts:
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
