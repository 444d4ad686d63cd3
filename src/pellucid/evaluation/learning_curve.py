r"""Learning curve: score against training examples, and a forecast for twice as many.

Notation: $e(n)$ is the error after training on $n$ examples; over a few doublings it follows
$e(n) \approx a n^{-b}$, a straight line of $\ln e$ over $\ln n$.

Source: Hestness et al. 2017, "Deep Learning Scaling is Predictable, Empirically"; Figueroa et al.
2012, "Predicting sample size required for classification performance", for the use.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int8

from pellucid.arithmetic.rounding import figure
from pellucid.data.wording import count_of
from pellucid.evaluation.intervals import TAILS, Interval, percentile_interval, points, resample, span, wilson
from pellucid.evaluation.scores import score_numbers
from pellucid.settings import METRICS, NUMBER_METRIC, Metric

LEAST_POINTS = 3
MATTERS, LITTLE = 0.005, 0.01
MATTERS_RELATIVE, LITTLE_RELATIVE = 0.02, 0.05


class CurvePoint(NamedTuple):
    """A point of a learning curve: training examples, and the score on the validation split."""

    examples: int
    score: Interval


@dataclass(frozen=True)
class LearningCurve:
    """Scores against numbers of training examples."""

    metric: str  # `accuracy`, `micro_f1` or `root_mean_squared_error`
    curves: Mapping[str, tuple[CurvePoint, ...]]  # name of each model to its points, ascending
    model: str  # which one the outlook is about
    outlook: str  # one or two sentences: whether more data would help
    would_help: bool | None  # the same in a word; `None` where it is inconclusive

    def to_json(self) -> dict[str, Any]:
        """The value of `learning_curve` in `metrics.json`."""
        return {
            "metric": self.metric,
            "model": self.model,
            "outlook": self.outlook,
            "would_help": self.would_help,
            "curves": {
                name: [{"examples": point.examples, **point.score._asdict()} for point in points]
                for name, points in self.curves.items()
            },
        }


def learning_curve(
    labels: np.ndarray, answers: Mapping[str, Sequence[tuple[int, np.ndarray]]], model: str, seed: int = 0
) -> LearningCurve:
    """Make a learning curve and say whether more data would help `model`.

    Labels are of the validation split: class indices (int64), numbers (float64), or several labels (examples,
    labels), which are scored by micro-F1. `answers` are by name of the model: pairs of training examples and
    answers on the validation split, ascending; of several labels decisions.

    Raises: `ValueError` if the model has no curve.
    """
    if model not in answers:
        raise ValueError(f"model: {model!r} has no learning curve; there are {', '.join(answers) or 'none'}")
    of_classes = METRICS["micro_f1" if labels.ndim == 2 else "accuracy"]
    metric = NUMBER_METRIC if labels.dtype.kind == "f" else of_classes
    if len(labels) == 0:
        outlook = "There are no validation examples, so whether more data would help is unknown."
        return LearningCurve(metric.key, {name: () for name in answers}, model, outlook, None)

    def scored(found: np.ndarray) -> Interval:
        if metric.is_error:
            return score_numbers(labels, found, seed)[metric.key]
        if labels.ndim == 2:
            return _micro_f1(labels, found, seed)
        return wilson(int((found == labels).sum()), len(labels))

    curves = {
        name: tuple(CurvePoint(int(size), scored(found)) for size, found in curve)
        for name, curve in answers.items()
    }
    sizes = np.array([size for size, _ in answers[model]], np.float64)
    if len(np.unique(sizes)) < LEAST_POINTS:
        number = f"{count_of(len(np.unique(sizes)), 'size')} of training split"
        outlook = f"Whether more data would help {model} is unknown from {number}; three are needed."
        return LearningCurve(metric.key, curves, model, outlook, None)
    found = [found for _, found in answers[model]]
    outlook, would_help = _words(_forecast(labels, found, sizes, metric, seed), model, int(sizes[-1]), metric)
    return LearningCurve(metric.key, curves, model, outlook, would_help)


def _wrong_cells(
    labels: Int8[np.ndarray, "examples labels"], predicted: Int8[np.ndarray, "examples labels"]
) -> Float64[np.ndarray, "examples 2"]:
    r"""Of each example what adds up to 1 less micro-F1, $\sum |y - \hat y| / \sum (y + \hat y)$."""
    known = labels >= 0
    wrong, total = (labels != predicted) & known, (labels + predicted) * known
    return np.stack([wrong.sum(axis=1), total.sum(axis=1)], axis=1).astype(np.float64)


def _micro_f1(
    labels: Int8[np.ndarray, "examples labels"], predicted: Int8[np.ndarray, "examples labels"], seed: int
) -> Interval:
    """Micro-F1 with its bootstrap interval."""
    cells = _wrong_cells(labels, predicted)

    def scores(weights: np.ndarray) -> np.ndarray:
        wrong, total = (weights @ cells).T
        return np.asarray(1 - wrong / np.maximum(total, 1))[:, None]

    value = float(scores(np.ones((1, len(labels))))[0, 0])
    return percentile_interval(value, resample(scores, len(labels), seed)[:, 0])


class _Forecast(NamedTuple):
    """The score now and with twice the data, and how much better that is; a gain above 0 is better."""

    now: float
    score: Interval
    gain: Interval


def _forecast(
    labels: np.ndarray,
    answers: Sequence[np.ndarray],
    sizes: Float64[np.ndarray, " sizes"],
    metric: Metric,
    seed: int,
) -> _Forecast:
    """Go on along the straight line to twice the data, with the line's uncertainty."""
    counts = np.ones((len(labels), len(sizes)))
    if metric.is_error:
        terms = np.stack([(found - labels) ** 2 for found in answers], axis=1)
        power, added = 0.5, 0.0
    elif labels.ndim == 2:
        terms, counts = np.stack([_wrong_cells(labels, found) for found in answers], axis=2).transpose(
            1, 0, 2
        )
        power, added = 1.0, 0.5
    else:
        terms = np.stack([(found != labels).astype(np.float64) for found in answers], axis=1)
        power, added = 1.0, 0.5
    steps = np.log(sizes / sizes[-1])

    def logarithms(weights: np.ndarray) -> np.ndarray:
        errors = (weights @ terms + added) / (weights @ counts + 2 * added)
        return np.asarray(power * np.log(np.maximum(errors, 1e-300)))

    def line(weights: np.ndarray) -> np.ndarray:
        return np.asarray(np.polynomial.polynomial.polyfit(steps, logarithms(weights).T, 1).T)

    once = np.ones((1, len(labels)))
    fitted = line(once)[0]
    drawn = resample(line, len(labels), seed)
    # Other training runs would move the line as far as the points' own scatter shows.
    rest = logarithms(once)[0] - fitted[0] - fitted[1] * steps
    deviation = np.sqrt((rest**2).sum() / (len(steps) - 2))
    noise = np.random.default_rng(seed).normal(scale=deviation, size=(len(steps), len(drawn)))
    drawn = drawn + np.asarray(np.polynomial.polynomial.polyfit(steps, noise, 1).T)
    now, later = np.exp(fitted[0]), np.exp(fitted[0] + fitted[1] * np.log(2))
    errors_now, errors_later = np.exp(drawn[:, 0]), np.exp(drawn[:, 0] + drawn[:, 1] * np.log(2))
    gain = Interval(float(now - later), *map(float, np.quantile(errors_now - errors_later, TAILS)))
    low, high = map(float, np.quantile(errors_later, TAILS))
    seen = float((terms[:, -1].sum() / max(counts[:, -1].sum(), 1)) ** power)
    if metric.is_error:
        return _Forecast(seen, Interval(float(later), low, high), gain)
    return _Forecast(1 - seen, Interval(1 - float(later), 1 - high, 1 - low), gain)


def _words(forecast: _Forecast, model: str, size: int, metric: Metric) -> tuple[str, bool | None]:
    """The forecast for people."""
    gain, score = forecast.gain, forecast.score
    matters = MATTERS_RELATIVE * forecast.now if metric.is_error else MATTERS
    little = LITTLE_RELATIVE * forecast.now if metric.is_error else LITTLE
    change = span(gain) if metric.is_error else points(gain)
    twice = f"with {count_of(2 * size, 'training example')}, twice as many,"
    if gain.low > 0 and gain.value >= matters:
        return (
            f"More data would likely help {model}: {twice} the {metric.words} would be about {span(score)} "
            f"instead of {figure(forecast.now)}, if the curve goes on as it did.",
            True,
        )
    if gain.high < little:
        return (
            f"More data of this kind would hardly help {model}: {twice} the {metric.words} would change by "
            f"about {change}.",
            False,
        )
    return (
        f"Whether more data would help {model} is inconclusive: {twice} the {metric.words} would change by "
        f"about {change}.",
        None,
    )
