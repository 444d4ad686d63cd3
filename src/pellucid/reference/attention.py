r"""Self-attention: every token asks, all tokens answer, each as far as its key fits the question.

The numbers of a token are projected to a query, a key and a value, side by side; each of the $H$ heads has
its own $d$ numbers of the three. For token $i$ that asks, token $j$ that answers and head $h$:

$$s_{hij} = \frac{1}{\sqrt d} \sum_c q_{hic} \, k_{hjc}, \quad
  a_{hij} = \frac{e^{s_{hij}}}{\sum_{l \in T} e^{s_{hil}}}, \quad
  y_{hic} = \sum_{j \in T} a_{hij} \, v_{hjc}$$

with $T$ the tokens of the text without padding, of an image all. The mixed values $y$ of the heads
are side by side again. Weights and mixing are two layers here, so that the weights can be shown.

Source: Vaswani et al. 2017, "Attention is all you need", arXiv:1706.03762, eq. 1 and section 3.2.2.
"""

import numpy as np
from jaxtyping import Bool, Float

Projected = Float[np.ndarray, "batch length thrice"]
Weights = Float[np.ndarray, "batch heads length length"]
Vectors = Float[np.ndarray, "batch length size"]
Mask = Bool[np.ndarray, "batch length"]


def attention_weights(projected: Projected, places: Mask | None = None, *, heads: int) -> Weights:
    r"""Weights of each head: $a_{hij} = \mathrm{softmax}_j (q_{hi} \cdot k_{hj} / \sqrt d)$.

    `projected`: $q$, $k$ and $v$ side by side, the heads one after the other within each; `places`: $T$,
    or `None` for all; `heads`: $H$; result: $a$; rows add up to 1, and are 0 at padding.

    Source: Vaswani et al. 2017, eq. 1.
    """
    query, key, _ = parts(projected, heads)
    scores = np.einsum("nhic,nhjc->nhij", query, key) / np.asarray(query.shape[-1] ** 0.5, query.dtype)
    if places is not None:
        scores = np.where(places[:, None, None], scores, -np.inf)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    weights: np.ndarray = powers / powers.sum(axis=-1, keepdims=True)
    return weights


def attention_weights_backward(
    gradient: Weights, projected: Projected, places: Mask | None = None, *, heads: int
) -> tuple[Projected, None]:
    r"""Gradient of `attention_weights`: that of a softmax, then that of each product.

    $$\bar s_{hij} = a_{hij} \Bigl(\bar a_{hij} - \sum_l \bar a_{hil} a_{hil}\Bigr), \quad
      \bar q_{hic} = \frac{1}{\sqrt d} \sum_j \bar s_{hij} k_{hjc}, \quad
      \bar k_{hjc} = \frac{1}{\sqrt d} \sum_i \bar s_{hij} q_{hic}$$
    """
    query, key, value = parts(projected, heads)
    weights = attention_weights(projected, places, heads=heads)
    of_scores = weights * (gradient - (gradient * weights).sum(axis=-1, keepdims=True))
    of_scores /= np.asarray(query.shape[-1] ** 0.5, query.dtype)
    of_query = np.einsum("nhij,nhjc->nhic", of_scores, key)
    of_key = np.einsum("nhij,nhic->nhjc", of_scores, query)
    return _concatenated(of_query, of_key, np.zeros_like(value)), None


def attention(projected: Projected, weights: Weights) -> Vectors:
    r"""Values mixed by the weights: $y_{hic} = \sum_j a_{hij} v_{hjc}$.

    `projected`: $q$, $k$ and $v$ side by side; `weights`: $a$, 0 at padding; result: $y$, the heads side by
    side.

    Source: Vaswani et al. 2017, eq. 1.
    """
    _, _, value = parts(projected, weights.shape[1])
    return _joined(np.einsum("nhij,nhjc->nhic", weights, value))


def attention_backward(
    gradient: Vectors, projected: Projected, weights: Weights
) -> tuple[Projected, Weights]:
    r"""Gradients of `attention`: of the values that are mixed, and of the weights that mix them.

    $$\bar v_{hjc} = \sum_i a_{hij} \bar y_{hic}, \quad \bar a_{hij} = \sum_c \bar y_{hic} v_{hjc}$$
    """
    query, key, value = parts(projected, weights.shape[1])
    batch, heads, length, size = value.shape
    above = gradient.reshape(batch, length, heads, size).transpose(0, 2, 1, 3)
    of_value = np.einsum("nhij,nhic->nhjc", weights, above)
    of_weights = np.einsum("nhic,nhjc->nhij", above, value)
    return _concatenated(np.zeros_like(query), np.zeros_like(key), of_value), of_weights


def parts(projected: Projected, heads: int) -> tuple[Float[np.ndarray, "batch heads length size"], ...]:
    """Queries, keys and values of each head.

    `projected`: all side by side; `heads`: how many; result: $q$, $k$ and $v$.
    """
    batch, length, thrice = projected.shape
    split = projected.reshape(batch, length, 3, heads, thrice // 3 // heads).transpose(2, 0, 3, 1, 4)
    return split[0], split[1], split[2]


def _concatenated(*of_parts: np.ndarray) -> np.ndarray:
    """Queries, keys and values of the heads, side by side for each token again."""
    return np.concatenate([_joined(each) for each in of_parts], axis=-1)


def _joined(of_heads: np.ndarray) -> np.ndarray:
    batch, heads, length, size = of_heads.shape
    return of_heads.transpose(0, 2, 1, 3).reshape(batch, length, heads * size)
