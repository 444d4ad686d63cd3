r"""Formulas of the layers of networks that make images, in LaTeX, as in `formulas`.

Letters are those of `pellucid.reference`, `layers.transposed` and `autoencoder`.
"""

import math
from collections.abc import Callable

from pellucid.insight.layers.sizes import Sizes, pointwise


def _transposed(sizes: Sizes) -> str:
    _, rows, columns = sizes.taken
    channels, _, height, width = sizes.weights[0]
    lines = [
        rf"k = h - {_step(sizes, 0, 'r')}, 0 \le k \le {height - 1}",
        rf"l = w - {_step(sizes, 1, 'c')}, 0 \le l \le {width - 1}",
    ]
    bias = " + b_{o}" if len(sizes.weights) > 1 else ""
    sums = (
        rf"y_{{o h w}} = \sum_{{i=1}}^{{{channels}}} \sum_{{r=0}}^{{{rows - 1}}} "
        rf"\sum_{{c=0}}^{{{columns - 1}}} W_{{i o k l}} x_{{i r c}}{bias}"
    )
    return r" \\ ".join([sums, *lines])


def _step(sizes: Sizes, axis: int, letter: str) -> str:
    """Stride times a place, and padding, such as `2 r + 1`."""
    stride, padding = sizes.settings["stride"][axis], sizes.settings["padding"][axis]
    return ("" if stride == 1 else f"{stride} ") + letter + (f" + {padding}" if padding else "")


def _unflatten(sizes: Sizes) -> str:
    _, rows, columns = sizes.given
    return rf"y_{{i r c}} = x_{{{rows * columns} i + {columns} r + c}}"


def _part(sizes: Sizes) -> str:
    start = sizes.settings["start"]
    return rf"y_{{o}} = x_{{{f'{start} + ' if start else ''}o}}"


def _clamp(sizes: Sizes) -> str:
    low, high = (f"{sizes.settings[name]:g}" for name in ("low", "high"))
    return pointwise(rf"y@ = \min({high}, \max({low}, x@))")(sizes)


def _reconstruction(sizes: Sizes) -> str:
    count = math.prod(sizes.taken)
    return (
        rf"R = \frac{{{count}}}{{2}} \ln(2 \pi v) + \frac{{1}}{{2 v}} \sum_{{d=1}}^{{{count}}} "
        rf"((y_{{d}} - x_{{d}})^{{2}} + \frac{{1}}{{12}}), v = {sizes.settings['variance']:.6g}"
    )


def _density_of_draw(sizes: Sizes) -> str:
    count = sizes.taken[0]
    return (
        rf"Q = \ln q(z | x) = - \frac{{1}}{{2}} \sum_{{j=1}}^{{{count}}} "
        r"(\epsilon_{j}^{2} + \lambda_{j} + \ln 2 \pi)"
    )


def _mixture_density(sizes: Sizes) -> str:
    _, components, count = sizes.weights[0]
    return (
        rf"P = \ln p(z | y) = \ln \sum_{{k=1}}^{{{components}}} e^{{a_{{k}}}} \\ "
        rf"a_{{k}} = \ln w_{{k}} - \frac{{1}}{{2}} \sum_{{j=1}}^{{{count}}} "
        r"(\frac{(z_{j} - m_{k j})^{2}}{e^{\rho_{k j}}} + \rho_{k j} + \ln 2 \pi)"
    )


FORMULAS_OF_GENERATORS: dict[str, Callable[[Sizes], str]] = {
    "unflatten": _unflatten,
    "part": _part,
    "clamp": _clamp,
    "transposed-convolution": _transposed,
    "reparametrised": lambda sizes: r"z_{o} = \mu_{o} + e^{\lambda_{o} / 2} \epsilon_{o}",
    "reconstruction": _reconstruction,
    "density-of-draw": _density_of_draw,
    "mixture-density": _mixture_density,
}
