"""Everything decided before the first step: the network, the recipe and why."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.data import Dataset
from pellucid.data.images.augmentation import probe_mirroring, usual_shift
from pellucid.data.images.number_probe import probe_variations
from pellucid.errors import DataError
from pellucid.networks import NetworkConfig, design
from pellucid.pipeline.learners.preparation import Prepared
from pellucid.settings import Settings
from pellucid.tasks import TEXTS
from pellucid.training import Examples, Recipe, Surroundings, choose_recipe
from pellucid.training.determinism import choose_device, choose_precision, choose_threads

_LIBRARIES = ("pellucid", "torch", "numpy", "pillow", "safetensors")
_LIBRARIES_OF_TEXTS = ("tokenizers",)


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


class Chosen(NamedTuple):
    """A recipe, and why it is as it is.

    Attributes:
        recipe: every number of training.
        reasons: how the variations of images were decided, in sentences.
    """

    recipe: Recipe
    reasons: tuple[str, ...]


def make_plan(settings: Settings, prepared: Prepared) -> Plan:
    """Decide the network and the recipe; one that goes on keeps its layers.

    Args:
        settings: what the user asked for.
        prepared: what the network trains on.

    Returns:
        The plan, before any time limit shortens it.

    Raises:
        UsageError: settings contradict the data, each other or this machine.
    """
    chosen = make_recipe(settings, prepared)
    trained = prepared.trained
    network = design(prepared.name, settings, prepared.facts) if trained is None else trained.config
    return Plan(prepared.name, network, chosen.recipe, (*prepared.reasons, *chosen.reasons))


def make_recipe(settings: Settings, prepared: Prepared) -> Chosen:
    """Decide how a network is trained.

    Args:
        settings: what the user asked for.
        prepared: what the network trains on.

    Returns:
        The recipe for a fresh network.

    Raises:
        UsageError: settings contradict the data, each other or this machine.
    """
    examples, images = prepared.examples, prepared.images
    kept = _Kept(False, False, False, ())
    if images is not None and settings.augment is not False:
        kept = _kept_by_variations(settings.seed, images, examples)
    device = choose_device(settings)
    around = Surroundings(
        train_labels=examples.labels[examples.train],
        classes=examples.classes,
        takes=examples.takes,
        model=prepared.name,
        shortest_side=0 if images is None else min(images.shape[1:3]),
        mirror_keeps_class=kept.mirror,
        precision=choose_precision(settings, device),
        device=device,
        threads=choose_threads(settings),
        shift_keeps_label=kept.shift,
        erase_keeps_label=kept.erase,
    )
    return Chosen(choose_recipe(settings, around), kept.reasons)


class _Kept(NamedTuple):
    """Which ways of varying an image keep its label, and why that is thought."""

    mirror: bool
    shift: bool
    erase: bool
    reasons: tuple[str, ...]


def _kept_by_variations(
    seed: int, pixels: UInt8[np.ndarray, "n height width channels"], examples: Examples
) -> _Kept:
    """Ask the training data.

    Classes survive a shift and a missing piece. What a number measures may be the very amount or
    place of something, so it must be shown to survive; noise in a piece never is.
    """
    draws = generator(seed, Purpose.PROBE)
    labels, train = examples.labels, examples.train
    if not examples.is_numbers:
        probe = probe_mirroring(pixels, labels, train, draws)
        return _Kept(probe.keeps_class, True, True, (probe.sentence(),))
    shift = usual_shift(min(pixels.shape[1:3]))
    mirroring, shifting = probe_variations(pixels, labels, train, shift, draws)
    reasons = (mirroring.sentence(), shifting.sentence())
    return _Kept(mirroring.keeps_number, shifting.keeps_number, False, reasons)


def versions(dataset: Dataset) -> dict[str, str]:
    """Versions of Python and of the libraries that decide results.

    Args:
        dataset: texts also depend on what cuts them into tokens.

    Returns:
        Names to versions.
    """
    names = (*_LIBRARIES, *(_LIBRARIES_OF_TEXTS if dataset.input_kind is TEXTS else ()))
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def task_name(dataset: Dataset) -> str:
    """The task as `metrics.json` names it.

    Args:
        dataset: the data.

    Returns:
        Such as `image-classification` or `text-regression`.
    """
    return f"{dataset.input_kind.task}-{dataset.target.name}"


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


def data_json(place: str, dataset: Dataset) -> dict[str, Any]:
    """The data as `config.json` has it.

    Args:
        place: DATA.
        dataset: the data.

    Returns:
        JSON; `preprocessing` is null for texts, which every model makes ready in its own way.
    """
    fitted = dataset.preprocessing
    return {
        "place": place,
        **data_identity(dataset),
        "preprocessing": None if fitted is None else fitted.to_json(),
    }
