r"""Pooling over the places of a text, padding left out.

With $T_n$ the places of text $n$ where ids stand:

$$\text{max: } y_{ni} = \max_{t \in T_n} x_{nti}, \qquad
  \text{average: } y_{ni} = \frac{1}{|T_n|} \sum_{t \in T_n} x_{nti}$$

The gradient of a maximum is shared evenly among the places that are equal to it, as torch does.

Source: Collobert et al. 2011, "Natural language processing (almost) from scratch", JMLR 12,
section 3.3, for the maximum over time.
"""

import numpy as np
from jaxtyping import Bool, Float, Int64


def present(tokens: Int64[np.ndarray, "batch length"]) -> Bool[np.ndarray, "batch length"]:
    """Mask of ids, without padding (id 0); the first place counts always, so that no text is empty.

    Args:
        tokens: ids, filled up at the end with 0.

    Returns:
        True at the places $T_n$.
    """
    places: np.ndarray = tokens != 0
    places[:, 0] = True
    return places


def text_max(
    values: Float[np.ndarray, "batch length channel"], places: Bool[np.ndarray, "batch length"]
) -> Float[np.ndarray, "batch channel"]:
    r"""The largest value over a text: $y_{ni} = \max_{t \in T_n} x_{nti}$.

    Args:
        values: $x$.
        places: $T$.

    Returns:
        $y$.

    Source: Collobert et al. 2011, section 3.3.
    """
    largest: np.ndarray = np.where(places[:, :, None], values, -np.inf).max(axis=1).astype(values.dtype)
    return largest


def text_max_backward(
    gradient: Float[np.ndarray, "batch channel"],
    values: Float[np.ndarray, "batch length channel"],
    places: Bool[np.ndarray, "batch length"],
) -> tuple[Float[np.ndarray, "batch length channel"], None]:
    r"""Gradient of `text_max`: $\bar x_{nti} = \bar y_{ni} / m$ at the $m$ winners, 0 elsewhere.

    Args:
        gradient: $\bar y$.
        values: $x$.
        places: $T$.

    Returns:
        $\bar x$; places have no gradient.

    Source: Collobert et al. 2011, section 3.3.
    """
    wins = places[:, :, None] & (values == text_max(values, places)[:, None])
    m = wins.sum(axis=1, keepdims=True).astype(gradient.dtype)
    return gradient[:, None] / m * wins, None


def text_average(
    values: Float[np.ndarray, "batch length channel"], places: Bool[np.ndarray, "batch length"]
) -> Float[np.ndarray, "batch channel"]:
    r"""The mean over a text: $y_{ni} = \frac{1}{|T_n|} \sum_{t \in T_n} x_{nti}$.

    Args:
        values: $x$.
        places: $T$.

    Returns:
        $y$.

    Source: Collobert et al. 2011, section 3.3, where it is named as what the maximum replaces.
    """
    sums = np.einsum("nt,nti->ni", places.astype(values.dtype), values)
    means: np.ndarray = sums / places.sum(axis=1, keepdims=True).astype(values.dtype)
    return means


def text_average_backward(
    gradient: Float[np.ndarray, "batch channel"],
    values: Float[np.ndarray, "batch length channel"],
    places: Bool[np.ndarray, "batch length"],
) -> tuple[Float[np.ndarray, "batch length channel"], None]:
    r"""Gradient of `text_average`: $\bar x_{nti} = \bar y_{ni} / |T_n|$ for $t \in T_n$, 0 elsewhere.

    Args:
        gradient: $\bar y$.
        values: $x$.
        places: $T$.

    Returns:
        $\bar x$; places have no gradient.

    Source: Collobert et al. 2011, section 3.3.
    """
    shares = places / places.sum(axis=1, keepdims=True)
    return np.einsum("ni,nt->nti", gradient, shares.astype(values.dtype)), None
