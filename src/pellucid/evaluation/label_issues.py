r"""Labels that are likely wrong, found by what a model that never saw them says.

Source: Northcutt, Jiang and Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset
Labels", Journal of Artificial Intelligence Research 70, section 3.1.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64


class LabelError(NamedTuple):
    """An example whose label is likely wrong.

    Attributes:
        position: its row in what was given.
        suggested: class index it likely belongs to.
        probability: of the suggested class.
        probability_of_label: of the label it has.
    """

    position: int
    suggested: int
    probability: float
    probability_of_label: float


def find_label_issues(
    labels: Int64[np.ndarray, " examples"],
    out_of_sample_probabilities: Float64[np.ndarray, "examples classes"],
) -> list[LabelError]:
    r"""Find likely label errors, the likeliest first; none where there are no examples.

    A class counts as confidently seen in an example when its probability reaches the class's own
    threshold, the mean probability of the class over the examples that bear its label:
    $t_j = \frac{1}{|X_j|} \sum_{i \in X_j} p_{ij}$. Of several such classes the most probable is
    taken. An example is listed when that class is not its label (it stands off the diagonal of
    the confident joint) and is also the most probable of all; the order is by the margin
    $p_{i,\text{label}} - p_{i,\text{suggested}}$, smallest first.

    Probabilities are by a model that was not trained on the example.
    """
    if len(labels) == 0:
        return []
    probabilities = out_of_sample_probabilities
    rows = np.arange(len(labels))
    of_label = probabilities[rows, labels]
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    sums = np.bincount(labels, weights=of_label, minlength=probabilities.shape[1])
    thresholds = np.divide(sums, counts, out=np.full(len(counts), np.inf), where=counts > 0)
    suggested = probabilities.argmax(axis=1)
    likely = probabilities[rows, suggested]
    is_error = (suggested != labels) & (likely >= thresholds[suggested]) & (likely > of_label)
    found = np.flatnonzero(is_error)
    order = found[np.argsort((of_label - likely)[found], kind="stable")]
    return [LabelError(int(i), int(suggested[i]), float(likely[i]), float(of_label[i])) for i in order]
