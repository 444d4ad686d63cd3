"""Average of models: which of them, and how much each counts, chosen greedily by what was held out.

The mean starts empty. In every step the model is taken, perhaps once more, with which the mean of all taken
so far loses least: the log loss of probabilities, the squared error of numbers. Of the means on the way the
one that loses least is kept; how often a model was taken is its weight.

A mean chosen on the examples that judge it looks too good. So its held-out answers come from five parts,
drawn by chance: the mean for each part is chosen on the other four.

Source: Caruana et al. 2004, "Ensemble Selection from Libraries of Models".
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.arithmetic.probabilities import weighted_mean
from pellucid.bundle.held_out import MOST_MEMBERS
from pellucid.evaluation.by_target import SCORING
from pellucid.targets import Labels

_STEPS = 20  # models taken in, one after the other
_PARTS = 5  # of the held-out examples, each judged by weights of the others


def chosen_weights(
    labels: Labels, outputs: Sequence[Float64[np.ndarray, "examples ..."]]
) -> Int64[np.ndarray, " models"]:
    """Weight of every model in the average that loses least on some examples, at least one.

    Whole weights without a common divisor, 0 for a model that is no member; of models that serve equally the
    first is taken. `outputs` are the answers of every model, simplest first.
    """
    scoring = SCORING[labels.target]
    found = [scoring.averaged(labels, rows) for rows in outputs]
    terms, weights = np.stack([each.terms for each in found], axis=1), found[0].weights
    counts, best = np.zeros(len(outputs), np.int64), np.zeros(len(outputs), np.int64)
    least, total = np.inf, np.zeros(len(terms))
    for step in range(1, _STEPS + 1):
        means = (total[:, None] + terms) / step
        each = scoring.loss(means)
        losses = (weights[:, None] * each).sum(axis=0) / weights.sum()
        if (counts > 0).sum() == MOST_MEMBERS:
            losses[counts == 0] = np.inf
        taken = int(losses.argmin())
        counts[taken] += 1
        total += terms[:, taken]
        if losses[taken] < least:
            least, best = losses[taken], counts.copy()
    return np.asarray(best // np.gcd.reduce(best))


def cross_fitted_average(
    labels: Labels,
    outputs: Sequence[Float64[np.ndarray, "examples ..."]],
    seed: int = 0,
) -> Float64[np.ndarray, "examples ..."]:
    """Answers of averages that no example, of at least five, took part in choosing for itself."""
    part = generator(seed, Purpose.AVERAGE).permutation(len(labels)) % _PARTS
    found = np.empty_like(outputs[0])
    for mine in (part == number for number in range(_PARTS)):
        weights = chosen_weights(labels.at(~mine), [rows[~mine] for rows in outputs])
        found[mine] = weighted_mean([rows[mine] for rows in outputs], weights.tolist())
    return found
