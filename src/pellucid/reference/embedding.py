r"""Embeddings of tokens and positions, and the embedding bag.

Embedding: each id has a vector, learnt like any other weight, and so may each place of a text.

$$y_{nti} = E_{vi} \quad \text{with } v = x_{nt}, \qquad
  \bar E_{vi} = \sum_{n,t \,:\, x_{nt} = v} \bar y_{nti}$$

for text $n$ and place $t$. It is a dense layer over one-hot inputs, without the multiplications by zero.
Padding's vector is given no gradient and stays as it is. A layer that reads all places at once does not
see their order; vectors $P$ of the places, added to those of the ids, encode it:

$$y_{nti} = x_{nti} + P_{ti}, \qquad \bar P_{ti} = \sum_n \bar y_{nti}$$

Source: Bengio, Ducharme, Vincent and Jauvin 2003, "A neural probabilistic language model", JMLR 3,
section 2; Devlin, Chang, Lee and Toutanova 2018, arXiv:1810.04805, section 3, for the places.

A weighted sum of the vectors of a text's n-grams: TF-IDF as a layer.

With $n_t$ how often id $t$ is in the text, $d_t$ in how many of the $N$ training texts, and groups $g$
of ids (words, pairs of words):

$$r_t = 1 + \ln \frac{1 + N}{1 + d_t}, \quad w_t = (1 + \ln n_t) \, r_t, \quad
  A_t = \frac{a_g}{\lVert a \rVert} \, \frac{w_t}{\lVert w_g \rVert}, \quad
  y_o = b_o + \sum_t A_t E_{to}$$

$$a_1 = 1, \quad a_g = \min\Bigl(1, \frac{1}{2} \sqrt{|g| / |g_1|}\Bigr)$$

An id that is not in the text has $A_t = 0$, and so have padding and unknown, which are in no group.

Source: Salton and Buckley 1988, "Term-weighting approaches in automatic text retrieval", Information
Processing & Management 24(5), table 1.
"""

import math
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int64

Tokens = Int64[np.ndarray, "batch length"]
Vectors = Float[np.ndarray, "batch length size"]
Table = Float[np.ndarray, "vocabulary size"]
Places = Float[np.ndarray, "places size"]
Rarity = Float[np.ndarray, " vocabulary"]
BagTable = Float[np.ndarray, "vocabulary units"]
Bias = Float[np.ndarray, " units"]
Units = Float[np.ndarray, "batch units"]


def embedding(tokens: Tokens, weight: Table) -> Vectors:
    r"""Look up: $y_{nti} = E_{vi}$ with $v = x_{nt}$.

    `tokens`: ids $x$; `weight`: $E$.

    Source: Bengio et al. 2003, section 2.
    """
    vectors: np.ndarray = weight[tokens]
    return vectors


def embedding_backward(gradient: Vectors, tokens: Tokens, weight: Table) -> tuple[None, Table]:
    r"""Gradient of `embedding`: an id's vector collects from all places of the id."""
    of_weight = np.zeros(weight.shape, gradient.dtype)
    for n, t in np.ndindex(tokens.shape):
        if tokens[n, t] != 0:
            of_weight[tokens[n, t]] += gradient[n, t]
    return None, of_weight


def positional_embedding(vectors: Vectors, weight: Places) -> Vectors:
    r"""Add the vector of each place: $y_{nti} = x_{nti} + P_{ti}$.

    `vectors`: $x$; `weight`: $P$; padding beyond its last row gets that row.

    Source: Devlin et al. 2018, section 3.
    """
    outputs: np.ndarray = vectors + weight[_rows(vectors, weight)]
    return outputs


def positional_embedding_backward(
    gradient: Vectors, vectors: Vectors, weight: Places
) -> tuple[Vectors, Places]:
    r"""Gradients of `positional_embedding`: $\bar x = \bar y$, $\bar P_{ti} = \sum_n \bar y_{nti}$."""
    of_weight = np.zeros(weight.shape, gradient.dtype)
    np.add.at(of_weight, _rows(vectors, weight), gradient.sum(axis=0))
    return gradient, of_weight


def _rows(vectors: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.minimum(np.arange(vectors.shape[1]), len(weight) - 1)


Groups = tuple[int, ...]


def rarity(counts: Int64[np.ndarray, " vocabulary"], texts: int, *, groups: Groups) -> Rarity:
    r"""Rarity of each id: $r_t = 1 + \ln \frac{1 + N}{1 + d_t}$, 0 for ids before the first group.

    `counts`: $d$, training texts that hold the id; `texts`: $N$; `groups`: first id of each group and, last,
    the number of ids; result: $r$.

    Source: Salton and Buckley 1988, table 1.
    """
    found = 1 + np.log((1 + texts) / (1 + counts))
    found[: groups[0]] = 0
    return found


def factors(tokens: Tokens, rarity: Rarity, *, groups: Groups) -> Float[np.ndarray, "batch vocabulary"]:
    r"""Factor of each id in each text: $A_t = \frac{a_g}{\lVert a \rVert} \frac{w_t}{\lVert w_g \rVert}$.

    `tokens`: ids of the texts, filled up with 0; `rarity`: $r$; `groups`: see `rarity`.

    Source: Salton and Buckley 1988, table 1.
    """
    found = np.zeros((len(tokens), len(rarity)), rarity.dtype)
    for text, of_text in zip(tokens, found, strict=True):
        n = np.bincount(text, minlength=len(rarity))
        w = np.where(n > 0, 1 + np.log(np.maximum(n, 1)), 0) * rarity
        for (first, end), share in zip(pairwise(groups), shares(groups), strict=True):
            length = np.sqrt((w[first:end] ** 2).sum())
            if length > 0:
                of_text[first:end] = share * w[first:end] / length
    return found


def shares(groups: Groups) -> list[float]:
    r"""Share of each group: $a_g / \lVert a \rVert$, whose squares add up to 1."""
    sizes = [end - first for first, end in pairwise(groups)]
    a = [1.0] + [min(1.0, math.sqrt(size / max(1, sizes[0])) / 2) for size in sizes[1:]]
    return [each / math.hypot(*a) for each in a]


def embedding_bag(tokens: Tokens, weight: BagTable, bias: Bias, rarity: Rarity, *, groups: Groups) -> Units:
    r"""Add up the vectors of a text's ids: $y_o = b_o + \sum_t A_t E_{to}$.

    `tokens`: ids of the texts, filled up with 0; `weight`: $E$; `bias`: $b$; `rarity`: $r$.

    Source: Salton and Buckley 1988, table 1, for $A$.
    """
    sums: np.ndarray = np.einsum("nt,to->no", factors(tokens, rarity, groups=groups), weight)
    outputs: np.ndarray = bias + sums
    return outputs


def embedding_bag_backward(
    gradient: Units, tokens: Tokens, weight: BagTable, bias: Bias, rarity: Rarity, *, groups: Groups
) -> tuple[None, BagTable, Bias, None]:
    r"""Gradients of `embedding_bag`, those of a dense layer with inputs $A$.

    $$\bar E_{to} = \sum_n A_{nt} \bar y_{no}, \quad \bar b_o = \sum_n \bar y_{no}$$
    """
    of_weight = np.einsum("nt,no->to", factors(tokens, rarity, groups=groups), gradient)
    return None, of_weight, gradient.sum(axis=0), None
