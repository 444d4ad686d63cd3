"""The verdict: one sentence, and what the answers may be trusted for."""

from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.reports.confusion import ClassRow, Pair, most_confused, per_class
from pellucid.reports.facts import ReportFacts
from pellucid.reports.numbers import Score, significant
from pellucid.reports.plots import Ruler, ruler

TRUSTED = 0.9
NAMES_SHOWN = 6


@dataclass(frozen=True)
class Names:
    """Class names for a sentence.

    Attributes:
        shown: the first few.
        more: how many more there are.
    """

    shown: Sequence[str]
    more: int


@dataclass(frozen=True)
class Verdict:
    """What the first screen of the report says.

    Attributes:
        model: the recommended model.
        accuracy: on the test split, or `None`.
        without_leaked: accuracy without the test examples that also stand in training, or `None`.
        chance: share of the largest class in the test split, or `None`.
        beats_chance: whether the whole interval lies above it.
        scale: the accuracy on a scale from 0 to 1.
        trusted: classes whose name, once answered, is surely right nine times in ten.
        doubtful: classes that are surely not found or not named right nine times in ten.
        undecided: classes with too few test examples to say either.
        confused: the commonest mistake, or `None`.
        tested: test examples.
        leaked: test examples that also stand in training or validation.
        reason: why this model is recommended.
    """

    model: str
    accuracy: Score | None
    without_leaked: Score | None
    chance: float | None
    beats_chance: bool
    scale: Ruler | None
    trusted: Names
    doubtful: Names
    undecided: Names
    confused: Pair | None
    tested: int
    leaked: int
    reason: str


def judge(facts: ReportFacts) -> Verdict:
    """Judge the recommended model by its test scores.

    Args:
        facts: what the report is made from.

    Returns:
        The verdict.
    """
    accuracy, chance = facts.score("accuracy"), facts.chance
    beats_chance = accuracy is not None and chance is not None and accuracy.low > chance
    rows = per_class(facts)
    trusted = [row.name for row in rows if beats_chance and _is_trusted(row)]
    doubtful = [row.name for row in rows if _is_doubtful(row)]
    decided = {*trusted, *doubtful}
    reference = None if chance is None else (chance, f"largest class alone {significant(chance)}")
    confused = most_confused(facts, 1)
    return Verdict(
        model=facts.recommended,
        accuracy=accuracy,
        without_leaked=facts.score("accuracy", "test_without_leaked"),
        chance=chance,
        beats_chance=beats_chance,
        scale=None if accuracy is None else ruler(accuracy, reference=reference),
        trusted=_names([name for name in trusted if name not in doubtful][::-1]),
        doubtful=_names(doubtful),
        undecided=_names([row.name for row in rows if row.name not in decided]),
        confused=confused[0] if confused else None,
        tested=facts.tested,
        leaked=facts.data_count("leaked"),
        reason=str(facts.metrics.get("reason") or ""),
    )


def _is_trusted(row: ClassRow) -> bool:
    return row.precision is not None and row.precision.low >= TRUSTED


def _is_doubtful(row: ClassRow) -> bool:
    return any(score is not None and score.high < TRUSTED for score in (row.precision, row.recall))


def _names(names: Sequence[str]) -> Names:
    return Names(names[:NAMES_SHOWN], max(0, len(names) - NAMES_SHOWN))
