"""Identity of a run's data and of the libraries that it computes with."""

import platform
from importlib.metadata import version
from typing import Any

from pellucid.data import Dataset
from pellucid.errors import DataError
from pellucid.pipeline.run.journal import Journal
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings
from pellucid.tasks import GENERATION, TEXTS

_LIBRARIES = ("pellucid", "torch", "numpy", "pillow", "safetensors")
_LIBRARIES_OF_TEXTS = ("tokenizers",)


def require_same_data(place: str, dataset: Dataset, journal: Journal) -> None:
    """Enter the data into the journal, and refuse to resume on data that has changed.

    Raises: `DataError` naming what changed.
    """
    before = journal.decided("data", lambda: data_json(place, dataset))
    changed = [
        f"{name} was {before.get(name)}, is {value}"
        for name, value in data_identity(dataset).items()
        if before.get(name) != value
    ]
    if changed:
        raise DataError(
            f"{place}: the data changed since the run was started ({'; '.join(changed)}); "
            "restore it, or start again with --overwrite"
        )


def warn_of_other_versions(dataset: Dataset, journal: Journal, stages: Stages) -> None:
    """Enter the versions of libraries into the journal, and warn where a resumed run began with others."""
    now = versions(dataset)
    before = journal.decided("versions", lambda: now)
    for name, value in now.items():
        if before.get(name) != value:
            stages.line(
                f"warning: {name} was {before.get(name)}, is {value}; weights may differ from an unbroken run"
            )


def versions(dataset: Dataset) -> dict[str, str]:
    """Versions, by name, of Python and of the libraries that decide results.

    Texts also depend on what cuts them into tokens.
    """
    names = (*_LIBRARIES, *(_LIBRARIES_OF_TEXTS if dataset.input_kind is TEXTS else ()))
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def task_name(dataset: Dataset, settings: Settings | None = None) -> str:
    """The task as `metrics.json` names it, such as `image-classification` or `text-regression`.

    With settings that ask for a network which makes images it is `image-generation`.
    """
    target = GENERATION if settings is not None and settings.generates else dataset.target
    return f"{dataset.input_kind.task}-{target.name}"


def data_identity(dataset: Dataset) -> dict[str, Any]:
    """Facts that must be equal for a resumed run to go on with the same data."""
    return {
        "train": len(dataset.train),
        "validation": len(dataset.validation),
        "test": len(dataset.test),
        "classes": list(dataset.classes),
        "fingerprint": dataset.fingerprint,
    }


def data_json(place: str, dataset: Dataset) -> dict[str, Any]:
    """The data as `config.json` has it.

    `preprocessing` is null for texts, which every model makes ready in its own way.
    """
    fitted = dataset.preprocessing
    return {
        "place": place,
        **data_identity(dataset),
        "preprocessing": None if fitted is None else fitted.to_json(),
    }
