"""The learning curve: the best baseline, or the network too, trained again on parts of the training split."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Int64

from pellucid.arithmetic import metric_value
from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import ClassicalModel
from pellucid.data import Dataset
from pellucid.data.splits.splitting import places_in_strata
from pellucid.evaluation.learning_curve import LearningCurve, learning_curve
from pellucid.pipeline.learners.candidates import Candidate, with_validation
from pellucid.pipeline.learners.classical import learner_at_setup
from pellucid.pipeline.learners.folds import Folds
from pellucid.pipeline.learners.learner import Learner
from pellucid.pipeline.learners.network import Planned, learner_on_part
from pellucid.pipeline.learners.planning.preparation import material_of
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings

PARTS, PARTS_OF_MANY = (1 / 8, 1 / 4), (1 / 64, 1 / 16)
_LEAST_PER_CLASS, _LEAST = 4, 40
_MANY = 20_000


def parts(dataset: Dataset, seed: int) -> list[Int64[np.ndarray, " examples"]]:
    """Choose an eighth and a quarter of the training split, the smaller part of the larger.

    From 20,000 examples on, a 64th and a 16th are enough to see where the curve is going, and spare
    minutes. Each class, or each tenth of the range of numbers, gives its share.

    Ascending positions of each part; parts too small to learn from are left out.
    """
    order = generator(seed, Purpose.LEARNING_CURVE).permutation(len(dataset.train))
    places = places_in_strata(dataset.labels[dataset.train], order, dataset.target)
    least = max(_LEAST, _LEAST_PER_CLASS * len(dataset.classes))
    shares = PARTS if len(places) < _MANY else PARTS_OF_MANY
    found = [dataset.train[places < share] for share in shares]
    return [positions for positions in found if len(positions) >= least]


def draw_curve(
    candidates: Sequence[Candidate],
    recommended: str,
    network: Planned | None,
    folds: Folds,
    settings: Settings,
    stages: Stages,
) -> LearningCurve | None:
    """Train on parts of the training split and score on validation.

    The best baseline stands for all by default, since it takes seconds; the network too is trained on
    the parts where the curve was asked for, with what its rules give to so many examples.

    Args:
        candidates: the models trained on the whole split.
        recommended: name of the model whose outlook matters.
        network: the network and how it was trained; `None` where there is none.
        folds: the data; where folds judge, the first of them is learnt from and judged.
        settings: what the user asked for.
        stages: shows what is done.

    Returns:
        The curve, or `None` where there are too few examples, or no model that learns, to draw one.
    """
    dataset = folds.judging
    subsets = parts(dataset, settings.seed)
    drawn = _drawn(candidates, recommended, network if settings.learning_curve else None, dataset)
    if not drawn or not subsets or len(dataset.validation) == 0:
        return None
    by_name = {each.name: each for each in candidates}
    said: dict[str, list[tuple[int, np.ndarray]]] = {}
    with stages.stage("training on parts of the data for the learning curve") as stage:
        for name in drawn:
            learned = min(by_name[name].train_examples, len(dataset.train))
            whole = (learned, _predicted(by_name[name].held_out.about(dataset.validation)))
            if network is not None and name == network.plan.name:
                learner: Learner = learner_on_part(network, settings, keeps_best=not folds.parts)
            else:
                baseline = learner_at_setup(by_name[name], settings)
                learner = dataclasses.replace(baseline, scale=by_name[name].scale)
            smaller = [_on_part(learner, each, folds) for each in subsets]
            said[name] = [point for point in smaller if point[0] < whole[0]] + [whole]
        curve = learning_curve(
            dataset.labels[dataset.validation], said, _subject(said, recommended), settings.seed
        )
        stage.words = "trained on parts of the data for the learning curve"
        stage.details.append(curve.outlook)
    return curve


def _drawn(
    candidates: Sequence[Candidate], recommended: str, network: Planned | None, dataset: Dataset
) -> Sequence[str]:
    """The network, the best baseline by accuracy (smallest error), and the recommended baseline if one is."""
    classical = [
        each.name
        for each in candidates
        if isinstance(each.model, ClassicalModel) and each.features and each.model.network is None
    ]
    metric, labels = dataset.target.decides("accuracy"), dataset.labels[dataset.validation]
    scores = {
        each.name: metric.better(metric_value(metric, labels, each.held_out.about(dataset.validation)))
        for each in candidates
        if each.name in classical
    }
    chosen = [] if network is None else [network.plan.name]
    if classical:
        chosen.append(max(classical, key=lambda name: scores[name]))
    if recommended in classical:
        chosen.append(recommended)
    return list(dict.fromkeys(chosen))


def _subject(said: Mapping[str, object], recommended: str) -> str:
    """The model the outlook is about: the recommended one, or the first that was drawn in its place."""
    return recommended if recommended in said else next(iter(said))


def _on_part(learner: Learner, train: np.ndarray, folds: Folds) -> tuple[int, np.ndarray]:
    """A model trained on a part, and its answers on validation."""
    material = dataclasses.replace(material_of(folds.judging), train=train)
    if not folds.parts:
        return _examples_and_answers(learner.fit(material)[0])
    (fitted, *_) = learner.fit(material.without_validation)
    return _examples_and_answers(with_validation(fitted, material))


def _examples_and_answers(fitted: Candidate) -> tuple[int, np.ndarray]:
    return fitted.train_examples, _predicted(fitted.held_out.answers)


def _predicted(said: np.ndarray) -> np.ndarray:
    """Classes from probabilities; numbers as they are."""
    return said.argmax(axis=1) if said.ndim == 2 else said
