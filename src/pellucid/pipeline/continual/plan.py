"""Plan of continual training: old weights, a row for each new class, a gentler recipe, and why."""

import dataclasses
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from jaxtyping import Int64, Shaped
from torch import Tensor, from_numpy, nn

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import TextModel
from pellucid.data import Dataset
from pellucid.data.texts.store import Texts
from pellucid.networks import Network
from pellucid.networks.extending import Centres, centres_of, copied, with_classes
from pellucid.pipeline.continual.training import ContinualTraining
from pellucid.pipeline.continual.words import sentences
from pellucid.pipeline.learners.in_run import simple_in_run, train_in_run
from pellucid.pipeline.learners.network import NetworkLearner, recipe_words
from pellucid.pipeline.learners.planning.plan import Plan, make_plan
from pellucid.pipeline.learners.planning.preparation import Prepared, examples_of
from pellucid.pipeline.run.context import RunContext
from pellucid.settings import Settings
from pellucid.training import Examples
from pellucid.training.batches import to_tensor
from pellucid.training.determinism import choose_threads, pinned
from pellucid.training.recipe.continuing import continued, continued_words

_MOST_OF_A_CLASS, _MOST_IN_ALL, _BATCH = 200, 20_000, 256


def continual_learner(continual: ContinualTraining, context: RunContext) -> NetworkLearner:
    """The learner of a network that continues training from its old weights.

    Decides its plan once, and resumes from the newest checkpoint.
    """
    dataset, settings, journal = context.dataset, context.settings, context.journal

    def decide(prepared: Prepared) -> Plan:
        return journal.decided(
            "plan", lambda: _plan(prepared, continual, context), Plan.to_json, Plan.from_json
        )

    return NetworkLearner(
        settings,
        prepare=lambda _: _prepared(continual, dataset, settings),
        decide=decide,
        train=partial(train_in_run, context=context),
        beside=partial(simple_in_run, context=context),
    )


def _plan(prepared: Prepared, continual: ContinualTraining, context: RunContext) -> Plan:
    """The plan of a fresh network, with a gentler recipe."""
    dataset, settings = context.dataset, context.settings
    with context.stages.stage("planning") as stage:
        plan = make_plan(settings, prepared)
        examples, new = len(prepared.examples.train), len(continual.new(dataset))
        recipe = continued(plan.recipe, settings, examples, new_classes=new)
        gently = continued_words(plan.recipe, recipe, settings)
        reasons = (*sentences(continual, dataset, settings), gently, *plan.reasons)
        plan = dataclasses.replace(plan, recipe=recipe, reasons=reasons)
        stage.words = f"planned continual training of {plan.name}: {recipe_words(plan)}"
        stage.details += reasons
    return plan


def _prepared(continual: ContinualTraining, dataset: Dataset, settings: Settings) -> Prepared:
    """The material, and the network itself with a row for each class."""
    model, material = continual.start.model, continual.learned(dataset)
    inputs = material.inputs
    if isinstance(model, TextModel):
        assert isinstance(inputs, Texts)  # data for a model of texts was read as texts
        examples = examples_of(model.encoder.encode(inputs), material)
    else:
        assert not isinstance(inputs, Texts)
        examples = examples_of(inputs, material)
    with pinned(choose_threads(settings)):
        network = _with_all_classes(model.network, model.classes, dataset.classes, examples, settings.seed)
    if any(record["settings"].get("tune_vectors") is False for record in continual.records):
        for layer in network.modules():
            if isinstance(layer, nn.Embedding):
                layer.weight.requires_grad_(False)
    preparation = model.encoder if isinstance(model, TextModel) else model.preprocessing
    return Prepared(model.name, examples, preparation, trained=network)


def _with_all_classes(
    network: Network, old: Sequence[str], classes: Sequence[str], examples: Examples, seed: int
) -> Network:
    """The network with its last layer in the order of all classes; of numbers as it is."""
    if not classes:
        return copied(network)
    places = {name: place for place, name in enumerate(old)}

    def centres() -> Centres:
        return centres_of(network, _some_of_each(examples, seed), len(classes))

    return with_classes(network, [places.get(name) for name in classes], centres)


def _some_of_each(
    examples: Examples, seed: int
) -> Iterator[tuple[Shaped[Tensor, "_ ..."], Int64[Tensor, " _"]]]:
    """Some training examples of each class, drawn by chance, as the network takes them."""
    most = max(1, min(_MOST_OF_A_CLASS, _MOST_IN_ALL // examples.classes))
    order = generator(seed, Purpose.NEW_CLASSES).permutation(examples.train)
    labels = examples.labels[order]
    taken = np.sort(np.concatenate([order[labels == code][:most] for code in range(examples.classes)]))
    for start in range(0, len(taken), _BATCH):
        positions = taken[start : start + _BATCH]
        yield to_tensor(examples.inputs, positions), from_numpy(examples.labels[positions])
