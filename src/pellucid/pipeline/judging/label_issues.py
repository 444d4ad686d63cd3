"""Labels that are likely wrong, by models that never saw the example they judge."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.classical import Lesson, extract, fit_baseline
from pellucid.data import Dataset
from pellucid.data.texts.store import Texts
from pellucid.evaluation import find_label_issues
from pellucid.pipeline.judging.report_selection import shown
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.run.stages import Stages
from pellucid.reports import LabelIssue, LabelIssues
from pellucid.settings import Settings
from pellucid.tasks import TEXTS
from pellucid.training.determinism import choose_threads

_FOLDS = 3
_MOST_EXAMINED = 20_000
_SHOWN = 40
_JUDGE = "logistic-regression"
_SEEN = {"image": "histograms of oriented gradients", "text": "TF-IDF of words and characters"}


def judge_labels(
    dataset: Dataset,
    judge: Candidate,
    test: Float64[np.ndarray, "test classes"],
    settings: Settings,
    stages: Stages,
) -> LabelIssues:
    """Look for wrong labels in every split by confident learning.

    Validation and test examples are judged by the recommended model, which did not learn from
    them. Training examples are judged, where baselines are trained, by logistic regression on
    histograms of oriented gradients, or on TF-IDF of texts, three times trained on two thirds and asked
    about the rest.

    Args:
        dataset: the data.
        judge: the recommended model.
        test: its probabilities on the test split.
        settings: seed, threads and whether baselines are trained.
        stages: shows what is done.

    Returns:
        The likeliest, and how many there are.
    """
    held_out = judge.held_out
    asked = np.concatenate([held_out.positions, dataset.test])
    found = [(asked, np.concatenate([held_out.answers, test]))]
    method = f"Validation and test examples were judged by {judge.name}, which did not learn from them."
    if settings.baselines:
        with stages.stage("judging the labels of the training examples"):
            found.append(_cross_fitted(dataset, settings))
        share = "" if len(dataset.train) <= _MOST_EXAMINED else f" (of {_MOST_EXAMINED:,}, drawn by chance)"
        method += (
            f" Training examples{share} were judged by logistic regression on {_SEEN[dataset.noun]}, trained "
            "three times on two thirds of them and asked about the rest."
        )
    label_issues: list[tuple[float, LabelIssue]] = []
    for positions, probabilities in found:
        for each in find_label_issues(dataset.labels[positions], probabilities):
            place = int(positions[each.position])
            margin = each.probability - each.probability_of_label
            label_issues.append((margin, _label_issue(dataset, place, each)))
    label_issues.sort(key=lambda pair: -pair[0])
    return LabelIssues(
        shown=[label_issue for _, label_issue in label_issues[:_SHOWN]],
        count=len(label_issues),
        examined=sum(len(positions) for positions, _ in found),
        method=method,
        agreed=sum(int((said.argmax(axis=1) == dataset.labels[at]).sum()) for at, said in found),
    )


def _cross_fitted(dataset: Dataset, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Positions of training examples, and probabilities by models that did not learn from them."""
    draws = generator(settings.seed, Purpose.LABEL_ISSUES)
    positions = draws.permutation(dataset.train)[:_MOST_EXAMINED]
    seen = _seen(dataset, positions)
    labels = dataset.labels[positions]
    places = np.arange(len(positions))
    probabilities = np.zeros((len(positions), len(dataset.classes)))
    for fold in range(_FOLDS):
        asked = places % _FOLDS == fold
        kind = "texts" if dataset.input_kind is TEXTS else "values"
        lesson = Lesson(seen, labels, places[~asked], places[:0], len(dataset.classes), kind=kind)
        fitted = fit_baseline(_JUDGE, lesson, seed=settings.seed, threads=choose_threads(settings))
        features = seen[asked] if fitted.tfidf is None else fitted.tfidf.transform(seen[asked])
        probabilities[asked] = fitted.predictor.predict(features)
    return positions, probabilities


def _seen(dataset: Dataset, positions: np.ndarray) -> np.ndarray | Texts:
    """Inputs of the judge of training examples: features of images, or texts as they are."""
    if isinstance(dataset.inputs, Texts):
        return Texts.of(dataset.inputs[positions])
    return extract("hog", dataset.inputs[positions])


def _label_issue(dataset: Dataset, place: int, found: Any) -> LabelIssue:
    split = next(name for name, members in dataset.split_positions.items() if place in members)
    return LabelIssue(
        shown=shown(dataset, place),
        source=dataset.sources[place],
        split=split,
        label=dataset.classes[dataset.labels[place]],
        suggested=dataset.classes[found.suggested],
        probability=found.probability,
        probability_of_label=found.probability_of_label,
    )


def as_json(label_issues: LabelIssues | None) -> dict[str, Any] | None:
    """The form of `label_issues` in `metrics.json`, without the inputs; `None` where none were looked for."""
    if label_issues is None:
        return None
    names: Sequence[str] = ("source", "split", "label", "suggested", "probability", "probability_of_label")
    return {
        "count": label_issues.count,
        "examined": label_issues.examined,
        "agreed": label_issues.agreed,
        "method": label_issues.method,
        "examples": [{name: getattr(each, name) for name in names} for each in label_issues.shown],
    }
