"""`continual` in `metrics.json`: what changed, what was known before, what was forgotten."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pellucid.data import Dataset
from pellucid.data.wording import count_of
from pellucid.pipeline.continual.forgetting import forgetting, old_test, on_all_classes, standing_in
from pellucid.pipeline.continual.rehearsal import contents
from pellucid.pipeline.continual.training import ContinualTraining
from pellucid.pipeline.continual.words import sentences
from pellucid.pipeline.judging.testing import Tested, scores
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.settings import Settings
from pellucid.training.recipe.continuing import RULE

_NOTHING_TO_ASK = "the old data has no test split, or the network has learned from all of it since"


def continual_metrics(
    continual: ContinualTraining,
    dataset: Dataset,
    candidates: Sequence[Candidate],
    recommended: str,
    tested: Mapping[str, Tested],
    config: Mapping[str, Any],
) -> dict[str, Any]:
    """Measure what was forgotten, and say what else is to know about continual training.

    The form of `continual` in `metrics.json`.
    """
    settings, recipe = Settings(**config["settings"]), config["plan"]["recipe"]
    network, chosen = (
        next(each for each in candidates if each.name == name)
        for name in (continual.start.model.name, recommended)
    )
    old, before = old_test(continual, dataset), continual.start.model
    found = forgetting(old, before, network, dataset, settings.seed, went_on=True)
    reasons = continual.not_at_hand
    return {
        **{name: value for name, value in config["continual"].items() if name != "earlier"},
        "learning_rate": recipe["learning_rate"],
        "epochs": recipe["epochs"],
        "rule": RULE,
        "reasons": [*sentences(continual, dataset, settings), _rule(recipe)],
        "seen_before": _seen_before(continual, dataset, tested[network.name], settings.seed),
        "forgetting": found,
        "forgetting_of_recommended": None
        if chosen is network
        else forgetting(old, before, chosen, dataset, settings.seed, went_on=False),
        "all_classes": on_all_classes(old, chosen, tested[recommended].answers, dataset, settings.seed)
        if continual.missing(dataset)
        else None,
        "not_measured": reasons or ([_NOTHING_TO_ASK] if found is None else []),
    }


def continual_sentences(found: Mapping[str, Any]) -> list[str]:
    """Sentences for the terminal on what was forgotten, from what `continual_metrics` gave.

    A sentence for the network, and one for the recommended model where that is another.
    """
    if found["forgetting"] is None:
        said = [f"Forgetting was not measured: {found['not_measured'][0]}."]
    else:
        said = [found["forgetting"]["sentence"]]
        left_out = found["forgetting"]["left_out"]
        if left_out:
            are = "is" if left_out == 1 else "are"
            said.append(f"{left_out:,} more {are} left out: the network has learned from exact copies since.")
    if found["forgetting_of_recommended"] is not None:
        said.append(found["forgetting_of_recommended"]["sentence"])
    seen = found["seen_before"]
    if seen is not None:
        said.append(
            f"warning: the network had learned from {seen['test']:,} of the new test examples and "
            f"{seen['validation']:,} of the new validation examples before, which flatters it; see the report"
        )
    return said


def _rule(recipe: Mapping[str, Any]) -> str:
    """The gentler recipe as a sentence."""
    rate, epochs = recipe["learning_rate"], count_of(recipe["epochs"], "epoch")
    return f"It was taught with a learning rate of {rate:g} for {epochs}. The rule: {RULE}."


def _seen_before(
    continual: ContinualTraining, dataset: Dataset, said: Tested, seed: int
) -> dict[str, Any] | None:
    """New validation and test examples that the network had learned from before."""
    learned = {
        content
        for each in continual.at_hand
        for content in contents(each.inputs, np.concatenate([each.train, each.validation]))
    }
    is_seen = standing_in(dataset, dataset.test, learned)
    in_validation = int(standing_in(dataset, dataset.validation, learned).sum())
    if not is_seen.any() and not in_validation:
        return None
    labels = dataset.labels[dataset.test]
    return {
        "test": int(is_seen.sum()),
        "validation": in_validation,
        "test_without": scores(labels[~is_seen], said.answers[~is_seen], seed) or None,
    }
