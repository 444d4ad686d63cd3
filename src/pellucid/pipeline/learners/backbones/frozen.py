"""Models on the features of a frozen backbone: a head, logistic regression and a support vector machine."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float32

from pellucid.bundle.models.answering import answer_in_batches
from pellucid.data.wording import count_of
from pellucid.networks import HeadAlone, Network
from pellucid.pipeline.learners.backbones.costs import SECONDS_A_VALUE, measured
from pellucid.pipeline.learners.backbones.option import Choice
from pellucid.pipeline.learners.candidates import Candidate, Stored, on_validation, with_validation
from pellucid.pipeline.learners.features import Features
from pellucid.pipeline.learners.on_network import left_out, simple_models
from pellucid.pipeline.learners.planning.preparation import Material, Prepared, unvaried_model_of
from pellucid.pipeline.run.stages import Stages
from pellucid.pipeline.run.time_budget import UNLIMITED, TimeBudget
from pellucid.settings import Settings
from pellucid.tasks import INPUT_KINDS, Target
from pellucid.training import Examples, Session, Surroundings, choose_recipe
from pellucid.training.determinism import choose_device, choose_threads, pinned
from pellucid.training.memory import keep_freed_memory
from pellucid.training.state import Record

_SECONDS = 1.0


@dataclass(frozen=True, eq=False)
class Built:
    """Models on a backbone.

    Attributes:
        choice: the backbone.
        network: the same as layers, the head trained on frozen features.
        prepared: what its layers read.
        features: of every example that models on the frozen network are asked about.
        candidates: every model on it, simplest first.
        history: one record for each epoch of fine-tuning.
        is_tuned: whether the last of the models is the network tuned further.
    """

    choice: Choice
    network: Network
    prepared: Prepared
    features: Features
    candidates: Sequence[Candidate]
    history: Sequence[Record] = ()
    is_tuned: bool = False


def looked_at_once(network: Network, prepared: Prepared, material: Material, threads: int) -> Features:
    """Features of the training and validation examples."""
    model = unvaried_model_of(network, prepared, material.classes)
    positions = np.union1d(prepared.examples.train, material.validation)
    keep_freed_memory()
    with pinned(threads):
        return Features(model.transform(material.inputs[positions]), positions)


def _quiet() -> Stages:
    return Stages(quiet=True)


@dataclass(frozen=True, eq=False)
class FrozenLearner:
    """The models on the frozen features of a pretrained backbone.

    Attributes:
        choice: the backbone, with what a time limit left it.
        settings: what the user asked for.
        look: computes features, of the training and validation examples at least; by default of these.
        known: simple models by name, whose set-ups are taken; by default they are compared.
        stages: shows what is done; by default nowhere.
    """

    choice: Choice
    settings: Settings
    look: Callable[[Network, Prepared, Material, int], Features] = looked_at_once
    known: Mapping[str, Candidate] | None = None
    stages: Stages = field(default_factory=_quiet)

    @property
    def name(self) -> str:
        """All the models in words."""
        return f"models on {self.choice.name}"

    def cost(self, material: Material) -> float:
        """By the features of the training examples; once computed, they serve every training."""
        examples = len(np.intersect1d(self.choice.train, material.train))
        return _SECONDS + SECONDS_A_VALUE * examples * self.choice.width

    def fit(self, material: Material, time: TimeBudget = UNLIMITED) -> Sequence[Candidate]:
        """Train every model within the time, simplest first, the head last."""
        return self.within(time, material).built(material).candidates

    def within(self, time: TimeBudget, material: Material) -> "FrozenLearner":
        """The same with as many training examples as fit into a time.

        Raises: `UsageError` if not even a small part of them fits.
        """
        if not time.is_limited:
            return self
        whole = measured(self.choice, material, self.settings)
        seconds = time.left()
        whole.require(seconds)
        found = whole.within(seconds)
        assert found is not None  # one for which there is time gets a part at least
        return dataclasses.replace(self, choice=found)

    def built(self, material: Material) -> Built:
        """Compute the features, and train every model on them.

        Raises: `DivergedError` if the loss stopped being finite; `StorageError` if the disk is full or not
        writable, where features are kept.
        """
        choice, settings = self.choice, self.settings
        network, prepared = choice.started(settings), choice.prepared(material)
        train, began = prepared.examples.train, time.perf_counter()
        features = self.look(network, prepared, material, choose_threads(settings))
        seconds = (time.perf_counter() - began) * len(train) / len(features.positions)
        with self.stages.stage(
            f"training a head and simple models on the features of {choice.name}"
        ) as stage:
            head = self._head(network, prepared, features, material)
            below = dataclasses.replace(head, train_seconds=0.0)
            simple = simple_models(below, train, material, settings, self.known)
            stage.details += left_out(len(material.classes))
            stage.words = (
                f"trained {choice.name} (head), {' and '.join(each.name for each in simple)} on "
                f"{count_of(len(train), INPUT_KINDS[material.takes].noun)}"
                f"{on_validation([head, *simple], material, settings)}"
            )
        candidates = [
            dataclasses.replace(each, train_seconds=each.train_seconds + seconds) for each in (*simple, head)
        ]
        return Built(choice, network, prepared, features, candidates)

    def _head(
        self, network: Network, prepared: Prepared, features: Features, material: Material
    ) -> Candidate:
        """The network with a head that was trained in place."""
        train, name, began = prepared.examples.train, self.choice.name, time.perf_counter()
        train_head(network, features, prepared, self.settings)
        head = Candidate(
            name=name,
            model=unvaried_model_of(network, prepared, material.classes),
            train_examples=len(train),
            train_seconds=time.perf_counter() - began,
            features=f"frozen features of {name}",
            stored=Stored(features, _asking(network, material.target), train),
        )
        return with_validation(head, material)


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
        weights=None if whole.weights is None else whole.weights[np.concatenate([train, validation])],
    )
    around = Surroundings(
        train_labels=labels[: len(train)],
        classes=whole.classes,
        takes="values",
        precision="fp32",
        device=choose_device(settings),
        threads=1,
        names=whole.names,
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
        mirror=None,
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
