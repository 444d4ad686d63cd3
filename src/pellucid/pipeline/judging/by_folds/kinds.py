"""Kinds of models of a run, each to be trained anew for a fold."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from pellucid.pipeline.learners.backbones.frozen import Built, FrozenLearner
from pellucid.pipeline.learners.backbones.tuning import TuningLearner
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.folds import Folds
from pellucid.pipeline.learners.learner import Learner
from pellucid.pipeline.learners.network import Planned, learner_on_part
from pellucid.pipeline.learners.on_network import drawn_for_simple_models, simple_models
from pellucid.pipeline.learners.planning.preparation import Material, material_of
from pellucid.settings import Settings


class Kind(NamedTuple):
    """Models that are trained together: one, or all that stand on one network.

    Attributes:
        learner: trains them on the training examples of a fold.
        is_watched: whether the examples of the fold may watch the training.
        within: ascending positions of the examples that they can be asked about; `None` for all.
        most: folds that may judge them; `None` for as many as their cost allows.
        seconds: that their training on all examples took.
    """

    learner: Learner
    is_watched: bool = False
    within: Int64[np.ndarray, " some"] | None = None
    most: int | None = None
    seconds: float = 0.0

    def judged(self, folds: Folds) -> int:
        """Number of folds that judge them."""
        found = folds.judged_within(self.learner.cost(material_of(folds.learning)))
        return found if self.most is None else min(found, self.most)

    def fit(self, part: Material) -> Sequence[Candidate]:
        """Train on the training examples of a fold, so that none of those to be judged chooses anything."""
        return self.learner.fit(part if self.is_watched else part.without_validation)


def kind_of_classical(candidate: Candidate, learner: Learner) -> Kind:
    """A classical model alone."""
    return Kind(learner, seconds=candidate.train_seconds)


def kind_of_network(
    network: Planned, simple: Sequence[Candidate], settings: Settings, most: int | None
) -> Kind:
    """The network of the run, judged on `most` folds, and the simple models on its last hidden layer."""
    known = {each.name: each for each in simple}

    def beside(trained: Candidate, part: Material) -> Sequence[Candidate]:
        """Train the simple models on the last hidden layer of a network that learnt a part."""
        if not simple:
            return []
        blind = part.without_validation
        return simple_models(trained, drawn_for_simple_models(blind, settings), blind, settings, known)

    learner = learner_on_part(network, settings, keeps_best=False)
    seconds = sum(record["seconds"] for record in network.session.state.history)
    seconds += sum(max(0.0, each.train_seconds - seconds) for each in simple) + network.prepare_seconds
    return Kind(dataclasses.replace(learner, beside=beside), is_watched=True, most=most, seconds=seconds)


def kinds_of_backbone(built: Built, settings: Settings) -> list[Kind]:
    """The models on the frozen features of a backbone, and the backbone tuned further."""
    choice, known = built.choice, {each.name: each for each in built.candidates}
    frozen = FrozenLearner(choice, settings, lambda *_: built.features, known)
    kinds = [Kind(frozen, within=choice.train)]
    if built.is_tuned:
        most = None if choice.granted is None else 1
        kinds.append(Kind(TuningLearner(frozen), within=choice.train, most=most))
    return kinds
