"""One unit of any layer opened: the very numbers it saw, and every step from them to its value.

Everything is computed from what the network itself gave in the layers before, in double precision, by
the formulas of `pellucid.reference`.
"""

from collections.abc import Callable, Sequence

import numpy as np

from pellucid.insight.opened_networks import Opened
from pellucid.insight.reference_lines import CLOSED
from pellucid.insight.unit_arithmetic import (
    Arithmetic,
    Asked,
    Index,
    Parts,
    Settings,
    Step,
    average,
    bias_of,
    conv1d,
    convolution,
    largest,
    resized,
    text_average,
    text_largest,
    weighed,
    wide,
)
from pellucid.insight.unit_layers import (
    attention_unit,
    attention_weight,
    clamped,
    density_of_draw,
    gru_unit,
    layer_norm_unit,
    lstm_unit,
    mixture_density,
    part_of_vector,
    positional_embedding_unit,
    reconstruction,
    reparametrised,
    transposed_convolution,
    unflattened,
    unit_length_unit,
)
from pellucid.reference import LAYERS
from pellucid.reference.embedding import factors

Arrays = Sequence[np.ndarray]


def open_unit(opened: Opened, name: str, unit: Sequence[int]) -> Arithmetic:
    """Compute one number of a layer by hand, beside the network's own.

    `unit` is the index of the number: (channel, row, column), (place, channel) or (unit,).

    Raises: `ValueError` if no layer is called so, it holds no numbers, or it has no such unit.
    """
    line, index = opened.line(name), tuple(int(each) for each in unit)
    value = opened.value(name)
    if line.kind not in _OPENERS:
        what = "is computed by a layer that is closed" if line.kind == CLOSED else "says where ids stand"
        raise ValueError(f"{name}: {what}, and has no units to open")
    if len(index) != value.ndim or any(
        not 0 <= at < size for at, size in zip(index, value.shape, strict=True)
    ):
        raise ValueError(f"{name}: unit {index} is not within {value.shape}")
    taken = [opened.value(each) if each in opened.values else opened.weights[each] for each in line.takes]
    if line.kind in _RECURRENT:
        taken.append(value)  # a place of a recurrent layer takes the states of the place before
    parts = _OPENERS[line.kind](Asked(taken, line.settings, index))
    return Arithmetic(name, line.kind, index, network=float(value[index]), **parts._asdict())


def _dense(asked: Asked) -> Parts:
    (inputs, weight, *_), (*place, unit) = asked.taken, asked.unit
    return weighed(inputs[tuple(place)], weight[unit], bias_of(asked, unit))


def _embedding_bag(asked: Asked) -> Parts:
    (tokens, weight, bias, rarity), (unit,) = asked.taken, asked.unit
    shares = factors(tokens[None], wide(rarity), groups=asked.settings["groups"])[0]
    ids = np.flatnonzero(shares)
    return weighed(shares[ids], weight[ids, unit], bias[unit])


def _bent(kind: str) -> Callable[[Asked], Parts]:
    """Activation function: the point on its curve, and the slope there."""
    layer = LAYERS[kind]

    def opened(asked: Asked) -> Parts:
        """Value and slope at what the unit takes."""
        at = wide([asked.taken[0][asked.unit]])
        value = float(layer.forward(at, **asked.settings)[0])
        assert layer.backward is not None  # activations have a gradient
        slope = float(layer.backward(np.ones(1), at, **asked.settings)[0])
        steps = (Step("x", float(at[0])), Step(f"{kind} of x", value), Step("slope there", slope))
        return Parts(value, abs(float(at[0])) + abs(value), steps=steps, source=asked.unit)

    return opened


def _normed(asked: Asked) -> Parts:
    (inputs, *numbers), channel = asked.taken, asked.unit[0]
    scale, shift, mean, variance = (float(each[channel]) for each in numbers)
    x = float(inputs[asked.unit])
    deviation = float(np.sqrt(variance + asked.settings["epsilon"]))
    steps = (
        Step("x", x),
        Step(f"\u2212 mean {mean:.6g}", x - mean),
        Step(f"÷ √(variance {variance:.6g} + {asked.settings['epsilon']:g})", (x - mean) / deviation),
        Step(f"\u00d7 scale {scale:.6g}", scale * (x - mean) / deviation),
        Step(f"+ shift {shift:.6g}", scale * (x - mean) / deviation + shift),
    )
    magnitude = (abs(x) + abs(mean)) * abs(scale) / deviation + abs(shift)
    return Parts(steps[-1].value, magnitude, steps=steps, source=asked.unit)


def _standardised(asked: Asked) -> Parts:
    (inputs, *numbers), unit = asked.taken, asked.unit
    mean, deviation = (float(each.reshape(-1)[unit[0]]) for each in numbers)
    x = float(inputs[unit])
    steps = (
        Step("x", x),
        Step(f"\u2212 mean {mean:.6g}", x - mean),
        Step(f"÷ deviation {deviation:.6g}", (x - mean) / deviation),
    )
    return Parts(steps[-1].value, (abs(x) + abs(mean)) / deviation, steps=steps, source=unit)


def _rescaled(asked: Asked) -> Parts:
    (inputs, *numbers), unit = asked.taken, asked.unit
    mean, deviation = (float(each.reshape(-1)[unit[0]]) for each in numbers)
    x = float(inputs[unit])
    steps = (
        Step("x", x),
        Step(f"\u00d7 deviation {deviation:.6g}", deviation * x),
        Step(f"+ mean {mean:.6g}", deviation * x + mean),
    )
    return Parts(steps[-1].value, abs(deviation * x) + abs(mean), steps=steps, source=unit)


def _divided(asked: Asked) -> Parts:
    x, divisor = float(asked.taken[0][asked.unit]), asked.settings["divisor"]
    steps = (Step("x", x), Step(f"÷ {divisor:.6g}", x / divisor))
    return Parts(x / divisor, abs(x / divisor), steps=steps, source=asked.unit)


def _added(asked: Asked) -> Parts:
    x, shortcut = (float(each[asked.unit]) for each in asked.taken)
    steps = (Step("x", x), Step("+ shortcut", x + shortcut))
    return Parts(x + shortcut, abs(x) + abs(shortcut), steps=steps, source=asked.unit)


def _passed(value: float, words: str, source: Index) -> Parts:
    return Parts(value, abs(value), steps=(Step(words, value),), source=source)


def _flattened(asked: Asked) -> Parts:
    inputs = asked.taken[0]
    source = tuple(int(each) for each in np.unravel_index(asked.unit[0], inputs.shape))
    return _passed(float(inputs[source]), f"the number at {source}", source)


def _beside(asked: Asked) -> Parts:
    channel = asked.unit[-1]
    for number, part in enumerate(asked.taken, start=1):
        if channel < part.shape[-1]:
            source = (*asked.unit[:-1], channel)
            return _passed(float(part[source]), f"the number at {source} of part {number}", source)
        channel -= part.shape[-1]
    raise AssertionError("a unit that open_unit found within the layer is within one of its parts")


def _turned(asked: Asked) -> Parts:
    (values, order), (place, channel) = asked.taken, asked.unit
    source = (int(order[place]), channel)
    return _passed(float(values[source]), f"the number at {source}", source)


def _looked_up(asked: Asked) -> Parts:
    (tokens, weight), (place, number) = asked.taken, asked.unit
    token = int(tokens[place])
    return _passed(float(weight[token, number]), f"number {number} of the vector of id {token}", (place,))


def _softmax(asked: Asked) -> Parts:
    logits, (unit,) = wide(asked.taken[0]), asked.unit
    powers = np.exp(logits - logits.max())
    value = float(powers[unit] / powers.sum())
    steps = (
        Step("z", float(logits[unit])),
        Step(f"e to the power of z \u2212 {logits.max():.6g}", float(powers[unit])),
        Step("sum of these powers over all classes", float(powers.sum())),
        Step("the one divided by the sum", value),
    )
    return Parts(value, 1.0, steps=steps, source=asked.unit)


def _of_transformer(unit_of: Callable[[Arrays, Settings, Index], Parts]) -> Callable[[Asked], Parts]:
    return lambda asked: unit_of(asked.taken, asked.settings, asked.unit)


def _lstm(asked: Asked) -> Parts:
    return lstm_unit(asked.taken, asked.unit)


def _gru(asked: Asked) -> Parts:
    return gru_unit(asked.taken, asked.unit)


_RECURRENT = ("lstm", "gru")

# Functions that open a unit, by kind of layer.
_OPENERS: dict[str, Callable[[Asked], Parts]] = {
    "dense": _dense,
    "convolution": convolution,
    "neighbours": conv1d,
    "max-pool": largest,
    "average-pool": average,
    "global-max": largest,
    "global-average": average,
    "text-max": text_largest,
    "text-average": text_average,
    "weighed-sum": _embedding_bag,
    **{kind: _bent(kind) for kind in ("relu", "relu6", "leaky-relu", "gelu", "sigmoid", "tanh", "softplus")},
    "fixed-norm": _normed,
    "resize": resized,
    "standardise": _standardised,
    "rescale": _rescaled,
    "divide": _divided,
    "add": _added,
    "flatten": _flattened,
    "unflatten": unflattened,
    "part": part_of_vector,
    "clamp": clamped,
    "transposed-convolution": transposed_convolution,
    "reparametrised": reparametrised,
    "reconstruction": reconstruction,
    "density-of-draw": density_of_draw,
    "mixture-density": mixture_density,
    "side-by-side": _beside,
    "turn": _turned,
    "embedding": _looked_up,
    "layer-norm": _of_transformer(layer_norm_unit),
    "places": _of_transformer(positional_embedding_unit),
    "attention-weights": _of_transformer(attention_weight),
    "attention": _of_transformer(attention_unit),
    "unit-length": _of_transformer(unit_length_unit),
    "softmax": _softmax,
    "lstm": _lstm,
    "gru": _gru,
}
