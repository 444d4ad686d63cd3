"""One unit of any layer opened: the numbers it saw, and every step from them to its value.

Everything is computed from what the network itself gave in the layers before, in double precision, by what
`pellucid.reference` declares of the layer: its line of index notation, or its steps. Layers that have neither
are opened by hand: `_BY_HAND`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float64

from pellucid.arithmetic.rounding import with_minus
from pellucid.insight.opened_networks import Opened
from pellucid.insight.reference_lines import CLOSED
from pellucid.insight.unit_arithmetic import Arithmetic, Asked, Choice, Step, Weighing, wide
from pellucid.language.sentence import Sentence
from pellucid.reference import LAYERS
from pellucid.reference.activations import sigmoid
from pellucid.reference.attention import parts
from pellucid.reference.autoencoder import NOISE_VARIANCE
from pellucid.reference.notation import Bound, Pointwise
from pellucid.reference.recurrent import one_later

_SIGNS = {"+": "+", "-": "\u2212", "*": "\u00d7", "/": "÷", "/√": "÷"}


def open_unit(opened: Opened, name: str, unit: Sequence[int]) -> Arithmetic:
    """Compute one number of a layer by hand, with the network's own for comparison.

    `unit` is the index of the number: (channel, row, column), (place, channel) or (unit,).

    Raises: `ValueError` if no layer is called so, it holds no numbers, or it has no such unit.
    """
    line, index = opened.line(name), tuple(int(each) for each in unit)
    value = opened.value(name)
    if line.kind not in OPENED:
        what = (
            "is computed by a layer that is closed"
            if line.kind == CLOSED
            else "is a mask or an order of tokens"
        )
        raise ValueError(Sentence("{name}: {what}, and has no units to open", name, what))
    if len(index) != value.ndim or any(
        not 0 <= at < size for at, size in zip(index, value.shape, strict=True)
    ):
        raise ValueError(Sentence("{name}: unit {index} is not within {shape}", name, index, value.shape))
    asked = Asked(opened.taken(line), line.settings, index)
    bound, declared = opened.bound(line), opened.layer(line).declared
    if bound is not None:
        found = _by_line(bound, index)
    elif isinstance(declared, tuple) and declared:
        found = _by_steps(line.kind, declared, asked)
    else:
        if opened.layer(line).sees == "earlier":
            asked.taken.append(value)  # a place of a recurrent layer takes the states of the place before
        found = _BY_HAND[line.kind](asked)
    return replace(found, layer=name, kind=line.kind, unit=index, network=float(value[index]))


def _by_line(bound: Bound, unit: tuple[int, ...]) -> Arithmetic:
    """A number by the line of its layer: what is weighed and added up, the largest, or the one passed on."""
    sums = bound.unit(unit)
    if bound.is_copy:
        source = tuple(int(each.item()) for each in sums.places)
        return _passed(sums.patch.item(), Sentence("the number at {source}", source), source)
    if bound.notation.operation == "max":
        window = sums.patch[0] if sums.patch.ndim == 3 else sums.patch  # a map's own axis holds one channel
        best = int(window.argmax())
        winner = tuple(int(each) for each in np.unravel_index(best, window.shape))
        place = tuple(int(each.ravel()[best]) for each in sums.places)
        value = float(window[winner])
        return Arithmetic(value, abs(value), choice=Choice(window, winner, place), source=place)
    weighing = Weighing("", sums.patch, sums.weights, sums.bias)
    return Arithmetic(weighing.value, weighing.magnitude, weighings=(weighing,))


def _by_steps(kind: str, declared: tuple[Pointwise, ...], asked: Asked) -> Arithmetic:
    """A number by the steps of its layer from the one in its place."""
    x = float(asked.taken[0][asked.unit])
    steps, value, magnitude = [Step("x", x)], x, abs(x)
    for operation, _, words, operand, at in declared:
        if operation == "function":
            layer, taken = LAYERS[kind], wide([value])
            value = float(layer.forward(taken, **asked.settings)[0])
            magnitude += abs(value)
            steps.append(Step(words.format(**asked.settings) or Sentence("{kind} of x", kind), value))
            if not words and layer.backward is not None:
                slope = float(layer.backward(np.ones(1), taken, **asked.settings)[0])
                steps.append(Step("slope there", slope))
            continue
        if at == "setting":
            number = float(asked.settings[str(operand)])
            text = f"{number:.6g}"
        else:
            array, (place, *_) = asked.taken[int(operand)], asked.unit
            row = min(place, len(array) - 1)
            index = {"channel": None, "unit": asked.unit, "place": (row, *asked.unit[1:])}[at]
            number = float(array.reshape(-1)[place] if index is None else array[index])
            text = words.format(number=asked.unit[-1], place=place)
            text += "" if at == "unit" else Sentence(" {number:.6g}", number)
        if operation == "/√":
            text = f"√({text} + {asked.settings['epsilon']:g})"
            number = float(np.sqrt(number + asked.settings["epsilon"]))
        if operation in "+-":
            value, magnitude = value + (number if operation == "+" else -number), magnitude + abs(number)
        elif operation == "*":
            value, magnitude = value * number, magnitude * abs(number)
        else:
            value, magnitude = value / number, magnitude / abs(number)
        steps.append(Step(Sentence("{SIGNS} {text}", _SIGNS[operation], text), value))
    return Arithmetic(value, magnitude, steps=tuple(steps), source=asked.unit)


def _passed(value: float, words: str, source: tuple[int, ...]) -> Arithmetic:
    return Arithmetic(value, abs(value), steps=(Step(words, value),), source=source)


def _concatenated(asked: Asked) -> Arithmetic:
    channel = asked.unit[-1]
    for number, part in enumerate(asked.taken, start=1):
        if channel < part.shape[-1]:
            source = (*asked.unit[:-1], channel)
            return _passed(
                float(part[source]),
                Sentence("the number at {source} of part {number}", source, number),
                source,
            )
        channel -= part.shape[-1]
    raise AssertionError("a unit that open_unit found within the layer is within one of its parts")


def _embedded(asked: Asked) -> Arithmetic:
    (tokens, weight), (place, number) = asked.taken, asked.unit
    token = int(tokens[place])
    return _passed(
        float(weight[token, number]),
        Sentence("number {number} of the vector of id {token}", number, token),
        (place,),
    )


def _softmax(asked: Asked) -> Arithmetic:
    logits, (unit,) = wide(asked.taken[0]), asked.unit
    powers = np.exp(logits - logits.max())
    value = float(powers[unit] / powers.sum())
    steps = (
        Step("z", float(logits[unit])),
        Step(Sentence("e to the power of z − {max:.6g}", logits.max()), float(powers[unit])),
        Step("sum of these powers over all classes", float(powers.sum())),
        Step("the one divided by the sum", value),
    )
    return Arithmetic(value, 1.0, steps=steps, source=asked.unit)


def _layer_norm(asked: Asked) -> Arithmetic:
    """A number of a layer norm; mean and variance are those of the vector that it belongs to."""
    inputs, *weights = asked.taken
    unit, epsilon = asked.unit, asked.settings["epsilon"]
    scale, shift = (float(each[unit[-1]]) for each in weights)
    vector = wide(inputs[unit[:-1]])
    x, mean, variance = float(vector[unit[-1]]), float(vector.mean()), float(vector.var())
    deviation = float(np.sqrt(variance + epsilon))
    scaled = scale * (x - mean) / deviation
    steps = (
        Step("x", x),
        Step(Sentence("− mean {mean:.6g} of the {vector} numbers", mean, len(vector)), x - mean),
        Step(
            Sentence("÷ √(variance {variance:.6g} + {epsilon:g})", variance, epsilon), (x - mean) / deviation
        ),
        Step(Sentence("× scale {scale:.6g}", scale), scaled),
        Step(Sentence("+ shift {shift:.6g}", shift), scaled + shift),
    )
    magnitude = (abs(x) + float(np.abs(vector).mean())) * abs(scale) / deviation + abs(shift)
    return Arithmetic(steps[-1].value, magnitude, steps=steps, source=unit)


def _unit_length(asked: Asked) -> Arithmetic:
    vector, unit = wide(asked.taken[0]), asked.unit
    x, length = float(vector[unit]), max(float(np.sqrt((vector**2).sum())), 1e-12)
    steps = (Step("x", x), Step(Sentence("÷ length {length:.6g} of the vector", length), x / length))
    return Arithmetic(x / length, abs(x / length), steps=steps, source=unit)


def _attention_weight(asked: Asked) -> Arithmetic:
    """A weight of a head from token i to token j: the product of query and key, and its softmax.

    The weights of a query add up to 1, which is what a difference is measured against.
    """
    (projected, *masks), (head, i, j) = asked.taken, asked.unit
    present = masks[0] if masks else np.ones(len(projected), bool)
    query, key, _ = (wide(each[0]) for each in parts(projected[None], asked.settings["heads"]))
    root = float(np.sqrt(query.shape[-1]))
    scores = np.where(present, key[head] @ query[head, i] / root, -np.inf)
    product = Weighing("", key[head, j], query[head, i], 0.0)
    powers = np.exp(scores - scores.max())
    value = float(powers[j] / powers.sum())
    steps = (
        Step(Sentence("s: query times key ÷ √{shape}", query.shape[-1]), product.value / root),
        Step(Sentence("e to the power of s − {max:.6g}", scores.max()), float(powers[j])),
        Step(Sentence("sum of these powers over all {sum} tokens", int(present.sum())), float(powers.sum())),
        Step("the one divided by the sum", value),
    )
    return Arithmetic(value, 1.0, (product,), steps=steps)


# Recurrent layers. Each gate of a unit has two sums, of the place's vector and of the states before.

_LSTM = ("input gate i", "forget gate f", "candidate g", "output gate o")
_GRU = ("reset gate r", "update gate z", "candidate g")


def _lstm(asked: Asked) -> Arithmetic:
    place, (of_inputs, of_state) = asked.unit[0], _gate_sums(asked, len(_LSTM))
    sums = of_inputs + of_state
    i, f, g, o = sigmoid(sums[0]), sigmoid(sums[1]), np.tanh(sums[2]), sigmoid(sums[3])
    before = memory = 0.0
    for t in range(place + 1):
        before, memory = memory, float(f[t] * memory + i[t] * g[t])
    value = float(o[place] * np.tanh(memory))
    steps = (
        Step("memory before", before),
        Step("memory s: f \u00d7 memory before + i \u00d7 g", memory),
        Step("state h: o \u00d7 tanh(s)", value),
    )
    return _recurrent(asked, _LSTM, (i, f, g, o), value, steps)


def _gru(asked: Asked) -> Arithmetic:
    (place, number), (of_inputs, of_state) = asked.unit, _gate_sums(asked, len(_GRU))
    r, z = sigmoid(of_inputs[0] + of_state[0]), sigmoid(of_inputs[1] + of_state[1])
    g = np.tanh(of_inputs[2] + r * of_state[2])
    before = float(one_later(wide(asked.taken[5])[None])[0, place, number])
    value = float((1 - z[place]) * g[place] + z[place] * before)
    steps = (
        Step("state before", before),
        Step("state h: (1 \u2212 z) \u00d7 g + z \u00d7 state before", value),
    )
    return _recurrent(asked, _GRU, (r, z, g), value, steps)


def _gate_sums(asked: Asked, gates: int) -> list[Float64[np.ndarray, "gate place"]]:
    """Weighted sums inside a unit's gates at every place: of the inputs, and of the states before."""
    inputs, input_weight, state_weight, input_bias, state_bias, states = asked.taken
    rows = asked.unit[1] + np.arange(gates) * (len(input_weight) // gates)
    pairs = (inputs, input_weight, input_bias), (one_later(states[None])[0], state_weight, state_bias)
    return [wide(weight[rows]) @ wide(seen).T + bias[rows][:, None] for seen, weight, bias in pairs]


def _recurrent(
    asked: Asked, names: Sequence[str], gates: Sequence[np.ndarray], value: float, steps: tuple[Step, ...]
) -> Arithmetic:
    """A state with the sums inside each gate, and each gate after its function."""
    inputs, input_weight, state_weight, input_bias, state_bias, states = asked.taken
    (place, number), before = asked.unit, one_later(states[None])[0]
    weighings, after = [], []
    for at, (name, gate) in enumerate(zip(names, gates, strict=True)):
        row = at * (len(input_weight) // len(names)) + number
        for where, seen, weight, bias in (
            ("from the place", inputs, input_weight, input_bias),
            ("from the states before", before, state_weight, state_bias),
        ):
            weighings.append(
                Weighing(
                    Sentence("{name}, {where}", name, where),
                    wide(seen[place]),
                    wide(weight[row]),
                    float(bias[row]),
                )
            )
        bent = "tanh" if name.startswith("candidate") else "the sigmoid"
        after.append(Step(Sentence("{name}, after {bent}", name, bent), float(gate[place])))
    magnitude = max(each.magnitude for each in weighings) + abs(value)
    return Arithmetic(value, magnitude, tuple(weighings), steps=(*after, *steps))


# Networks that make images. A term of the bound is one number, and its steps are the sums that it is made of.

# Components of a prior that are written out: those in which a draw is likeliest.
_MOST_COMPONENTS = 12


def _reparametrised(asked: Asked) -> Arithmetic:
    """A latent variable, drawn: the mean, and the noise times the deviation."""
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
    return Arithmetic(steps[-1].value, abs(mean) + abs(deviation * noise), steps=steps, source=asked.unit)


def _reconstruction(asked: Asked) -> Arithmetic:
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
    return Arithmetic(density + of_errors, abs(density) + of_errors, steps=steps)


def _density_of_draw(asked: Asked) -> Arithmetic:
    """Logarithm of the density of the draw under the distribution that it is drawn from."""
    log_variances, noise = (wide(each) for each in asked.taken)
    squares, spreads = float((noise**2).sum()), float(log_variances.sum())
    constant = noise.size * math.log(2 * math.pi)
    value = -(squares + spreads + constant) / 2
    steps = (
        Step("sum of the squares of the noise \u03b5", squares),
        Step("sum of the log variances \u03bb", spreads),
        Step(Sentence("{size} latent variables × ln 2 π", noise.size), constant),
        Step("ln q(z|x) = \u2212 half of the sum of these three, in nats", value),
    )
    magnitude = (squares + float(np.abs(log_variances).sum()) + constant) / 2
    return Arithmetic(value, magnitude, steps=steps)


def _mixture_density(asked: Asked) -> Arithmetic:
    """Logarithm of the density of the draw under the prior of the class."""
    latent, means, log_variances, logits = (wide(each) for each in asked.taken)
    log_shares = logits[0] - _log_sum(logits[0])
    squares = (latent - means[0]) ** 2 / np.exp(log_variances[0])
    constant = latent.size * math.log(2 * math.pi)
    joint = log_shares - (squares.sum(axis=1) + log_variances[0].sum(axis=1) + constant) / 2
    order = np.argsort(-joint, kind="stable")[:_MOST_COMPONENTS].tolist()
    steps = [
        Step(
            Sentence(
                "component {at}: ln {log_shares} − ({sum} + {sum2} + {constant}) / 2",
                at,
                with_minus(f"{math.exp(log_shares[at]):.4g}"),
                *(
                    with_minus(f"{each:.5g}")
                    for each in (squares[at].sum(), log_variances[0, at].sum(), constant)
                ),
            ),
            float(joint[at]),
        )
        for at in order
    ]
    value = _log_sum(joint)
    steps.append(Step("ln p(z|y) = ln of the sum of e to the power of these, in nats", value))
    best = order[0]
    magnitude = abs(log_shares[best]) + float(squares[best].sum() + np.abs(log_variances[0, best]).sum()) / 2
    return Arithmetic(value, float(magnitude) + constant / 2, steps=tuple(steps))


def _log_sum(powers: np.ndarray) -> float:
    """Logarithm of the sum of e to the power of some numbers."""
    highest = float(powers.max())
    return highest + math.log(float(np.exp(powers - highest).sum()))


_BY_HAND: dict[str, Callable[[Asked], Arithmetic]] = {
    "layer-norm": _layer_norm,
    "side-by-side": _concatenated,
    "embedding": _embedded,
    "attention-weights": _attention_weight,
    "unit-length": _unit_length,
    "softmax": _softmax,
    "lstm": _lstm,
    "gru": _gru,
    "reparametrised": _reparametrised,
    "reconstruction": _reconstruction,
    "density-of-draw": _density_of_draw,
    "mixture-density": _mixture_density,
}

# Kinds of layers whose units open.
OPENED = frozenset({kind for kind, layer in LAYERS.items() if layer.declared} | _BY_HAND.keys())
