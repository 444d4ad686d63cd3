"""The classical models beside the network, on the same split.

Linear models of texts, which take seconds, learn once more in the end from all that is not for the test:
set-up and scale stay, and so does the temperature, which validation fitted to the first model.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from pellucid.bundle import load_any, save
from pellucid.classical import LINEAR_OF_TEXTS, Budget, Configuration, baselines_for
from pellucid.data import Dataset
from pellucid.data.wording import count_of
from pellucid.files import make_folder, write_file
from pellucid.pipeline.learners.candidates import Candidate, HeldOut, answers, on_validation
from pellucid.pipeline.learners.classical import ClassicalLearner, Lessons, budget_within
from pellucid.pipeline.learners.learner import UNLIMITED, Allowance
from pellucid.pipeline.learners.planning.preparation import Material, material_of
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import CLASSICAL, Settings
from pellucid.strict import read_sealed, sealed
from pellucid.tasks import TEXTS

_FITTED = "fitted.json"
_AGAIN = "-again"


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
    is_stopped: Callable[[], bool] = lambda: False,
) -> list[Candidate]:
    """Train classical models on the training split, or take over those a killed run had finished.

    Each is kept in `checkpoints` as soon as it is trained; all share the allowance. In the order of their
    names; where `is_stopped` comes true, no further one is trained.
    """
    if not names:
        return []
    material = material_of(dataset)
    everything, lessons = everything_of(material), Lessons()
    budget = budget_within(settings, material, allowance.granted)
    kept = checkpoints / "baselines"
    make_folder(kept)
    found = []
    for name in names:
        if is_stopped():
            break
        first = ClassicalLearner(name, settings, budget, lessons.of)
        candidate = _trained(first, material, kept / name, stages, f"training {name}", settings)
        if _learns_again(candidate, dataset, budget):
            again = dataclasses.replace(first, setup=candidate.setup, scale=candidate.scale)
            judges = count_of(len(dataset.validation), f"validation {dataset.noun}")
            words = f"training {name} from the {judges} too"
            last = _trained(again, everything, kept / f"{name}{_AGAIN}", stages, words, settings)
            candidate = dataclasses.replace(
                candidate,
                model=last.model,
                judged=candidate.model,
                train_examples=last.train_examples,
                train_seconds=candidate.train_seconds + last.train_seconds,
            )
        found.append(candidate)
    return found


def everything_of(material: Material) -> Material:
    """Material of all that is not for the test, of which nothing is left to judge."""
    nothing = np.zeros(0, np.int64)
    return dataclasses.replace(
        material, train=np.union1d(material.train, material.validation), validation=nothing
    )


def _learns_again(candidate: Candidate, dataset: Dataset, budget: Budget) -> bool:
    """True of a linear model of texts that could learn from more than the training split.

    Under a budget that leaves out some training examples further ones would be left out too.
    """
    is_linear = dataset.input_kind is TEXTS and candidate.name in LINEAR_OF_TEXTS
    took_all = candidate.train_examples == len(dataset.train) < budget.examples
    return is_linear and took_all and len(dataset.validation) > 0


def _trained(
    learner: ClassicalLearner,
    material: Material,
    folder: Path,
    stages: Stages,
    words: str,
    settings: Settings,
) -> Candidate:
    """A model trained and kept in a folder, or taken over from there."""
    former = _restored(folder, learner.name, material)
    if former is not None:
        stages.line(f"took over {learner.name} from before the interruption")
        return former
    with stages.stage(words) as stage:
        (candidate,) = learner.fit(material)
        _keep(folder, candidate)
        trained = words.replace("training", "trained", 1)
        stage.words = f"{trained}{on_validation([candidate], material, settings)}"
    return candidate


def _keep(folder: Path, candidate: Candidate) -> None:
    """Write a model where a resumed run finds it; its description comes last and completes it."""
    make_folder(folder)
    save(candidate.model, folder / "model", {})
    facts = {
        "train_examples": candidate.train_examples,
        "train_seconds": candidate.train_seconds,
        "features": candidate.features,
        "setup": candidate.setup,
        "scale": candidate.scale,
        "configurations": [list(each) for each in candidate.configurations],
    }
    write_file(folder / _FITTED, sealed(facts))


def _restored(folder: Path, name: str, material: Material) -> Candidate | None:
    """A model that `_keep` wrote, or `None` where there is none that is whole."""
    try:
        facts = read_sealed(folder / _FITTED)
        model = load_any(folder / "model")
        return Candidate(
            name=name,
            model=model,
            train_examples=int(facts["train_examples"]),
            train_seconds=float(facts["train_seconds"]),
            held_out=HeldOut(material.validation, answers(model, material, material.validation)),
            features=facts["features"],
            setup=(str(facts["setup"][0]), str(facts["setup"][1])),
            scale=None if facts["scale"] is None else float(facts["scale"]),
            configurations=tuple(Configuration(*each) for each in facts["configurations"]),
        )
    except (OSError, ValueError, TypeError, LookupError):  # as is every refusal of a model or of its answers
        return None
