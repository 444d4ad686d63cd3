"""Held-out answers, kept beside the weights of a model, and the kinds of models that a folder can hold.

Held-out answers about validation examples give the thresholds of what is promised; those about test examples
check them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64, Shaped

from pellucid.arithmetic.probabilities import trust
from pellucid.strict import Anything, Fields, Forms, Truth, Whole, read_arrays, read_object
from pellucid.tasks import CLASSIFICATION, GENERATION, IMAGES, REGRESSION, TEXTS, VALUES, InputKind, Target

MOST_EXAMPLES = 10_000
# Of all examples together: with many classes fewer examples are kept.
MOST_PROBABILITIES = 2_000_000

_FIELDS: Fields = {"examples": Whole(1, MOST_EXAMPLES), "novelty": Truth()}
_TEST = "test"
_OF_TEST = f"{_TEST}."  # before the names of arrays about test examples
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
        test: the same of test examples, which hold none themselves; `None` where the model was not tested.
    """

    labels: Shaped[np.ndarray, " n"]
    said: Float[np.ndarray, "n ..."]
    novelty: Float32[np.ndarray, " n"] | None
    test: "HeldOut | None" = None

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

    def judged(
        self, rate: float | None, answers: Int64[np.ndarray, " n"] | None = None
    ) -> tuple[Float64[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
        """Trust in each answer of a model of classes, and whether it is wrong.

        `rate` is the share of familiar inputs that may count as unfamiliar, `None` without a detector;
        `answers` are the class of each, by default the most probable one.
        """
        answers = self.said.argmax(axis=1) if answers is None else answers
        of_answer = self.said[np.arange(len(self)), answers]
        return trust(of_answer, self.novelty, 1.0 if rate is None else rate), answers != self.labels

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays, for a file."""
        found = {"labels": self.labels, "said": self.said}
        if self.novelty is not None:
            found["novelty"] = self.novelty
        if self.test is not None:
            found |= {_OF_TEST + name: array for name, array in self.test.arrays().items()}
        return found

    def to_json(self) -> dict[str, Any]:
        """Settings as plain JSON values, from which `expected` tells the forms of the arrays."""
        found: dict[str, Any] = {"examples": len(self), "novelty": self.novelty is not None}
        return found if self.test is None else {**found, _TEST: self.test.to_json()}

    @staticmethod
    def expected(settings: object, classes: Sequence[str]) -> Forms:
        """Forms of the arrays of a model with these classes, none where numbers are predicted.

        Raises: `ValueError` if a setting is missing, unknown or out of bounds.
        """
        stated = read_object("held_out", settings, {**_FIELDS, _TEST: Anything()}, {_TEST})
        forms = dict(_forms(stated, len(classes)))
        if _TEST in stated:
            of_test = read_object(f"held_out: {_TEST}", stated[_TEST], _FIELDS)
            if of_test["novelty"] != stated["novelty"]:
                raise ValueError("held_out: novelty of one split only")
            forms |= {_OF_TEST + name: form for name, form in _forms(of_test, len(classes)).items()}
        return forms

    @classmethod
    def from_parts(
        cls, settings: object, classes: Sequence[str], arrays: Mapping[str, np.ndarray]
    ) -> "HeldOut":
        """Held-out answers from a file's content.

        Raises: `ValueError` if an array has another form, or holds what no model says.
        """
        found = read_arrays("held_out", cls.expected(settings, classes), arrays)
        of_test = {
            name.removeprefix(_OF_TEST): array for name, array in found.items() if name.startswith(_OF_TEST)
        }
        test = cls._of_one(of_test, classes) if of_test else None
        return replace(cls._of_one(found, classes), test=test)

    @classmethod
    def _of_one(cls, found: Mapping[str, np.ndarray], classes: Sequence[str]) -> "HeldOut":
        """Answers about one split, of arrays in their forms.

        Raises: `ValueError` if one holds what no model says.
        """
        labels, said, novelty = found["labels"], found["said"], found.get("novelty")
        if classes:
            if ((labels < 0) | (labels >= len(classes))).any():
                raise ValueError("held_out: a label is none of the classes")
            if (said < 0).any() or (np.abs(said.sum(axis=1, dtype=np.float64) - 1) > _SUM_TOLERANCE).any():
                raise ValueError("held_out: probabilities are negative, or do not add up to 1")
        if novelty is not None and ((novelty < 0) | (novelty > 1)).any():
            raise ValueError("held_out: a novelty lies outside 0 to 1")
        return cls(labels, said, novelty)


def _forms(stated: Mapping[str, Any], width: int) -> Forms:
    """Forms of the arrays about one split, of a model of so many classes.

    Raises: `ValueError` if there are more examples than are kept.
    """
    count = stated["examples"]
    if count > most_kept(width):
        raise ValueError(f"held_out: {count} examples of {width} classes are too many")
    forms: Forms = {
        "labels": ("int32" if width else "float64", (count,)),
        "said": ("float32", (count, width)) if width else ("float64", (count,)),
    }
    return {**forms, "novelty": ("float32", (count,))} if stated["novelty"] else forms


def most_kept(classes: int) -> int:
    """Examples of a split that are kept at most of so many classes; 0 where numbers are predicted."""
    return min(MOST_EXAMPLES, max(1, MOST_PROBABILITIES // max(1, classes)))


# The kinds of models that a folder can hold.

LEAST_MEMBERS, MOST_MEMBERS = 2, 5
# Models in an average, and how much one of them may weigh.
MOST_WEIGHT = 1_000


class Kind(NamedTuple):
    """A kind of model.

    Attributes:
        input_kind: of what it takes.
        target: of its answers.
        is_classical: or else a network, or an average.
        is_average: or else one model.
    """

    input_kind: InputKind
    target: Target
    is_classical: bool
    is_average: bool = False

    @property
    def name(self) -> str:
        """The name in `model.json`."""
        return next(name for name, kind in KINDS.items() if kind == self)


KINDS = {
    "image-classifier": Kind(IMAGES, CLASSIFICATION, is_classical=False),
    "image-regressor": Kind(IMAGES, REGRESSION, is_classical=False),
    "image-generator": Kind(IMAGES, GENERATION, is_classical=False),
    "feature-classifier": Kind(VALUES, CLASSIFICATION, is_classical=False),
    "feature-regressor": Kind(VALUES, REGRESSION, is_classical=False),
    "text-classifier": Kind(TEXTS, CLASSIFICATION, is_classical=False),
    "text-regressor": Kind(TEXTS, REGRESSION, is_classical=False),
    "classical-image-classifier": Kind(IMAGES, CLASSIFICATION, is_classical=True),
    "classical-image-regressor": Kind(IMAGES, REGRESSION, is_classical=True),
    "classical-feature-classifier": Kind(VALUES, CLASSIFICATION, is_classical=True),
    "classical-feature-regressor": Kind(VALUES, REGRESSION, is_classical=True),
    "classical-text-classifier": Kind(TEXTS, CLASSIFICATION, is_classical=True),
    "classical-text-regressor": Kind(TEXTS, REGRESSION, is_classical=True),
    "average-image-classifier": Kind(IMAGES, CLASSIFICATION, is_classical=False, is_average=True),
    "average-image-regressor": Kind(IMAGES, REGRESSION, is_classical=False, is_average=True),
    "average-text-classifier": Kind(TEXTS, CLASSIFICATION, is_classical=False, is_average=True),
    "average-text-regressor": Kind(TEXTS, REGRESSION, is_classical=False, is_average=True),
}
