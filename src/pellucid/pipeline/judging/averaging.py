"""Average of a run's models: a candidate like any other, made of answers that are there already."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np

from pellucid.arithmetic.probabilities import weighted_mean
from pellucid.bundle import AverageModel, Member, Model
from pellucid.data import Dataset
from pellucid.data.wording import some
from pellucid.evaluation.averaging import chosen_weights, cross_fitted_average
from pellucid.novelty import for_answers_of
from pellucid.pipeline.judging.held_out import with_held_out
from pellucid.pipeline.judging.testing import Tested
from pellucid.pipeline.learners.candidates import Candidate, HeldOut, calibrated, on_held_out
from pellucid.pipeline.learners.features import Features, FeatureTable
from pellucid.pipeline.learners.planning.preparation import Material
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import AVERAGE, DUMMIES, Settings

# With fewer held out, which models serve an average would be told by chance alone.
_LEAST_EXAMPLES = 50


def with_average(
    candidates: Sequence[Candidate], dataset: Dataset | Material, settings: Settings, stages: Stages
) -> list[Candidate]:
    """Put an average behind the models, the least simple of all, where one loses less than each of them.

    `candidates` are at their temperatures, with detectors and held-out answers.
    """
    found = average_of(candidates, dataset, settings)
    if found is None:
        return list(candidates)
    scores = on_held_out([found], dataset, settings)
    stages.paragraph(f"ensemble: {members_in_words(found.model)}{scores} on held-out examples")
    return [*candidates, found]


def average_of(
    candidates: Sequence[Candidate], dataset: Dataset | Material, settings: Settings
) -> Candidate | None:
    """The average that loses least on what was held out; `None` where that is one model alone.

    Its held-out answers are those of averages chosen without the example in question, so that it is judged as
    honestly as its members are. An average is chosen by the examples that all of them were asked about.
    """
    able = [each for each in candidates if each.name not in DUMMIES]
    if len(able) < 2:
        return None
    positions = reduce(np.intersect1d, [each.held_out.positions for each in able])
    if len(positions) < _LEAST_EXAMPLES:
        return None
    labels = dataset.labels[positions]
    said = [each.held_out.about(positions) for each in able]
    weights = chosen_weights(labels, said).tolist()
    order = sorted(range(len(able)), key=lambda place: -weights[place])
    members = [(able[place], weights[place]) for place in order if weights[place]]
    if len(members) < 2:
        return None
    candidate = Candidate(
        name=AVERAGE,
        model=AverageModel([Member(each.name, weight, each.model) for each, weight in members]),
        train_examples=max(each.train_examples for each, _ in members),
        train_seconds=_seconds([each for each, _ in members], candidates),
        held_out=HeldOut(positions, cross_fitted_average(labels, said, settings.seed)),
    )
    (candidate,) = calibrated([candidate], dataset, settings.seed)
    (candidate,) = with_held_out([_with_novelty(candidate, members[0][0])], dataset, settings.seed)
    return candidate


def _with_novelty(candidate: Candidate, heaviest: Candidate) -> Candidate:
    """The average with the detector of the member of the most weight, which compares its own answers."""
    held_out, detector, known = candidate.held_out, heaviest.model.detector, heaviest.held_out.novelty
    if detector is None or known is None:
        return candidate
    novelty = known[np.searchsorted(heaviest.held_out.positions, held_out.positions)]
    said = candidate.model.target.labels(held_out.answers[~np.isnan(novelty)])
    if len(said) == 0:
        return candidate
    detector = for_answers_of(detector, said, len(candidate.model.classes))
    return dataclasses.replace(
        candidate,
        model=candidate.model.with_detector(detector),
        held_out=dataclasses.replace(held_out, novelty=novelty),
    )


def _seconds(members: Sequence[Candidate], candidates: Sequence[Candidate]) -> float:
    """Time that training all members took; that of a body on which several stand once."""
    total = 0.0
    for body, standing in _by_body(members).items():
        # Of the models on a body the quickest took hardly more than the body itself.
        below = 0.0 if body is None else min(each.train_seconds for each in _by_body(candidates)[body])
        total += below + sum(each.train_seconds - below for each in standing)
    return total


def _by_body(candidates: Sequence[Candidate]) -> dict[Features | FeatureTable | None, list[Candidate]]:
    """Models by the table of the body that they stand on; under `None` those that stand on none."""
    found: dict[Features | FeatureTable | None, list[Candidate]] = {}
    for each in candidates:
        found.setdefault(None if each.stored is None else each.stored.features, []).append(each)
    return found


def without_averages(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The models that are asked about inputs themselves."""
    return [each for each in candidates if not isinstance(each.model, AverageModel)]


def with_averages_tested(candidates: Sequence[Candidate], tested: Mapping[str, Tested]) -> dict[str, Tested]:
    """Answers about the test split, those of averages among them, which are made of their members'.

    `tested` are those of all other models.
    """
    others = without_averages(candidates)
    found = dict(tested)
    for each in candidates:
        if each not in others:
            found[each.name] = _tested_average(each, others, tested)
    return found


def _tested_average(
    candidate: Candidate, others: Sequence[Candidate], tested: Mapping[str, Tested]
) -> Tested:
    """Answers of an average about the test split, from what its members, among the others, answered."""
    model = candidate.model
    assert isinstance(model, AverageModel)  # others are asked
    asked = [tested[each.name] for each in model.members]
    raw = weighted_mean([each.answers for each in asked], model.weights)
    names = {each.name for each in model.members}
    return Tested(
        raw,
        model.target.calibrated(raw, model.temperature),
        asked[0].novelty if model.detector is not None else None,
        _milliseconds([each for each in others if each.name in names], tested),
    )


def _milliseconds(members: Sequence[Candidate], tested: Mapping[str, Tested]) -> float:
    """Time that an answer of all members takes; an example passes a body on which several stand once."""
    total = 0.0
    for body, standing in _by_body(members).items():
        passes = [
            0.0 if each.stored is None or body is None else 1000 * each.stored.share * body.seconds_an_example
            for each in standing
        ]
        alone = sum(
            tested[each.name].milliseconds - passed for each, passed in zip(standing, passes, strict=True)
        )
        total += alone + max(passes)
    return total


def members_in_words(model: Model) -> str:
    """The members of an average with their weights, for people."""
    assert isinstance(model, AverageModel)  # others have none
    whole = sum(model.weights)
    members = [f"{each.name} {100 * each.weight / whole:.0f} %" for each in model.members]
    return f"weighted average of {len(members)} models ({some(members, len(members))})"
