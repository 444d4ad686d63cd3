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
from jaxtyping import Float64

from pellucid.arithmetic.rounding import figure
from pellucid.data.wording import count_of
from pellucid.evaluation.by_target import SCORING
from pellucid.evaluation.intervals import TAILS, Interval, points, resample, span
from pellucid.language.sentence import Sentence
from pellucid.settings import Metric
from pellucid.targets import Labels

LEAST_POINTS = 3
MATTERS = 0.005  # of a share, such as accuracy
LITTLE = 0.01  # of a share
MATTERS_RELATIVE = 0.02  # of an error, as a share of it
LITTLE_RELATIVE = 0.05  # of an error, as a share of it


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
    labels: Labels, answers: Mapping[str, Sequence[tuple[int, np.ndarray]]], model: str, seed: int = 0
) -> LearningCurve:
    """Make a learning curve and say whether more data would help `model`.

    Labels are of the validation split. `answers` are by name of the model: pairs of training examples and
    decisions on the validation split, ascending.

    Raises: `ValueError` if the model has no curve.
    """
    if model not in answers:
        raise ValueError(
            Sentence(
                "model: {model!r} has no learning curve; there are {value}",
                model,
                ", ".join(answers) or "none",
            )
        )
    metric = SCORING[labels.target].metric
    if len(labels) == 0:
        outlook = "There are no validation examples, so whether more data would help is unknown."
        return LearningCurve(metric.key, {name: () for name in answers}, model, outlook, None)

    scored = SCORING[labels.target].interval
    curves = {
        name: tuple(CurvePoint(int(size), scored(labels, found, seed)) for size, found in curve)
        for name, curve in answers.items()
    }
    sizes = np.array([size for size, _ in answers[model]], np.float64)
    if len(np.unique(sizes)) < LEAST_POINTS:
        number = Sentence("{sizes} of training split", count_of(len(np.unique(sizes)), "size"))
        outlook = Sentence(
            "Whether more data would help {model} is unknown from {number}; three are needed.", model, number
        )
        return LearningCurve(metric.key, curves, model, outlook, None)
    found = [found for _, found in answers[model]]
    outlook, would_help = _words(_forecast(labels, found, sizes, metric, seed), model, int(sizes[-1]), metric)
    return LearningCurve(metric.key, curves, model, outlook, would_help)


class _Forecast(NamedTuple):
    """The score now and with twice the data, and how much better that is; a gain above 0 is better."""

    now: float
    score: Interval
    gain: Interval


def _forecast(
    labels: Labels,
    answers: Sequence[np.ndarray],
    sizes: Float64[np.ndarray, " sizes"],
    metric: Metric,
    seed: int,
) -> _Forecast:
    """Go on along the straight line to twice the data, with the line's uncertainty."""
    summed = [SCORING[labels.target].errors(labels, found) for found in answers]
    terms, counts = (np.stack(each, axis=1) for each in zip(*summed, strict=True))
    power, added = (0.5, 0.0) if metric.is_error else (1.0, 0.5)
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
    twice = Sentence("with {size}, twice as many,", count_of(2 * size, "training example"))
    if gain.low > 0 and gain.value >= matters:
        return (
            Sentence(
                "More data would likely help {model}: {twice} the {words} would be about {score} "
                "instead of {now}, if the curve goes on as it did.",
                model,
                twice,
                metric.words,
                span(score),
                figure(forecast.now),
            ),
            True,
        )
    if gain.high < little:
        return (
            Sentence(
                "More data of this kind would hardly help {model}: {twice} the {words} would change by "
                "about {change}.",
                model,
                twice,
                metric.words,
                change,
            ),
            False,
        )
    return (
        Sentence(
            "Whether more data would help {model} is inconclusive: {twice} the {words} would change by "
            "about {change}.",
            model,
            twice,
            metric.words,
            change,
        ),
        None,
    )
