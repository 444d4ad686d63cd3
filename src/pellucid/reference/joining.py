r"""Layers that join paths, change shapes or the order of a text.

Layers that join paths and change shapes: add a shortcut, concatenate, flatten and back, take a part.

$$\text{add: } y = x + h, \qquad \text{side by side: } y = (x_1, \dots, x_m), \qquad
  \text{flatten: } y_{n,\,(iR + r)C + c} = x_{nirc}$$

$$\text{unflatten: } y_{nirc} = x_{n,\,(iR + r)C + c}, \qquad \text{part: } y_{nj} = x_{n,\,a + j}$$

No number changes but by the sum, so the gradients are copies: to both terms of a sum, to each part
its own piece, and 0 to what a part leaves out.

Source: He, Zhang, Ren and Sun 2015, arXiv:1512.03385, eq. 1, for the shortcut.

A text turned around, padding left where it is, so that a recurrent layer can read it backwards.

$$\tau_t = \begin{cases} T - 1 - t & t < T \\ t & t \ge T \end{cases}, \qquad y_{nti} = x_{n \tau_t i}$$

for text $n$ of $T$ ids. $\tau$ is its own inverse: turned twice, a text is as it was.

Source: Schuster and Paliwal 1997, "Bidirectional recurrent neural networks", IEEE Transactions on
Signal Processing 45(11).

An image as tokens: the maps of a convolution whose kernel is as large as its stride have a place for each
patch of the image, and each place is a token. Learnt tokens come before them: the class token, whose vector
the answer may be read from, and registers.

$$\text{patches: } y_{n,\,rC + c,\,i} = x_{nirc}, \qquad
  \text{learnt tokens: } y_{nti} = \begin{cases} w_{ti} & t < K \\ x_{n,\,t - K,\,i} & t \ge K \end{cases},
  \qquad \text{one token: } y_{ni} = x_{nai}$$

Source: Dosovitskiy et al. 2020, "An image is worth 16x16 words", arXiv:2010.11929, eq. 1 and 4; Darcet et al.
2023, "Vision transformers need registers", arXiv:2309.16588.
"""

import numpy as np
from jaxtyping import Bool, Float, Int64

Values = Float[np.ndarray, "*shape"]
Part = Float[np.ndarray, "*places _"]
Joined = Float[np.ndarray, "*places channel"]
Features = Float[np.ndarray, "batch features"]
Batch = Float[np.ndarray, "batch ..."]
Maps = Float[np.ndarray, "batch channel rows columns"]
Longer = Float[np.ndarray, "batch *place features"]
Shorter = Float[np.ndarray, "batch *place kept"]
Texts = Float[np.ndarray, "batch length channel"]
Order = Int64[np.ndarray, "batch length"]
Patches = Float[np.ndarray, "batch patches channel"]
Learnt = Float[np.ndarray, "learnt channel"]
Vectors = Float[np.ndarray, "batch channel"]


def add(inputs: Values, shortcut: Values) -> Values:
    r"""Add a shortcut: $y = x + h$.

    `inputs`: $x$; `shortcut`: $h$.

    Source: He et al. 2015, eq. 1.
    """
    outputs: np.ndarray = inputs + shortcut
    return outputs


def add_backward(gradient: Values, inputs: Values, shortcut: Values) -> tuple[Values, Values]:
    r"""Gradients of `add`: $\bar x = \bar h = \bar y$."""
    return gradient, gradient


def side_by_side(*parts: Part) -> Joined:
    r"""Concatenate the channels of several arrays: $y = (x_1, \dots, x_m)$.

    `*parts`: $x_1, \dots, x_m$, channels last.
    """
    return np.concatenate(parts, axis=-1)


def side_by_side_backward(gradient: Joined, *parts: Part) -> tuple[Part, ...]:
    r"""Gradients of `side_by_side`: $(\bar x_1, \dots, \bar x_m) = \bar y$."""
    ends = np.cumsum([part.shape[-1] for part in parts])
    return tuple(np.split(gradient, ends[:-1], axis=-1))


def flatten(inputs: Batch) -> Features:
    r"""One row for each example, channel by channel and row by row: $y_{n,\,(iR + r)C + c} = x_{nirc}$."""
    return inputs.reshape(len(inputs), -1)


def flatten_backward(gradient: Features, inputs: Batch) -> Batch:
    r"""Gradient of `flatten`: $\bar x_{nirc} = \bar y_{n,\,(iR + r)C + c}$."""
    return gradient.reshape(inputs.shape)


def unflatten(inputs: Features, *, shape: tuple[int, int, int]) -> Maps:
    r"""Maps out of a row, as `flatten` would write them: $y_{nirc} = x_{n,\,(iR + r)C + c}$.

    `inputs`: $x$; `shape`: number of maps, their rows $R$ and columns $C$.
    """
    return inputs.reshape(len(inputs), *shape)


def unflatten_backward(gradient: Maps, inputs: Features, *, shape: tuple[int, int, int]) -> Features:
    r"""Gradient of `unflatten`: $\bar x_{n,\,(iR + r)C + c} = \bar y_{nirc}$."""
    return gradient.reshape(inputs.shape)


def part(inputs: Longer, *, start: int, stop: int) -> Shorter:
    r"""Neighbouring numbers of a row, or of each place of a text: $y_{nj} = x_{n,\,a + j}$.

    `inputs`: $x$; `start`: $a$; `stop`: place behind the last of them.
    """
    return inputs[..., start:stop]


def part_backward(gradient: Shorter, inputs: Longer, *, start: int, stop: int) -> Longer:
    r"""Gradient of `part`: $\bar x_{n,\,a + j} = \bar y_{nj}$, and 0 elsewhere."""
    of_inputs = np.zeros(inputs.shape, gradient.dtype)
    of_inputs[..., start:stop] = gradient
    return of_inputs


def reversed_order(places: Bool[np.ndarray, "batch length"]) -> Order:
    r"""Permutation $\tau$ of the places.

    `places`: true at the $T$ ids of each text; result: $\tau$ of each text.

    Source: Schuster and Paliwal 1997.
    """
    lengths, t = places.sum(axis=1, keepdims=True), np.arange(places.shape[1])
    return np.where(t < lengths, lengths - 1 - t, t).astype(np.int64)


def turn(values: Texts, order: Order) -> Texts:
    r"""Put each text's places in another order: $y_{nti} = x_{n \tau_t i}$.

    `values`: $x$; `order`: $\tau$ of each text.

    Source: Schuster and Paliwal 1997.
    """
    return np.stack([text[tau] for text, tau in zip(values, order, strict=True)])


def turn_backward(gradient: Texts, values: Texts, order: Order) -> tuple[Texts, None]:
    r"""Gradient of `turn`: $\bar x_{n \tau_t i} = \bar y_{nti}$."""
    of_values = np.zeros_like(values)
    for n, tau in enumerate(order):
        of_values[n, tau] = gradient[n]
    return of_values, None


def patches_to_tokens(maps: Maps) -> Patches:
    r"""Make a token of each place, row by row: $y_{n,\,rC + c,\,i} = x_{nirc}$.

    `maps`: $x$, the convolution of each patch.

    Source: Dosovitskiy et al. 2020, section 3.1.
    """
    return maps.reshape(*maps.shape[:2], -1).transpose(0, 2, 1)


def patches_to_tokens_backward(gradient: Patches, maps: Maps) -> Maps:
    r"""Gradient of `patches_to_tokens`: $\bar x_{nirc} = \bar y_{n,\,rC + c,\,i}$."""
    return gradient.transpose(0, 2, 1).reshape(maps.shape)


def class_token(patches: Patches, weight: Learnt) -> Texts:
    r"""Put learnt tokens before the patches: $y_{nti} = w_{ti}$ for $t < K$, and then $x_{n,\,t - K,\,i}$.

    `patches`: $x$; `weight`: $w$, a row for the class token and one for each register.

    Source: Dosovitskiy et al. 2020, eq. 1.
    """
    learnt = np.broadcast_to(weight, (len(patches), *weight.shape))
    return np.concatenate([learnt, patches], axis=1)


def class_token_backward(gradient: Texts, patches: Patches, weight: Learnt) -> tuple[Patches, Learnt]:
    r"""Gradients of `class_token`.

    $$\bar x_{nti} = \bar y_{n,\,t + K,\,i}, \quad \bar w_{ti} = \sum_n \bar y_{nti}$$
    """
    return gradient[:, len(weight) :], gradient[:, : len(weight)].sum(axis=0)


def choose_token(tokens: Texts, *, place: int) -> Vectors:
    r"""Go on with one token alone: $y_{ni} = x_{nai}$.

    `tokens`: $x$; `place`: $a$.

    Source: Dosovitskiy et al. 2020, eq. 4.
    """
    return tokens[:, place]


def choose_token_backward(gradient: Vectors, tokens: Texts, *, place: int) -> Texts:
    r"""Gradient of `choose_token`: $\bar x_{nai} = \bar y_{ni}$, and 0 for the other tokens."""
    of_tokens = np.zeros(tokens.shape, gradient.dtype)
    of_tokens[:, place] = gradient
    return of_tokens
