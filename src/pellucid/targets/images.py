"""New images like those of the training data: nothing is answered, and labels are conditions."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from pellucid.targets.labels import Labels
from pellucid.targets.numbers import Numbers
from pellucid.targets.target import Target


class Images(Numbers):
    """New images; a label is the class (n,) that an image is to be of, and there may be none.

    No model of it answers, so that splits and losses go by what numbers do.
    """

    def texts(self, labels: Int64[np.ndarray, " n"], classes: Sequence[str]) -> list[str]:
        """The name of each condition."""
        return [classes[code] for code in labels.tolist()]


GENERATION: Target = Images(
    name="generation",
    noun="image",
    nouns="images",
    stratum="class",
    dtype="<i8",
    dummy="",
    constant="",
    loss="elbo",
    metric="bits-per-dimension",
    headline="bits_per_dimension",
    contested=(),
    cell=str,
)


def unlabelled(count: int) -> Labels:
    """Labels of so many examples that have none."""
    return Labels(np.zeros(count, np.int64), (), GENERATION)
