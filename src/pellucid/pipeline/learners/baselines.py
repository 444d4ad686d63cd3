"""The classical models beside the network, on the same split."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pellucid.bundle import load_any, save
from pellucid.classical import Configuration, baselines_for
from pellucid.data import Dataset
from pellucid.files import make_folder, write_file
from pellucid.pipeline.learners.candidates import Candidate, HeldOut, answers, on_validation
from pellucid.pipeline.learners.classical import ClassicalLearner, Lessons
from pellucid.pipeline.learners.learner import UNLIMITED, Allowance
from pellucid.pipeline.learners.planning.preparation import material_of
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import CLASSICAL, Settings
from pellucid.strict import read_sealed, sealed

_FITTED = "fitted.json"


def has_baselines(settings: Settings, dataset: Dataset) -> bool:
    """True where classical models stand beside the network.

    New data of a single class, with which a network may continue training, leaves them nothing to learn.
    """
    return settings.baselines and (dataset.is_regression or len(np.unique(dataset.labels[dataset.train])) > 1)


def baseline_names(dataset: Dataset) -> tuple[str, ...]:
    """Names of the classical models that stand against a network on such data, simplest first."""
    return tuple(baselines_for(dataset.target, dataset.input_kind))


def classical_names(settings: Settings, dataset: Dataset) -> tuple[str, ...]:
    """Names of the classical models to train, simplest first: one alone, the network's baselines, or none."""
    if settings.model in CLASSICAL:
        return (settings.model,)
    return baseline_names(dataset) if has_baselines(settings, dataset) else ()


def train_baselines(
    names: Sequence[str],
    dataset: Dataset,
    settings: Settings,
    checkpoints: Path,
    stages: Stages,
    allowance: Allowance = UNLIMITED,
) -> list[Candidate]:
    """Train classical models on the training split, or take over those a killed run had finished.

    Each is kept in `checkpoints` as soon as it is trained; all share the allowance. In the order of their
    names.
    """
    if not names:
        return []
    material = material_of(dataset)
    lessons = Lessons()
    kept = checkpoints / "baselines"
    make_folder(kept)
    found = []
    for name in names:
        former = _restored(kept / name, name, dataset)
        if former is not None:
            stages.line(f"took over {name} from before the interruption")
            found.append(former)
            continue
        with stages.stage(f"training {name}") as stage:
            (candidate,) = ClassicalLearner(name, settings, lesson=lessons.of).fit(material, allowance)
            _keep(kept / name, candidate)
            stage.words = f"trained {name}{on_validation([candidate], dataset, settings)}"
        found.append(candidate)
    return found


def _keep(folder: Path, candidate: Candidate) -> None:
    """Write a model where a resumed run finds it; its description comes last and completes it."""
    make_folder(folder)
    save(candidate.model, folder / "model", {})
    facts = {
        "train_examples": candidate.train_examples,
        "train_seconds": candidate.train_seconds,
        "features": candidate.features,
        "setup": candidate.setup,
        "configurations": [list(each) for each in candidate.configurations],
    }
    write_file(folder / _FITTED, sealed(facts))


def _restored(folder: Path, name: str, dataset: Dataset) -> Candidate | None:
    """A model that `_keep` wrote, or `None` where there is none that is whole."""
    try:
        facts = read_sealed(folder / _FITTED)
        model = load_any(folder / "model")
        return Candidate(
            name=name,
            model=model,
            train_examples=int(facts["train_examples"]),
            train_seconds=float(facts["train_seconds"]),
            held_out=HeldOut(dataset.validation, answers(model, dataset, dataset.validation)),
            features=facts["features"],
            setup=(str(facts["setup"][0]), str(facts["setup"][1])),
            configurations=tuple(Configuration(*each) for each in facts["configurations"]),
        )
    except (OSError, ValueError, TypeError, LookupError):  # as is every refusal of a model or of its answers
        return None
