"""The verdict on a classifier: one sentence, and the classes that it may be trusted with."""

from collections.abc import Sequence
from dataclasses import dataclass

from pellucid.reports import entries
from pellucid.reports.facts import ReportFacts
from pellucid.reports.numbers import Score, significant
from pellucid.reports.paired import pairings
from pellucid.reports.plots.axes import Ruler, ruler
from pellucid.reports.plots.confusion import ClassRow, Pair, most_confused, per_class
from pellucid.settings import DUMMIES, METRICS, Metric

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
class Baseline:
    """The model that most readers will ask about beside the recommended one.

    Attributes:
        name: the network where a classical model is recommended, else the best of the others.
        is_network: whether it is the network.
        score: its test score.
        measure: name of that score.
        verdict: the paired comparison in words; empty where there is none.
    """

    name: str
    is_network: bool
    score: Score | None
    measure: str
    verdict: str


@dataclass(frozen=True, kw_only=True)
class Judged:
    """First screen of the report, as far as it is the same for classes and for numbers.

    Attributes:
        model: the recommended model.
        title: its name as the headline has it.
        kind: what kind of model it is, between commas; empty where the title says so, or it is a network.
        is_dummy: whether it always gives the same answer.
        without_leaked: the score without the test examples that also stand in training, or `None`.
        without_siblings: the score without those that have a sibling in training either, or `None`.
        chance: score of the model that knows nothing on the test split, or `None`.
        beats_chance: whether the model is better than that by its whole interval.
        scale: the score on a scale.
        tested: test examples.
        leaked: test examples that also stand in training or validation.
        reason: why this model is recommended.
        contradiction: what the test says to the choice where it contradicts it; else empty.
        disagreement: how validation and test disagree about it beyond chance; else empty.
        groups: what the test is worth by its groups, in sentences; none where these do not matter.
        baseline: the model to be named beside it, or `None`.
    """

    model: str
    title: str
    kind: str
    is_dummy: bool
    without_leaked: Score | None
    without_siblings: Score | None
    chance: float | None
    beats_chance: bool
    scale: Ruler | None
    tested: int
    leaked: int
    reason: str
    contradiction: str
    disagreement: str
    groups: Sequence[str]
    baseline: Baseline | None


@dataclass(frozen=True, kw_only=True)
class Verdict(Judged):
    """First screen of the report on a classifier.

    Attributes:
        metric: what the score is: the metric that models were chosen by, or accuracy where that is a loss.
        score: on the test split, or `None`.
        trusted: classes that are right at least nine times in ten when predicted, beyond doubt.
        doubtful: classes that are missed or predicted wrongly more than once in ten, beyond doubt.
        undecided: classes with too few test examples to say either.
        confused: the commonest mistake, or `None`.
    """

    metric: Metric
    score: Score | None
    trusted: Names
    doubtful: Names
    undecided: Names
    confused: Pair | None


def judge(facts: ReportFacts) -> Verdict:
    """Judge the recommended model by its test scores."""
    headline = entries.headline(facts)
    metric = METRICS["accuracy"] if headline.is_error else headline
    score, chance = facts.score(metric.key), facts.chance_by(metric)
    is_dummy, together = facts.recommended in DUMMIES, facts.all_classes is not None
    beats_chance = not is_dummy and score is not None and chance is not None and score.low > chance
    title, kind = entries.in_words(facts, facts.recommended)
    rows = per_class(facts)
    trusted = [row.name for row in rows if beats_chance and _is_trusted(row)]
    doubtful = [row.name for row in rows if _is_doubtful(row)]
    decided = {*trusted, *doubtful}
    reference = None if chance is None else (chance, f"largest class {significant(chance)}")
    confused = most_confused(facts, 1)
    return Verdict(
        model=facts.recommended,
        title=title,
        kind=kind,
        is_dummy=is_dummy,
        metric=metric,
        score=score,
        without_leaked=None if together else facts.score(metric.key, "test_without_leaked"),
        without_siblings=None if together else facts.score(metric.key, "test_without_siblings"),
        chance=chance,
        beats_chance=beats_chance,
        scale=None if score is None else ruler(score, reference=reference),
        trusted=_names([name for name in trusted if name not in doubtful][::-1]),
        doubtful=_names(doubtful),
        undecided=_names([row.name for row in rows if row.name not in decided]),
        confused=confused[0] if confused else None,
        tested=facts.tested,
        leaked=facts.data_count("leaked"),
        reason=str(facts.metrics.get("reason") or ""),
        contradiction=words_of(facts, "contradiction"),
        disagreement=words_of(facts, "disagreement"),
        groups=by_groups(facts),
        baseline=baseline(facts),
    )


def words_of(facts: ReportFacts, key: str) -> str:
    """A finding of `metrics.json` in words; empty where nothing was found."""
    return str((facts.metrics.get(key) or {}).get("words") or "")


def by_groups(facts: ReportFacts) -> Sequence[str]:
    """What the groups of the test make of its scores, and what leaving groups out in turn gave."""
    found = (facts.model.get(key) or {} for key in ("by_groups", "left_out"))
    return [str(each["words"]) for each in found if "words" in each]


def baseline(facts: ReportFacts) -> Baseline | None:
    """Choose the model to be named beside the recommended one.

    The network where it is not itself recommended; else the best other model by its test score; `None` where
    there is no other.
    """
    network, headline = entries.network(facts), entries.headline(facts)
    if facts.missing_classes:  # the others choose among fewer classes
        return None
    scores = {
        name: entries.test_score(entry, headline)
        for name, entry in entries.models(facts).items()
        if name != facts.recommended and name not in DUMMIES
    }
    ranked = sorted(
        ((name, score) for name, score in scores.items() if score is not None),
        key=lambda pair: -headline.better(pair[1].value),
    )
    if network in scores:
        chosen = network
    elif ranked:
        chosen = ranked[0][0]
    else:
        return None
    compared = pairings(facts, facts.metrics.get("comparisons"))
    pair = next((each for each in compared.first if each.second == chosen), None) if compared else None
    return Baseline(
        chosen,
        chosen == network,
        scores[chosen],
        headline.words,
        pair.verdict if pair else "",
    )


def _is_trusted(row: ClassRow) -> bool:
    return row.precision is not None and row.precision.low >= TRUSTED


def _is_doubtful(row: ClassRow) -> bool:
    return any(score is not None and score.high < TRUSTED for score in (row.precision, row.recall))


def _names(names: Sequence[str]) -> Names:
    return Names(names[:NAMES_SHOWN], max(0, len(names) - NAMES_SHOWN))
