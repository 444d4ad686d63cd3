"""Judges of labels: models and their answers about examples that they did not learn from."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.arithmetic.metrics import accuracy
from pellucid.classical import FEATURES, VALUES, extract
from pellucid.classical.lesson import Setting
from pellucid.data import Dataset
from pellucid.data.texts.store import Texts
from pellucid.pipeline.learners.candidates import Candidate, raw_answers
from pellucid.pipeline.learners.classical import ClassicalLearner
from pellucid.pipeline.learners.learner import Learner
from pellucid.pipeline.learners.planning.preparation import Material
from pellucid.settings import Settings

MOST_EXAMINED = 20_000
"""Training examples that are judged; of more so many are drawn."""

FOLDS = 3
LEARNER = "logistic-regression"
"""Its probabilities are nearer to the truth than those of models that classify as well, and it is quick.

Its set-up is chosen by accuracy: the log loss prefers weaker penalties, which learn the wrong labels.
"""

_FEATURES = "hog"
"""Of images that no backbone has seen."""

_SEEN = {"image": "histograms of oriented gradients", "text": "TF-IDF of words and characters"}


class Judge(NamedTuple):
    """A judge of labels, and what it said.

    Attributes:
        name: of the model.
        sees: what it sees of an example, in words; `None` for networks.
        positions: of the examples in the data.
        answers: about each; probabilities by a model that did not learn from it.
        is_by_folds: True where models of the same kind were trained for it on parts of the examples.
    """

    name: str
    sees: str | None
    positions: Int64[np.ndarray, " judged"]
    answers: Float64[np.ndarray, "judged classes"]
    is_by_folds: bool = False


def held_out_judge(
    recommended: Candidate, dataset: Dataset, test: Float64[np.ndarray, "test classes"]
) -> Judge:
    """The recommended model as the judge of what it did not learn from, of the test by what it said then."""
    positions, answers = _held_out(recommended)
    return Judge(
        recommended.name,
        recommended.features,
        np.concatenate([positions, dataset.test]),
        np.concatenate([answers, test]),
    )


def _held_out(candidate: Candidate) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the examples before the test that a model did not learn from, and its answers."""
    return candidate.held_out.positions, candidate.held_out.answers


def fold_judge(
    candidates: Sequence[Candidate], dataset: Dataset, known: Judge, settings: Settings
) -> Judge | None:
    """Logistic regression, trained anew for each third of the training examples on the others.

    Args:
        candidates: the models of the run.
        dataset: the data.
        known: what was judged already; those examples are not judged again.
        settings: seed and threads.

    Returns:
        The judge of at most 20,000 training examples, drawn by chance where there are more; `None` where
        there are too few left to learn from.
    """
    body = _best_body(candidates, dataset)
    able = dataset.train if body is None or body.stored is None else body.stored.train
    left = np.setdiff1d(able, known.positions)
    positions = np.sort(generator(settings.seed, Purpose.LABEL_ISSUES).permutation(left)[:MOST_EXAMINED])
    together = dataset.together[positions]
    if len(np.unique(together)) < 2 * FOLDS or len(np.unique(dataset.labels[positions])) < 2:
        return None
    material = Material(
        _seen(dataset, positions, body),
        dataset.labels[positions],
        train=np.arange(len(positions)),
        validation=np.zeros(0, np.int64),
        classes=dataset.classes,
    )
    by_accuracy = dataclasses.replace(settings, metric="accuracy")
    setup = None if settings.metric == "log-loss" else _setup(candidates, body, material)
    learner = ClassicalLearner(LEARNER, by_accuracy, setup=setup)
    answers = out_of_fold(learner, material, together, settings.seed)
    name, sees = (LEARNER, _SEEN[dataset.noun]) if body is None else (body.name, body.features)
    return Judge(name, sees, positions, answers, is_by_folds=True)


def _best_body(candidates: Sequence[Candidate], dataset: Dataset) -> Candidate | None:
    """Logistic regression on the frozen backbone that serves it best; `None` without a backbone.

    It is left out where logistic regression on what the inputs themselves show is more accurate.
    """
    alone = {each.name: _accuracy(each, dataset) for each in candidates}
    frozen = [
        each
        for each in candidates
        if each.name.startswith(f"{LEARNER}-on-") and each.stored is not None and each.stored.hidden_from == 0
    ]
    best = max(frozen, key=lambda each: alone[each.name], default=None)
    return None if best is None or alone.get(LEARNER, 0.0) > alone[best.name] else best


def _setup(candidates: Sequence[Candidate], body: Candidate | None, material: Material) -> Setting | None:
    """Set-up of the run's own logistic regression on the same features, which validation chose.

    `None` where there is none, and each fold's training examples choose.
    """
    alone = next((each for each in candidates if each.name == LEARNER), None)
    same = body or alone
    if same is None or (body is None and material.takes != "texts" and same.features != _FEATURES):
        return None
    features, words = same.setup
    if material.takes == "texts":
        return features, words
    return VALUES, words.removeprefix(f"{FEATURES[_FEATURES].title}, ")


def _accuracy(candidate: Candidate, dataset: Dataset) -> float:
    """Accuracy on what was held out; 0 where nothing was."""
    positions, answers = _held_out(candidate)
    return accuracy(dataset.labels[positions], answers) if len(positions) else 0.0


def _seen(
    dataset: Dataset, positions: Int64[np.ndarray, " judged"], body: Candidate | None
) -> np.ndarray | Texts:
    """Features of examples for the judge: a backbone's, or those of images, or texts as they are."""
    if body is not None and body.stored is not None:
        return body.stored.hidden(positions)
    if isinstance(dataset.inputs, Texts):
        return Texts.of(dataset.inputs[positions])
    return extract(_FEATURES, dataset.inputs[positions])


def out_of_fold(
    learner: Learner, material: Material, together: Int64[np.ndarray, " train"], seed: int
) -> Float64[np.ndarray, "train classes"]:
    """Answers about training examples, by models that did not learn from them.

    Args:
        learner: trained once for each fold, on the others.
        material: whose training examples are asked about; its validation examples are not used.
        together: number of the set that each training example belongs to; copies must not be parted, or a
            model knows the label of one by the other.
        seed: of the draw of the folds.

    Returns:
        A row for each training example.
    """
    sets, members = np.unique(together, return_inverse=True)
    draws = generator(seed, Purpose.LABEL_ISSUES, 1)
    fold = (draws.permutation(len(sets)) % FOLDS)[members]
    answers = np.zeros((len(material.train), len(material.classes)))
    for number in range(FOLDS):
        asked = fold == number
        part = dataclasses.replace(material, train=material.train[~asked], validation=material.validation[:0])
        answers[asked] = raw_answers(learner.fit(part), material, material.train[asked])
    return answers
