"""Model of a run that answers, and its name: the recommended one, or another that was trained."""

from pathlib import Path
from typing import NamedTuple

from pellucid.bundle import model_folder
from pellucid.data.wording import quoted, some
from pellucid.errors import UsageError
from pellucid.safety.strict import MOST_BYTES, read_json
from pellucid.settings import likely_meant

_MODELS = "models"
_RECOMMENDED = "model"
_NAMES_SHOWN = 10


class ModelOfRun(NamedTuple):
    """Model folder, and what its run records about it."""

    folder: Path
    name: str | None = None  # `None` of a model folder that lies in no run
    recommended: str | None = None  # name of the model that the run recommends, where it is known
    others: tuple[str, ...] = ()  # names of the other models of the run


def model_of(place: str | Path, name: str | None = None) -> ModelOfRun:
    """Find the model that answers in a run or a model folder: the one of that `name`, or the recommended one.

    Raises: `UsageError` if a name is given, but `place` is no run, or has no model of this name;
    `ModelFileError` if there is no model at all.
    """
    if name is None:
        folder = model_folder(place)
    else:
        trained = _trained(Path(place))
        if not trained:
            raise UsageError(
                "--model: {place} is no finished run, so there is none to choose; leave it out", place
            )
        if name not in trained:
            raise UsageError(
                "--model: {name} is no model of {place}{name2}; choose one of {trained}",
                quoted(name),
                place,
                likely_meant(name, trained),
                some(trained, _NAMES_SHOWN),
            )
        folder = Path(place) / _MODELS / name
    above = folder.absolute().parent
    run = above.parent if above.name == _MODELS else above
    trained, recommended = _trained(run), recommended_by(run)
    found = recommended if above == run and folder.name == _RECOMMENDED else folder.name
    if found not in trained:
        return ModelOfRun(folder)
    return ModelOfRun(folder, found, recommended, tuple(each for each in trained if each != found))


def _trained(run: Path) -> list[str]:
    """Names of the models that lie in a run."""
    models = run / _MODELS
    if not (run / "metrics.json").is_file() or not models.is_dir():
        return []
    return sorted(each.name for each in models.iterdir() if each.is_dir())


def recommended_by(run: Path) -> str | None:
    """Name of the model that a run recommends; `None` of a model folder, or a run that was not finished."""
    try:
        found = read_json(run / "metrics.json", MOST_BYTES)["recommended"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None
