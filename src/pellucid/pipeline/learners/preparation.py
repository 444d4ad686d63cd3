"""Preparation of data for a network, and the plan of its training, decided before the first step."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import UInt8

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import FeatureModel, ImageModel, Model, TextModel, generator_of
from pellucid.data import Dataset, Preprocessing
from pellucid.data.raw_texts import Texts
from pellucid.encoding import Encoder, NgramEncoder, TokenEncoder, Tokens, fit_ngrams, fit_tokens
from pellucid.encoding.vector_files import read_vectors
from pellucid.errors import UsageError
from pellucid.language.sentence import Sentence
from pellucid.networks import InputFacts, Network, NetworkConfig, design
from pellucid.networks.text_networks import cell_of
from pellucid.pipeline.by_target import WAYS, Variations, target_of_run
from pellucid.pipeline.learners.refusals import networks_with, require_fitting_inputs
from pellucid.pipeline.run.journal import Journal
from pellucid.settings import Settings
from pellucid.targets import Labels, Target
from pellucid.training import Examples, Recipe, Session, Surroundings, WordVectors, choose_recipe
from pellucid.training.hardware import choose_device, choose_precision, choose_threads, lacking
from pellucid.training.recipe_defaults import most_parts

# Networks of texts; the first that has every setting given is taken.
_PREFERRED = ("bag", "text-cnn", "rnn", "transformer")


@dataclass(frozen=True, eq=False)
class Prepared:
    """Material made ready for one network."""

    name: str
    examples: Examples  # for training
    # goes into the model, so that new inputs are made ready in the same way; None for feature vectors
    preparation: Preprocessing | Encoder | None
    reasons: tuple[str, ...] = ()  # how it was chosen, in sentences
    vectors: WordVectors | None = None  # pretrained vectors of words that the network starts with, or None
    # a network that continues training, with the weights it starts from; None for a fresh one
    trained: Network | None = None
    # by what decides them besides the material: finding them takes a second or two, and plans are made anew
    # for another width or number of epochs
    _variations: dict[tuple[bool | None, int], Variations] = field(default_factory=dict, init=False)

    @property
    def encoder(self) -> Encoder | None:
        """Encoder of texts into ids; `None` where the inputs are others."""
        return None if isinstance(self.preparation, Preprocessing) else self.preparation

    @property
    def images(self) -> UInt8[np.ndarray, "n height width channels"] | None:
        """The images; `None` where the inputs are others."""
        inputs = self.examples.inputs
        return inputs if isinstance(inputs, np.ndarray) and inputs.ndim == 4 else None

    def variations(self, settings: Settings) -> Variations:
        """How images may be varied in training, their labels kept; nothing where the inputs are others."""
        images, examples = self.images, self.examples
        if images is None or settings.augment is False:
            return Variations()
        asked = settings.mirror, settings.seed
        if asked not in self._variations:
            labels = Labels(examples.labels, examples.names, examples.target)
            draws = generator(settings.seed, Purpose.PROBE)
            vary = WAYS[examples.target].vary
            self._variations[asked] = vary(settings.mirror, images, labels, examples.train, draws)
        return self._variations[asked]

    @property
    def facts(self) -> InputFacts:
        """Facts that the design of the network goes by."""
        inputs, classes, target = self.examples.inputs, self.examples.classes, self.examples.target
        # What makes images has classes as conditions.
        outputs = max(1, classes) if WAYS[target].makes_images else target.outputs(classes)
        examples = len(self.examples.train)
        if isinstance(inputs, Tokens):
            return InputFacts(
                (inputs.length,),
                outputs,
                examples,
                vocabulary=inputs.vocabulary,
                embedding=0 if self.vectors is None else self.vectors.matrix.shape[1],
                groups=self.encoder.weighed if isinstance(self.encoder, NgramEncoder) else (),
            )
        shape = inputs.shape
        taken = (shape[3], shape[1], shape[2]) if len(shape) == 4 else (shape[1],)
        return InputFacts(taken, outputs, examples)


def network_name(settings: Settings, material: Dataset) -> str:
    """Name of the network to train, a key in `NETWORKS`: the one asked for, or by rule.

    The rule: `cnn` for images, `mlp` for feature vectors; for texts `bag`, which learns any in seconds, or
    the next one that has every setting that was given.
    """
    require_fitting_inputs(settings, material.takes)
    if settings.model != "auto":
        return settings.model
    if material.takes == "texts":
        return networks_with(settings, _PREFERRED)[0]
    return "cnn" if material.takes == "images" else "mlp"


def prepared_for(name: str, material: Dataset, settings: Settings) -> Prepared:
    """Make data ready for one network."""
    if not isinstance(material.inputs, Texts):
        examples = examples_of(material.inputs, material, target_of_run(name, material))
        return Prepared(name, examples, material.preprocessing)
    fit = fit_ngrams if name == "bag" else fit_tokens
    encoder, reasons = fit(material.inputs, material.train, settings)
    vectors = None
    if settings.vectors is not None:
        assert isinstance(encoder, TokenEncoder)  # other networks and other tokens are refused with vectors
        found = read_vectors(settings.vectors, encoder.entries)
        after = "are trained further" if settings.tune_vectors else "stay as they are"
        reason = Sentence(
            "{words:,} of {entries:,} words start with a vector from {vectors}; these {after}.",
            len(found.words),
            len(encoder.entries),
            settings.vectors,
            after,
        )
        first = encoder.vocabulary - len(encoder.entries)
        vectors = WordVectors(found.words + first, found.matrix, settings.tune_vectors)
        reasons = (*reasons, reason)
    examples = examples_of(encoder.encode(material.inputs), material)
    return Prepared(name, examples, encoder, tuple(reasons), vectors)


def examples_of(inputs: np.ndarray | Tokens, material: Dataset, target: Target | None = None) -> Examples:
    """Inputs that are ready for a network (images, feature vectors or ids of texts), with their labels.

    `target` is what is learnt, by default what the material has labels of.
    """
    return Examples(
        inputs,
        material.labels,
        material.train,
        material.validation,
        len(material.classes),
        target or material.target,
        names=material.classes,
        weights=material.weights,
    )


def model_of(network: Network, prepared: Prepared, classes: tuple[str, ...], recipe: Recipe) -> Model:
    """A trained network with everything that belongs to it; no `classes` where numbers are predicted."""
    preparation, target = prepared.preparation, prepared.examples.target
    if preparation is None:
        return FeatureModel(network, classes, target)
    if WAYS[target].makes_images:
        assert isinstance(preparation, Preprocessing)  # it takes images
        return generator_of(network, preparation, classes)
    if isinstance(preparation, Preprocessing):
        mirror = recipe.augmentation.mirror
        return ImageModel(network, preparation, classes, target, mirror=mirror)
    return TextModel(network, preparation, classes, target)


def unvaried_model_of(network: Network, prepared: Prepared, classes: tuple[str, ...]) -> Model:
    """The same of a network that saw every example as it is, so that it is asked about every image once."""
    target = prepared.examples.target
    if isinstance(prepared.preparation, Preprocessing):
        return ImageModel(network, prepared.preparation, classes, target)
    assert prepared.preparation is not None  # feature vectors have no backbone
    return TextModel(network, prepared.preparation, classes, target)


def session_of(plan: "Plan", prepared: Prepared) -> Session[Network]:
    """A session of a planned network, at step 0."""
    return Session.start(plan.network, prepared.examples, plan.recipe, prepared.vectors, prepared.trained)


@dataclass(frozen=True)
class Plan:
    """Network and recipe of a training."""

    name: str  # the model's name in `metrics.json`
    network: NetworkConfig  # its layers
    recipe: Recipe  # every number of training
    reasons: tuple[str, ...]  # how things were decided, in sentences

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


def make_plan(settings: Settings, prepared: Prepared) -> Plan:
    """Decide the network and the recipe, before any time limit; in continual training it keeps its layers."""
    recipe, reasons = make_recipe(settings, prepared)
    trained = prepared.trained
    network = design(prepared.name, settings, prepared.facts) if trained is None else trained.config
    return Plan(prepared.name, network, recipe, (*prepared.reasons, *reasons))


def decided_plan(journal: Journal, settings: Settings, plan: Callable[[], Plan]) -> Plan:
    """The plan of a run, decided once; a resumed run may have another number of threads.

    Raises: `UsageError` if a batch cannot fill the parts that were asked for.
    """

    def fitting() -> Plan:
        found = plan()
        require_parts(settings, found)
        return found

    found = journal.decided("plan", fitting, Plan.to_json, Plan.from_json)
    recipe = dataclasses.replace(found.recipe, threads=settings.threads or found.recipe.threads)
    return dataclasses.replace(found, recipe=recipe)


def require_parts(settings: Settings, plan: Plan) -> None:
    """Refuse more parts than a batch can fill; trainings on a part of the data have fewer."""
    if settings.parts is not None and settings.parts > plan.recipe.parts:
        most, reason = most_parts(settings, plan.name, plan.recipe.batch_size)
        raise UsageError(
            "--parts: {parts:,} is too many, since {reason}; give at most {most:,}",
            settings.parts,
            reason,
            most,
        )


def make_recipe(settings: Settings, prepared: Prepared) -> tuple[Recipe, tuple[str, ...]]:
    """Decide how a fresh network is trained, and say in sentences which variations keep the label."""
    examples, images = prepared.examples, prepared.images
    found = prepared.variations(settings)
    device = choose_device(settings)
    around = Surroundings(
        train_labels=examples.labels[examples.train],
        classes=examples.classes,
        target=examples.target,
        takes=examples.takes,
        model=prepared.name,
        shortest_side=0 if images is None else min(images.shape[1:3]),
        channels=0 if images is None else images.shape[3],
        mirror_keeps_class=found.mirrors,
        precision=choose_precision(settings, device),
        device=device,
        threads=choose_threads(settings),
        shift_keeps_label=found.shifts,
        erase_keeps_label=found.erases,
        names=examples.names,
    )
    return choose_recipe(settings, around), found.reasons


def require_precision(settings: Settings, cell: str) -> None:
    """Refuse a device or an arithmetic that was asked for; what is chosen by rule is always there.

    `cell` is empty where the network is not recurrent. Raises: `UsageError` naming what fits.
    """
    device = choose_device(settings)
    if settings.precision != "bf16":
        return
    lack = lacking(settings.precision, cell, device)
    if lack is not None:
        other = ", or --cell gru" if cell == "lstm" and settings.from_ is None else ""
        raise UsageError("--precision: {lack}; give auto or fp32{other}", lack, other)


def require_precision_of_run(settings: Settings, journal: Journal) -> None:
    """Refuse a device, and an arithmetic of the settings or of a resumed run's plan, before data is read."""
    choose_device(settings)
    planned = journal.content.get("plan") or {}
    if not journal.is_resumed:
        require_precision(settings, cell_of(settings))
    elif planned.get("recipe") is not None:
        plan = Plan.from_json(planned)
        require_precision_again(plan.recipe.precision, plan.network.cell, plan.recipe.device)


def require_precision_again(precision: str, cell: str, device: str) -> None:
    """Refuse to resume in an arithmetic that this machine cannot do, with a `UsageError`.

    `cell` is empty where the network is not recurrent.
    """
    lack = lacking(precision, cell, device)
    if lack is not None:
        raise UsageError(
            "--resume: training began in {precision}, and {lack}; go on where it began, or start again with "
            "--overwrite",
            precision,
            lack,
        )
