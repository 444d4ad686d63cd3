"""Model of a run that answers, and its name: the recommended one, or another that was trained."""

from pathlib import Path
from typing import NamedTuple

from pellucid.bundle import model_folder
from pellucid.data.wording import quoted, some
from pellucid.errors import UsageError
from pellucid.settings import likely_meant
from pellucid.strict import MOST_BYTES, read_json

_MODELS, _RECOMMENDED = "models", "model"
_NAMES_SHOWN = 10


class ModelOfRun(NamedTuple):
    """Model folder, and what its run says about it.

    Attributes:
        folder: of the model.
        name: that the run gives it; `None` of a model folder that lies in no run.
        recommended: name of the model that the run recommends; `None` where it is not known.
        others: names of the other models of the run.
    """

    folder: Path
    name: str | None = None
    recommended: str | None = None
    others: tuple[str, ...] = ()


def model_of(place: str | Path, name: str | None = None) -> ModelOfRun:
    """Find the model that answers in a run or a model folder, perhaps one of a run: its place and its name.

    `name` is that of a model of the run; by default the one that it recommends.

    Raises: `UsageError` if a name is given, but `place` is no run, or has no model of this name;
    `ModelFileError` if there is no model at all.
    """
    if name is None:
        return _with_names(model_folder(place))
    run = Path(place)
    trained = _trained(run)
    if not trained:
        raise UsageError(f"--model: {run} is no finished run, so there is none to choose; leave it out")
    if name not in trained:
        raise UsageError(
            f"--model: {quoted(name)} is no model of {run}{likely_meant(name, trained)}; "
            f"choose one of {some(trained, _NAMES_SHOWN)}"
        )
    return _with_names(run / _MODELS / name)


def _with_names(folder: Path) -> ModelOfRun:
    """Look at where a model folder lies for its name."""
    above = folder.absolute().parent
    run = above.parent if above.name == _MODELS else above
    trained, recommended = _trained(run), _recommended(run)
    name = recommended if above == run and folder.name == _RECOMMENDED else folder.name
    if name not in trained:
        return ModelOfRun(folder)
    return ModelOfRun(folder, name, recommended, tuple(each for each in trained if each != name))


def _trained(run: Path) -> list[str]:
    """Names of the models that lie in a run."""
    models = run / _MODELS
    if not (run / "metrics.json").is_file() or not models.is_dir():
        return []
    return sorted(each.name for each in models.iterdir() if each.is_dir())


def _recommended(run: Path) -> str | None:
    try:
        found = read_json(run / "metrics.json", MOST_BYTES)["recommended"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, str) else None
