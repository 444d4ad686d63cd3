"""How a network goes on: its old weights, a row for each new class, a gentler recipe, and why."""

import dataclasses
from collections.abc import Iterator, Sequence

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
from pellucid.pipeline.learners.network import Planned, recipe_words
from pellucid.pipeline.learners.plan import Plan, make_plan
from pellucid.pipeline.learners.preparation import Prepared, examples_of, session_of
from pellucid.pipeline.run.journal import Journal
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings
from pellucid.training import Examples
from pellucid.training.batches import to_tensor
from pellucid.training.determinism import choose_threads, pinned
from pellucid.training.recipe.continuing import continued, continued_words

_MOST_OF_A_CLASS, _MOST_IN_ALL, _BATCH = 200, 20_000, 256


def plan_on(
    continual: ContinualTraining,
    dataset: Dataset,
    settings: Settings,
    journal: Journal,
    stages: Stages,
) -> Planned:
    """Plan how the network goes on.

    Args:
        continual: the network, with what it rehearses.
        dataset: the new data.
        settings: what the user asked for.
        journal: of the run.
        stages: shows what is decided.

    Returns:
        The network at step 0, its old weights in it.

    Raises:
        UsageError: settings contradict the data, each other or this machine.
    """
    prepared = _prepared(continual, dataset, settings)

    def decide() -> Plan:
        with stages.stage("planning") as stage:
            plan = make_plan(settings, prepared)
            examples, new = len(prepared.examples.train), len(continual.new(dataset))
            recipe = continued(plan.recipe, settings, examples, new_classes=new)
            gently = continued_words(plan.recipe, recipe, settings)
            reasons = (*sentences(continual, dataset, settings), gently, *plan.reasons)
            plan = dataclasses.replace(plan, recipe=recipe, reasons=reasons)
            stage.words = f"planned how {plan.name} goes on: {recipe_words(plan)}"
            stage.details += reasons
        return plan

    plan = journal.decided("plan", decide, Plan.to_json, Plan.from_json)
    session = session_of(plan.network, prepared, plan.recipe)
    # The old test examples are answered twice: by the network as it was, and as it is.
    return Planned(plan, prepared, session, 2 * sum(len(each.test) for each in continual.at_hand))


def _prepared(continual: ContinualTraining, dataset: Dataset, settings: Settings) -> Prepared:
    """What the network goes on with, and the network itself with a row for each class."""
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
