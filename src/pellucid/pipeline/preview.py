"""A dry run: the data as training would see it, on one page, and how long training would take.

Nothing is trained but a few steps of a copy of the network, which say how long a step takes here just now.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid.data import Dataset, prepare
from pellucid.errors import UsageError
from pellucid.files import write_file
from pellucid.pipeline.learners.asked_later import has_curve
from pellucid.pipeline.learners.backbones.available import chosen
from pellucid.pipeline.learners.backbones.costs import measured
from pellucid.pipeline.learners.baselines import classical_names
from pellucid.pipeline.learners.classical import ClassicalLearner
from pellucid.pipeline.learners.folds import folds_of
from pellucid.pipeline.learners.limits import STANDING_ON, seconds_of_conclusion
from pellucid.pipeline.learners.network import NetworkLearner
from pellucid.pipeline.learners.planning.preparation import material_of
from pellucid.pipeline.run.time_budget import TimeBudget, slowdown
from pellucid.reports.numbers import seconds
from pellucid.reports.preview import render_preview
from pellucid.settings import CLASSICAL, Settings
from pellucid.training.determinism import choose_threads, pinned

# Of what a classical model takes, a training for a fold, which compares no set-ups.
_OF_FOLD = 0.3


def preview(
    place: str,
    given: Mapping[str, Any],
    page: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Sequence[str]:
    """Read, check and split the data, and write the page; sentences on what a training would take.

    `given` are settings that differ from their defaults; `progress` is told the images done and in all.

    Raises: `UsageError` if the page's name does not end in `.html`, or a run continues another one;
    `DataError` if the data is refused; `StorageError` if the page cannot be written.
    """
    if page.suffix.lower() != ".html":
        raise UsageError(f"--dry-run {os.fspath(page)}: writes a page; name it with the ending .html")
    settings = Settings(**given)
    if settings.from_ is not None:
        raise UsageError("--dry-run: --from takes over what an earlier run decided; leave one of them out")
    dataset, check = prepare(place, settings, progress=progress)
    write_file(page, render_preview(dataset, check).encode())
    with pinned(choose_threads(settings)):
        return durations(dataset, settings)


def durations(dataset: Dataset, settings: Settings) -> list[str]:
    """Sentences on the seconds of a training, by counts and a short measurement, and what a limit leaves out.

    Raises: `UsageError` if settings contradict the data, each other or this machine.
    """
    folds = folds_of(dataset, settings, is_continual=False)
    material, names = material_of(folds.learning), classical_names(settings, dataset)
    slowed = slowdown()
    classical = slowed * sum(ClassicalLearner(each, settings).cost(material) for each in names)
    classical *= 1 + _OF_FOLD * (folds.trainings() - 1)
    parts = {f"classical {'models' if len(names) > 1 else 'model'}": classical}
    for choice in () if settings.generates else chosen(settings, material):
        cost = measured(choice, material, settings, len(dataset.test), folds).cost
        parts[choice.name] = cost.needed(cost.most) + cost.tuning * cost.example
    steps, of_network = 0, 0.0
    if settings.model not in CLASSICAL and not settings.builds_on_backbone:
        network = NetworkLearner(settings).planned(material)
        steps, of_network = network.plan.recipe.total_steps, network.session.expected_seconds()
        trainings = folds.trainings(folds.judged_within(network.seconds))
        parts[network.plan.name] = trainings * (of_network + network.prepare_seconds)
    parts["test and report"] = slowed * seconds_of_conclusion(len(dataset.test), len(names) + STANDING_ON)
    parts = {name: each for name, each in parts.items() if each}
    shares = ", ".join(f"{name} {seconds(each)}" for name, each in parts.items())
    found = [f"A training would take about {seconds(sum(parts.values()))} here just now: {shares}."]
    time = TimeBudget.of(settings)
    if time.is_limited and sum(parts.values()) > time.whole:
        found.append(_left_out(parts, steps, time, settings))
    return found


def _left_out(parts: Mapping[str, float], steps: int, time: TimeBudget, settings: Settings) -> str:
    """Sentence on what a limit leaves out of a training that takes longer."""
    share = time.whole / sum(parts.values())
    lacks = [
        f"classical models compare fewer set-ups or learn from fewer examples, about {share:.0%} of the work"
    ]
    if steps:
        lacks.append(f"the network takes about {max(1, round(share * steps)):,} of {steps:,} steps")
    lacks.append("the dearest models are left out where even a part does not fit")
    if not has_curve(settings):
        lacks.append("there is no learning curve")
    return f"Within {settings.time_limit}, {'; '.join(lacks)}."
