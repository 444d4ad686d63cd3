"""Labels of examples together with what they are: the one container in which they travel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from pellucid.settings import Metric
from pellucid.targets.target import Target


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of examples, the names of their classes, and the target that they are of."""

    values: Shaped[np.ndarray, "n ..."]  # as the target has them: codes, numbers, or states of each label
    names: tuple[str, ...]  # of classes or labels, by their code; none of numbers
    target: Target

    def __len__(self) -> int:
        return len(self.values)

    def at(self, positions: Any) -> "Labels":
        """Those of some examples, by their positions, or by what NumPy takes for them."""
        return replace(self, values=self.values[positions])

    def by(self, names: Sequence[str]) -> "Labels":
        """The same by other names, in their order: labels that are not among them are left out."""
        places = {name: code for code, name in enumerate(names)}
        moved = [places.get(name, -1) for name in self.names]
        return replace(self, values=self.target.moved(self.values, moved, len(names)), names=tuple(names))

    def renamed(self, names: Mapping[str, str]) -> "Labels":
        """The same by new names, as the target arranges them; classes of one new name become one."""
        own = [names.get(name, name) for name in self.names]
        places = {name: code for code, name in enumerate(self.target.arranged(own, own))}
        moved = [places[name] for name in own]
        return replace(self, values=self.target.moved(self.values, moved, len(places)), names=tuple(places))

    def exclusive(self) -> Sequence[str]:
        """Classes of which an example has exactly one; none of several labels and numbers."""
        return self.target.exclusive(self.names)

    def codes(self) -> Int64[np.ndarray, " n"]:
        """Class of each example; its rarest label, or else 0; numbers are all of one."""
        return self.target.codes(self.values)

    def is_known(self) -> Bool[np.ndarray, " n"]:
        """Whether an example has a label that can be learnt; of several, whether any of them is known."""
        return self.target.is_known(self.values)

    def counts(self) -> tuple[int, ...]:
        """Examples of each class or label; of numbers, how many there are."""
        return self.target.counts(self.values, len(self.names))

    def strata(self, least: int = 15) -> Int64[np.ndarray, " n"]:
        """Stratum of each example, from 0 without gaps, of which splits take equal shares."""
        return self.target.strata(self.values, least)

    def texts(self) -> list[str]:
        """Labels by the names of their classes, those of one example joined by `;`."""
        return self.target.texts(self.values, self.names)

    def to_bytes(self) -> bytes:
        """The bytes of the labels, as fingerprints and files have them."""
        return self.values.astype(self.target.dtype).tobytes()


def metric_value(
    metric: Metric,
    labels: Labels,
    answers: Float64[np.ndarray, "n ..."],
    positive: int | None = None,
    predicted: Shaped[np.ndarray, "n ..."] | None = None,
) -> float:
    """Value of any metric of the labels' target; `predicted` are decisions about several labels.

    Where a metric has a positive class it is `positive`, or else the rarer one of the labels; decisions are
    by default those from one half on.
    """
    return labels.target.value(metric.key, labels.values, answers, predicted, positive)
