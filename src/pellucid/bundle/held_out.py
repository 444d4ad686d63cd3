"""Held-out answers, kept with the weights of a model, without PyTorch.

Those about validation examples give the thresholds of what is promised; those about test examples check them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Shaped

from pellucid.arithmetic.probabilities import trust
from pellucid.bundle.by_target import IN_FOLDERS
from pellucid.language.sentence import Sentence
from pellucid.safety.stored import Forms, read_arrays
from pellucid.safety.strict import LEFT_OUT, Whole, from_json, to_json
from pellucid.targets import Labels, Target

MOST_EXAMPLES = 10_000
# Of all examples together: with many classes fewer examples are kept.
MOST_PROBABILITIES = 2_000_000
# Models in an average, and how much one of them may weigh.
LEAST_MEMBERS = 2  # models
MOST_MEMBERS = 5  # models
MOST_WEIGHT = 1_000

_OF_TEST = "test."  # before the names of arrays about test examples


class Answers(NamedTuple):
    """Answers of a model: probabilities (n, classes) or numbers (n,), and the novelty of each input, 0 to 1.

    Novelty is the share of validation examples that look less foreign; `None` where the model cannot tell.
    """

    said: Float64[np.ndarray, "n ..."]
    novelty: Float64[np.ndarray, " n"] | None


@dataclass(frozen=True)
class _Settings:
    """What a file states of held-out answers; `test` are those of the test split, which hold none."""

    examples: Annotated[int, Whole(1, MOST_EXAMPLES)]
    novelty: bool
    several: Annotated[bool, LEFT_OUT] = False  # whether an example may have several labels
    test: Annotated["_Settings | None", LEFT_OUT] = None

    def forms(self, width: int, target: Target) -> Forms:
        """Forms of the arrays about one split, of a model of so many classes, or `ValueError`."""
        own, none = IN_FOLDERS[target], target.no_answers(width)
        if to_json(self).keys() & _MARKS != own.stated.keys():
            raise ValueError("held_out: of one label each where there may be several, or of several")
        if self.examples > most_kept(width):
            raise ValueError(
                Sentence(
                    "held_out: {examples} examples of {width} classes are too many", self.examples, width
                )
            )
        rows = (self.examples,)
        return {
            "labels": (own.labels, (*rows, *target.labels(none).shape[1:])),
            "said": (own.answers, (*rows, *none.shape[1:])),
            **({"novelty": ("float32", rows)} if self.novelty else {}),
        }


# Settings that say of which target the answers are.
_MARKS = {name for each in IN_FOLDERS.values() for name in each.stated}


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Labels and answers of held-out examples."""

    # class codes (n,), states of labels (n, classes), or numbers (n,)
    labels: Shaped[np.ndarray, "n ..."]
    said: Float[np.ndarray, "n ..."]  # probabilities, float32 (n, classes), or numbers, float64 (n,)
    novelty: Float32[np.ndarray, " n"] | None  # 0 to 1; None where the model has no detector
    target: Target
    test: "HeldOut | None" = None  # the same of test examples, which hold none themselves

    @classmethod
    def of(cls, labels: Labels, said: np.ndarray, novelty: np.ndarray | None) -> "HeldOut":
        """Answers as they are stored: of classes in 32 bits."""
        stored, own = None if novelty is None else novelty.astype(np.float32), IN_FOLDERS[labels.target]
        return cls(labels.values, said.astype(own.answers), stored, labels.target)

    def __len__(self) -> int:
        return len(self.labels)

    def judged(
        self, rate: float | None, answers: Shaped[np.ndarray, "n ..."] | None = None
    ) -> tuple[Float64[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
        """Trust in each answer of a model of classes, and whether it is wrong.

        `rate` is the share of familiar inputs that may count as unfamiliar, `None` without a detector;
        `answers` are the class of each, by default the most probable one, or the states of its labels.
        """
        answers = self.target.labels(self.said.astype(np.float64)) if answers is None else answers
        of_answers = self.target.probability(self.said, answers)
        return trust(of_answers, self.novelty, 1.0 if rate is None else rate), self.target.wrong(
            answers, self.labels
        )

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays, for a file."""
        found = {"labels": self.labels.astype(IN_FOLDERS[self.target].labels), "said": self.said}
        if self.novelty is not None:
            found["novelty"] = self.novelty
        if self.test is not None:
            found |= {_OF_TEST + name: array for name, array in self.test.arrays().items()}
        return found

    def to_json(self) -> dict[str, Any]:
        """Settings as plain JSON values, from which `expected` derives the forms of the arrays."""
        settings: dict[str, Any] = to_json(self._settings())
        return settings

    def _settings(self) -> _Settings:
        test = None if self.test is None else self.test._settings()
        stated = IN_FOLDERS[self.target].stated
        return _Settings(len(self), self.novelty is not None, test=test, **stated)

    @staticmethod
    def expected(settings: object, classes: Sequence[str], target: Target) -> Forms:
        """Forms of the arrays of a model of these classes, none where numbers are predicted, and a target.

        Raises: `ValueError` if a setting is missing, unknown or out of bounds.
        """
        stated = from_json("held_out", settings, _Settings)
        forms, test = stated.forms(len(classes), target), stated.test
        if test is None:
            return forms
        if test.test is not None:
            raise ValueError("held_out: a test within the test")
        if test.novelty != stated.novelty:
            raise ValueError("held_out: novelty, or several labels, of one split only")
        return {**forms, **{_OF_TEST + name: form for name, form in test.forms(len(classes), target).items()}}

    @classmethod
    def from_parts(
        cls, settings: object, classes: Sequence[str], target: Target, arrays: Mapping[str, np.ndarray]
    ) -> "HeldOut":
        """Held-out answers from a file's content.

        Raises: `ValueError` if an array has another form, or holds what no model says.
        """
        found = read_arrays("held_out", cls.expected(settings, classes, target), arrays)
        of_test = {
            name.removeprefix(_OF_TEST): array for name, array in found.items() if name.startswith(_OF_TEST)
        }
        test = cls._of_one(of_test, classes, target) if of_test else None
        return replace(cls._of_one(found, classes, target), test=test)

    @classmethod
    def _of_one(cls, found: Mapping[str, np.ndarray], classes: Sequence[str], target: Target) -> "HeldOut":
        """Answers about one split, of arrays in their forms; a `ValueError` where they are none."""
        labels, said, novelty = found["labels"], found["said"], found.get("novelty")
        IN_FOLDERS[target].check(labels, said, len(classes))
        if novelty is not None and ((novelty < 0) | (novelty > 1)).any():
            raise ValueError("held_out: a novelty lies outside 0 to 1")
        return cls(labels.astype(target.dtype), said, novelty, target)


def most_kept(classes: int) -> int:
    """Examples of a split that are kept at most of so many classes; 0 where numbers are predicted."""
    return min(MOST_EXAMPLES, max(1, MOST_PROBABILITIES // max(1, classes)))
