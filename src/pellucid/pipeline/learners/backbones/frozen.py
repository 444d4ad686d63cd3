"""Models on the features of a frozen backbone: a head, logistic regression and a support vector machine."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float32

from pellucid.bundle.models.answering import answer_in_batches
from pellucid.classical.lesson import Setting
from pellucid.networks import HeadAlone, Network
from pellucid.pipeline.learners.candidates import Candidate, Stored, with_validation
from pellucid.pipeline.learners.features import Features
from pellucid.pipeline.learners.on_network import simple_models
from pellucid.pipeline.learners.planning.preparation import Material, Prepared, unvaried_model_of
from pellucid.settings import Settings
from pellucid.tasks import Target
from pellucid.training import Examples, Session, Surroundings, choose_recipe
from pellucid.training.determinism import choose_device


def frozen_candidates(
    name: str,
    network: Network,
    prepared: Prepared,
    features: Features,
    material: Material,
    settings: Settings,
    setups: Mapping[str, Setting] | None = None,
) -> tuple[list[Candidate], Sequence[str]]:
    """Train every model on features, in seconds.

    Args:
        name: of the backbone.
        network: the backbone with a head that has learnt nothing; the head is trained in place.
        prepared: what the network takes.
        features: of all examples that are asked about.
        material: for labels and validation examples.
        settings: what the user asked for.
        setups: the set-up of each simple model by its name; by default they are compared.

    Returns:
        The models, simplest first, the head last; and a sentence about one that is left out, if any.
    """
    train = prepared.examples.train
    began = time.perf_counter()
    train_head(network, features, prepared, settings)
    head = Candidate(
        name=name,
        model=unvaried_model_of(network, prepared, material.classes),
        train_examples=len(train),
        train_seconds=time.perf_counter() - began,
        features=f"frozen features of {name}",
        stored=Stored(features, _asking(network, material.target), train),
    )
    head = with_validation(head, material)
    below = dataclasses.replace(head, train_seconds=0.0)
    simple, left_out = simple_models(below, train, material, settings, setups)
    return [*simple, head], left_out


def train_head(network: Network, features: Features, prepared: Prepared, settings: Settings) -> None:
    """Teach the head of a network, in place, on stored features, with the recipe for feature vectors."""
    whole = prepared.examples
    train, validation = whole.train, whole.validation
    rows = np.concatenate([features.of(train), features.of(validation)])
    labels = np.concatenate([whole.labels[train], whole.labels[validation]])
    examples = Examples(
        inputs=rows,
        labels=labels,
        train=np.arange(len(train)),
        validation=np.arange(len(train), len(rows)),
        classes=whole.classes,
    )
    around = Surroundings(
        train_labels=labels[: len(train)],
        classes=whole.classes,
        takes="values",
        precision="fp32",
        device=choose_device(settings),
        threads=1,
    )
    recipe = choose_recipe(of_head(settings), around)
    head = HeadAlone(network)
    head.fit(torch.from_numpy(rows[: len(train)]), torch.from_numpy(labels[: len(train)]))
    Session.of(head, examples, recipe).run()
    network.to("cpu").eval()


def of_head(settings: Settings) -> Settings:
    """The settings that a head is trained with, those of images and of long trainings left out.

    Epochs, batch size, learning rate and augmentation belong to tuning.
    """
    return dataclasses.replace(
        settings,
        epochs=None,
        batch_size=None,
        learning_rate=None,
        weight_decay=None,
        optimizer=None,
        schedule=None,
        augment=None,
        patience=None,
        threads=settings.threads or 1,
    )


def _asking(network: Network, target: Target) -> Callable[[np.ndarray], np.ndarray]:
    """Function from features to the head's answers."""
    head = HeadAlone(network)

    def ask(rows: Float32[np.ndarray, "rows features"]) -> np.ndarray:
        outputs = answer_in_batches(head, rows, head.forward).astype(np.float64)
        return target.of_logits(outputs)

    return ask
