r"""Drift: tests and sizes of the difference of a set of inputs from the validation examples.

Two questions, each with a test and an effect size, adjusted for being two (Holm):

- Do the inputs look less familiar? With $n$ inputs and $m$ validation examples, $A$ is the chance that an
  input looks less familiar than a validation example does, equals counting half. Without drift
  $A = \frac{1}{2}$, with the variance $\frac{n + m + 1}{12 n m}$ (Mann and Whitney). Effect:
  $\delta = 2 A - 1$ (Cliff).
- Are the answers others? Of classes the counts are compared by $\chi^2$, classes of which fewer than five
  are expected taken together. Effect: Cohen's $h = 2 \arcsin \sqrt{p} - 2 \arcsin \sqrt{q}$ of the class
  whose share changed most. Of numbers $A$ and $\delta$ as above.

Sources: Mann and Whitney 1947; Cliff 1993, and Romano et al. 2006 for 0.147, 0.33 and 0.474 as a small, a
medium and a large $\delta$; Cohen 1988 for 0.2, 0.5 and 0.8 as a small, a medium and a large $h$.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Shaped

from pellucid.arithmetic.probabilities import holm
from pellucid.data.wording import with_article
from pellucid.evaluation.intervals import Interval, wilson
from pellucid.evaluation.shifts import LEAST_INPUTS, Shift, by_ranks, of_classes
from pellucid.language.sentence import Sentence, join
from pellucid.novelty import Detector


@dataclass(frozen=True)
class Drift:
    """Difference of a set of inputs from the validation examples."""

    examples: int  # inputs in the set
    reference: int  # validation examples
    novelty: Interval  # share of the inputs that are unlike the training data, by the detector's threshold
    expected: float  # the share that is flagged of inputs like the training data
    foreignness: Shift  # whether they look less familiar
    superiority: float  # the chance that an input looks less familiar than a validation example does
    answers: Shift  # whether the answers are others

    @property
    def is_real(self) -> bool:
        """True where inputs or answers differ by more than chance."""
        return self.foreignness.is_real or self.answers.is_real

    @property
    def sentence(self) -> str:
        """The outcome in plain sentences, without a line break."""
        shifts = [each for each in (self.foreignness, self.answers) if each.is_real]
        if not shifts:
            return Sentence(
                "Drift: none beyond chance ({words}; p = {p_value:.2g}).",
                self.foreignness.words,
                min(self.foreignness.p_value, self.answers.p_value),
            )
        chances = ["p < 0.001" if each.p_value < 0.001 else f"p = {each.p_value:.2g}" for each in shifts]
        found: list[str] = [
            Sentence("Drift: {words} ({chance}, a {size} difference).", each.words, chance, each.size)
            for each, chance in zip(shifts, chances, strict=True)
        ]
        if all(each.size == "slight" for each in shifts):
            found.append("Slight: with so many inputs even what hardly matters is no chance.")
        return join(" ", found)

    def to_json(self) -> dict[str, Any]:
        """The value of `drift` in the document of `evaluate`."""
        return {
            "examples": self.examples,
            "reference_examples": self.reference,
            "novelty": {**self.novelty._asdict(), "expected": self.expected},
            "foreignness": {
                "superiority": self.superiority,
                "cliffs_delta": self.foreignness.effect,
                "p_value_holm": self.foreignness.p_value,
                "size": self.foreignness.size,
            },
            "answers": {
                "effect": self.answers.effect,
                "p_value_holm": self.answers.p_value,
                "size": self.answers.size,
                "words": self.answers.words,
            },
            "verdict": self.sentence,
        }


class Gathering:
    """Adds up a model's answers about a set, block by block, in little memory.

    Args:
        detector: of the model.
        classes: of the model; none where it predicts numbers.
    """

    def __init__(self, detector: Detector, classes: tuple[str, ...]) -> None:
        self.examples = self.alarms = 0  # inputs so far, and those that are unlike the training data
        self._detector = detector
        self._classes = classes
        self._below_sum = self._answer_sum = 0.0
        self._counts = np.zeros(len(classes))

    def add(self, novelty: Float64[np.ndarray, " n"], answers: Shaped[np.ndarray, " n ..."]) -> None:
        """Take in some inputs."""
        count = len(self._detector.reference)
        self.examples += len(novelty)
        self.alarms += int((novelty > self._detector.threshold).sum())
        self._below_sum += float(np.minimum(novelty, 1 - 0.5 / (count + 1)).sum())
        if self._classes:
            self._counts += np.bincount(answers.argmax(axis=1), minlength=len(self._classes))
        else:
            known = self._detector.answers
            sides = [np.searchsorted(known, answers, side) for side in ("left", "right")]
            self._answer_sum += float((sides[0] + sides[1]).sum()) / (2 * len(known))

    def sums(self) -> dict[str, Any]:
        """Sums so far, as JSON values, for `take_up`."""
        return {
            "examples": self.examples,
            "alarms": self.alarms,
            "below": self._below_sum,
            "answers": self._answer_sum,
            "counts": self._counts.tolist(),
        }

    def take_up(self, sums: dict[str, Any]) -> None:
        """Go on from the `sums` of the same model."""
        self.examples, self.alarms = sums["examples"], sums["alarms"]
        self._below_sum, self._answer_sum = sums["below"], sums["answers"]
        self._counts = np.array(sums["counts"], np.float64)

    def drift(self, noun: str) -> Drift | None:
        """Drift of the inputs so far, each a `noun`: `image` or `text`; `None` of too few."""
        if self.examples < LEAST_INPUTS:
            return None
        detector, examples = self._detector, self.examples
        superiority = detector.superiority(self._below_sum / examples)
        foreign = by_ranks(
            superiority,
            (examples, detector.examples),
            Sentence(
                "{noun} from here looks less familiar than a validation {noun2}", with_article(noun), noun
            ),
        )
        if self._classes:
            answers = of_classes(self._classes, self._counts, detector.answers)
        else:
            answers = by_ranks(
                self._answer_sum / examples,
                (examples, detector.examples),
                "the number predicted here is larger than one for the validation examples",
            )
        foreign_p, answers_p = holm([foreign.p_value, answers.p_value])
        return Drift(
            examples=examples,
            reference=detector.examples,
            novelty=wilson(self.alarms, examples),
            expected=detector.rate,
            foreignness=foreign._replace(p_value=foreign_p),
            superiority=superiority,
            answers=answers._replace(p_value=answers_p),
        )
