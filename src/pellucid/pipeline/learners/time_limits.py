"""Time limit of a run: who gets how much of what is left, decided when each begins.

What comes after learning, the test and the report above all, has its seconds reserved before anything is
trained, by counts first and then by what the models' answers took. Each part gets its share by one table
(`SHARES`); the network gets the rest, less what the simple models on it, folds and backbones take. A backbone
that was asked for gets all that is left but what comes after it. Of the training examples, a backbone learns
from as many as fit; where not even a small part fits, one that was asked for is refused before anything is
trained, and another is left out. What follows from a reading of the clock is entered into the journal as
counts, which a resumed run takes over.
"""

from collections.abc import Sequence
from time import monotonic as _clock
from typing import Any

from pellucid.input_kinds import TEXTS
from pellucid.language.sentence import Sentence
from pellucid.pipeline.learners.backbone_choice import BackboneChoice
from pellucid.pipeline.learners.backbone_costs import Measured, is_hopeless, measured
from pellucid.pipeline.learners.candidates import Candidate, FeatureTable
from pellucid.pipeline.learners.classical import drawn_for_simple_models
from pellucid.pipeline.learners.evaluation_budget import WITH_CURVE, Folds, has_curve, most_synthetic_outliers
from pellucid.pipeline.learners.network import Planned, recipe_words
from pellucid.pipeline.run.context import SHARES, RunContext, TimeBudget, slowdown
from pellucid.settings import CLASSICAL

# Seconds on an idle machine (`benchmarks/honest_answer.py`).
_REPORT = 1.0
_MODEL = 0.06  # of a model saved
_SCORED = 6e-5  # of each test example that a model is scored on
_ASKED = 1.6  # times that a test example passes a model, its novelty included

# Seconds of calibrating, averaging and recommending, likewise.
_RECOMMENDED = 0.6

# Models that a network brings: itself, and simple ones on its last hidden layer.
STANDING_ON = 3

# Training examples below which a backbone that nobody asked for is not worth its time: judged on a fold of so
# few, nobody would know either.
_WORTH = 200

# Times that a network's training for a fold takes longer than its share: it is watched on the fold, which
# then passes it for its signals of novelty.
_WATCHED = 1.25

# Seconds of the simple models on a network for each of their training examples, about.
_SECONDS_OF_SIMPLE = 1e-3

# Key of the journal: folds that judge the network under a time limit.
NETWORK_FOLDS = "network_folds"


def reserve_for_conclusion(context: RunContext, found: Sequence[Candidate], expected: int = 0) -> None:
    """Set time aside for the test, the report and the models that are written, for what is found so far.

    `expected` models are still to come.
    """
    if context.time.is_limited:
        seconds = conclusion_seconds(context, found, expected) + slowdown() * _RECOMMENDED
        context.time.reserve("conclusion", min(seconds, context.time.share("conclusion")))


def conclusion_seconds(
    context: RunContext, found: Sequence[Candidate], expected: int = 0, slowed: float | None = None
) -> float:
    """Seconds of the test of some models, their scores and their report, at the pace of this machine now.

    `slowed` is how many times longer work takes on it, where that is known.
    """
    test, models = len(context.dataset.test), len(found) + expected
    asked = sum(_ASKED * test * each.answer_seconds for each in found)
    tables = {each.stored.features for each in found if each.stored is not None}
    asked += sum(test * each.seconds_an_example for each in tables if isinstance(each, FeatureTable))
    return asked + (slowdown() if slowed is None else slowed) * seconds_of_conclusion(test, models)


def seconds_of_conclusion(test: int, models: int) -> float:
    """Seconds that scores of some models, what is written of them and the report take on an idle machine."""
    return _REPORT + models * (_MODEL + _SCORED * test)


def time_of_baselines(context: RunContext, folds: Folds, needed: float = 0.0) -> TimeBudget:
    """Time of the classical models together, once; `needed` are seconds of what has to fit as well."""
    settings, time = context.settings, context.time
    if not time.is_limited:
        return time
    part = "classical-of-texts" if context.dataset.input_kind is TEXTS else "classical"
    part = "classical-alone" if settings.model in CLASSICAL else part
    return TimeBudget(time.share(part, needed) / folds.trainings(1))


def costs_of(backbones: Sequence[BackboneChoice], folds: Folds, context: RunContext) -> list[Measured]:
    """Measure pretrained backbones under a time limit, before anything is trained.

    Nothing without a limit, or where a run being resumed has shared it out.
    """
    dataset, settings, stages = context.dataset, context.settings, context.stages
    if not context.time.is_limited or context.journal.is_revised("backbones"):
        return []
    found, test = [], len(dataset.test)
    for choice in backbones:
        most = SHARES["backbones"].of_limit * context.time.whole
        if not choice.is_asked_for and is_hopeless(choice, dataset, test, most):
            continue
        with stages.stage(Sentence("measuring {name}", choice.name)) as stage:
            cost = measured(choice, dataset, settings, test, folds, _for_network(context))
            stage.words = Sentence(
                "measured {name}: {example:,.0f} {noun}s per second",
                choice.name,
                1 / cost.cost.example,
                dataset.noun,
            )
        if choice.is_asked_for:
            cost.require(_for_network(context))
        found.append(cost)
    return found


def limit_backbones(
    backbones: tuple[BackboneChoice, ...], costs: Sequence[Measured], context: RunContext
) -> tuple[BackboneChoice, ...]:
    """Bound what pretrained backbones learn from by what is left of a time limit, once.

    Those for which there is no time are left out.
    """
    journal, time, stages = context.journal, context.time, context.stages
    # A sentence encoder that reads long texts learns from so few of them that other models are worth more.
    parts = ["backbones", *(["backbones-on-a-part"] if context.dataset.input_kind is TEXTS else [])]
    if not backbones or not time.is_limited or journal.is_revised("backbones"):
        return backbones

    def fitting(backbones: tuple[BackboneChoice, ...]) -> tuple[BackboneChoice, ...]:
        left = _for_network(context)
        are_asked_for = any(each.choice.is_asked_for for each in costs)
        seconds, spent = {part: left if are_asked_for else time.share(part) for part in parts}, 0.0
        known = {each.choice.name: each for each in costs}
        kept: list[BackboneChoice] = []
        without: list[dict[str, str]] = []
        for choice in backbones:
            each = known.get(choice.name)
            found = None
            for part in parts:
                found = None if each is None else each.within(seconds[part] - spent)
                if found is None or 2 * len(found.train) >= len(choice.train):
                    break  # it learns from most of them, or not even from a part
            if (
                found is not None
                and not choice.is_asked_for
                and len(found.train) < min(_WORTH, len(choice.train))
            ):
                found = None
            if found is None or found.limits is None:
                reason = Sentence(
                    "{name}, which is installed, is left out: the features of enough examples would "
                    "not fit into its share of {time_limit}.",
                    choice.name,
                    context.settings.time_limit,
                )
                without.append({"name": choice.name, "reason": reason})
                stages.paragraph(reason)
                continue
            spent += found.limits.seconds_before + found.limits.seconds_after
            kept.append(found)
            stages.paragraph(found.reason)
        journal.decided("backbones_left_out", lambda: without)
        return tuple(kept)

    with journal.together():
        return journal.revised("backbones", backbones, fitting, backbones_json)


def backbones_json(backbones: Sequence[BackboneChoice]) -> list[dict[str, Any]]:
    """The form of `backbones` in `config.json`."""
    return [each.to_json() for each in backbones]


def _for_network(context: RunContext) -> float:
    """Seconds left for the network or a backbone in its place: its curve, if there is one, takes as long."""
    return context.time.left() / (WITH_CURVE if has_curve(context.settings) else 1.0)


def within_limit(network: Planned, folds: Folds, context: RunContext, asked: int = 0) -> Planned:
    """Turn what is left of a time limit into steps of a network at step 0, once; they are saved and reused.

    Where folds judge and all steps of every training do not fit, a single fold is left to judge. It is asked
    about so many examples more in the end. Time that is not the network's is reserved as `rest` until it is
    trained.
    """
    if not context.time.is_limited:
        return network
    with context.journal.together():
        return context.journal.revised(
            "plan",
            network,
            lambda found: _shortened(found, folds, context, asked),
            lambda found: found.plan.to_json(),
        )


def least_of_network(folds: Folds, context: RunContext) -> float:
    """Seconds that a network that nobody named needs, with the models on it and a fold that judges them.

    With less it would take the time from models that are there, and be left out itself in the end.
    """
    simple = 0.0
    if context.settings.baselines:
        expected = _SECONDS_OF_SIMPLE * len(drawn_for_simple_models(context.dataset, context.settings))
        simple = min(context.time.share("all-on-network"), expected)
    return (context.time.share("network") + simple) * (1 + _WATCHED * (folds.trainings(1) - 1))


def _shortened(network: Planned, folds: Folds, context: RunContext, asked: int) -> Planned:
    """The network with as many steps as fit now."""
    settings, stages, time = context.settings, context.stages, context.time
    left, least = _for_network(context), time.share("network")
    simple = time.share("all-on-network") if settings.baselines else 0.0
    asked += sum(len(part) for part in (context.dataset.validation, context.dataset.test))
    asked += most_synthetic_outliers(len(context.dataset.test))
    if settings.baselines:
        asked += len(drawn_for_simple_models(context.dataset, settings))
    whole, judged = network.session.batches, folds.judged_within(network.seconds)
    for count in sorted({judged, min(judged, 1)}, reverse=True):
        network.session.batches = whole
        more = _WATCHED * (folds.trainings(count) - 1)  # the first is ready by now
        share = (_for_network(context) - more * network.prepare_seconds) / (1 + more) - simple
        found = network.within(_clock() + share, least, asked)
        if found.plan.recipe.examples_seen >= whole.recipe.examples_seen:
            break
    time.reserve("rest", max(0.0, time.left() - share))
    context.journal.decided(NETWORK_FOLDS, lambda: count)
    steps = Sentence("{total_steps:,} steps", found.plan.recipe.total_steps)
    if found.plan.network != network.plan.network:
        if sum(found.plan.network.widths) < sum(network.plan.network.widths):
            context.journal.decided("narrowed", lambda: found.plan.reasons[-1])
        stages.paragraph(found.plan.reasons[-1])
    if left < least:
        stages.paragraph(
            Sentence(
                "warning: {clock:.1f} s of {time_limit} are gone before the network's "
                "training; it takes {steps} all the same, so the command may end late",
                _clock() - time.began,
                settings.time_limit,
                steps,
            )
        )
    else:
        stages.paragraph(
            Sentence("What fits into {time_limit}: {plan}.", settings.time_limit, recipe_words(found.plan))
        )
    return found
