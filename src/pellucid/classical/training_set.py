"""Training set of a classical model, the budget of its training, and its outcome."""

import dataclasses
import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from pellucid import input_kinds
from pellucid.arithmetic.draws import Purpose, generator
from pellucid.classical.image_features import AS_THEY_ARE, extract, feature_length
from pellucid.classical.predictors import Predictor, Rows
from pellucid.classical.text_features import (
    NOTHING,
    TF_IDF,
    Merits,
    TextSurvey,
    TextTable,
    survey_texts,
    text_table,
    within,
)
from pellucid.encoding.tfidf import Tfidf
from pellucid.input_kinds import InputKind
from pellucid.language.sentence import Sentence
from pellucid.targets import Labels


class OverdueError(Exception):
    """A model took so much longer than expected that it was given up; nothing of it is kept.

    `times` says how many times its seconds the whole of it would have taken, above 1, where its pace told.
    """

    def __init__(self, times: float | None = None) -> None:
        super().__init__()
        self.times = times


_LEAST = {
    "examples": 200,
    "screened": 200,
    "judged": 200,
    "configurations": 1,
    "iterations": 20,
    "trees": 10,
    "grown": 200,
    "components": 20,
    "supported": 200,
    "values": 1_000_000,
    "pairs": 45,
    "text": 1_000_000,
    "products": 10_000_000,
    "screened_texts": 200,
}
_OF_EXAMPLES = ("examples", "screened", "screened_texts", "grown", "supported")


@dataclass(frozen=True)
class Budget:
    """Bounds of what each classical model may see, try and store.

    All baselines together cost less than the network of the preset `standard` (`benchmarks/baselines.py`).
    """

    examples: int = 60_000  # training examples that a model may see; where there are more, so many are drawn
    # training examples on which the configurations are compared before the best of them learns from all
    screened: int = 5_000
    screened_texts: int = 12_000  # the same of texts, from which most models learn faster
    judged: int = 5_000  # validation examples on which they are compared
    configurations: int = 6  # how many are compared
    iterations: int = 150  # steps of the solver of logistic regression
    trees: int = 100  # of a random forest
    # training examples from which one tree of a forest grows; each tree draws its own (`--images-a-tree` of
    # the same benchmark)
    grown: int = 20_000
    components: int = 150  # principal components that a support vector machine sees
    supported: int = 12_000  # training examples of a support vector machine for numbers
    # pairs of classes that a support vector machine is trained on while configurations are compared;
    # with more classes fewer configurations are
    pairs: int = 600
    values: int = 100_000_000  # numbers (examples times features) that a table of features may hold
    text: int = 40_000_000  # bytes of training texts that a model may see
    products: int = 400_000_000  # words of texts times classes that a linear model of texts may learn from

    def __post_init__(self) -> None:
        for name, count in dataclasses.asdict(self).items():
            if count < 1:
                raise ValueError(Sentence("budget: {name} is {count}; give at least 1", name, count))

    @classmethod
    def of_preset(cls, preset: str) -> "Budget":
        """Budget of a preset: with `quick` fewer trees, and fewer examples to compare set-ups on."""
        return _OF_PRESETS.get(preset, cls())

    def within(self, other: "Budget") -> "Budget":
        """The smaller of each count of two budgets."""
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Budget(*map(min, pairs))

    @classmethod
    def shrunk(cls, share: float, examples: int | None = None) -> "Budget":
        """Part of the standard budget, in which examples, configurations and trees are fewer.

        `share`, above 0 and at most 1, is what the work may cost in comparison. Fewer training examples than
        the standard budget admits shrink from their own number.

        Raises: `ValueError` if the share is out of bounds.
        """
        if not 0 < share <= 1:
            raise ValueError(Sentence("share: {share} is not above 0 and at most 1", share))
        root = math.sqrt(share)  # examples and what is learnt from each of them shrink together
        counts = dataclasses.asdict(cls())
        if examples is not None:
            counts |= {name: max(1, min(counts[name], examples)) for name in _OF_EXAMPLES}
        return cls(
            **{name: min(count, max(_LEAST[name], round(count * root))) for name, count in counts.items()}
        )

    def shrunk_to_all(self, share: float, examples: int) -> "Budget":
        """Part of the budget for a model that needs its examples: fewer set-ups first, then fewer of these.

        Examples missed cost a linear model of texts, or one of few images, more than set-ups not compared.

        Raises: `ValueError` if the share is out of bounds.
        """
        if not 0 < share <= 1:
            raise ValueError(Sentence("share: {share} is not above 0 and at most 1", share))
        examples = min(self.examples, examples)
        of_all = self.for_all(examples)
        if share < of_all:
            fewer = min(examples, max(_LEAST["examples"], int(share / of_all * examples)))
            return dataclasses.replace(self, examples=fewer, configurations=1)
        compared = int((share - of_all) / (1 - of_all) * self.configurations)
        return dataclasses.replace(self, configurations=max(1, compared))

    def for_all(self, examples: int) -> float:
        """Share of a model's work in which it learns from all examples and compares no set-ups."""
        comparing = self.configurations * min(1.0, self.screened_texts / min(self.examples, examples))
        return 1 / (1 + comparing)


# Budgets of presets whose network costs less than that of `standard`.
_OF_PRESETS = {"quick": Budget(screened=2_500, trees=50)}


IMAGES = "images"
TEXTS = "texts"
_KEPT = ("hog",)
_BLOCK = 1024

# Without a validation split one training example in so many is set aside.
_HELD_OUT = 5
_LEAST_HELD_OUT = 4  # examples set aside
# Training examples up to which each of these parts is set aside once: one alone would say too little.
_FEW = 500


class Draw(NamedTuple):
    """Sample of the examples where not all are taken."""

    seed: int  # of the order in which they are drawn
    train: int  # most training examples
    validation: int  # most validation examples
    values: int  # most numbers in a table of training features
    text: int = 1  # most bytes of training texts, and of validation texts


class Table(NamedTuple):
    """Features and labels in an order drawn by chance, so that the first so many are a fair sample."""

    train: Rows  # features of the training examples
    labels: np.ndarray  # theirs
    validation: Rows  # features of the validation examples
    validation_labels: np.ndarray  # theirs
    counted: TextTable | None = None  # what the features of texts are made of
    # of the training examples; `None` where all weigh the same
    weights: Float64[np.ndarray, " train"] | None = None

    def narrowed(self, merits: Merits, most: int | None) -> "Table":
        """Table of the `most` n-grams of texts (`None` for all) that say most about the labels."""
        if most is None or self.counted is None:
            return self
        return self._of(self.counted.narrowed(self.labels, merits, most))

    def _of(self, counted: TextTable) -> "Table":
        """Table of the same examples with features of other counts."""
        weigh = counted.tfidf.weigh
        return self._replace(
            train=weigh(counted.train), validation=weigh(counted.validation), counted=counted
        )


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Examples, split, and the features of them that were already computed.

    Raises: `ValueError` if inputs, labels, positions and kind do not fit each other.
    """

    # uint8 (n, height, width, channels), which may be a memory map, float32 (n, d), or texts
    inputs: Shaped[np.ndarray, "n ..."] | Sequence[str]
    labels: Labels  # of every input
    train: Int64[np.ndarray, " train"]  # ascending positions of the training examples, at least one
    # ascending positions of those on which configurations are compared; there may be none
    validation: Int64[np.ndarray, " validation"]
    # `images`, `texts`, `values` (feature vectors) or `network` (a network's hidden layer)
    kind: str = IMAGES
    # of every input in the loss, above 0 for training examples; `None` where all weigh the same
    weights: Float64[np.ndarray, " n"] | None = None
    _kept: dict[tuple[str, Draw], "Table"] = field(default_factory=dict, init=False, repr=False)
    _compared: dict[int, "list[TrainingSet]"] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        kinds = (IMAGES, *AS_THEY_ARE, TEXTS)
        if self.kind not in kinds:
            raise ValueError(Sentence("kind: {kind!r} is not one of {kinds}", self.kind, ", ".join(kinds)))
        axes = self.input_kind.axes
        if isinstance(self.inputs, np.ndarray) != (axes > 0):
            raise ValueError(
                Sentence(
                    "inputs: {name} found, where there are {kind}", type(self.inputs).__name__, self.kind
                )
            )
        if isinstance(self.inputs, np.ndarray) and self.inputs.ndim != axes:
            raise ValueError(
                Sentence("inputs: {ndim} axes, where {kind} have {axes}", self.inputs.ndim, self.kind, axes)
            )
        if len(self.labels) != len(self.inputs):
            raise ValueError(
                Sentence("labels: {labels} of them for {inputs} inputs", len(self.labels), len(self.inputs))
            )
        if self.labels.values.shape[1:] not in ((), (self.classes,)):
            labels = self.labels.values
            raise ValueError(
                Sentence(
                    "labels: {shape} columns of them for {classes} labels", labels.shape[1], self.classes
                )
            )
        if len(self.train) == 0:
            raise ValueError("train: no example to learn from")

    @property
    def classes(self) -> int:
        """How many classes or labels there are; 0 where numbers are predicted."""
        return len(self.labels.names)

    @property
    def input_kind(self) -> InputKind:
        """Kind of the inputs; the hidden layers of a network are feature vectors."""
        return {IMAGES: input_kinds.IMAGES, TEXTS: input_kinds.TEXTS}.get(self.kind, input_kinds.VALUES)

    @property
    def words(self) -> float:
        """Mean number of words of a text, about."""
        return max(1.0, self._survey.words)

    @cached_property
    def _survey(self) -> TextSurvey:
        assert not isinstance(self.inputs, np.ndarray)
        return survey_texts(self.inputs, self.train)

    @property
    def feature_kinds(self) -> tuple[str, ...]:
        """Kinds of features to choose from, the one that usually serves best first."""
        if self.kind == TEXTS:
            return self._survey.readings
        return ("hog", "pixels") if self.kind == IMAGES else (self.kind,)

    def feature_name(self, features: str) -> str:
        """Name of one of `feature_kinds` in a model: all readings of texts are TF-IDF."""
        return TF_IDF if self.kind == TEXTS else features

    def length(self, features: str) -> int:
        """Number of features of a kind."""
        assert isinstance(self.inputs, np.ndarray)  # of texts it is known when they are counted
        return feature_length(features, self.inputs.shape[1:])

    def compared_on(self, seed: int) -> "list[TrainingSet]":
        """Training sets on which set-ups are compared, shared by all models that learn from this one.

        The set itself, or divisions of its training examples; none where there are too few.
        """
        if seed not in self._compared:
            found, held_out = [], len(self.train) // _HELD_OUT
            if len(self.validation):
                found.append(self)
            elif held_out >= _LEAST_HELD_OUT:
                order = generator(seed, Purpose.HELD_OUT).permutation(self.train)
                parts = np.split(order, range(held_out, _HELD_OUT * held_out, held_out))
                for part in parts[: _HELD_OUT if len(self.train) <= _FEW else 1]:
                    train = np.setdiff1d(self.train, part)
                    found.append(dataclasses.replace(self, train=train, validation=np.sort(part)))
            self._compared[seed] = found
        return self._compared[seed]

    def table(self, features: str, draw: "Draw") -> "Table":
        """Features and labels of the examples drawn, not to be changed; HOG and TF-IDF are kept."""
        if (features, draw) in self._kept:
            return self._kept[features, draw]
        inputs, labels, chance = self.inputs, self.labels.values, generator(draw.seed, Purpose.SEARCH)
        train, validation = (chance.permutation(each) for each in (self.train, self.validation))
        train, validation = train[: draw.train], validation[: draw.validation]
        length = 0
        if not isinstance(inputs, np.ndarray):
            train = within(inputs, train, draw.text)
            validation = within(inputs, validation, draw.text) if len(validation) else validation
        else:
            length = 0 if features == NOTHING else self.length(features)
            train = train[: max(1, draw.values // max(1, length))]
        seen = [np.zeros((len(each), length), np.float32) for each in (train, validation)]
        if length and isinstance(inputs, np.ndarray):
            for rows, positions in zip(seen, (train, validation), strict=True):
                for at in range(0, len(positions), _BLOCK):
                    rows[at : at + _BLOCK] = extract(features, inputs[positions[at : at + _BLOCK]])
        weights = None if self.weights is None else self.weights[train]
        table = Table(seen[0], labels[train], seen[1], labels[validation], weights=weights)
        if features != NOTHING and not isinstance(inputs, np.ndarray):
            table = table._of(text_table(features, inputs, train, validation, self.classes))
        if features in _KEPT or table.counted is not None:
            self._kept[features, draw] = table
        return table


# A set-up of a model: its features, and the rest of it in words.
Setting = tuple[str, str]

NO_SETTING: Setting = ("", "")


class Configuration(NamedTuple):
    """Set-up of a model, and its score."""

    features: str  # what it saw
    words: str  # the whole set-up for people, such as "HOG, C = 1"
    # by the metric, on validation, or, without that split, on training examples set aside for the
    # comparison; larger is better. Log loss and the root mean squared error are negative for that.
    score: float
    chosen: bool | None = None  # whether it was taken, where the score alone did not decide

    def to_json(self) -> dict[str, Any]:
        """Configuration as plain JSON values; `chosen` where it says something."""
        return {name: value for name, value in self._asdict().items() if value is not None}


@dataclass(frozen=True, eq=False)
class Fitted:
    """Trained classical model with what was compared."""

    name: str  # as in `baselines_for`
    predictor: Predictor  # what answers
    features: str  # what it sees
    # what was compared; none where there was nothing to choose, or too little to compare on
    configurations: tuple[Configuration, ...]
    train_examples: int  # how many examples it learnt from
    seconds: float  # that features, comparison and training took
    tfidf: Tfidf | None = None  # what makes features of texts; `None` where the model looks at none
    setup: Setting = NO_SETTING  # features and words of its set-up
    scale: float | None = None  # of its decision values, where it is a linear model of texts
    budget: Budget | None = None  # counts that it kept to


# Work of a classical model: the conditions under which it learns, its pace, and a set-up to try.

_PACED = 8  # pieces of work after which their pace is known
# Times of its seconds that the whole may seem to take: pieces differ, and a pace measured on a few of them is
# wrong by some tenths.
_BEHIND = 1.25


@dataclass
class Scale:
    """Scale of decision values, kept so that no model is trained for it twice; `None` before it is known."""

    value: float | None = None


class Pace:
    """Pieces of work done by a deadline, from which it is seen early that the rest will not be.

    A model that would be given up in the end is given up after a few of its pieces, so that its time is left
    for a smaller part of the work.
    """

    def __init__(self, pieces: int, deadline: float) -> None:
        self.pieces, self.deadline = pieces, deadline
        self._began, self._done, self._lock = time.monotonic(), 0, threading.Lock()

    def piece_done(self) -> None:
        """Count a piece, and give up where the others would end far behind the deadline.

        Raises: `OverdueError` where they would.
        """
        with self._lock:
            self._done += 1
        if self._done < min(_PACED, -(-self.pieces // 4)):
            return
        took, given = time.monotonic() - self._began, self.deadline - self._began
        times = took / self._done * self.pieces / max(1e-3, given)
        if self._done < self.pieces and times > _BEHIND:
            raise OverdueError(times)


class Work(NamedTuple):
    """Conditions of learning, but for the examples."""

    classes: int  # how many there are, or labels; 0 where numbers are predicted
    seed: int  # of everything drawn
    threads: int  # processor threads
    budget: Budget  # counts
    one_unit: bool = False  # whether all features are of one unit, as those of images are
    for_comparison: bool = False  # whether the model will only be compared and then forgotten
    # of a linear model of texts: taken where it is known, else found and kept; `None` for one that
    # nobody wants to know
    scale: Scale | None = None
    # of each example that is learnt from, above 0; `None` where all weigh the same
    weights: Float64[np.ndarray, " n"] | None = None
    # of each class, by which the weights are multiplied, or of each label for those that have it; likewise
    class_weights: tuple[float, ...] | None = None
    # reading of `time.monotonic` after which the work is given up; `None` without one
    deadline: float | None = None
    # of the columns of a linear model of texts, under a deadline; `None` where nobody counts them
    pace: Pace | None = None

    def of(self, rows: slice | Int64[np.ndarray, " rows"]) -> "Work":
        """Conditions of learning from some of the examples."""
        return self if self.weights is None else self._replace(weights=self.weights[rows])

    @property
    def is_overdue(self) -> bool:
        """True once the deadline is over."""
        return self.deadline is not None and time.monotonic() > self.deadline

    def require_time(self) -> None:
        """Give up where the deadline is over; asked between pieces of work that cannot be broken off.

        Raises: `OverdueError` if it is.
        """
        if self.is_overdue:
            raise OverdueError


class Trial(NamedTuple):
    """Candidate set-up of a model."""

    features: str  # what it sees
    words: str  # the set-up for people
    # trains it on features and labels in an order drawn by chance
    learn: Callable[[Rows, np.ndarray, Work], Predictor]
    most: int | None = None  # training examples that it can take; `None` for as many as the budget allows
    best: int | None = None  # n-grams of texts that it sees, those that say most; `None` for all
    is_blind: bool = False  # whether it looks at no feature, so that none is computed
    # whether it learns from texts as slowly as from images, and is compared on as few of them
    is_slow: bool = False
    # training examples on which it is compared; `None` for as many as the budget allows
    screened: int | None = None

    def compared_on(self, budget: Budget, are_texts: bool) -> int:
        """Most training examples on which it is compared."""
        most = budget.screened_texts if are_texts and not self.is_slow else budget.screened
        return most if self.screened is None else min(most, self.screened)


# From features, labels, conditions and the model's own hyper-parameter, by its name, to a model.
Fit = Callable[..., Predictor]

# From a training set and a budget to a model's set-ups, the one that usually serves best first.
Baseline = Callable[[TrainingSet, Budget], list[Trial]]
