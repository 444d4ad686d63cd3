"""Reading: from DATA to a data set that is checked, split and fits the settings."""

import os
from collections.abc import Mapping
from typing import Any

from pellucid.data import Check, Dataset, Listing, prepare
from pellucid.data.reading.containers.handed import is_handed
from pellucid.data.reading.dispatch import read_dataset, require_existing
from pellucid.errors import UsageError
from pellucid.pipeline.continual.training import ContinualTraining, read_on
from pellucid.pipeline.learners.backbones.available import require_backbone
from pellucid.pipeline.learners.generator import require_enough_images
from pellucid.pipeline.learners.planning.preparation import material_of
from pellucid.pipeline.learners.planning.refusals import (
    require_fitting_generator,
    require_fitting_inputs,
    require_fitting_model,
    require_known_classes,
)
from pellucid.pipeline.run.configuration import call_of, command_of
from pellucid.pipeline.run.context import RunContext
from pellucid.pipeline.run.identity import require_same_data, warn_of_other_versions
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings


def data_given(data: Any, settings: Settings) -> str | Listing:
    """DATA as a path, or a data set of Python as a listing.

    Raises: `DataError` if the data set cannot be used; `UsageError` if it is none, or a setting needs a path.
    """
    if isinstance(data, (str, os.PathLike)):
        return os.fspath(data)
    if not is_handed(data):
        raise UsageError(
            f"data: {type(data).__name__} is neither a path, a data frame, nor a data set of datasets or "
            "PyTorch; give one, or fit an estimator with arrays"
        )
    for name in ("from_", "add_generated"):
        if getattr(settings, name) is not None:
            raise UsageError(f"{name}: reads the data again later; give the path of files, not a data set")
    return read_dataset(data, settings)


def require_present(data: Any, settings: Settings) -> None:
    """Refuse a backbone that was asked for and is missing, and missing DATA, before a folder is made.

    Raises: `UsageError` or `ModelFileError` of the one, `DataError` of the other.
    """
    require_backbone(settings)
    if isinstance(data, (str, os.PathLike)):
        require_existing(os.fspath(data))
    if settings.test is not None:
        require_existing(settings.test)


def read_and_check(
    data: str | Listing, settings: Settings, stages: Stages, continual: ContinualTraining | None
) -> tuple[Dataset, Check]:
    """Read DATA, look for trouble in it, and split it.

    In continual training the data must fit the network. Raises: `DataError` if the data is refused.
    """
    place = data if isinstance(data, str) else data.place
    with stages.stage(f"reading and checking {place}") as stage:
        dataset, check = prepare(data, settings) if continual is None else read_on(continual, place, settings)
        stage.words = f"read and checked {len(dataset.labels):,} {dataset.noun}s from {place}"
        stage.details += check.sentences()
    return dataset, check


def require_fitting(data: str | Listing, given: Mapping[str, Any], context: RunContext) -> None:
    """Refuse settings that contradict the data, and data other than that of the run being resumed.

    Raises: `UsageError` if a setting does; `DataError` if the data is another, or cannot be divided into
    folds.
    """
    dataset, settings, journal = context.dataset, context.settings, context.journal
    place = data if isinstance(data, str) else data.place
    require_fitting_model(settings, dataset.target)
    require_known_classes(settings, dataset.classes, place)
    require_fitting_inputs(settings, material_of(dataset).takes)
    if settings.generates:
        require_fitting_generator(settings, given, dataset.target)
        require_enough_images(settings, len(dataset.train), place)
    require_same_data(place, dataset, journal)
    warn_of_other_versions(dataset, journal, context.stages)
    repeat = command_of if isinstance(data, str) else call_of
    journal.decided("command", lambda: repeat(place, given, context.folder.path))
