"""Reading: from DATA to a data set that is checked, split and fits the settings."""

from collections.abc import Mapping
from typing import Any

from pellucid.data import Check, Dataset, prepare
from pellucid.pipeline.continual.training import ContinualTraining, read_on
from pellucid.pipeline.learners.generator import require_enough_images
from pellucid.pipeline.learners.planning.preparation import material_of
from pellucid.pipeline.learners.planning.refusals import (
    require_fitting_generator,
    require_fitting_inputs,
    require_fitting_model,
)
from pellucid.pipeline.run.configuration import command_of
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.identity import require_same_data, warn_of_other_versions
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings


def read_and_check(
    place: str, settings: Settings, stages: Stages, continual: ContinualTraining | None
) -> tuple[Dataset, Check]:
    """Read DATA, look for trouble in it, and split it.

    In continual training the data must fit the network. Raises: `DataError` if the data is refused.
    """
    with stages.stage(f"reading and checking {place}") as stage:
        dataset, check = (
            prepare(place, settings) if continual is None else read_on(continual, place, settings)
        )
        stage.words = f"read and checked {len(dataset.labels):,} {dataset.noun}s from {place}"
        stage.details += check.sentences()
    return dataset, check


def require_fitting(place: str, given: Mapping[str, Any], context: RunContext) -> None:
    """Refuse settings that contradict the data, and data other than that of the run being resumed.

    Raises: `UsageError` if a setting does; `DataError` if the data is another, or cannot be divided into
    folds.
    """
    dataset, settings, journal = context.dataset, context.settings, context.journal
    require_fitting_model(settings, dataset.target)
    require_fitting_inputs(settings, material_of(dataset).takes)
    if settings.generates:
        require_fitting_generator(settings, given, dataset.target)
        require_enough_images(settings, len(dataset.train), place)
    require_same_data(place, dataset, journal)
    warn_of_other_versions(dataset, journal, context.stages)
    journal.decided("command", lambda: command_of(place, given, context.folder.path))
