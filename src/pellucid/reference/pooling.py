r"""Pooling over windows, over whole maps and over the tokens of a text.

Pooling over windows that touch but do not overlap, and over whole maps.

With $P_{nirckl}$ the window of height $K$ and width $M$ at row $r$ and column $c$:

$$\text{max: } y_{nirc} = \max_{k,l} P_{nirckl}, \qquad
  \text{average: } y_{nirc} = \frac{1}{K M} \sum_k \sum_l P_{nirckl}$$

The gradient of a maximum goes to the winner alone, that of an average to all in equal parts. Rows and
columns that fill no window are left out, and get no gradient. Where several are equal to the maximum, the
winner of a window is the first of them, row by row; the maximum of a whole map shares its gradient evenly
among them. Both are subgradients, and the ones that torch takes.

Source: Scherer, Müller and Behnke 2010, "Evaluation of pooling operations in convolutional architectures
for object recognition", ICANN, for max; LeCun et al. 1998, "Gradient-based learning applied to document
recognition", section II.B, for average; Lin, Chen and Yan 2013, arXiv:1312.4400, section 3.2, for whole maps.

Pooling over the places of a text, padding left out.

With $T_n$ the places of text $n$ without padding:

$$\text{max: } y_{ni} = \max_{t \in T_n} x_{nti}, \qquad
  \text{average: } y_{ni} = \frac{1}{|T_n|} \sum_{t \in T_n} x_{nti}, \qquad
  \text{root: } y_{ni} = \frac{1}{\sqrt{|T_n|}} \sum_{t \in T_n} x_{nti}$$

The gradient of a maximum is shared evenly among the places that are equal to it, as torch does.

Source: Collobert et al. 2011, "Natural language processing (almost) from scratch", JMLR 12,
section 3.3, for the maximum over time; Cer et al. 2018, arXiv:1803.11175, section 3.2, for the sum over the
root of the length.

The mean of the patches of an image, learnt tokens before them left out:
$y_{ni} = \frac{1}{T - a} \sum_{t \ge a} x_{nti}$.
"""

import numpy as np
from jaxtyping import Bool, Float, Int64

from pellucid.reference.convolution import Pair, overlaid, patches

Images = Float[np.ndarray, "batch channel height width"]
Windows = Float[np.ndarray, "batch channel rows columns"]
Channels = Float[np.ndarray, "batch channel"]
Texts = Float[np.ndarray, "batch length channel"]
Mask = Bool[np.ndarray, "batch length"]


def max_pool(inputs: Images, *, window: Pair) -> Windows:
    r"""The largest value of each window: $y_{nirc} = \max_{kl} P_{nirckl}$.

    `inputs`: $x$; `window`: height and width in pixels.

    Source: Scherer et al. 2010.
    """
    largest: np.ndarray = patches(inputs, window, window).max(axis=(4, 5))
    return largest


def winners(inputs: Images, *, window: Pair) -> Int64[np.ndarray, "batch channel rows columns 2"]:
    """Position of the largest value of each window; of equals the first, row by row.

    `inputs`: what is pooled; `window`: height and width in pixels; result: row and column in the image that
    is pooled.
    """
    height, width = window
    seen = patches(inputs, window, window)
    rows, columns = seen.shape[2:4]
    k, l = np.divmod(seen.reshape(*seen.shape[:4], -1).argmax(axis=-1), width)  # noqa: E741
    top, left = np.arange(rows)[:, None] * height, np.arange(columns) * width
    return np.stack([top + k, left + l], axis=-1)


def max_pool_backward(gradient: Windows, inputs: Images, *, window: Pair) -> Images:
    r"""Gradient of `max_pool`: $\bar x$ is $\bar y_{nirc}$ at the winner of the window, 0 elsewhere."""
    where = winners(inputs, window=window)
    of_inputs = np.zeros(inputs.shape, gradient.dtype)
    for n, i, r, c in np.ndindex(gradient.shape):
        row, column = where[n, i, r, c]
        of_inputs[n, i, row, column] = gradient[n, i, r, c]
    return of_inputs


def average_pool(inputs: Images, *, window: Pair) -> Windows:
    r"""The mean of each window: $y_{nirc} = \frac{1}{KM} \sum_{kl} P_{nirckl}$.

    `inputs`: $x$; `window`: height $K$ and width $M$ in pixels.

    Source: LeCun et al. 1998, section II.B, without its coefficient and bias.
    """
    means: np.ndarray = patches(inputs, window, window).mean(axis=(4, 5))
    return means


def average_pool_backward(gradient: Windows, inputs: Images, *, window: Pair) -> Images:
    r"""Gradient of `average_pool`: $\bar P_{nirckl} = \bar y_{nirc} / (K M)$."""
    height, width = window
    shared = gradient[..., None, None] / (height * width)
    parts = np.broadcast_to(shared, (*gradient.shape, height, width))
    return overlaid(parts, (inputs.shape[2], inputs.shape[3]), window)


def global_max(maps: Images) -> Channels:
    r"""The largest value of each map: $y_{ni} = \max_{r,c} x_{nirc}$.

    Source: Scherer et al. 2010, with one window.
    """
    largest: np.ndarray = maps.max(axis=(2, 3))
    return largest


def global_max_backward(gradient: Channels, maps: Images) -> Images:
    r"""Gradient of `global_max`: $\bar x_{nirc} = \bar y_{ni} / m$ at the $m$ winners, 0 elsewhere."""
    wins = maps == maps.max(axis=(2, 3), keepdims=True)
    m = wins.sum(axis=(2, 3), keepdims=True).astype(gradient.dtype)
    of_maps: np.ndarray = gradient[:, :, None, None] / m * wins
    return of_maps


def global_average(maps: Images) -> Channels:
    r"""The mean of each map: $y_{ni} = \frac{1}{RC} \sum_r \sum_c x_{nirc}$.

    Source: Lin et al. 2013, section 3.2.
    """
    means: np.ndarray = maps.mean(axis=(2, 3))
    return means


def global_average_backward(gradient: Channels, maps: Images) -> Images:
    r"""Gradient of `global_average`: $\bar x_{nirc} = \bar y_{ni} / (RC)$."""
    rows, columns = maps.shape[2:]
    return np.broadcast_to(gradient[:, :, None, None] / (rows * columns), maps.shape).copy()


def token_mask(tokens: Int64[np.ndarray, "batch length"]) -> Mask:
    """Mask of ids, without padding (id 0); the first place counts always, so that no text is empty.

    `tokens`: ids, filled up at the end with 0; result: true at the places $T_n$.
    """
    places: np.ndarray = tokens != 0
    places[:, 0] = True
    return places


def text_max(values: Texts, places: Mask) -> Channels:
    r"""The largest value over a text: $y_{ni} = \max_{t \in T_n} x_{nti}$.

    `values`: $x$; `places`: $T$.

    Source: Collobert et al. 2011, section 3.3.
    """
    largest: np.ndarray = np.where(places[:, :, None], values, -np.inf).max(axis=1).astype(values.dtype)
    return largest


def text_max_backward(gradient: Channels, values: Texts, places: Mask) -> tuple[Texts, None]:
    r"""Gradient of `text_max`: $\bar x_{nti} = \bar y_{ni} / m$ at the $m$ winners, 0 elsewhere."""
    wins = places[:, :, None] & (values == text_max(values, places)[:, None])
    m = wins.sum(axis=1, keepdims=True).astype(gradient.dtype)
    return gradient[:, None] / m * wins, None


def text_average(values: Texts, places: Mask) -> Channels:
    r"""The mean over a text: $y_{ni} = \frac{1}{|T_n|} \sum_{t \in T_n} x_{nti}$.

    `values`: $x$; `places`: $T$.

    Source: Collobert et al. 2011, section 3.3, where it is named as what the maximum replaces.
    """
    sums = np.einsum("nt,nti->ni", places.astype(values.dtype), values)
    means: np.ndarray = sums / places.sum(axis=1, keepdims=True).astype(values.dtype)
    return means


def text_average_backward(gradient: Channels, values: Texts, places: Mask) -> tuple[Texts, None]:
    r"""Gradient of `text_average`: $\bar x_{nti} = \bar y_{ni} / |T_n|$ for $t \in T_n$, 0 elsewhere."""
    shares = places / places.sum(axis=1, keepdims=True)
    return np.einsum("ni,nt->nti", gradient, shares.astype(values.dtype)), None


def text_root(values: Texts, places: Mask) -> Channels:
    r"""The sum over a text by the root of its length: $y_{ni} = |T_n|^{-1/2} \sum_{t \in T_n} x_{nti}$.

    `values`: $x$; `places`: $T$.

    Source: Cer et al. 2018, section 3.2.
    """
    sums = np.einsum("nt,nti->ni", places.astype(values.dtype), values)
    by_root: np.ndarray = sums / np.sqrt(places.sum(axis=1, keepdims=True)).astype(values.dtype)
    return by_root


def text_root_backward(gradient: Channels, values: Texts, places: Mask) -> tuple[Texts, None]:
    r"""Gradient of `text_root`: $\bar x_{nti} = \bar y_{ni} / \sqrt{|T_n|}$ for $t \in T_n$, 0 elsewhere."""
    shares = places / np.sqrt(places.sum(axis=1, keepdims=True))
    return np.einsum("ni,nt->nti", gradient, shares.astype(values.dtype)), None


def without_padding(values: Texts, places: Mask) -> Texts:
    r"""Zeros at padding: $y_{nti} = x_{nti}$ for $t \in T_n$, 0 elsewhere.

    `values`: $x$; `places`: $T$.

    Source: Collobert et al. 2011, section 3.3, where padding is a vector of its own.
    """
    return np.where(places[:, :, None], values, np.zeros((), values.dtype))


def without_padding_backward(gradient: Texts, values: Texts, places: Mask) -> tuple[Texts, None]:
    r"""Gradient of `without_padding`: $\bar x_{nti} = \bar y_{nti}$ for $t \in T_n$, 0 elsewhere."""
    return without_padding(gradient, places), None


def token_mean(tokens: Texts, *, start: int) -> Channels:
    r"""The mean of the tokens from a place on: $y_{ni} = \frac{1}{T - a} \sum_{t \ge a} x_{nti}$.

    `tokens`: $x$; `start`: $a$, how many learnt tokens come before the patches.

    Source: Dosovitskiy et al. 2020, appendix D.3, where it is compared with the class token.
    """
    means: np.ndarray = tokens[:, start:].mean(axis=1)
    return means


def token_mean_backward(gradient: Channels, tokens: Texts, *, start: int) -> Texts:
    r"""Gradient of `token_mean`: $\bar x_{nti} = \bar y_{ni} / (T - a)$ for $t \ge a$, 0 before."""
    of_tokens = np.zeros(tokens.shape, gradient.dtype)
    of_tokens[:, start:] = gradient[:, None] / np.asarray(tokens.shape[1] - start, gradient.dtype)
    return of_tokens
