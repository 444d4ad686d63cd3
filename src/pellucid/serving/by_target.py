"""What served models of each target have of their own: whose answers are watched for drift, and how."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Shaped

from pellucid.evaluation.shifts import Shift, by_ranks, of_classes
from pellucid.language.sentence import Sentence
from pellucid.runtime.metadata import Metadata
from pellucid.targets import CLASSIFICATION, MULTILABEL, ORDERED, REGRESSION, SEPARATOR, Target

# Codes of classes, or numbers.
Answers = Shaped[np.ndarray, "..."]


class OfClasses:
    """Answers of one class each, of which the shares are watched."""

    def watched(self, labels: Sequence[Any], codes: Mapping[str, int]) -> list[float]:
        """Answers as the numbers that are compared; none where no comparison has a meaning."""
        return [codes[each] for each in labels]

    def reference(self, metadata: Metadata, said: np.ndarray) -> np.ndarray | None:
        """Held-out answers as such numbers."""
        return metadata.target.labels(said.astype(np.float64), metadata.classes, metadata.threshold)

    def shift(self, metadata: Metadata, here: Answers, then: Answers) -> Shift:
        """Difference between answers from here and from then."""
        count = len(metadata.classes)
        counts = (np.bincount(each.astype(np.int64), minlength=count).astype(float) for each in (here, then))
        return of_classes(metadata.classes, *counts)

    def also(self, label: Any) -> dict[str, Any]:
        """What clients get beside the label."""
        return {}


class _OfNumbers(OfClasses):
    def watched(self, labels: Sequence[Any], codes: Mapping[str, int]) -> list[float]:
        return [float(each) for each in labels]

    def shift(self, metadata: Metadata, here: Answers, then: Answers) -> Shift:
        words = Sentence(
            "the number predicted is larger than one for a reference {noun}", metadata.input_kind.noun
        )
        return by_ranks(above(here, then), (len(here), len(then)), words)


class _OfSeveral(OfClasses):
    def watched(self, labels: Sequence[Any], codes: Mapping[str, int]) -> list[float]:
        return []  # shares of several labels are no shares of examples

    def reference(self, metadata: Metadata, said: np.ndarray) -> np.ndarray | None:
        return None

    def also(self, label: Any) -> dict[str, Any]:
        # Those of the one decision, by the model's thresholds; no label has a separator in its name.
        return {"labels": [name for name in str(label).split(SEPARATOR) if name]}


def above(here: Float[np.ndarray, " inputs"], then: Float[np.ndarray, " reference"]) -> float:
    """Chance that a number from here is larger than one from then, equals counting half."""
    known = np.sort(then)
    sides = [np.searchsorted(known, here, side) for side in ("left", "right")]
    return float((sides[0] + sides[1]).sum()) / (2 * len(known) * len(here))


SERVED: dict[Target, OfClasses] = {
    CLASSIFICATION: OfClasses(),
    ORDERED: OfClasses(),
    REGRESSION: _OfNumbers(),
    MULTILABEL: _OfSeveral(),
}
