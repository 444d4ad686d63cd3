"""What the order of classes gains: the best simple model beside one that learns them without it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.arithmetic.probabilities import LEVEL
from pellucid.arithmetic.rounding import figure, figures
from pellucid.bundle import ClassicalModel
from pellucid.evaluation import SCORING
from pellucid.evaluation.intervals import points
from pellucid.language.sentence import Sentence
from pellucid.pipeline.judging.testing import Tested, groups_of_test, unseen_of
from pellucid.pipeline.learners.candidates import Candidate, answers, held_out_score
from pellucid.pipeline.learners.classical import ClassicalLearner
from pellucid.pipeline.learners.in_run import everything_of
from pellucid.pipeline.run.context import RunContext
from pellucid.settings import METRICS
from pellucid.targets import TARGETS


def gain_of_order(
    candidates: Sequence[Candidate], tested: Mapping[str, Tested], context: RunContext
) -> dict[str, Any] | None:
    """Train the best simple model once more as one of plain classes, and compare both on the test.

    It learns from as many examples and is tested on the same ones, those not known from training. The form of
    `order` in `metrics.json`; `None` where classes have no order, there is no simple model or nothing to test
    on, or no time.
    """
    dataset, settings = context.dataset, context.settings
    metric = METRICS[dataset.target.headline]
    simple = [
        each
        for each in candidates
        if isinstance(each.model, ClassicalModel) and each.features and each.model.network is None
    ]
    unseen, known = unseen_of(dataset, tested)
    if not dataset.target.has_metric("within_one_class") or not simple or not len(unseen.test):
        return None
    judged = [each for each in simple if len(each.held_out.positions)] or simple[:1]
    best = judged[0]
    if len(judged) > 1:
        best = max(judged, key=lambda each: held_out_score(metric, each, dataset, settings.seed))
    if not context.affords(
        2 * best.train_seconds,
        "What the order of the classes gains is not measured: there was no time for it.",
    ):
        return None
    plain = dataclasses.replace(dataset, target=TARGETS["class"])
    material = everything_of(plain) if best.train_examples > len(plain.train) else plain
    name = best.name
    with context.stages.stage(
        Sentence("training {name} without the order", name),
        Sentence("trained {name} without the order", name),
    ):
        (other,) = ClassicalLearner(best.name, settings, best.budget).fit(material)
        answered = plain.target.labels(answers(other.model, plain, unseen.test))
    decided = {best.name: known[best.name].decided(unseen), f"{best.name} (plain)": answered}
    labels, scoring = unseen.labels_at(unseen.test), SCORING[dataset.target]
    (found,) = scoring.compare(labels.values, decided, groups_of_test(unseen), settings.seed)
    with_order, without = (scoring.value(labels, each) for each in decided.values())
    return {
        "model": best.name,
        "metric": found.score,
        "examples": len(labels),
        "with_order": with_order,
        "without_order": without,
        f"{found.score}_difference": found.difference._asdict(),
        "p_value": found.p_value,
        "words": _words(best.name, (with_order, without), points(found.difference), found.p_value),
    }


def _words(name: str, scores: tuple[float, float], difference: str, p_value: float) -> str:
    """The outcome in a sentence, and what follows where the order did harm."""
    (ours, theirs), chance = figures(*scores), figure(p_value, 2)
    if p_value > LEVEL:
        return Sentence(
            "Using the order did not measurably help: {name} has a quadratic-weighted kappa of {ours} with "
            "it and {theirs} without, a difference of {difference}, which could be chance (p = {chance}).",
            name,
            ours,
            theirs,
            difference,
            chance,
        )
    if scores[0] > scores[1]:
        return Sentence(
            "Using the order gained beyond chance (p = {chance}): {name} has a quadratic-weighted kappa of "
            "{ours} with it and {theirs} without, a difference of {difference}.",
            chance,
            name,
            ours,
            theirs,
            difference,
        )
    return Sentence(
        "Using the order did harm beyond chance (p = {chance}): {name} has a quadratic-weighted kappa of "
        "{ours} with it and {theirs} without, a difference of {difference}; --target class leaves it out.",
        chance,
        name,
        ours,
        theirs,
        difference,
    )
