"""Plan of a training: the network, the recipe and the reasons, decided before the first step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.data.images.augmentation import probe_mirroring, usual_shift
from pellucid.data.images.number_probe import probe_variations
from pellucid.networks import NetworkConfig, design
from pellucid.pipeline.learners.planning.preparation import Prepared
from pellucid.settings import Settings
from pellucid.training import Examples, Recipe, Surroundings, choose_recipe
from pellucid.training.determinism import choose_device, choose_threads
from pellucid.training.precision import choose_precision


@dataclass(frozen=True)
class Plan:
    """Network and recipe of a training.

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


def plan_json(settings: Settings, plan: Plan | None) -> dict[str, Any]:
    """The plan for `config.json`; `network` and `recipe` are null for a classical model alone."""
    if plan is not None:
        return plan.to_json()
    return {"model": settings.model, "network": None, "recipe": None, "reasons": []}


class Chosen(NamedTuple):
    """A recipe, and why it is as it is.

    Attributes:
        recipe: every number of training.
        reasons: how the variations of images were decided, in sentences.
    """

    recipe: Recipe
    reasons: tuple[str, ...]


def make_plan(settings: Settings, prepared: Prepared) -> Plan:
    """Decide the network and the recipe; in continual training it keeps its layers.

    The plan, before any time limit shortens it.

    Raises: `UsageError` if settings contradict the data, each other or this machine.
    """
    chosen = make_recipe(settings, prepared)
    trained = prepared.trained
    network = design(prepared.name, settings, prepared.facts) if trained is None else trained.config
    return Plan(prepared.name, network, chosen.recipe, (*prepared.reasons, *chosen.reasons))


def make_recipe(settings: Settings, prepared: Prepared) -> Chosen:
    """Decide how a fresh network is trained.

    Raises: `UsageError` if settings contradict the data, each other or this machine.
    """
    examples, images = prepared.examples, prepared.images
    kept = _Kept(False, False, False, ())
    if images is not None and settings.augment is not False and not examples.generates:
        kept = _kept_by_variations(settings, images, examples)
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
        names=examples.names,
    )
    return Chosen(choose_recipe(settings, around), kept.reasons)


class _Kept(NamedTuple):
    """Ways of varying an image that keep its label, with the reasons."""

    mirror: bool
    shift: bool
    erase: bool
    reasons: tuple[str, ...]


def _kept_by_variations(
    settings: Settings, pixels: UInt8[np.ndarray, "n height width channels"], examples: Examples
) -> _Kept:
    """Find the variations of images that keep their label, by the training data, or by what the user says.

    Classes survive a shift and a missing piece. What a number measures may be the very amount or
    place of something, so it must be shown to survive; noise in a piece never is.
    """
    draws = generator(settings.seed, Purpose.PROBE)
    labels, train = examples.labels, examples.train
    asked = settings.mirror
    said = "mirroring is on, as --mirror asks" if asked else "mirroring is off, as --no-mirror asks"
    if examples.target.has_probabilities:
        if asked is not None:
            return _Kept(asked, True, True, (said,))
        probe = probe_mirroring(pixels, labels, train, draws)
        return _Kept(probe.keeps_class, True, True, (probe.sentence(),))
    shift = usual_shift(min(pixels.shape[1:3]))
    mirroring, shifting = probe_variations(pixels, labels, train, shift, draws)
    reasons = (mirroring.sentence() if asked is None else said, shifting.sentence())
    mirrors = mirroring.keeps_number if asked is None else asked
    return _Kept(mirrors, shifting.keeps_number, False, reasons)
