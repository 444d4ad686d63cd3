"""Novelty detectors: fitted on training examples, calibrated on validation examples, from 0 to 1."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import scipy.sparse
from jaxtyping import Float64, Int64, Shaped

from pellucid.classical.predictors import Rows, dense
from pellucid.language.sentence import Sentence
from pellucid.novelty.measures import (
    MOST_AXES,
    MOST_CENTRES,
    MOST_KEPT,
    Directions,
    Measure,
    Neighbours,
    brought_to_scale,
)
from pellucid.safety.stored import Forms, Stored
from pellucid.safety.strict import Anything, Field, Number, OneOf, Whole

# Every measure by its kind, as saved models have it.
MEASURES: dict[str, type[Measure]] = {each.kind: each for each in (Directions, Neighbours)}

MOST_REFERENCES = 2000  # saved with every model
_MOST_ANSWERS = 100_000  # classes
_MOST_EXAMPLES = 1 << 40  # more than any data has
_MEASURE = "measure."
_LEAST_REACH = 1e-9


@dataclass(frozen=True, eq=False)
class Detector(Stored):
    """Calibrated novelty detector: how unlike the training data features are, and when to raise the alarm."""

    kind: ClassVar[str] = "novelty"
    SIZES: ClassVar[Mapping[str, Whole]] = {
        "references": Whole(1, MOST_REFERENCES),
        "answers": Whole(1, _MOST_ANSWERS),
        "signals": Whole(1, 2),
    }
    measure: Annotated[Measure, Anything()]  # fitted on training examples
    # share of the examples like the training data for which the alarm may be raised
    rate: Annotated[float, Number(0.0, 1.0)]
    examples: Annotated[int, Whole(1, _MOST_EXAMPLES)]  # validation examples that all this comes from
    middle: Float64[np.ndarray, " signals"]  # median of each signal over the validation examples
    spread: Float64[np.ndarray, " signals"]  # from there to the 95 % quantile; positive
    # how foreign the validation examples are, ascending; of many, some at equal steps
    reference: Float64[np.ndarray, " references"]
    # what the model answered about the validation examples: how often each class, or numbers, ascending, of
    # many some at equal steps
    answers: Float64[np.ndarray, " answers"]

    @property
    def threshold(self) -> float:
        """Novelty above which an input counts as unlike the training data."""
        return 1 - self.rate

    def foreignness(self, rows: Rows) -> Float64[np.ndarray, " n"]:
        """Foreignness of each row: about 0 in the middle of the validation examples, infinite for NaN."""
        return combined(signals_of(self.measure, rows), self.middle, self.spread)

    def novelty(self, rows: Rows) -> Float64[np.ndarray, " n"]:
        """Novelty of each row, 0 to 1: the share of validation examples that look less foreign."""
        return self.placed(self.foreignness(rows))

    def novelty_of(self, signals: Float64[np.ndarray, "n signals"]) -> Float64[np.ndarray, " n"]:
        """Novelty, 0 to 1, of examples by the signals of a measure."""
        return self.placed(combined(signals, self.middle, self.spread))

    def placed(self, foreign: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Rank of each foreignness among the validation examples, 0 to 1; ties count half."""
        count = len(self.reference)
        below = np.searchsorted(self.reference, foreign, "left")
        upto = np.searchsorted(self.reference, foreign, "right")
        found: np.ndarray = ((below + upto) / 2 + 0.5) / (count + 1)
        reach = max(self.reference[-1] - self.reference[count // 2], _LEAST_REACH)
        excess = np.maximum(foreign - self.reference[-1], 0)
        return np.where(excess > 0, 1 - 0.5 / (count + 1) * reach / (reach + excess), found)

    def superiority(self, novelty: float) -> float:
        """Chance, 0 to 1, that inputs of this mean novelty look less familiar than validation examples."""
        count = len(self.reference)
        return float(np.clip((novelty * (count + 1) - 0.5) / count, 0, 1))

    def arrays(self) -> dict[str, np.ndarray]:
        """Arrays of detector and measure, for a file."""
        inner = {_MEASURE + name: array for name, array in self.measure.arrays().items()}
        return {**super().arrays(), **inner}

    def to_json(self) -> dict[str, Any]:
        """Settings as plain JSON values, those of the measure among them."""
        settings = {"kind": self.measure.kind, **super().to_json()}
        return {**settings, "measure": self.measure.to_json()}

    @classmethod
    def _fields(cls) -> dict[str, Field]:
        return {"kind": OneOf(tuple(MEASURES)), **super()._fields()}

    @classmethod
    def _forms(cls, stated: Mapping[str, Any]) -> Forms:
        if not 0 < stated["rate"] < 1:
            raise ValueError("novelty: rate must be a number between 0 and 1")
        measure = MEASURES[stated["kind"]].expected(stated["measure"])
        return {**super()._forms(stated), **{_MEASURE + name: form for name, form in measure.items()}}

    @classmethod
    def _parts(cls, stated: Mapping[str, Any], found: Mapping[str, np.ndarray]) -> dict[str, Any]:
        inner = {name.removeprefix(_MEASURE): found[name] for name in found if _MEASURE in name}
        measure = MEASURES[stated["kind"]].from_parts(stated["measure"], inner)
        return super()._parts({**stated, "measure": measure}, found)

    def _check(self) -> None:
        signals = self.measure.signals
        if signals != len(self.middle):
            raise ValueError(
                Sentence(
                    "novelty: {middle} signals where the measure has {signals}", len(self.middle), signals
                )
            )
        if not (self.spread > 0).all() or (self.reference[1:] < self.reference[:-1]).any():
            raise ValueError("novelty: a spread is not positive, or references do not ascend")


def combined(
    signals: Float64[np.ndarray, "n signals"],
    middle: Float64[np.ndarray, " signals"],
    spread: Float64[np.ndarray, " signals"],
) -> Float64[np.ndarray, " n"]:
    """Foreignness of each row from its signals; infinite where a signal is no number."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        relative = (signals - middle) / spread
        foreign = relative[:, 0] + np.maximum(relative[:, 1:], 0).sum(axis=1)
    return np.where(np.isfinite(foreign), foreign, np.inf)


# Sources of features: a network's hidden layer, a description of images, or numbers as they were given.
FeatureKind = Literal["layer", "image", "values"]

FALSE_ALARM_RATE = 0.05
# With fewer to learn from, or fewer validation examples, nothing is known about a rate of 5 %.
LEAST_EXAMPLES = 20

_MOST_VALUES = 400_000  # of the axes, which are saved with the model
_SHRINKAGE = 0.01  # of the mean variance, in every direction: without it there may be no inverse
_MOST_SQUARE = 2048
_ROUNDING = 1e-5  # of features in single precision, and what is computed from them
_MOST_OF_KEPT = 40
_MOST_OF_CENTRE = 500  # entries that are not 0, the heaviest
_MOST_OF_CENTRES = 50_000  # entries of all centres together
_LEAST_OF_CENTRE = 10  # entries, however many classes there are
_HIGH = 0.95
_TINY = 1e-30


def fit_measure(
    rows: Rows, labels: Int64[np.ndarray, " n"], sort: FeatureKind, seed: int = 0
) -> Measure | None:
    """Fit a measure of foreignness to training examples; `None` where they are too few, or have no features.

    The rows are in an order of no meaning; of sparse ones nothing is asked, and the seed says which are kept.
    Labels are class codes; all 0 where numbers are predicted.
    """
    if rows.shape[0] < LEAST_EXAMPLES or rows.shape[1] == 0:
        return None
    _, codes = np.unique(labels, return_inverse=True)
    if isinstance(rows, np.ndarray):
        # Of very many classes one centre serves all: their own would fill the model folder.
        return _directions(rows, codes if codes.max() < MOST_CENTRES else np.zeros_like(codes), sort)
    return _neighbours(scipy.sparse.csr_array(rows), codes, seed)


def fit_detector(
    measure: Measure, rows: Rows, answers: Shaped[np.ndarray, " n"], classes: int
) -> Detector | None:
    """Calibrate a measure on examples that the model did not learn from, to `FALSE_ALARM_RATE`.

    The rows are features of validation examples, and the answers what the model says of these: class codes,
    or numbers where there are 0 classes. `None` where there are too few examples.
    """
    if rows.shape[0] < LEAST_EXAMPLES:
        return None
    return calibrated_detector(measure, signals_of(measure, rows), answers, classes)


def signals_of(measure: Measure, rows: Rows) -> Float64[np.ndarray, "n signals"]:
    """Foreignness of rows to a measure; not finite where a feature is not."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        return measure.measure(rows)


def calibrated_detector(
    measure: Measure,
    signals: Float64[np.ndarray, "n signals"],
    answers: Shaped[np.ndarray, " n"],
    classes: int,
) -> Detector | None:
    """Calibrate a measure by how foreign examples look that neither it nor the model learned from.

    The signals are theirs, by this measure or by those of folds, and the answers what the model says of them:
    class codes, or numbers where there are 0 classes. `None` where there are too few examples.
    """
    if len(signals) < LEAST_EXAMPLES or signals.shape[1] != measure.signals:
        return None
    middle, high = np.quantile(signals, [0.5, _HIGH], axis=0)
    # A signal that varies by rounding alone says nothing: features of length 1 all have the same length.
    varies = high - middle > _ROUNDING * np.maximum(1, np.abs(middle))
    spread = np.where(varies, high - middle, 1.0)
    if not (np.isfinite(middle).all() and np.isfinite(spread).all()):
        return None
    foreign = combined(signals, middle, spread)
    return Detector(
        measure=measure,
        middle=middle,
        spread=spread,
        reference=_some(np.sort(foreign[np.isfinite(foreign)])),
        answers=_counted(answers, classes),
        examples=len(signals),
        rate=FALSE_ALARM_RATE,
    )


def for_answers_of(detector: Detector, answers: Shaped[np.ndarray, " n"], classes: int) -> Detector:
    """The same detector for a model that answers otherwise about the same examples."""
    return dataclasses.replace(detector, answers=_counted(answers, classes))


def _counted(answers: Shaped[np.ndarray, " n"], classes: int) -> Float64[np.ndarray, " kept"]:
    """Count of the answers of each class, or some of the numbers, ascending."""
    counted = np.bincount(answers, minlength=classes) if classes else _some(np.sort(answers))
    return counted.astype(np.float64)


def _some(ascending: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " fewer"]:
    """Numbers at equal steps among many."""
    count = len(ascending)
    kept = min(count, MOST_REFERENCES)
    places = (np.arange(kept) + 0.5) * count / kept
    return ascending[places.astype(np.int64)].astype(np.float64)


def _directions(rows: np.ndarray, codes: Int64[np.ndarray, " n"], sort: FeatureKind) -> Directions:
    """Distance from the classes, with their shared covariance shrunk towards a sphere."""
    columns = rows.shape[1]
    if columns > _MOST_SQUARE:  # so that the matrix to decompose stays small
        rows, codes = rows[:_MOST_SQUARE], codes[:_MOST_SQUARE]
    scale = np.ones(columns, np.float32)
    if sort == "values":
        deviation = rows.std(axis=0)
        scale = np.where(deviation > 0, deviation, 1).astype(np.float32)
    scaled, _ = brought_to_scale(dense(rows, 0, len(rows)), scale, sort == "layer")
    mean = scaled.mean(axis=0)
    scaled -= mean
    axes = _axes(scaled, max(1, min(MOST_AXES, columns, _MOST_VALUES // columns)))
    along = scaled @ axes
    # Mean of each class.
    sums = np.zeros((int(codes.max()) + 1, along.shape[1]))
    np.add.at(sums, codes, along)
    centres = sums / np.bincount(codes)[:, np.newaxis]
    inside = along - centres[codes]
    covariance = inside.T @ inside / max(1, len(inside) - len(centres))
    typical = max(float(np.trace(covariance)) / len(covariance), _TINY)
    covariance += _SHRINKAGE * typical * np.eye(len(covariance))
    whitening = np.linalg.cholesky(np.linalg.inv(covariance))
    left = columns - axes.shape[1]
    remaining = max(0.0, float((scaled**2).sum() - (along**2).sum())) / len(scaled)
    rest = max(remaining / left, _SHRINKAGE * typical) if left else 0.0
    return Directions(
        of_layer=sort == "layer",
        scale=scale,
        mean=mean.astype(np.float32),
        axes=axes.astype(np.float32),
        whitening=whitening.astype(np.float32),
        centres=(centres @ whitening).astype(np.float32),
        rest=np.array([rest], np.float32),
    )


def _axes(centred: Float64[np.ndarray, "n columns"], most: int) -> Float64[np.ndarray, "columns axes"]:
    """Orthonormal directions in which rows vary most, by the smaller matrix of inner products."""
    count, columns = centred.shape
    if columns <= count:
        return np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :most]
    values, vectors = np.linalg.eigh(centred @ centred.T)
    kept = values[::-1][:most] > values[-1] * 1e-10
    kept[0] = True  # where all rows are equal any direction will do
    return np.linalg.qr(centred.T @ vectors[:, ::-1][:, : len(kept)][:, kept])[0]


def _neighbours(rows: scipy.sparse.csr_array, codes: Int64[np.ndarray, " n"], seed: int) -> Neighbours:
    """Some training examples and the centre of each class, the heaviest features of each."""
    kept = np.sort(np.random.default_rng(seed).permutation(rows.shape[0])[:MOST_KEPT])
    classes = int(codes.max()) + 1
    most = max(_LEAST_OF_CENTRE, min(_MOST_OF_CENTRE, _MOST_OF_CENTRES // classes))
    centres = []
    for code in range(classes):
        total = np.asarray(rows[np.flatnonzero(codes == code)].sum(axis=0), np.float64)
        centre = _heaviest(np.arange(len(total)), total, len(total), most)
        centres.append(centre / max(float(np.sqrt((centre.data**2).sum())), _TINY))
    some = []
    for row in kept.tolist():
        own = slice(rows.indptr[row], rows.indptr[row + 1])
        some.append(_heaviest(rows.indices[own], rows.data[own], rows.shape[1], _MOST_OF_KEPT))
    stacked = (scipy.sparse.vstack(each, format="csr").astype(np.float32) for each in (some, centres))
    return Neighbours.of(*stacked)


def _heaviest(places: np.ndarray, values: np.ndarray, columns: int, most: int) -> scipy.sparse.csr_array:
    """One row of the largest values, those above 0, in the order of their columns."""
    chosen = np.argsort(-values, kind="stable")[:most]
    chosen = chosen[values[chosen] > 0]
    chosen = chosen[np.argsort(places[chosen], kind="stable")]
    ends = np.array([0, len(chosen)], np.int32)
    return scipy.sparse.csr_array((values[chosen], places[chosen], ends), shape=(1, columns))
