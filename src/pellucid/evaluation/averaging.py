r"""Average of models: which of them, and how much each counts, chosen greedily by what was held out.

The mean starts empty. In every step the model is taken, perhaps once more, with which the mean of all taken
so far loses least: the log loss of probabilities, the squared error of numbers. Of the means on the way the
one that loses least is kept; how often a model was taken is its weight.

A mean chosen on the examples that judge it flatters itself. So its held-out answers come from five parts,
drawn by chance: the mean for each part is chosen on the other four.

Source: Caruana et al. 2004, "Ensemble Selection from Libraries of Models".
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.arithmetic.metrics import SMALLEST_PROBABILITY
from pellucid.arithmetic.probabilities import weighted_mean
from pellucid.bundle.kinds import MOST_MEMBERS

_STEPS, _PARTS = 20, 5


def chosen_weights(
    labels: Shaped[np.ndarray, " examples"], said: Sequence[Float64[np.ndarray, "examples ..."]]
) -> Int64[np.ndarray, " models"]:
    """Weight of every model in the average that loses least on some examples.

    Whole weights without a common divisor, 0 for a model that is no member; of models that serve equally the
    one that stands first is taken. `labels` are class codes or numbers of at least one example; `said` are
    probabilities (examples, classes) or numbers (examples,) of every model, simplest first.
    """
    terms = _terms(labels, said)
    counts, best = np.zeros(len(said), np.int64), np.zeros(len(said), np.int64)
    least, total = np.inf, np.zeros(len(labels))
    has_classes = said[0].ndim == 2
    for step in range(1, _STEPS + 1):
        losses = _losses((total[:, None] + terms) / step, has_classes=has_classes)
        if (counts > 0).sum() == MOST_MEMBERS:
            losses[counts == 0] = np.inf
        taken = int(losses.argmin())
        counts[taken] += 1
        total += terms[:, taken]
        if losses[taken] < least:
            least, best = losses[taken], counts.copy()
    found: np.ndarray = best // np.gcd.reduce(best)
    return found


def cross_fitted_average(
    labels: Shaped[np.ndarray, " examples"],
    said: Sequence[Float64[np.ndarray, "examples ..."]],
    seed: int = 0,
) -> Float64[np.ndarray, "examples ..."]:
    """Answers of averages that no example took part in choosing for itself.

    `labels` and `said` are as for `chosen_weights`, of at least five examples; `seed` draws the parts.
    """
    part = generator(seed, Purpose.AVERAGE).permutation(len(labels)) % _PARTS
    found = np.empty_like(said[0])
    for number in range(_PARTS):
        mine = part == number
        weights = chosen_weights(labels[~mine], [rows[~mine] for rows in said])
        found[mine] = weighted_mean([rows[mine] for rows in said], weights.tolist())
    return found


def _terms(
    labels: Shaped[np.ndarray, " examples"], said: Sequence[Float64[np.ndarray, "examples ..."]]
) -> Float64[np.ndarray, "examples models"]:
    """Probability of the label, or error of the number: of a mean they are the mean of its members'."""
    places = np.arange(len(labels))
    return np.stack([rows[places, labels] if rows.ndim == 2 else rows - labels for rows in said], axis=1)


def _losses(
    terms: Float64[np.ndarray, "examples models"], *, has_classes: bool
) -> Float64[np.ndarray, " models"]:
    """Mean log loss, or mean squared error."""
    each = -np.log(np.maximum(terms, SMALLEST_PROBABILITY)) if has_classes else terms**2
    found: np.ndarray = each.mean(axis=0)
    return found
