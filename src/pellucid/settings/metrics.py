"""The one table of metrics: every score by which models are chosen, compared and shown.

The functions that compute them are in `pellucid.arithmetic.metrics` and `.numbers` under the same keys:
this room loads no NumPy, so that `--help` answers at once.
"""

import math
from dataclasses import dataclass
from typing import Literal

from pellucid.language.sentence import Sentence

# Values of `--target`; images are made, not predicted.
TargetName = Literal["class", "number", "image", "labels", "ordered"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One score; what a row does not state is as for a share of the examples, 0 to 1, larger is better."""

    key: str  # its name in `metrics.json`
    words: str  # its name inside a sentence
    meaning: str  # one line for people who do not know it
    targets: tuple[TargetName, ...] = ("class",)  # what the models predict that it scores
    is_error: bool = False  # whether smaller is better
    lowest: float | None = 0.0  # smallest possible value
    highest: float | None = 1.0  # largest possible value
    # smallest difference of practical weight: absolute where `highest` is given, else a share of the smaller
    matters: float = 0.01
    # its 95 % interval: Wilson's for a share of the examples, the bootstrap (of numbers studentised), or
    # resampled bins for a calibration error
    interval: Literal["wilson", "bootstrap", "bins"] = "bootstrap"
    # the paired test by which two models are compared on it; None where it chooses no model
    test: Literal["mcnemar", "exchange", "sign-flip", "resample"] | None = None
    hint: str = ""  # what a table without a glossary shows with its name, such as its unit
    of_two: bool = False  # whether it exists for two classes only, of which the rarer one counts as positive

    @property
    def setting(self) -> str:
        """Its name as a value of `--metric`, and in the glossary."""
        return self.key.replace("_", "-")

    @property
    def title(self) -> str:
        """Its name at the head of a column."""
        return self.words[0].upper() + self.words[1:]

    @property
    def in_history(self) -> str:
        """Its name in `history.jsonl`, where the log loss, or the bound in bits, is the loss."""
        return "validation_loss" if self.key in _LOSSES else f"validation_{self.key}"

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest possible value, infinite where there is none."""
        low, high = self.lowest, self.highest
        return -math.inf if low is None else low, math.inf if high is None else high

    def better(self, value: float) -> float:
        """A value of this metric turned so that larger is better: errors are negated."""
        return -value if self.is_error else value


_LOSSES = ("log_loss", "bits_per_dimension")

_ROWS = (
    Metric(
        key="accuracy",
        words="accuracy",
        meaning="Share of the examples that are classified correctly.",
        targets=("class", "ordered"),
        interval="wilson",
        test="mcnemar",
    ),
    # It titles reports of ordered classes, and decides by default: it is 0 for what knows nothing, always
    # answering the middle included, which the mean error rewards, and comparable between data sets.
    Metric(
        key="quadratic_weighted_kappa",
        words="quadratic-weighted kappa",
        meaning="Agreement of answers with ordered labels beyond chance, a mistake counting by the square of "
        "how many classes it is off: 1 is perfect, 0 what answers that know nothing get.",
        targets=("ordered",),
        lowest=-1.0,
        test="exchange",
        hint="1 perfect, 0 chance",
    ),
    Metric(
        key="mean_error_in_classes",
        words="mean absolute error in classes",
        meaning="How many classes answers are off, on average; 0 is perfect.",
        targets=("ordered",),
        is_error=True,
        highest=None,
        matters=0.05,
        test="sign-flip",
    ),
    Metric(
        key="within_one_class",
        words="share at most one class off",
        meaning="Share of the examples whose answer is the true class or one next to it.",
        targets=("ordered",),
        interval="wilson",
        test="sign-flip",
    ),
    Metric(
        key="micro_f1",
        words="micro-F1",
        meaning="Labels that were found, counted twice, as a share of those there are and those answered "
        "together; every label of every example counts the same.",
        targets=("labels",),
        test="exchange",
    ),
    Metric(
        key="balanced_accuracy",
        words="balanced accuracy",
        meaning="Mean of the classes' recalls; every class counts the same, however rare.",
        targets=("class", "ordered"),
        test="exchange",
    ),
    Metric(
        key="macro_f1",
        words="macro-F1",
        meaning="Mean of the classes' F1 scores; every class counts the same, however rare.",
        targets=("class", "labels", "ordered"),
        test="exchange",
    ),
    Metric(
        key="sample_f1",
        words="sample F1",
        meaning="Mean of the examples' F1 scores: labels found against those there are and those answered. "
        "An example without labels scores 1 where none is answered.",
        targets=("labels",),
        test="sign-flip",
    ),
    Metric(
        key="subset_accuracy",
        words="subset accuracy",
        meaning="Share of the examples all of whose labels are right: none missed, none too many.",
        targets=("labels",),
        interval="wilson",
        test="sign-flip",
    ),
    Metric(
        key="mean_average_precision",
        words="mean average precision",
        meaning="Mean over labels of how far the examples that have a label rank above the others; what "
        "guesses get is the label\u2019s share.",
        targets=("labels",),
        test="resample",
    ),
    Metric(
        key="ranking_average_precision",
        words="ranking average precision",
        meaning="Mean over examples of how far their own labels rank above the other labels; 1 is perfect.",
        targets=("labels",),
        test="sign-flip",
    ),
    Metric(
        key="log_loss",
        words="log loss",
        meaning="Mean of \u2212ln(probability given to what is true); 0 is perfect, and confident mistakes "
        "cost most.",
        targets=("class", "labels", "ordered"),
        is_error=True,
        highest=None,
        matters=0.05,
        test="sign-flip",
        hint="nats",
    ),
    Metric(
        key="average_precision",
        words="average precision",
        meaning="Mean share of right ones among all examples ranked as high, over the examples of the rarer "
        "class; what guesses get is that class\u2019s share.",
        test="resample",
        hint="rarer class",
        of_two=True,
    ),
    Metric(
        key="roc_auc",
        words="area under the ROC curve",
        meaning="How often an example of one class gets a higher probability of it than one of the other: 1 "
        "is perfect, 0.5 a guess.",
        test="resample",
        of_two=True,
    ),
    Metric(
        key="expected_calibration_error",
        words="expected calibration error",
        meaning="Mean distance between the model's confidence and how often it is right.",
        targets=("class", "labels", "ordered"),
        is_error=True,
        interval="bins",
    ),
    Metric(
        key="mean_absolute_error",
        words="mean absolute error",
        meaning="Mean distance between prediction and truth, in the unit of the labels; 0 is perfect.",
        targets=("number",),
        is_error=True,
        highest=None,
        matters=0.05,
    ),
    Metric(
        key="root_mean_squared_error",
        words="root mean squared error",
        meaning="Root of the mean squared distance between prediction and truth; few large errors weigh more "
        "in it than many small ones.",
        targets=("number",),
        is_error=True,
        highest=None,
        matters=0.05,
        test="sign-flip",
    ),
    Metric(
        key="r2",
        words="R²",
        meaning="Share of the labels\u2019 variance that the predictions explain: 1 is perfect, 0 no better "
        "than the mean.",
        targets=("number",),
        lowest=None,
        hint="1 perfect, 0 the mean",
    ),
    Metric(
        key="bits_per_dimension",
        words="bits per dimension",
        meaning="Upper bound of the bits that each grey level of an image takes when it is written down by "
        "the model\u2019s own probabilities; 8 is what equally likely levels take.",
        targets=("image",),
        is_error=True,
        highest=None,
        test="sign-flip",
        hint="8: levels equally likely",
    ),
)

# Every metric by its name in `metrics.json`, in the order of that file.
METRICS: dict[str, Metric] = {each.key: each for each in _ROWS}

# Values of `--metric`.
CHOICES = tuple(
    each.setting
    for each in _ROWS
    if {"class", "labels", "ordered"} & {*each.targets} and each.test is not None
)

# The one by which models that predict numbers are chosen and compared.
NUMBER_METRIC = METRICS["root_mean_squared_error"]


def metrics_of(target: TargetName, classes: int = 0) -> tuple[Metric, ...]:
    """The metrics of models that predict so many classes, or numbers, or make images."""
    return tuple(each for each in _ROWS if target in each.targets and (classes == 2 or not each.of_two))


def metric_of(setting: str | None) -> Metric:
    """The metric that decides, by the value of `--metric`, or the name with hyphens of the one for numbers.

    Accuracy where `--metric` is not set.

    Raises: `ValueError` if there is no such metric.
    """
    if setting is None:
        return METRICS["accuracy"]
    metric = METRICS.get(setting.replace("-", "_"))
    if metric is None or metric.test is None:
        raise ValueError(
            Sentence("metric: {setting!r} is not known; choose one of {CHOICES}", setting, ", ".join(CHOICES))
        )
    return metric
