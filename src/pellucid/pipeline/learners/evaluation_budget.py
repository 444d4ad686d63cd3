"""Evaluation budget: folds where validation is small, and how much is evaluated after training."""

import contextlib
import dataclasses
import math
from dataclasses import dataclass

import numpy as np

from pellucid.data import Dataset, folds
from pellucid.data.wording import count_of
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.settings import Settings, parse_duration

# Examples that a detector comes from; of more, some are drawn.
MOST_TRAINED_ON = 5_000  # of training
MOST_JUDGED = 2_000  # of validation

# Test examples of which synthetic outliers are made, of each kind as many.
MOST_OUTLIERS = 300
MOST_OUTLIERS_WITHIN_LIMIT = 100
KINDS_OF_OUTLIERS = 3  # of texts there are fewer

# Training examples that each second of a time limit leaves to what follows the network.
_A_SECOND = 200

# Time that training and its curve take together, in trainings: small parts get more passes of an image.
WITH_CURVE = 2.0


def most_detector_examples(train: int, validation: int) -> int:
    """Training and validation examples that a network is asked about for a detector, at most."""
    return min(train, MOST_TRAINED_ON) + min(validation, MOST_JUDGED)


def most_synthetic_outliers(test: int) -> int:
    """Synthetic outliers of all kinds that a network is asked about under a time limit, at most."""
    return KINDS_OF_OUTLIERS * min(test, MOST_OUTLIERS_WITHIN_LIMIT)


def most_within_limit(most: int, settings: Settings, *, are_texts: bool) -> int:
    """Training examples that models after the network learn from, or whose labels are judged: at most `most`.

    Under a time limit fewer, but of texts, whose features were computed already.
    """
    limit = parse_duration(settings.time_limit)
    return most if limit is None or are_texts else min(most, max(1, int(_A_SECOND * limit)))


def has_curve(settings: Settings) -> bool:
    """True where a learning curve is drawn: by default with baselines, but not under a time limit."""
    if settings.learning_curve is not None:
        return settings.learning_curve
    return settings.baselines and parse_duration(settings.time_limit) is None


FEW = 500  # validation examples below which models are judged on folds (`benchmarks/few_examples.py`)
FOLDS = 5
OFF = 0  # value of `--folds` that leaves the validation split to judge
_FREE_SECONDS = 5.0  # that judging may take besides the training's own time


@dataclass(frozen=True, eq=False)
class Folds:
    """Judge of a run's models before the test: where validation is small, all that is not for the test.

    The models that the run keeps then learn from all of these examples. For each fold every kind of model is
    trained once more on the other folds, and asked about the fold; so each example is judged by models
    that did not learn from it. Models that take long are judged on fewer folds, as their cost allows.

    Source: Stone 1974, "Cross-Validatory Choice and Assessment of Statistical Predictions".
    """

    dataset: Dataset  # the data as it was split
    # for each fold the data whose training examples are all others and whose validation examples are
    # the fold; none where the validation split judges
    parts: tuple[Dataset, ...] = ()
    are_asked_for: bool = False  # the number of folds was given, and every model is judged on all of them
    are_of_groups: bool = False  # they judge because the test has few groups: every model by all of them, too

    @property
    def learning(self) -> Dataset:
        """The data that the models to keep learn from: where folds judge, without a validation split."""
        if not self.parts:
            return self.dataset
        pool = np.union1d(self.dataset.train, self.dataset.validation)
        return dataclasses.replace(self.dataset, train=pool, validation=np.zeros(0, np.int64))

    @property
    def judging(self) -> Dataset:
        """One division of the data into examples that models learn from and examples that judge."""
        return self.parts[0] if self.parts else self.dataset

    def judged_within(self, seconds: float) -> int:
        """Number of folds that a model is judged on.

        They judge 500 examples where there are as many, and take its own training's time and five seconds at
        most, as far as counts tell; one fold at least. `seconds` are those of its training by counts alone,
        so that the clock decides nothing.
        """
        if self.are_asked_for or self.are_of_groups or not self.parts:
            return len(self.parts)
        enough = math.ceil(FEW * len(self.parts) / len(self.learning.train))
        of_one = seconds * (self.trainings(1) - 1)
        return max(1, min(len(self.parts), enough, int((seconds + _FREE_SECONDS) / max(of_one, 1e-9))))

    def trainings(self, judged: int | None = None) -> float:
        """Trainings on all examples that a model costs which is judged on so many folds, or on all."""
        if not self.parts:
            return 1.0
        return 1 + (len(self.parts) if judged is None else judged) * (1 - 1 / len(self.parts))

    def sentence(self, noun: str) -> str:
        """Sentence on what judges."""
        pool, few = len(self.learning.train), count_of(len(self.dataset.validation), noun)
        why = "" if self.are_asked_for else Sentence("validation has only {few}, so ", few)
        what = Sentence("{parts} folds of", len(self.parts))
        if self.are_of_groups:
            groups = len(np.unique(self.dataset.together[self.learning.train]))
            why = "the test split has few groups, so "
            what = Sentence(
                "{parts} folds, each of whole groups, of the {groups} and",
                len(self.parts),
                count_of(groups, "group"),
            )
        return Sentence(
            "{why}models are judged on {what} the {pool} that are not "
            "for the test, each by models that were not trained on it; the final models are trained on all "
            "{pool2:,}",
            why,
            what,
            count_of(pool, noun),
            pool,
        )


def folds_of(dataset: Dataset, settings: Settings, *, is_continual: bool) -> Folds:
    """Decide what judges the models: the folds asked for, folds by rule, or the validation split.

    By rule there are five folds, or as many as the smallest class has examples that may be parted. The
    validation split judges where it has 500 examples or more and the test split is not of few groups, where
    training stops by it (`patience`), where it is later than training (`time_column`), in continual training,
    and where a class has a single example.
    """
    if settings.folds:
        return Folds(dataset, parts_of(dataset, settings.folds, settings.seed), are_asked_for=True)
    are_of_groups, validation = dataset.has_few_groups, len(dataset.validation)
    is_enough = validation == 0 or (validation >= FEW and not are_of_groups)
    needs_validation = is_continual or settings.patience is not None or settings.time_column is not None
    if is_enough or needs_validation or settings.folds == OFF:
        return Folds(dataset)
    for count in range(FOLDS, 1, -1):
        # A class, or its sets that stay together, may be too small for so many.
        with contextlib.suppress(DataError):
            return Folds(dataset, parts_of(dataset, count, settings.seed), are_of_groups=are_of_groups)
    return Folds(dataset)


def parts_of(dataset: Dataset, count: int, seed: int) -> tuple[Dataset, ...]:
    """Divide what is not for the test: for each fold, all others to learn from and the fold for validation.

    Raises: `DataError` if a class cannot be in every fold.
    """
    nothing = np.zeros(0, np.int64)
    return tuple(
        dataclasses.replace(
            fold, train=np.union1d(fold.train, fold.validation), validation=fold.test, test=nothing
        )
        for fold in folds(dataset, count, seed)
    )
