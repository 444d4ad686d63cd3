"""What a classical model learns from, and what comes out."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int64, Shaped

from pellucid.classical.features import AS_THEY_ARE, extract, feature_length
from pellucid.classical.predictors import Predictor

PICTURES = "pictures"
_KEPT = ("hog",)
_PURPOSE = 11
_BLOCK = 1024


class Draw(NamedTuple):
    """Which examples are taken where not all are.

    Attributes:
        seed: of the order in which they are drawn.
        train: most training examples.
        validation: most validation examples.
        values: most numbers in a table of training features.
    """

    seed: int
    train: int
    validation: int
    values: int


class Table(NamedTuple):
    """Features and labels in an order drawn by chance, so that the first so many are a fair sample.

    Attributes:
        train: features of the training examples.
        labels: theirs.
        validation: features of the validation examples.
        validation_labels: theirs.
    """

    train: Float32[np.ndarray, "train d"]
    labels: np.ndarray
    validation: Float32[np.ndarray, "validation d"]
    validation_labels: np.ndarray


@dataclass(frozen=True, eq=False)
class Lesson:
    """Examples, split, and the features of them that were already computed.

    Attributes:
        inputs: uint8 (n, height, width, channels), which may be a memory map, or float32 (n, d).
        labels: class codes, or numbers, of every input.
        train: ascending positions of the training examples, at least one.
        validation: ascending positions of those on which candidates are compared; there may be none.
        classes: how many there are; 0 where numbers are predicted.
        kind: `pictures`, `values` (feature vectors) or `network` (a network's hidden layer).

    Raises:
        ValueError: inputs, labels, positions and kind do not fit each other.
    """

    inputs: Shaped[np.ndarray, "n ..."]
    labels: Int64[np.ndarray, " labels"] | Float64[np.ndarray, " labels"]
    train: Int64[np.ndarray, " train"]
    validation: Int64[np.ndarray, " validation"]
    classes: int
    kind: str = PICTURES
    _kept: dict[tuple[str, Draw], "Table"] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        sides = 4 if self.kind == PICTURES else 2
        if self.kind != PICTURES and self.kind not in AS_THEY_ARE:
            raise ValueError(f"kind: {self.kind!r} is not one of {', '.join((PICTURES, *AS_THEY_ARE))}")
        if self.inputs.ndim != sides:
            raise ValueError(f"inputs: {self.inputs.ndim} axes, where {self.kind} have {sides}")
        if len(self.labels) != len(self.inputs):
            raise ValueError(f"labels: {len(self.labels)} of them for {len(self.inputs)} inputs")
        if len(self.train) == 0:
            raise ValueError("train: no example to learn from")

    @property
    def is_numbers(self) -> bool:
        """Whether numbers are predicted."""
        return self.classes == 0

    @property
    def feature_kinds(self) -> tuple[str, ...]:
        """Kinds of features there are to choose from, the one that usually serves best first."""
        return ("hog", "pixels") if self.kind == PICTURES else (self.kind,)

    def length(self, features: str) -> int:
        """Numbers in one feature vector.

        Args:
            features: one of `feature_kinds`.

        Returns:
            How many.
        """
        return feature_length(features, self.inputs.shape[1:])

    def table(self, features: str, draw: "Draw") -> "Table":
        """Features and labels of the examples drawn; histograms are computed once and kept.

        Pixels are not kept: they cost less than the memory that would hold them.

        Args:
            features: one of `feature_kinds`.
            draw: how many examples, and with which seed.

        Returns:
            The table, not to be changed.
        """
        if (features, draw) in self._kept:
            return self._kept[features, draw]
        chance = np.random.default_rng((draw.seed, _PURPOSE))
        train = chance.permutation(self.train)[
            : min(draw.train, max(1, draw.values // self.length(features)))
        ]
        validation = chance.permutation(self.validation)[: draw.validation]
        table = Table(
            self._seen(features, train),
            self.labels[train],
            self._seen(features, validation),
            self.labels[validation],
        )
        if features in _KEPT:
            self._kept[features, draw] = table
        return table

    def _seen(self, features: str, positions: Int64[np.ndarray, " some"]) -> Float32[np.ndarray, "some d"]:
        """Features of the examples at these positions, block by block."""
        found = np.empty((len(positions), self.length(features)), np.float32)
        for at in range(0, len(positions), _BLOCK):
            found[at : at + _BLOCK] = extract(features, self.inputs[positions[at : at + _BLOCK]])
        return found


class Candidate(NamedTuple):
    """One way to set up a model, and how it did.

    Attributes:
        features: what it saw.
        words: the whole set-up for people, such as "HOG, C = 1".
        score: by the metric, on validation, or, without that split, on training examples set aside
            for the comparison; larger is better. Log loss and the root mean squared error are
            negative for that.
    """

    features: str
    words: str
    score: float


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained classical model.

    Attributes:
        name: as in `RIVALS` or `NUMBER_RIVALS`.
        predictor: what answers.
        features: what it sees.
        candidates: what was compared; none where there was nothing to choose, or too little to
            compare on.
        train_examples: how many examples it learnt from.
        seconds: that features, comparison and training took.
    """

    name: str
    predictor: Predictor
    features: str
    candidates: tuple[Candidate, ...]
    train_examples: int
    seconds: float
