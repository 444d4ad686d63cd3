"""The models of a run: which is the network, how each is scored, and which colour is its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pellucid.reports.facts import ReportFacts
from pellucid.reports.numbers import Score, finite
from pellucid.settings import DUMMIES

# Places in the Okabe-Ito order, which the style sheet holds: a model has one colour on every page.
_COLOURS = {
    "majority": 0,
    "mean": 0,
    "logistic-regression": 1,
    "ridge": 1,
    "svm": 2,
    "random-forest": 3,
}
_ON_NETWORK_COLOURS = {"logistic-regression": 4, "ridge": 4, "svm": 5}
_NETWORK_COLOUR = 6
_ON = "-on-"


@dataclass(frozen=True)
class Measure:
    """A score that models are compared by.

    Attributes:
        key: its name in `metrics.json`.
        title: its name in a heading.
        term: its entry in the glossary.
        is_error: whether smaller is better.
    """

    key: str
    title: str
    term: str
    is_error: bool

    def better(self, score: Score) -> float:
        """Turn a score into a number that is larger for a better model.

        Args:
            score: the score.

        Returns:
            Its value, negative for an error.
        """
        return -score.value if self.is_error else score.value


ACCURACY = Measure("accuracy", "Accuracy", "accuracy", False)
ROOT_MEAN_SQUARED_ERROR = Measure(
    "root_mean_squared_error", "Root mean squared error", "root-mean-squared-error", True
)
OF_CLASSES = (
    ACCURACY,
    Measure("macro_f1", "Macro-F1", "macro-f1", False),
    Measure("log_loss", "Log loss", "log-loss", True),
    Measure("expected_calibration_error", "Calibration error", "calibration-error", True),
)
OF_NUMBERS = (
    ROOT_MEAN_SQUARED_ERROR,
    Measure("mean_absolute_error", "Mean absolute error", "mean-absolute-error", True),
    Measure("r2", "R²", "r2", False),
)


def measures(facts: ReportFacts) -> tuple[Measure, ...]:
    """The scores of a run's task.

    Args:
        facts: what the report is made from.

    Returns:
        The scores, the one that models are compared by first.
    """
    return OF_NUMBERS if facts.is_numbers else OF_CLASSES


def measure_named(facts: ReportFacts, name: Any) -> Measure:
    """Find a score by name.

    Args:
        facts: what the report is made from.
        name: with hyphens or underscores.

    Returns:
        The score; the one that models are compared by where the name is unknown.
    """
    key = str(name).replace("-", "_")
    return next((each for each in measures(facts) if each.key == key), measures(facts)[0])


def models(facts: ReportFacts) -> Mapping[str, Mapping[str, Any]]:
    """Every trained model's entry in `metrics.json`.

    Args:
        facts: what the report is made from.

    Returns:
        Entries by name, in the order of the file: simplest first.
    """
    entries: Mapping[str, Any] = facts.metrics.get("models") or {}
    return {str(name): entry for name, entry in entries.items() if isinstance(entry, Mapping)}


def test_score(entry: Mapping[str, Any], measure: Measure) -> Score | None:
    """Read one test score of one model.

    Args:
        entry: the model's entry in `metrics.json`.
        measure: which score.

    Returns:
        The score, or `None` where it was not measured.
    """
    return Score.read((entry.get("test") or {}).get(measure.key))


def is_classical(name: str) -> bool:
    """Whether a model is no network, though it may stand on one.

    Args:
        name: the model's name in `metrics.json`.

    Returns:
        Whether it is classical.
    """
    return name.split(_ON)[0] in _COLOURS


def network(facts: ReportFacts) -> str | None:
    """Name the network among the models.

    Args:
        facts: what the report is made from.

    Returns:
        Its name; `None` where only classical models were trained.
    """
    return next((name for name in models(facts) if not is_classical(name)), None)


def dummy(facts: ReportFacts) -> str | None:
    """Name the model that knows nothing: the commonest class, or the mean.

    Args:
        facts: what the report is made from.

    Returns:
        Its name; `None` where it was not trained.
    """
    return next((name for name in models(facts) if name in DUMMIES), None)


def colour(name: str) -> int:
    """Place of a model's colour.

    Args:
        name: the model's name in `metrics.json`.

    Returns:
        0 to 6; the style sheet's `model-N`.
    """
    learner, _, below = name.partition(_ON)
    if below and learner in _ON_NETWORK_COLOURS:
        return _ON_NETWORK_COLOURS[learner]
    return _COLOURS.get(name, _NETWORK_COLOUR)


def saw_fewer(facts: ReportFacts, entry: Mapping[str, Any]) -> bool:
    """Whether a model learned from a part of the training examples only.

    Args:
        facts: what the report is made from.
        entry: the model's entry in `metrics.json`.

    Returns:
        What the entry says, or else what its count says.
    """
    seen, whole = finite(entry.get("train_examples")), facts.data_count("train")
    return bool(entry.get("saw_fewer", seen is not None and seen < whole))
