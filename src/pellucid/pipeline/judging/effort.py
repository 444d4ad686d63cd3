"""Effort for a network from scratch beside a backbone: its whole course, or a short one where that leads."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

from pellucid.data.wording import count_of
from pellucid.language.sentence import Sentence
from pellucid.pipeline.judging.refitting import judged_on_first, trainings_of_backbone
from pellucid.pipeline.learners.backbone_learners import Built
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.evaluation_budget import Folds
from pellucid.pipeline.learners.network import Planned, learner_on_part
from pellucid.pipeline.learners.preparation import Plan, make_plan, session_of
from pellucid.pipeline.run.context import RunContext
from pellucid.settings import METRICS, Settings
from pellucid.training import Recipe
from pellucid.training.recipe_defaults import PRESETS

# Key of the journal: what the network's effort was decided by.
EFFORT = "effort"

# Shares of a network's epochs that it is tried with: with fewer it has often not begun to learn.
_SHORT = 1 / 8
_SHORTER = 1 / 16
# Seconds of a training, by counts, below which its whole course costs less than finding out.
_WORTH = 20.0
# Steps of few images, besides one for each, in the epochs of `standard`: two to three times as many gained
# up to four points (docs/experiments/few.md), and nothing would follow from a shorter trial.
_STEPS_OF_FEW = 900
# Standard errors of the difference that chance may be worth.
_CHANCE = 2.0


class Effort(NamedTuple):
    """What a network's effort is decided by; scores are of the examples that judge, larger ones better."""

    epochs: int  # of the longer course that was tried
    score: float  # that it came to
    could_reach: float  # that all epochs could come to
    learnt: float  # its score of the training examples
    leader: str  # the best model on a backbone
    score_of_leader: float
    is_enough: bool  # whether that is out of reach, so that no more epochs are spent


def decide_effort(
    epochs: int,
    shorter: Float64[np.ndarray, " judging"],
    short: Float64[np.ndarray, " judging"],
    learnt: float,
    rivals: Mapping[str, Float64[np.ndarray, " judging"]],
) -> Effort:
    r"""Decide by the scores of each example: of two short courses, and of the models on backbones by name.

    A further doubling of the epochs gains at most half of what the one before it gained, so all of them gain
    at most what the last one did; beside what chance may be worth, the network could come to

    $$S = S_{1/8} + \max(0, S_{1/8} - S_{1/16})$$

    A course with a worse score of its own training examples, `learnt`, than the leader has of new ones is
    underfitting. A network may learn nothing for hundreds of steps and then all at once, so nothing follows
    from it.
    """
    leader = max(rivals, key=lambda name: float(rivals[name].mean()))
    difference = rivals[leader] - short
    chance = _CHANCE * float(difference.std()) / math.sqrt(len(difference))
    score, best = float(short.mean()), float(rivals[leader].mean())
    could_reach = score + max(0.0, score - float(shorter.mean())) + chance
    is_enough = could_reach < best <= learnt
    return Effort(epochs, score, could_reach, learnt, leader, best, is_enough)


def with_fitting_effort(
    network: Planned, built: Sequence[Built], folds: Folds, context: RunContext
) -> Planned:
    """A network at step 0 with its whole course, or a short one where a model on a backbone is out of reach.

    It is tried on what judges the models on backbones: the first fold, or the validation split. Epochs and
    scores alone decide, once. Few images get a shorter course without a trial. Nothing is tried under a time
    limit, which shortens the course itself, or with epochs that were given.
    """
    settings, journal, stages = context.settings, context.journal, context.stages
    is_open = built and settings.epochs is None and not context.time.is_limited
    if not is_open or EFFORT in journal.content or network.seconds < _WORTH:
        return network
    batches, fewer = network.session.batches, None
    if batches.examples.takes == "images":
        fewer = epochs_of_few(network.plan.recipe, batches.per_epoch, settings)
    if fewer is not None:
        own = dataclasses.replace(settings, epochs=fewer)
        few = dataclasses.replace(network.plan, recipe=make_plan(own, network.prepared).recipe)
        why = Sentence(
            "{name} was trained for {count:,} of {whole:,} epochs, because the images are few and models on "
            "a pretrained backbone are trained too; --backbone none trains it in full.",
            few.name,
            fewer,
            network.plan.recipe.epochs,
        )
        with journal.together():
            journal.save({EFFORT: {"epochs": fewer, "is_enough": True}})
            return _shortened(network, few, why, context)
    rivals = [rival for each in built for rival in _judged(each, folds, context)]
    positions, dataset, plan = rivals[0].held_out.positions, folds.judging, network.plan
    if len(positions) == 0:
        return network
    # It is asked about what judges, and about what it learns from.
    asked = np.union1d(positions, dataset.train)
    material, whole = dataclasses.replace(dataset, validation=asked), plan.recipe.epochs
    judges = np.isin(asked, positions)
    metric = METRICS[dataset.target.contested[0]]

    def course(share: float) -> Plan:
        own = dataclasses.replace(settings, epochs=max(1, round(share * whole)))
        return dataclasses.replace(plan, recipe=make_plan(own, network.prepared).recipe)

    def scores(candidate: Candidate) -> Float64[np.ndarray, " judging"]:
        held_out = candidate.held_out
        labels = dataset.labels[held_out.positions]
        return metric.better(1.0) * dataset.target.terms(metric.key, labels, held_out.answers)

    def tried(plan: Plan) -> Float64[np.ndarray, " judging"]:
        learner = learner_on_part(dataclasses.replace(network, plan=plan), settings, keeps_best=False)
        return scores(learner.fit(material)[0])

    short = course(_SHORT)
    epochs = count_of(short.recipe.epochs, "epoch")
    with stages.stage(Sentence("trying {name} for {epochs}", plan.name, epochs)) as stage:
        shorter, longer = tried(course(_SHORTER))[judges], tried(short)
        known = {each.name: scores(each) for each in rivals}
        learnt = float(longer[~judges].mean())
        effort = decide_effort(short.recipe.epochs, shorter, longer[judges], learnt, known)
        stage.words = Sentence("tried {name} for {epochs}", plan.name, epochs)
    with journal.together():
        journal.save({EFFORT: effort._asdict()})
        if not effort.is_enough:
            return network
        why = Sentence(
            "{name} was trained for {count:,} of {whole:,} epochs: on held-out examples {leader} is so "
            "far ahead that the rest could hardly close the gap; --backbone none trains it in full.",
            plan.name,
            short.recipe.epochs,
            whole,
            effort.leader,
        )
        return _shortened(network, short, why, context)


def epochs_of_few(recipe: Recipe, per_epoch: int, settings: Settings) -> int | None:
    """Epochs beside a backbone where there are few images; `None` where its own are not more.

    With the preset `standard` they make 900 steps and one for each image, with others in proportion.
    """
    images = recipe.batch_size * per_epoch
    steps = (_STEPS_OF_FEW + images) * PRESETS[settings.preset].epochs / PRESETS["standard"].epochs
    epochs = max(1, round(steps / per_epoch))
    return epochs if epochs < recipe.epochs else None


def _shortened(network: Planned, plan: Plan, why: Sentence, context: RunContext) -> Planned:
    """The network with a shorter course, which the journal and the notes have."""
    context.journal.save({"plan": plan.to_json()})
    context.leave_out(why)
    return dataclasses.replace(network, plan=plan, session=session_of(plan, network.prepared))


def _judged(built: Built, folds: Folds, context: RunContext) -> Sequence[Candidate]:
    """The models on a frozen backbone, with their answers about what judges."""
    if not folds.parts:
        return built.candidates
    training, *_ = trainings_of_backbone(built, context.settings)
    return judged_on_first(training, built.candidates, folds, context)
