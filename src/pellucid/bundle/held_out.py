"""Held-out answers: what a model said of examples that it did not learn from, kept beside its weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Float64, Shaped

from pellucid.strict import Fields, Forms, Truth, Whole, read_arrays, read_object

MOST_EXAMPLES = 10_000
MOST_PROBABILITIES = 2_000_000
"""Of all examples together: with many classes fewer examples are kept."""

_FIELDS: Fields = {"examples": Whole(1, MOST_EXAMPLES), "novelty": Truth()}
_SUM_TOLERANCE = 1e-3


class Answers(NamedTuple):
    """Answers of a model about some inputs, and their novelty.

    Attributes:
        said: probabilities (n, classes), or numbers (n,).
        novelty: 0 to 1 for each, the share of validation examples that look less foreign; `None` where
            the model cannot tell.
    """

    said: Float64[np.ndarray, "n ..."]
    novelty: Float64[np.ndarray, " n"] | None


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Labels and answers of held-out examples.

    Attributes:
        labels: class codes, int32, or numbers, float64.
        said: probabilities at the model's temperature, float32 (n, classes), or numbers, float64 (n,).
        novelty: 0 to 1 for each; `None` where the model has no detector.
    """

    labels: Shaped[np.ndarray, " n"]
    said: Float[np.ndarray, "n ..."]
    novelty: Float32[np.ndarray, " n"] | None

    @classmethod
    def of(cls, labels: np.ndarray, said: np.ndarray, novelty: np.ndarray | None) -> "HeldOut":
        """Answers as they are stored: of classes in 32 bits."""
        of_labels, of_said = (np.float64, np.float64) if said.ndim == 1 else (np.int32, np.float32)
        return cls(
            labels.astype(of_labels),
            said.astype(of_said),
            None if novelty is None else novelty.astype(np.float32),
        )

    def __len__(self) -> int:
        return len(self.labels)

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays, for a file."""
        found = {"labels": self.labels, "said": self.said}
        return found if self.novelty is None else {**found, "novelty": self.novelty}

    def to_json(self) -> dict[str, Any]:
        """Settings as plain JSON values, from which `expected` tells the forms of the arrays."""
        return {"examples": len(self), "novelty": self.novelty is not None}

    @staticmethod
    def expected(settings: object, classes: Sequence[str]) -> Forms:
        """Forms of the arrays of a model with these classes, none where numbers are predicted.

        Raises: `ValueError` if a setting is missing, unknown or out of bounds.
        """
        stated = read_object("held_out", settings, _FIELDS)
        count, width = stated["examples"], len(classes)
        if count > most_kept(width):
            raise ValueError(f"held_out: {count} examples of {width} classes are too many")
        forms: Forms = {
            "labels": ("int32" if width else "float64", (count,)),
            "said": ("float32", (count, width)) if width else ("float64", (count,)),
        }
        return {**forms, "novelty": ("float32", (count,))} if stated["novelty"] else forms

    @classmethod
    def from_parts(
        cls, settings: object, classes: Sequence[str], arrays: Mapping[str, np.ndarray]
    ) -> "HeldOut":
        """Held-out answers from a file's content.

        Raises: `ValueError` if an array has another form, or holds what no model says.
        """
        found = read_arrays("held_out", cls.expected(settings, classes), arrays)
        labels, said, novelty = found["labels"], found["said"], found.get("novelty")
        if classes:
            if ((labels < 0) | (labels >= len(classes))).any():
                raise ValueError("held_out: a label is none of the classes")
            if (said < 0).any() or (np.abs(said.sum(axis=1, dtype=np.float64) - 1) > _SUM_TOLERANCE).any():
                raise ValueError("held_out: probabilities are negative, or do not add up to 1")
        if novelty is not None and ((novelty < 0) | (novelty > 1)).any():
            raise ValueError("held_out: a novelty lies outside 0 to 1")
        return cls(labels, said, novelty)


def most_kept(classes: int) -> int:
    """Examples that are kept at most of so many classes; 0 where numbers are predicted."""
    return min(MOST_EXAMPLES, max(1, MOST_PROBABILITIES // max(1, classes)))
