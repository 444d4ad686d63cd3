r"""One unit of the layers of networks that make images: transposed convolutions, draws, terms of the bound.

By the formulas of `pellucid.reference`, `layers.transposed` and `autoencoder`. A term is one number, and its
steps are the sums that it is made of.
"""

import math

import numpy as np

from pellucid.arithmetic.rounding import with_minus
from pellucid.insight.units.arithmetic import Step
from pellucid.insight.units.asked import Asked, bias_of, weighed, wide
from pellucid.insight.units.parts import Parts
from pellucid.reference.autoencoder import NOISE_VARIANCE

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
