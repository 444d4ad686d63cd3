"""Facts that a report is made from: what a run measured, and the examples that its page shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int, UInt8

from pellucid.arithmetic.metrics import OF_COUNTS, ClassCounts
from pellucid.evaluation import Interval, LearningCurve, Reliability
from pellucid.evaluation.promises import ErrorPoint, Promise
from pellucid.reports.formatting import read_score, whole
from pellucid.settings import Metric
from pellucid.targets import Target, target_named

# With fewer unseen test examples, what was held out says more.
FEWEST = 20
TEST = "test"
HELD_OUT = "held_out"


class Headline(NamedTuple):
    """Scores that a run is judged by."""

    # where a model's entry in `metrics.json` has them: `test`, `test_without_leaked`, `test_without_siblings`
    # or `held_out`
    part: str
    examples: int  # that they are about
    known: int  # test examples with a copy or a relative in training or validation
    tested: int  # test examples in all

    @property
    def is_held_out(self) -> bool:
        """True where so much of the test is known from training that what was held out is judged by."""
        return self.part == HELD_OUT


def headline_of(metrics: Mapping[str, Any]) -> Headline:
    """The headline by the counts of `metrics.json`, of which earlier versions wrote the same.

    Where continual training was tested on old and new examples together, that test is the headline.
    """
    data = metrics.get("data") or {}
    tested, leaked, related = (whole(data.get(name)) for name in ("test", "leaked", "test_siblings"))
    together = (metrics.get("continual") or {}).get("all_classes")
    known = leaked + related
    if together is not None or not known:
        return Headline(TEST, tested, 0, tested)
    if tested - known >= FEWEST:
        return Headline(f"test_without_{'siblings' if related else 'leaked'}", tested - known, known, tested)
    entry = (metrics.get("models") or {}).get(metrics.get("recommended")) or {}
    return Headline(HELD_OUT, whole((entry.get(HELD_OUT) or {}).get("examples")), known, tested)


def scores_of(entry: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    """Scores by metric that a model's entry in `metrics.json` has in a part; nothing where there are none."""
    found = entry.get(part) or {}
    return (found.get("scores") or {}) if part == HELD_OUT else found


Pixels = UInt8[np.ndarray, "height width channels"]


@dataclass(frozen=True)
class Pair:
    """A real image and what was made of it or is nearest to it, with its class, if any, and its source."""

    first: UInt8[np.ndarray, "height width channels"]
    second: UInt8[np.ndarray, "height width channels"]
    label: str
    source: str


@dataclass(frozen=True)
class Walk:
    """Images from one held-out image to another, the ends reconstructed, and the classes of both ends."""

    images: Sequence[Pixels]
    labels: tuple[str, str]


@dataclass(frozen=True)
class LatentMap:
    """Held-out images as points in a plane: their classes, and the share of the variance that it shows."""

    points: Float64[np.ndarray, "images 2"]
    codes: Int[np.ndarray, " images"]
    share: float


@dataclass(frozen=True)
class GeneratedFacts:
    """Images that a generator made.

    `samples`: some of each class, by name, of an empty name without classes; `nearest`: samples, each beside
    the training image that is nearest; `reconstructions`: held-out images, each with what was rebuilt of
    it; `walks`: ways between held-out images; `latent`: held-out images by latent variables, `None` where
    there are none; `over_time`: images of the same noise by the epoch after which they were made.
    """

    samples: Mapping[str, Sequence[Pixels]]
    nearest: Sequence[Pair]
    reconstructions: Sequence[Pair] = ()
    walks: Sequence[Walk] = ()
    latent: LatentMap | None = None
    over_time: Mapping[int, Sequence[Pixels]] = field(default_factory=dict)


def noun_of(metrics: Mapping[str, Any]) -> str:
    """Noun of one example, by the content of `metrics.json`: `image`, `text`, or else `example`."""
    task = str(metrics.get("task", ""))
    return next((noun for noun in ("image", "text") if task.startswith(noun)), "example")


@runtime_checkable
class Check(Protocol):
    """Findings of the check of the data, as `pellucid.data` gives them."""

    def sentences(self) -> Sequence[str]:
        """The findings in words."""

    def to_json(self) -> Mapping[str, Any]:
        """The findings as numbers."""


class Example(NamedTuple):
    """An example as a correction of it names it.

    `input`: path or `file:row`; `was`: its label; `content`: digits of its content; `suggestion`: the label
    that it may have instead, empty where none is known. Several labels are joined by `;`.
    """

    input: str
    was: str
    content: str
    suggestion: str = ""


class CorrectionFacts(NamedTuple):
    """What the page needs to collect corrections.

    `run`: folder of the run; `model`: digits that name its recommended model; `earlier`: lines of the
    corrections that the run has applied, which the next ones go on from; `command`: trains with the
    corrections, empty where it is not known.
    """

    run: str
    model: str
    earlier: str = ""
    command: str = ""


@dataclass(frozen=True)
class Labelled:
    """An example with its label: a near copy of another, or one unlike the training data.

    `shown`: an image, or the text; `source`: path or `file:row`; `split`: `train`, `validation` or `test`;
    `label`: its label; `note`: one more thing about it, such as its novelty; `example`: itself for
    corrections.
    """

    shown: UInt8[np.ndarray, "height width channels"] | str
    source: str
    split: str
    label: str
    note: str = ""
    example: Example | None = None


@dataclass(frozen=True)
class Answered:
    """An example and what the recommended model predicted.

    `shown`: an image with one or three channels, as the model saw it, or the text; `source`: path or
    `file:row`; `label`: true class, or true number as text; `predicted`: class answered, or number as text;
    `probability`: of the answer, 0 to 1, `None` for numbers; `probability_of_label`: likewise of the true
    class, `None` too of several labels, which `label` and `predicted` have joined by `;`; `unknown`: labels
    of these that nobody has looked at; `example`: itself for corrections.
    """

    shown: UInt8[np.ndarray, "height width channels"] | str
    source: str
    label: str
    predicted: str
    probability: float | None
    probability_of_label: float | None
    unknown: Sequence[str] = ()
    example: Example | None = None


@dataclass(frozen=True)
class LabelIssue:
    """An example whose label is likely wrong, by a model that never saw it.

    `shown`: an image with one or three channels, or the text; `source`: path or `file:row`; `split`: `train`,
    `validation` or `test`; `label`: its label; `suggested`: the class it likely belongs to; `probability`: of
    the suggested class, 0 to 1; `probability_of_label`: of its label, 0 to 1; `probability_wrong`: that its
    label is wrong, by the model and by how often labels are, 0 to 1; `example`: itself for corrections.
    """

    shown: UInt8[np.ndarray, "height width channels"] | str
    source: str
    split: str
    label: str
    suggested: str
    probability: float
    probability_of_label: float
    probability_wrong: float
    example: Example | None = None


@dataclass(frozen=True)
class LabelIssues:
    """Likely label errors.

    `shown`: the likeliest first, at most 40; `count`: how many were found; `examined`: how many examples were
    examined; `method`: which models judged what, how well they agree with the labels, and what follows;
    `agreed`: how many of these examples the judging models label as they are labelled; `precision`: share of
    the listed labels that is expected to be wrong, `None` where none is listed; `judges`: one entry for each
    judge, as `metrics.json` has them.
    """

    shown: Sequence[LabelIssue]
    count: int
    examined: int
    method: str
    agreed: int = 0
    precision: float | None = None
    judges: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class CalibrationFacts:
    """The temperature fitted on validation, and reliability on the test split at temperature 1 and at it."""

    temperature: float
    before: Reliability
    after: Reliability


@dataclass(frozen=True)
class LabelFacts:
    """Labels of test examples that may have several, and the recommended model's answers."""

    together: Int[
        np.ndarray, "labels labels"
    ]  # examples that have both of two labels; of one on the diagonal
    answered_together: Int[np.ndarray, "labels labels"]  # examples for which both are answered
    missed: Int[np.ndarray, " labels"]  # examples that have a label which is not answered
    added: Int[np.ndarray, " labels"]  # examples for which one is answered that they do not have
    per_example: Int[np.ndarray, "counts 2"]  # examples by their number of labels, in truth and in answers


@dataclass(frozen=True)
class AbstentionFacts:
    """Answers of the recommended model on the test split, when it may abstain.

    `curve`: error among the answered against their share, the fewest first, the last is all of them;
    `examples`: held-out examples that thresholds are chosen from, 0 where the model has none; `promises`: for
    each largest error the threshold chosen on held-out examples and checked on the test split, `None` where
    the held-out examples are too few.
    """

    curve: Sequence[ErrorPoint]
    examples: int
    promises: Mapping[float, Promise | None]


@dataclass(frozen=True)
class ReportFacts:
    """Everything the report shows; the page adds words and images, no measurement.

    Attributes:
        title: what the run is about, such as the place of its data.
        metrics: the content of `metrics.json`.
        history: the lines of `history.jsonl`.
        confusion: counts (k, k) on the test split, rows true and columns predicted, in the order of
            `metrics["classes"]`, with the old test split where continual training has new data that lacks
            old classes; (0, 0) where nothing was tested.
        mistakes: wrong answers of the recommended model, the surest first (for numbers: the answers
            farthest off), at most 40.
        check: what checking the data found, or `None`.
        settings: every setting as it was used.
        versions: program and library names to versions.
        layers: of the recommended network, as `pellucid.networks.describe` gives them; none of other models.
        command: the command that made the run.
        ledger: file name of the ledger in the run's folder.
        cells: examples for the cells of the confusion matrix, at most 8 a cell and 300 in all.
        uncertain: test examples whose two likeliest classes are nearest to each other, at most 24.
        label_issues: likely label errors, or `None` where they were not searched for.
        calibration: reliability before and after, or `None` for numbers or without a test split.
        abstention: what it does when it may abstain, or `None` likewise.
        learning_curve: score against number of training examples, or `None`.
        numbers: for numbers, one row (true, predicted) per test example; otherwise `None`.
        generated: images that a generator made; `None` in a run that predicts.
        labels: how labels go together where examples may have several; `None` elsewhere.
        judged: the examples that scores and answers are of: `test`, or, while a run is under way,
            `validation` or `held-out`, those of folds.
        chosen: what the recommended model is called beside its name, such as `in training` under way.
        copies: pairs of copies, of equal content under different labels or near ones, one behind the other.
        unfamiliar: test examples that are most unlike the training data.
        unfamiliar_short: test texts as unlike it that are too short to judge, and not shown for that.
        corrections: what collecting corrections needs; `None` where the page collects none.
    """

    title: str
    metrics: Mapping[str, Any]
    history: Sequence[Mapping[str, Any]]
    confusion: Int[np.ndarray, "classes classes"]
    mistakes: Sequence[Answered]
    check: Check | None
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    layers: Sequence[Any]
    command: str
    ledger: str = "data.jsonl"
    cells: Sequence[Answered] = ()
    uncertain: Sequence[Answered] = ()
    label_issues: LabelIssues | None = None
    calibration: CalibrationFacts | None = None
    abstention: AbstentionFacts | None = None
    learning_curve: LearningCurve | None = None
    numbers: Float64[np.ndarray, "test 2"] | None = None
    generated: GeneratedFacts | None = None
    labels: LabelFacts | None = None
    judged: str = "test"
    chosen: str = "recommended"
    copies: Sequence[Labelled] = ()
    unfamiliar: Sequence[Labelled] = ()
    unfamiliar_short: int = 0
    corrections: CorrectionFacts | None = None

    @property
    def is_under_way(self) -> bool:
        """True while the run goes on: its models are judged by validation alone."""
        return self.judged != "test"

    @property
    def classes(self) -> Sequence[str]:
        """Names of the classes in the order of the confusion matrix."""
        return [str(name) for name in self.metrics.get("classes", ())]

    @property
    def target(self) -> Target:
        """Classes, several labels, numbers or images."""
        return target_named(str(self.metrics.get("task", "")).partition("-")[2])

    @property
    def noun(self) -> str:
        """Noun of one example, such as `image`."""
        return noun_of(self.metrics)

    @property
    def recommended(self) -> str:
        """Name of the recommended model."""
        return str(self.metrics.get("recommended", ""))

    @property
    def models(self) -> Mapping[str, Mapping[str, Any]]:
        """Every trained model's entry in `metrics.json`, in the order of the file: simplest first."""
        entries: Mapping[str, Any] = self.metrics.get("models") or {}
        return {str(name): entry for name, entry in entries.items() if isinstance(entry, Mapping)}

    @property
    def model(self) -> Mapping[str, Any]:
        """Entry of the recommended model in `metrics.json`."""
        return (self.metrics.get("models") or {}).get(self.recommended) or {}

    @property
    def tested(self) -> int:
        """Examples in the confusion matrix, or tested where they may have several labels."""
        return int(self.confusion.sum()) if self.labels is None else int(self.labels.per_example[:, 0].sum())

    @property
    def chance(self) -> float | None:
        """Share of the test split that its largest class makes up; `None` without a test or with labels."""
        if not self.tested or self.labels is not None:
            return None
        return float(self.confusion.sum(axis=1).max()) / self.tested

    def chance_by(self, metric: Metric) -> float | None:
        """Score of always predicting the commonest class of the test split; `None` where it is no share.

        Of several labels the best micro-F1 of always answering the same ones, the most frequent.
        """
        if self.labels is not None:
            return self._same_labels if metric.key == "micro_f1" and self.tested else None
        if metric.key == "accuracy" or not self.tested:
            return self.chance
        labelled = self.confusion.sum(axis=1)
        if "class" not in metric.targets:  # of ordered classes alone
            answers = np.eye(len(labelled))[np.full(self.tested, labelled.argmax())]
            return self.target.value(metric.key, np.repeat(np.arange(len(labelled)), labelled), answers)
        if metric.key not in OF_COUNTS:
            return None
        is_largest = np.arange(len(labelled)) == labelled.argmax()
        counts = ClassCounts(labelled * is_largest, labelled, self.tested * is_largest)
        return float(OF_COUNTS[metric.key](counts))

    @property
    def _same_labels(self) -> float:
        known = np.array([each["known"] for each in self.label_entries])
        present = np.array([each["support"] for each in self.label_entries])
        order = np.argsort(-present / np.maximum(known, 1), kind="stable")
        hits, answered = present[order].cumsum(), known[order].cumsum()
        return float(np.max(2 * hits / (hits[-1:] + answered), initial=0.0)) if hits.any() else 0.0

    @property
    def label_entries(self) -> Sequence[Mapping[str, Any]]:
        """Scores of each label by the recommended model, in the order of the labels; none of classes."""
        found: Sequence[Mapping[str, Any]] = self.model.get("labels") or ()
        return found

    def score(self, name: str, part: str = "test") -> Interval | None:
        """A score of the recommended model, such as `accuracy`; `None` where it was not measured.

        `part` is `validation` or one of `Headline.part`. The test is of all classes where continual training
        was tested on old and new examples together.
        """
        if part == "test" and self.all_classes is not None:
            return read_score(self.all_classes["test"].get(name))
        return read_score(scores_of(self.model, part).get(name))

    @property
    def headline(self) -> Headline:
        """Scores that the run is judged by, which are of no example that is known from training."""
        return headline_of(self.metrics)

    @property
    def all_classes(self) -> Mapping[str, Any] | None:
        """Scores on old and new test examples together; `None` where the new data has all classes."""
        found: Mapping[str, Any] | None = self.continual.get("all_classes")
        return found

    @property
    def missing_classes(self) -> Sequence[str]:
        """Old classes that the new data of continual training lacks, and that one model alone knows."""
        return [str(name) for name in self.continual.get("missing_classes") or ()]

    @property
    def continual(self) -> Mapping[str, Any]:
        """The value of `continual` in `metrics.json`; empty for a fresh network."""
        return self.metrics.get("continual") or {}

    def data_count(self, name: str) -> int:
        """A count of the metrics, such as `train` or `leaked`; zero where it is missing."""
        return whole((self.metrics.get("data") or {}).get(name))

    @property
    def learning_count(self) -> int:
        """Examples that a model may learn from: where folds judged, those of the validation split, too."""
        has_folds = self.metrics.get("judged_on_folds") is not None
        return self.data_count("train") + (self.data_count("validation") if has_folds else 0)
