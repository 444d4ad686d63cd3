"""The classical models beside the network, on the same split.

Linear models of texts, which take seconds, learn once more in the end from all that is not for the test:
set-up and scale stay, and so does the temperature, which validation fitted to the first model.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from pellucid.bundle import load_any, save
from pellucid.classical import LINEAR_OF_TEXTS, Budget, Configuration, baselines_for
from pellucid.data import Dataset
from pellucid.data.wording import count_of
from pellucid.files import make_folder, write_file
from pellucid.pipeline.learners.candidates import Candidate, HeldOut, answers, on_validation
from pellucid.pipeline.learners.classical import ClassicalLearner, Lessons
from pellucid.pipeline.learners.planning.preparation import Material, material_of
from pellucid.pipeline.run.stages import Stages
from pellucid.pipeline.run.time_budget import UNLIMITED, TimeBudget
from pellucid.settings import CLASSICAL, DUMMIES, Settings
from pellucid.strict import read_sealed, sealed
from pellucid.tasks import INPUT_KINDS, TEXTS

_FITTED = "fitted.json"
_AGAIN = "-again"

_FOREST, _LESS = "random-forest", 0.5
# Seconds below which no further model is tried.
_SHORTEST = 0.2

# Of what is left of the time of all baselines, what a linear model of texts may take to learn from all.
_MOST = 0.7


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
    time: TimeBudget = UNLIMITED,
    is_stopped: Callable[[], bool] = lambda: False,
    has_time: Callable[[str, Callable[[], Candidate | None]], Candidate | None] = lambda _, fit: fit(),
) -> list[Candidate]:
    """Train classical models on the training split, or take over those a killed run had finished.

    Each is kept in `checkpoints` as soon as it is trained; all share the time. In the order of their names;
    where `is_stopped` comes true, no further one is trained. `has_time` reports a model, by its name, that
    there was no time for.
    """
    if not names:
        return []
    material = material_of(dataset)
    everything, lessons = everything_of(material), Lessons()
    kept = checkpoints / "baselines"
    make_folder(kept)
    found: list[Candidate] = []
    for place, name in enumerate(names):
        if is_stopped():
            break
        learner = ClassicalLearner(name, settings, None, lessons.of)
        seconds, is_first = _share(names[place:], time), not any(each.features for each in found)
        fit = partial(
            _trained,
            learner,
            material,
            kept / name,
            stages,
            seconds,
            most=_MOST * time.left(),
            is_needed=is_first,
        )
        candidate = has_time(name, fit)
        if candidate is None:
            continue
        if _learns_again(candidate, dataset, time):
            again = dataclasses.replace(
                learner, setup=candidate.setup, scale=candidate.scale, budget=candidate.budget
            )
            judges = count_of(len(dataset.validation), f"validation {dataset.noun}")
            last = _trained(
                again, everything, kept / f"{name}{_AGAIN}", stages, math.inf, f" from the {judges} too"
            )
            assert last is not None  # it may take as long as it needs
            candidate = dataclasses.replace(
                candidate,
                model=last.model,
                judged=candidate.model,
                train_examples=last.train_examples,
                train_seconds=candidate.train_seconds + last.train_seconds,
            )
        found.append(candidate)
    return found


def _share(names: Sequence[str], time: TimeBudget) -> float:
    """Seconds of what is left that the first of some models takes: a forest half as much as others."""
    if not time.is_limited or names[0] in DUMMIES:
        return math.inf
    weights = [_LESS if name == _FOREST else 1.0 for name in names]
    return time.left() * weights[0] / sum(weights)


def everything_of(material: Material) -> Material:
    """Material of all that is not for the test, of which nothing is left to judge."""
    nothing = np.zeros(0, np.int64)
    return dataclasses.replace(
        material, train=np.union1d(material.train, material.validation), validation=nothing
    )


def _learns_again(candidate: Candidate, dataset: Dataset, time: TimeBudget) -> bool:
    """True of a linear model of texts that could learn from more than the training split.

    Under a budget that leaves out some training examples further ones would be left out too.
    """
    is_linear = dataset.input_kind is TEXTS and candidate.name in LINEAR_OF_TEXTS
    most = (candidate.budget or Budget()).examples
    took_all = candidate.train_examples == len(dataset.train) < most
    return is_linear and took_all and len(dataset.validation) > 0 and candidate.train_seconds < time.left()


def _trained(
    learner: ClassicalLearner,
    material: Material,
    folder: Path,
    stages: Stages,
    seconds: float = math.inf,
    words: str = "",
    *,
    most: float = 0.0,
    is_needed: bool = True,
) -> Candidate | None:
    """A model trained within a time and kept in a folder, or taken over from there.

    `None` where there is no time, but for one that is needed: it learns from a small part in any case.
    """
    former = _restored(folder, learner.name, material)
    if former is not None:
        stages.line(f"took over {learner.name} from before the interruption")
        return former
    if seconds < _SHORTEST and not is_needed:
        return None
    with stages.stage(f"training {learner.name}{words}") as stage:
        if math.isinf(seconds):
            candidate: Candidate | None = learner.fit(material)[0]
        elif is_needed:
            candidate = learner.fit(material, TimeBudget(seconds), most)[0]
        else:
            candidate = learner.within(seconds, material, most)
        if candidate is None:
            stage.words = f"no time to train {learner.name}"
            return None
        _keep(folder, candidate)
        score = on_validation([candidate], material, learner.settings)
        stage.words = f"trained {learner.name}{words}{part_of(candidate, material)}{score}"
    return candidate


def part_of(candidate: Candidate, material: Material) -> str:
    """Words on the training examples of a model that did not learn from all; nothing of others."""
    seen, whole = candidate.train_examples, len(material.train)
    if seen >= whole or candidate.name in DUMMIES:
        return ""
    return f" from {seen:,} of {count_of(whole, INPUT_KINDS[material.takes].noun)}"


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
        "budget": None if candidate.budget is None else dataclasses.asdict(candidate.budget),
        "answer_seconds": candidate.answer_seconds,
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
            budget=None if facts["budget"] is None else Budget(**facts["budget"]),
            answer_seconds=float(facts["answer_seconds"]),
        )
    except (OSError, ValueError, TypeError, LookupError):  # as is every refusal of a model or of its answers
        return None
