"""Kinds of models of a run, each to be trained anew for a fold."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from pellucid.classical import Lesson
from pellucid.pipeline.learners.backbones.building import Built, started
from pellucid.pipeline.learners.backbones.frozen import frozen_candidates
from pellucid.pipeline.learners.backbones.tuning import seconds_of_tuning, to_the_end, tuned_candidate
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.classical import (
    ClassicalLearner,
    budget_within,
    expected_seconds,
    lesson_of,
)
from pellucid.pipeline.learners.folds import Folds
from pellucid.pipeline.learners.network import Planned, learner_on_part
from pellucid.pipeline.learners.on_network import drawn_for_simple_models, simple_models
from pellucid.pipeline.learners.planning.preparation import Material
from pellucid.settings import Settings

_FROZEN_SECONDS, _FROZEN_SECONDS_A_VALUE = 1.0, 2e-6


class Kind(NamedTuple):
    """Models that are trained together: one, or all that stand on one network.

    Attributes:
        name: of the models in words.
        seconds: that their training takes, by counts alone.
        fit: trains them on the training examples of a fold; its validation examples may watch.
        within: ascending positions of the examples that they can be asked about; `None` for all.
        most: folds that may judge them; `None` for as many as their cost allows.
    """

    name: str
    seconds: float
    fit: Callable[[Material], Sequence[Candidate]]
    within: Int64[np.ndarray, " some"] | None = None
    most: int | None = None

    def judged(self, folds: Folds) -> int:
        """Number of folds that judge them."""
        found = folds.judged_within(self.seconds)
        return found if self.most is None else min(found, self.most)


class Lessons:
    """Lessons of folds, each shared by all classical models, so that features are computed once."""

    def __init__(self) -> None:
        self._known: list[tuple[Int64[np.ndarray, " train"], Lesson]] = []

    def of(self, material: Material) -> Lesson:
        """The lesson of a fold's training examples."""
        found = next((lesson for train, lesson in self._known if train is material.train), None)
        if found is None:
            found = lesson_of(material)
            self._known.append((material.train, found))
        return found


def without_validation(material: Material) -> Material:
    """Material of which no example is set aside, so that none of those to be judged chooses anything."""
    return dataclasses.replace(material, validation=np.zeros(0, np.int64))


def kind_of_classical(
    candidate: Candidate, settings: Settings, material: Material, seconds: float | None, lessons: Lessons
) -> Kind:
    """A classical model at the set-up that was taken; its budget follows from all material and the seconds.

    Another set-up on each fold would judge, and calibrate, other models than the one that is kept.
    """
    budget = budget_within(settings, material, seconds)

    def fit(part: Material) -> Sequence[Candidate]:
        blind = without_validation(part)
        learner = ClassicalLearner(candidate.name, settings, budget, lessons.of(blind), candidate.setup)
        return [learner.fit(blind)]

    return Kind(candidate.name, expected_seconds(material, settings), fit)


def kind_of_network(
    network: Planned, simple: Sequence[Candidate], settings: Settings, most: int | None
) -> Kind:
    """The network of the run, judged on `most` folds, and the simple models on its last hidden layer."""
    setups = {each.name: each.setup for each in simple}

    def fit(part: Material) -> Sequence[Candidate]:
        """Train the network on a part, and the simple models on its last hidden layer."""
        trained = learner_on_part(network, settings, keeps_best=False).fit(part)
        if not simple:
            return [trained]
        blind = without_validation(part)
        drawn = drawn_for_simple_models(blind, settings)
        return [trained, *simple_models(trained, drawn, blind, settings, setups)[0]]

    return Kind(network.plan.name, network.seconds, fit, most=most)


def kinds_of_backbone(built: Built, settings: Settings) -> list[Kind]:
    """The models on the frozen features of a backbone, and the backbone tuned further."""
    choice = built.choice
    setups = {each.name: each.setup for each in built.candidates}
    values = len(choice.train) * built.features.rows.shape[1]

    def frozen(part: Material) -> tuple[Sequence[Candidate], Callable[[], Sequence[Candidate]]]:
        """Models on frozen features, fitted on a part, and a function that tunes the best further."""
        own = dataclasses.replace(choice, train=np.intersect1d(choice.train, part.train))
        blind = without_validation(part)
        network, prepared = started(choice, settings), own.prepared(blind)
        features = built.features
        found, _ = frozen_candidates(choice.name, network, prepared, features, blind, settings, setups)

        def tuned() -> Sequence[Candidate]:
            more = tuned_candidate(found[-1], network, prepared, blind, settings, to_the_end)
            return [each for each in [more.candidate] if each is not None]

        return found, tuned

    kinds = [
        Kind(
            f"models on {choice.name}",
            _FROZEN_SECONDS + _FROZEN_SECONDS_A_VALUE * values,
            lambda part: frozen(part)[0],
            choice.train,
        )
    ]
    if built.is_tuned:
        seconds = seconds_of_tuning(settings, built.prepared, choice)
        most = None if choice.granted is None else 1
        name = f"{choice.name} fine-tuned"
        kinds.append(Kind(name, seconds, lambda part: frozen(part)[1](), choice.train, most))
    return kinds
