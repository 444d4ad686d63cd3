"""Time limit of a run, shared out in one place: to baselines, pretrained backbones and the network.

Each gets something: so much for the baselines, the rest for the network. A backbone that was asked for gets
all that is left but what comes after it; those considered beside a network share three tenths of the limit.
Of the training examples, a backbone learns from as many as fit; where not even a small part fits, one that
was asked for is refused before anything is trained, and another is left out. The clock is read before each;
what follows is entered into the journal as counts and seconds, which a resumed run takes over.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pellucid.pipeline.learners.asked_later import looked_at, most_synthetic_outliers
from pellucid.pipeline.learners.backbones.costs import Measured, measured
from pellucid.pipeline.learners.backbones.option import Choice
from pellucid.pipeline.learners.folds import Folds
from pellucid.pipeline.learners.learner import Allowance
from pellucid.pipeline.learners.network import Planned, recipe_words
from pellucid.pipeline.learners.planning.preparation import material_of
from pellucid.pipeline.learners.planning.shares import (
    LEAST_SHARE,
    seconds_for_backbones,
    seconds_for_baselines,
    seconds_for_network,
    share_of_classical,
)
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings, parse_duration

_LEAST_FOR_ALL_BASELINES = 4.0
_QUICK_BASELINES = 2
NETWORK_FOLDS = "network_folds"
"""Key of the journal: folds that judge the network under a time limit."""


class Allotted(NamedTuple):
    """Share of the baselines.

    Attributes:
        names: of the models to train, simplest first.
        seconds: for all of them together; `None` without a time limit.
    """

    names: tuple[str, ...]
    seconds: float | None

    def to_json(self) -> dict[str, Any]:
        """The share as `config.json` has it."""
        return {"names": list(self.names), "seconds": self.seconds}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Allotted":
        """The share that `to_json` wrote."""
        return cls(tuple(document["names"]), document["seconds"])


def allotted(names: Sequence[str], settings: Settings, stages: Stages, set_aside: float = 0.0) -> Allotted:
    """Share out a time limit before the first baseline is trained: models to train, and time for them.

    The baselines, named from the simplest on, get three tenths of the limit, or half of what is left where
    reading and planning took long. Where that is less than 4 s, only the simplest two are trained.
    `set_aside` are seconds that a backbone needs at least.
    """
    limit = parse_duration(settings.time_limit)
    if limit is None or not names:
        return Allotted(tuple(names), None)
    spent = time.monotonic() - stages.began
    seconds = round(seconds_for_baselines(settings, limit - spent - set_aside), 1)
    first, late = tuple(names[:_QUICK_BASELINES]), names[_QUICK_BASELINES:]
    if seconds >= _LEAST_FOR_ALL_BASELINES or not late:
        return Allotted(tuple(names), seconds)
    stages.paragraph(
        f"warning: reading and planning took {spent:.1f} s of {settings.time_limit}; "
        f"{' and '.join(late)} {'is' if len(late) == 1 else 'are'} left out, so that there is time for "
        "the network"
    )
    return Allotted(first, seconds)


def seconds_of_one_training(share: Allotted, folds: Folds, settings: Settings) -> float | None:
    """Seconds of all classical models together, once, where folds train them several times; or no limit."""
    limit = parse_duration(settings.time_limit)
    if limit is None or (share.seconds is None and not folds.parts):
        return share.seconds
    seconds = share_of_classical(settings) * limit if share.seconds is None else share.seconds
    return seconds / folds.trainings()


def costs_of(backbones: Sequence[Choice], folds: Folds, context: RunContext) -> list[Measured]:
    """Measure pretrained backbones under a time limit, before anything is trained.

    Nothing without a limit, or where a run being resumed has shared it out.

    Raises: `UsageError` if there is too little time for one that was asked for.
    """
    dataset, settings, stages = context.dataset, context.settings, context.stages
    limit = parse_duration(settings.time_limit)
    if limit is None or context.journal.is_revised("backbones"):
        return []
    found = []
    for choice in backbones:
        with stages.stage(f"measuring {choice.name}") as stage:
            found.append(measured(choice, material_of(dataset), settings, len(dataset.test), folds))
            stage.words = (
                f"measured {choice.name}: {1 / found[-1].cost.example:,.0f} {dataset.noun}s per second"
            )
        if choice.is_asked_for:
            found[-1].require(seconds_for_network(settings, limit - (time.monotonic() - stages.began)))
    return found


def share_out(
    backbones: tuple[Choice, ...], costs: Sequence[Measured], context: RunContext
) -> tuple[Choice, ...]:
    """Bound what pretrained backbones learn from by what is left of a time limit, once."""
    if not costs:
        return backbones
    journal = context.journal
    with journal.together():
        return journal.revised("backbones", backbones, lambda _: _granted(costs, context), backbones_json)


def backbones_json(backbones: Sequence[Choice]) -> list[dict[str, Any]]:
    """The form of `backbones` in `config.json`."""
    return [each.to_json() for each in backbones]


def _granted(costs: Sequence[Measured], context: RunContext) -> tuple[Choice, ...]:
    """Backbones for which there is time now, with what they are granted."""
    settings, stages = context.settings, context.stages
    left = (parse_duration(settings.time_limit) or 0.0) - (time.monotonic() - stages.began)
    are_asked_for = any(each.choice.is_asked_for for each in costs)
    seconds = seconds_for_backbones(settings, left, are_asked_for=are_asked_for)
    kept: list[Choice] = []
    without: list[dict[str, str]] = []
    for each in costs:
        found = each.within(seconds)
        if found is None or found.granted is None:
            without.append({"name": each.choice.name, "reason": each.left_out})
            stages.paragraph(each.left_out)
            continue
        seconds -= found.granted.seconds_before + found.granted.seconds_after
        kept.append(found)
        stages.paragraph(found.reason)
    context.journal.decided("backbones_left_out", lambda: without)
    return tuple(kept)


class Beside(NamedTuple):
    """Shares of the time that is left beside the network of a run.

    Attributes:
        seconds: for what comes after its training: backbones tuned, generated images measured.
        asked: examples that it is asked about in the end beside those of the data.
        trainings: of a second network like it, in its own.
    """

    seconds: float = 0.0
    asked: int = 0
    trainings: float = 0.0


ALONE = Beside()


def within_limit(network: Planned, folds: Folds, context: RunContext, beside: Beside = ALONE) -> Planned:
    """Turn what is left of a time limit into steps of a network at step 0, once; they are saved and reused.

    Where folds judge and all steps of every training do not fit, a single fold is left to judge.

    Raises: `UsageError` if not even a few steps fit.
    """
    limit = parse_duration(context.settings.time_limit)
    if limit is None:
        return network
    with context.journal.together():
        return context.journal.revised(
            "plan",
            network,
            lambda found: _shortened(found, folds, limit, context, beside),
            lambda found: found.plan.to_json(),
        )


def _shortened(network: Planned, folds: Folds, limit: float, context: RunContext, beside: Beside) -> Planned:
    """The network with as many steps as fit now."""
    settings, stages = context.settings, context.stages
    spent = time.monotonic() - stages.began
    left, least = seconds_for_network(settings, limit - spent - beside.seconds), LEAST_SHARE * limit
    train, validation, test = (
        len(part) for part in (context.dataset.train, context.dataset.validation, context.dataset.test)
    )
    asked = validation + test + looked_at(train, validation) + most_synthetic_outliers(test) + beside.asked
    whole, judged = network.session.batches, folds.judged_within(network.seconds)
    for count in sorted({judged, min(judged, 1)}, reverse=True):
        network.session.batches = whole
        share = left / (folds.trainings(count) + beside.trainings)
        found = network.within(Allowance(time.monotonic() + share, least, asked))
        if found.plan.recipe.total_steps == whole.recipe.total_steps:
            break
    is_narrower = found.plan.network != network.plan.network
    network = found
    context.journal.decided(NETWORK_FOLDS, lambda: count)
    steps = f"{network.plan.recipe.total_steps:,} steps"
    if is_narrower:
        context.journal.decided("narrowed", lambda: network.plan.reasons[-1])
        stages.paragraph(f"{network.plan.reasons[-1]} Its course: {recipe_words(network.plan)}.")
    if left < least:
        stages.paragraph(
            f"warning: {spent:.1f} s of {settings.time_limit} are gone before the network's training; it "
            f"takes {steps} all the same, so the command may end late"
        )
    else:
        stages.line(f"{steps} fit into {settings.time_limit}")
    return network
