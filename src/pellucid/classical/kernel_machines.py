"""Support vector machines with a Gaussian kernel: fitted, and as plain arrays that answer."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from itertools import combinations
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Float32, Float64, Int8, Int32, Int64

from pellucid.classical.linear_fitting import (
    class_shares,
    mean_number,
    moments,
    scale_out_of_sample,
    scaling,
    standardise,
)
from pellucid.classical.one_against_rest import (
    calibrated_out_of_sample,
    cell_weights,
    constant_shares,
    has_both,
    label_shares,
    log_odds,
)
from pellucid.classical.predictors import Exclusive, Outputs, Predictor, Rows, dense, spread
from pellucid.classical.training_set import Work
from pellucid.safety.stored import Forms
from pellucid.targets.several import States

SHARPNESS = 5.0  # makes each vote nearly 0 or 1
_BLOCK_VALUES = 1 << 22


def project(
    features: Float32[np.ndarray, "n d"],
    mean: Float32[np.ndarray, " d"],
    projection: Float32[np.ndarray, "d space"],
) -> Float64[np.ndarray, "n space"]:
    """Features in the space of the kernel, in double precision, block by block."""
    wide, found = projection.astype(np.float64), np.empty((len(features), projection.shape[1]))
    rows = max(1, _BLOCK_VALUES // len(mean))
    for at in range(0, len(features), rows):
        found[at : at + rows] = (features[at : at + rows] - mean.astype(np.float64)) @ wide
    return found


def likeness(
    rows: Float64[np.ndarray, "n d"], points: Float64[np.ndarray, "points d"], gamma: float
) -> Float64[np.ndarray, "n points"]:
    r"""Kernel $\exp(-\gamma \lVert u - p \rVert^2)$, 0 to 1, of every projected row and every point."""
    distances: np.ndarray = rows @ (-2 * points.T)
    distances += (rows**2).sum(axis=1)[:, np.newaxis]
    distances += (points**2).sum(axis=1)
    np.maximum(distances, 0, out=distances)
    distances *= -gamma
    np.exp(distances, out=distances)
    return distances


@dataclass(frozen=True, eq=False)
class Kernel(Predictor):
    """Machine with a Gaussian kernel, of classes, of several labels, or of a number."""

    kind: ClassVar[str] = "kernel"
    PLACES: ClassVar[tuple[str, ...]] = ("ends", "classes")
    inputs: int = field(init=False)  # features of a row
    number: bool  # whether a number is predicted
    outputs: Outputs  # classes, or 1 for a number
    mean: Float32[np.ndarray, " inputs"]  # taken away from each feature
    projection: Float32[np.ndarray, "inputs space"]  # from features to the space of the kernel
    points: Float32[np.ndarray, "points space"]  # the support vectors in that space
    gamma: Float64[np.ndarray, "1"]  # one number, how narrow the kernel is; positive
    # one row for each point, one column for each class that was there to learn but the point's own; or for
    # each label; for a number one column
    weights: Float64[np.ndarray, "points others"]
    # one number for each pair of these classes, (0, 1), (0, 2), ... (1, 2), ..., or for each label; for a
    # number one
    bias: Float64[np.ndarray, " pairs"]
    scale: Float64[np.ndarray, "1"]  # one number, what the votes are multiplied by; positive
    # where the points of each class end; those of the next follow; labels share all points
    ends: Int32[np.ndarray, " columns"]
    classes: Int32[np.ndarray, " columns"]  # which classes or labels these are; ascending
    exclusive: Exclusive = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", len(self.mean))

    def predict(self, features: Rows) -> Float64[np.ndarray, "n outputs"]:
        """Probabilities, or the number in column 0, for every row of length `inputs`."""
        rows = max(1, _BLOCK_VALUES // max(len(self.points), len(self.classes) ** 2))
        blocks = []
        for at in range(0, max(1, features.shape[0]), rows):
            projected = project(dense(features, at, at + rows), self.mean, self.projection)
            if self.number or not self.exclusive:
                blocks.append(self.decisions(projected))
            else:
                blocks.append(self.votes(projected) * self.scale)
        return spread(np.concatenate(blocks), self.classes, self.outputs, self.number, self.exclusive)

    def votes(self, projected: Float64[np.ndarray, "n space"]) -> Float64[np.ndarray, "n columns"]:
        """Softly counted wins of each class against the others, 0 to their number, of projected rows."""
        near, columns = self._likeness(projected), len(self.classes)
        won = np.zeros((len(projected), columns, columns))
        start = 0
        for own, end in enumerate(self.ends.tolist()):
            others = np.delete(np.arange(columns), own)
            won[:, own, others] = near[:, start:end] @ self.weights[start:end]
            start = end
        first, second = np.triu_indices(columns, 1)
        # Half of the hyperbolic tangent plus a half is the logistic function, without overflow.
        sure = np.tanh(SHARPNESS / 2 * (won[:, first, second] + won[:, second, first] + self.bias)) / 2
        won[:] = 0
        won[:, first, second] = 0.5 + sure
        won[:, second, first] = 0.5 - sure
        votes: np.ndarray = won.sum(axis=2)
        return votes

    def decisions(self, projected: Float64[np.ndarray, "n space"]) -> Float64[np.ndarray, "n columns"]:
        """Decision value of each label, or the number, of projected rows."""
        found: np.ndarray = self._likeness(projected) @ self.weights + self.bias
        return found

    def _likeness(self, projected: Float64[np.ndarray, "n space"]) -> Float64[np.ndarray, "n points"]:
        return likeness(projected, self._points, float(self.gamma[0]))

    @cached_property
    def _points(self) -> Float64[np.ndarray, "points space"]:
        return self.points.astype(np.float64)

    @classmethod
    def _forms(cls, stated: Mapping[str, Any]) -> Forms:
        columns = stated["columns"]
        if not stated["exclusive"]:
            return super()._forms({**stated, "others": columns, "pairs": columns})
        pairs = columns * (columns - 1) // 2
        forms = super()._forms({**stated, "others": max(1, columns - 1), "pairs": max(1, pairs)})
        if not stated["number"] and columns < 2:
            raise ValueError("kernel: a single class cannot be separated from another")
        return forms

    def _check(self) -> None:
        self._require_classes(self.classes)
        if self.gamma[0] <= 0 or self.scale[0] <= 0:
            raise ValueError("kernel: gamma and scale must be positive")
        if self.ends[0] < 0 or self.ends[-1] != len(self.points) or (self.ends[1:] < self.ends[:-1]).any():
            raise ValueError("kernel: the classes do not share out the points")


# Support vector machines with a Gaussian kernel, for classes (every pair of them) and for numbers.
#
# scikit-learn's `SVC` and `SVR` solve the problem exactly, from all examples. What makes that affordable
# is what they see: features are projected on their first principal components, at most
# `components` of them, so that a likeness costs some hundred products instead of a thousand or more;
# and the pairs of classes, which are problems of their own, are shared out over the threads. On two cores
# 55,000 images of Fashion-MNIST take about half a minute. A machine for numbers is one problem of
# all examples, whose cost grows with their square; it sees at most `supported` of them.
#
# The machines of the pairs vote: $v_i = \sum_{j \ne i} \sigma(5 d_{ij})$ with $d_{ij}$ the decision for $i$
# against $j$, and $\mathrm{softmax}(s v)$ are the probabilities. The number $s$ is fitted on training
# examples that the machine did not learn from, and does not change which class is first.
#
# Machines for several labels are one against the rest of the examples of which the label is known; all share
# the projection and their examples, whose number `by_target` bounds. Decision values become probabilities as
# `one_against_rest` says, with slope and intercept folded into weights and biases.
#
# Source: Cortes and Vapnik, "Support-Vector Networks" (1995); Hsu and Lin, "A Comparison of Methods for
# Multiclass Support Vector Machines" (2002), section 3.

_INSENSITIVE = 0.1
_CHEAP = 10_000  # examples up to which learning once more, from the held-out ones too, costs little
_AT_ONCE = 2_000  # examples up to which checking what a machine is given costs more than to solve it
_FOR_COMPONENTS = 8_000
_CACHE_MEGABYTES = 200
# Examples up to which machines for several labels share one matrix of likenesses, of 200 MB; each is solved
# about four times as fast then.
MOST_SHARED = 5_000


class Setup(NamedTuple):
    r"""Hyper-parameters: `width` is $\gamma$ times the summed variance of the features, `strength` is $C$."""

    width: float
    strength: float


# A machine in the space that all of one training share.
_Make = Callable[..., Kernel]


class PairMachines(NamedTuple):
    """Machines of all pairs of classes, laid out as scikit-learn does."""

    # positions of the examples that support any of them, class by class
    supports: Int64[np.ndarray, " supports"]
    # one row for each of these, one column for each other class in order
    weights: Float64[np.ndarray, "supports others"]
    bias: Float64[np.ndarray, " pairs"]  # one number for each pair, (0, 1), (0, 2), ... (1, 2), ...
    ends: Int64[np.ndarray, " classes"]  # where the supports of each class end


class _Space(NamedTuple):
    """Space in which the machines of one training see its examples, and what scikit-learn is to keep to."""

    make: _Make
    rows: Float32[np.ndarray, "n space"]
    options: dict[str, Any]


def _space(features: Float32[np.ndarray, "n d"], work: Work, setup: Setup) -> _Space | None:
    """Principal components of the first examples, and all examples projected on them.

    `None` where no feature differs.
    """
    from sklearn.decomposition import PCA

    centre, scale = scaling(features, work.one_unit)
    variance = float(np.count_nonzero(scale))
    if variance == 0:
        return None
    some = standardise(features[:_FOR_COMPONENTS], centre, scale)
    count = min(work.budget.components, *some.shape)
    solver = "randomized" if count < min(some.shape) else "full"
    with np.errstate(invalid="ignore", divide="ignore"):  # shares of no variance, which nobody asks for
        found = PCA(count, svd_solver=solver, random_state=work.seed % 2**32).fit(some)
    projection = (found.components_ * scale).T.astype(np.float32)
    rows = project(features, centre, projection).astype(np.float32)
    gamma = setup.width / variance
    make = partial(
        Kernel,
        outputs=work.classes or 1,
        number=False,
        mean=centre,
        projection=projection,
        gamma=np.array([gamma]),
        scale=np.ones(1),
    )
    return _Space(make, rows, {"C": setup.strength, "gamma": gamma, "cache_size": _CACHE_MEGABYTES})


def machine_of_numbers(
    features: Float32[np.ndarray, "n d"], labels: Float64[np.ndarray, " n"], work: Work, setup: Setup
) -> Predictor:
    """Train support vector regression on numbers brought to mean 0 and deviation 1.

    The mean where nothing differs.
    """
    from sklearn.svm import SVR

    space = _space(features, work, setup) if (labels != labels[0]).any() else None
    if space is None:
        return mean_number(labels, work)
    make, rows, options = space
    middle, deviation = moments(labels, work.weights)
    model = SVR(epsilon=_INSENSITIVE, **options)
    model.fit(rows.astype(np.float64), (labels - middle) / deviation, work.weights)
    supports = model.support_ if len(model.support_) else np.zeros(1, np.int64)
    weights = model.dual_coef_.T if len(model.support_) else np.zeros((1, 1))
    return make(
        number=True,
        points=rows[supports],
        weights=weights * deviation,
        bias=model.intercept_ * deviation + middle,
        ends=np.array([len(supports)], np.int32),
        classes=np.zeros(1, np.int32),
    )


def machine_of_classes(
    features: Float32[np.ndarray, "n d"], labels: Int64[np.ndarray, " n"], work: Work, setup: Setup
) -> Predictor:
    """Train machines of all pairs on rows in random order; the shares of classes where nothing differs.

    The scale of the votes is found on examples that were held out.
    """
    present = np.unique(labels)
    space = _space(features, work, setup) if len(present) > 1 else None
    if space is None:
        return class_shares(labels, work)
    make, rows, options = space
    labels = np.searchsorted(present, labels)

    def learnt_from(positions: Int64[np.ndarray, " learnt"]) -> Kernel:
        """Machines of all pairs, learnt from some of the examples."""
        some = rows[positions]
        pairs = _pairs(some, labels[positions], work.of(positions), options)
        return make(
            points=some[pairs.supports],
            weights=pairs.weights,
            bias=pairs.bias,
            ends=pairs.ends.astype(np.int32),
            classes=present.astype(np.int32),
        )

    parts = []

    def decide(held: Int64[np.ndarray, " held"]) -> Float64[np.ndarray, "held classes"]:
        parts.append(learnt_from(np.delete(np.arange(len(labels)), held)))
        return parts[-1].votes(rows[held].astype(np.float64))

    scale = np.array([scale_out_of_sample(labels, decide, once=work.for_comparison, weights=work.weights)])
    is_cheap = (len(labels) <= _CHEAP and not work.for_comparison) or not parts
    return replace(learnt_from(np.arange(len(labels))) if is_cheap else parts[-1], scale=scale)


def machine_of_labels(
    features: Float32[np.ndarray, "n d"], labels: Int8[np.ndarray, "n labels"], work: Work, setup: Setup
) -> Predictor:
    """Train machines of all labels, each against its absence, on rows in random order.

    They are calibrated on examples that were held out; the shares of labels where nothing differs.
    """
    space = _space(features, work, setup) if has_both(labels).any() else None
    if space is None:
        return constant_shares(labels, work)
    make, rows, options = space
    classes = np.arange(labels.shape[1], dtype=np.int32)

    def learnt_from(positions: Int64[np.ndarray, " learnt"]) -> Kernel:
        """Machines of all labels, learnt from some examples; the bias of one not learnt is no number."""
        some = rows[positions]
        weights, bias = _one_against_rest(some, labels[positions], work.of(positions), options)
        supports = np.flatnonzero(weights.any(axis=1))
        supports = supports if len(supports) else np.zeros(1, np.int64)
        return make(
            points=some[supports],
            weights=weights[supports],
            bias=bias,
            ends=np.full(len(classes), len(supports), np.int32),
            classes=classes,
            exclusive=False,
        )

    parts = []

    def decide(held: Int64[np.ndarray, " held"]) -> Float64[np.ndarray, "held labels"]:
        parts.append(learnt_from(np.delete(np.arange(len(labels)), held)))
        return parts[-1].decisions(rows[held].astype(np.float64))

    slopes, intercepts = calibrated_out_of_sample(labels, decide, work)
    is_cheap = len(labels) <= _CHEAP and not work.for_comparison
    found = learnt_from(np.arange(len(labels))) if is_cheap else parts[-1]
    unlearnt = log_odds(label_shares(labels, work.weights))
    bias = np.where(np.isnan(found.bias), unlearnt, found.bias * slopes + intercepts)
    return replace(found, weights=found.weights * slopes, bias=bias)


def _one_against_rest(
    rows: Float32[np.ndarray, "n space"],
    labels: Int8[np.ndarray, "n labels"],
    work: Work,
    options: dict[str, Any],
) -> tuple[Float64[np.ndarray, "n labels"], Float64[np.ndarray, " labels"]]:
    """Weight of every example in the machine of each label, and the biases; several machines at a time."""
    from sklearn.svm import SVC

    weights, bias = np.zeros(labels.shape), np.full(labels.shape[1], np.nan)
    cells = None
    if work.weights is not None or work.class_weights is not None:
        cells = cell_weights(labels, work)
    present, is_known = States.of(labels)
    wide = rows.astype(np.float64)
    is_shared = len(rows) <= MOST_SHARED
    seen = likeness(wide, wide, options["gamma"]) if is_shared else wide

    def solve(label: int) -> None:
        """Solve the problem of one label on the examples of which it is known."""
        work.require_time()
        known = np.flatnonzero(is_known[:, label])
        some = seen
        if len(known) < len(labels):
            some = seen[np.ix_(known, known)] if is_shared else seen[known]
        model = SVC(**options, kernel="precomputed" if is_shared else "rbf")
        model.fit(some, present[known, label], None if cells is None else cells[known, label])
        weights[known[model.support_], label] = model.dual_coef_[0]
        bias[label] = model.intercept_[0]

    with ThreadPoolExecutor(work.threads) as pool:
        list(pool.map(solve, np.flatnonzero(has_both(labels)).tolist()))
    return weights, bias


def _pairs(
    rows: Float32[np.ndarray, "n space"],
    labels: Int64[np.ndarray, " n"],
    work: Work,
    options: dict[str, Any],
) -> PairMachines:
    """Solve every pair of classes: of few examples all in one call, of many several at a time."""
    from sklearn.svm import SVC

    work.require_time()
    classes = int(labels.max()) + 1
    if len(labels) <= _AT_ONCE and classes > 2:
        whole = SVC(**options)
        whole.fit(rows.astype(np.float64), labels, work.weights)
        ends = np.cumsum(whole.n_support_)
        return PairMachines(
            whole.support_.astype(np.int64), whole.dual_coef_.T.copy(), whole.intercept_, ends
        )
    members = [np.flatnonzero(labels == each) for each in range(classes)]
    weights = np.zeros((len(labels), classes - 1))

    def solve(pair: tuple[int, int]) -> float:
        """Solve one pair: put the weights of its examples in place and return its bias."""
        work.require_time()
        first, second = pair
        positions = np.concatenate([members[first], members[second]])
        model = SVC(**options)
        model.fit(rows[positions].astype(np.float64), labels[positions], work.of(positions).weights)
        weight = np.zeros(len(positions))
        weight[model.support_] = -model.dual_coef_[0]  # of two classes it decides for the second
        weights[members[first], second - 1] = weight[: len(members[first])]
        weights[members[second], first] = weight[len(members[first]) :]
        return -float(model.intercept_[0])

    with ThreadPoolExecutor(work.threads) as pool:
        bias = np.array(list(pool.map(solve, combinations(range(classes), 2))))
    by_class = np.concatenate(members)
    supports = by_class[weights[by_class].any(axis=1)]
    return PairMachines(
        supports, weights[supports], bias, np.cumsum(np.bincount(labels[supports], minlength=classes))
    )
