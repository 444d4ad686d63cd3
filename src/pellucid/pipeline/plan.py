"""Everything decided before the first step: the network, the recipe and why."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, NamedTuple

from pellucid.data import Dataset
from pellucid.data.augmentation import probe_mirroring, usual_shift
from pellucid.data.number_probe import probe_variations
from pellucid.errors import DataError, UsageError
from pellucid.networks import InputFacts, NetworkConfig, design
from pellucid.settings import Settings
from pellucid.training import Examples, Recipe, Surroundings, choose_recipe
from pellucid.training.determinism import (
    Purpose,
    choose_device,
    choose_precision,
    choose_threads,
    generator,
)

_LIBRARIES = ("pellucid", "torch", "numpy", "pillow", "safetensors")


@dataclass(frozen=True)
class Plan:
    """What will be trained, and how.

    Attributes:
        name: the model's name in `metrics.json`.
        network: its layers.
        recipe: every number of training.
        reasons: how things were decided, in sentences.
    """

    name: str
    network: NetworkConfig
    recipe: Recipe
    reasons: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON can hold it."""
        return {
            "model": self.name,
            "network": self.network.to_json(),
            "recipe": self.recipe.to_json(),
            "reasons": list(self.reasons),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Plan":
        """The plan that `to_json` wrote."""
        return cls(
            name=document["model"],
            network=NetworkConfig.from_json(document["network"]),
            recipe=Recipe.from_json(document["recipe"]),
            reasons=tuple(document["reasons"]),
        )


def examples_of(dataset: Dataset) -> Examples:
    """What training sees of a data set."""
    return Examples(
        inputs=dataset.inputs,
        labels=dataset.labels,
        train=dataset.train,
        validation=dataset.validation,
        classes=len(dataset.classes),
    )


def make_plan(settings: Settings, examples: Examples) -> Plan:
    """Decide the network and the recipe.

    Args:
        settings: what the user asked for.
        examples: the data.

    Returns:
        The plan, before any time limit shortens it.

    Raises:
        UsageError: settings contradict the data, each other or this machine.
    """
    is_pictures = examples.inputs.ndim == 4
    name = _model_name(settings, is_pictures)
    asks = is_pictures and settings.augment is not False
    kept = _kept_by_variations(settings, examples) if asks else _Kept(False, False, False, ())
    device = choose_device(settings)
    around = Surroundings(
        train_labels=examples.labels[examples.train],
        classes=examples.classes,
        is_pictures=is_pictures,
        shortest_side=min(examples.inputs.shape[1:3]) if is_pictures else 0,
        mirror_keeps_class=kept.mirror,
        precision=choose_precision(settings, device),
        device=device,
        threads=choose_threads(settings),
        shift_keeps_label=kept.shift,
        erase_keeps_label=kept.erase,
    )
    recipe = choose_recipe(settings, around)
    facts = InputFacts(_input_shape(examples), max(1, examples.classes), len(examples.train))
    return Plan(name, design(name, settings, facts), recipe, kept.reasons)


class _Kept(NamedTuple):
    """Which ways of varying a picture keep its label, and why that is thought."""

    mirror: bool
    shift: bool
    erase: bool
    reasons: tuple[str, ...]


def _kept_by_variations(settings: Settings, examples: Examples) -> _Kept:
    """Ask the training data.

    Classes survive a shift and a missing piece. What a number measures may be the very amount or
    place of something, so it must be shown to survive; noise in a piece never is.
    """
    draws = generator(settings.seed, Purpose.PROBE)
    pixels, labels, train = examples.inputs, examples.labels, examples.train
    if not examples.is_numbers:
        probe = probe_mirroring(pixels, labels, train, draws)
        return _Kept(probe.keeps_class, True, True, (probe.sentence(),))
    shift = usual_shift(min(pixels.shape[1:3]))
    mirroring, shifting = probe_variations(pixels, labels, train, shift, draws)
    reasons = (mirroring.sentence(), shifting.sentence())
    return _Kept(mirroring.keeps_number, shifting.keeps_number, False, reasons)


def _model_name(settings: Settings, is_pictures: bool) -> str:
    """`auto` is `cnn` for pictures and `mlp` for tables of features."""
    if settings.model == "auto":
        return "cnn" if is_pictures else "mlp"
    if not is_pictures and settings.model != "mlp":
        raise UsageError(f"--model: {settings.model} needs pictures, not feature vectors; use mlp")
    return settings.model


def _input_shape(examples: Examples) -> tuple[int, ...]:
    shape = examples.inputs.shape
    return (shape[3], shape[1], shape[2]) if len(shape) == 4 else (shape[1],)


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide results."""
    return {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}


def require_same(place: str, former: Mapping[str, Any], dataset: Dataset) -> None:
    """Refuse to resume on data that has changed.

    Args:
        place: DATA, for the message.
        former: `data` of the run's `config.json`.
        dataset: the data as it is now.

    Raises:
        DataError: naming what changed.
    """
    now = data_identity(dataset)
    changed = [
        f"{name} was {former.get(name)}, is {value}"
        for name, value in now.items()
        if former.get(name) != value
    ]
    if changed:
        raise DataError(
            f"{place}: the data changed since the run was started ({'; '.join(changed)}); "
            "restore it, or start again with --overwrite"
        )


def data_identity(dataset: Dataset) -> dict[str, Any]:
    """What must be equal for a resumed run to go on with the same data."""
    return {
        "train": len(dataset.train),
        "validation": len(dataset.validation),
        "test": len(dataset.test),
        "classes": list(dataset.classes),
        "fingerprint": dataset.fingerprint,
    }
