"""Learners on a backbone: models on its frozen features, fine-tuning, and the best of them."""

import copy
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from pellucid.bundle.network_answers import answer_in_batches
from pellucid.classical.by_target import FITS
from pellucid.data import Dataset
from pellucid.data.images.augmentation import Augmentation
from pellucid.data.wording import count_of
from pellucid.language.sentence import Sentence, join
from pellucid.networks import HeadAlone, Network, describe
from pellucid.networks.upper_part import UpperPart
from pellucid.pipeline.learners.backbone_choice import BackboneChoice, chosen
from pellucid.pipeline.learners.backbone_costs import (
    SECONDS_A_VALUE,
    is_tuned,
    measured,
    passes_of_tuning,
    share_of_tuning,
    tunes_last_blocks,
    tuning_recipe,
)
from pellucid.pipeline.learners.candidates import (
    Candidate,
    FeatureCache,
    Features,
    on_validation,
    stored_for,
    with_validation,
)
from pellucid.pipeline.learners.classical import left_out, simple_models
from pellucid.pipeline.learners.preparation import Prepared, model_of, unvaried_model_of
from pellucid.pipeline.run.context import UNLIMITED, TimeBudget
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings
from pellucid.training import Examples, Observer, Recipe, Session, Surroundings, choose_recipe
from pellucid.training.hardware import choose_device, choose_threads, keep_freed_memory, pinned
from pellucid.training.loop import ENDS, keep_best_mixture
from pellucid.training.optimisers import UPPERMOST, shares_of_rate
from pellucid.training.state import Record, weights_of

_SECONDS = 1.0
_OF_TUNING = ["epochs", "batch_size", "learning_rate", "weight_decay", "optimizer", "schedule"]
_OF_TUNING += ["augment", "mirror", "patience", "parts"]


@dataclass(frozen=True, eq=False)
class Built:
    """Models on a backbone."""

    choice: BackboneChoice
    network: Network  # the same as layers, the head trained on frozen features
    prepared: Prepared  # what its layers read
    features: Features  # of every example that models on the frozen network are asked about
    candidates: Sequence[Candidate]  # every model on it, simplest first
    history: Sequence[Record] = ()  # one record for each epoch of fine-tuning
    is_tuned: bool = False  # whether the last of the models is the network tuned further


def looked_at_once(network: Network, prepared: Prepared, material: Dataset, threads: int) -> Features:
    """Features of the training and validation examples."""
    model = unvaried_model_of(network, prepared, material.classes)
    positions = np.union1d(prepared.examples.train, material.validation)
    keep_freed_memory()
    with pinned(threads):
        return Features(model.transform(material.inputs[positions]), positions)


@dataclass(frozen=True, eq=False)
class FrozenLearner:
    """The models on the frozen features of a pretrained backbone."""

    choice: BackboneChoice  # the backbone, with what a time limit left it
    settings: Settings
    # computes features, of the training and validation examples at least; by default of these
    look: Callable[[Network, Prepared, Dataset, int], Features] = looked_at_once
    # simple models by name, whose set-ups are taken; by default they are compared
    known: Mapping[str, Candidate] | None = None
    # shows what is done; by default nowhere
    stages: Stages = field(default_factory=partial(Stages, quiet=True))

    @property
    def name(self) -> str:
        """All the models in words."""
        return Sentence("models on {name}", self.choice.name)

    def cost(self, material: Dataset) -> float:
        """By the features of the training examples; once computed, they serve every training."""
        examples = len(np.intersect1d(self.choice.train, material.train))
        return _SECONDS + SECONDS_A_VALUE * examples * self.choice.width

    def fit(self, material: Dataset, time: TimeBudget = UNLIMITED) -> Sequence[Candidate]:
        """Train every model within the time, simplest first, the head last."""
        return self.within(time, material).built(material).candidates

    def within(self, time: TimeBudget, material: Dataset) -> "FrozenLearner":
        """The same with as many training examples as fit into a time."""
        if not time.is_limited:
            return self
        whole, seconds = measured(self.choice, material, self.settings), time.left()
        whole.require(seconds)
        found = whole.within(seconds)
        assert found is not None  # one for which there is time gets a part at least
        return dataclasses.replace(self, choice=found)

    def built(self, material: Dataset) -> Built:
        """Compute the features, and train every model on them."""
        choice, settings = self.choice, self.settings
        network, prepared = choice.started(settings), choice.prepared(material)
        train, began = prepared.examples.train, time.perf_counter()
        features = self.look(network, prepared, material, choose_threads(settings))
        seconds = (time.perf_counter() - began) * len(train) / len(features.positions)
        what = Sentence("a head and simple models on the features of {name}", choice.name)
        with self.stages.stage(Sentence("training {what}", what)) as stage:
            head = self._head(network, prepared, features, material)
            below = dataclasses.replace(head, train_seconds=0.0)
            simple = simple_models(below, train, material, settings, self.known)
            stage.details += left_out(len(material.classes), material.target)
            stage.words = Sentence(
                "trained {name} (head), {join} on {train}{on_validation}",
                choice.name,
                join(" and ", [each.name for each in simple]),
                count_of(len(train), material.noun),
                on_validation([head, *simple], material, settings),
            )
        candidates = [
            dataclasses.replace(each, train_seconds=each.train_seconds + seconds) for each in (*simple, head)
        ]
        return Built(choice, network, prepared, features, candidates)

    def _head(self, network: Network, prepared: Prepared, features: Features, material: Dataset) -> Candidate:
        """The network with a head that was trained in place."""
        train, name, began = prepared.examples.train, self.choice.name, time.perf_counter()
        train_head(network, features, prepared, self.settings)
        alone = HeadAlone(network)

        def ask(rows: Float32[np.ndarray, "rows features"]) -> np.ndarray:
            outputs = answer_in_batches(alone, rows, alone.forward).astype(np.float64)
            return material.target.of_logits(outputs)

        head = Candidate(
            name=name,
            model=unvaried_model_of(network, prepared, material.classes),
            train_examples=len(train),
            train_seconds=time.perf_counter() - began,
            features=Sentence("frozen features of {name}", name),
            stored=FeatureCache(features, ask, train),
        )
        return with_validation(head, material)


def train_head(network: Network, features: Features, prepared: Prepared, settings: Settings) -> None:
    """Train the head of a network, in place, on stored features, with the recipe for feature vectors."""
    whole = prepared.examples
    count, positions = len(whole.train), np.concatenate([whole.train, whole.validation])
    rows, labels = features.of(positions), whole.labels[positions]
    examples = Examples(
        inputs=rows,
        labels=labels,
        train=np.arange(count),
        validation=np.arange(count, len(rows)),
        classes=whole.classes,
        target=whole.target,
        weights=None if whole.weights is None else whole.weights[positions],
    )
    around = Surroundings(
        train_labels=labels[:count],
        classes=whole.classes,
        target=whole.target,
        takes="values",
        precision="fp32",
        device=choose_device(settings),
        threads=1,
        names=whole.names,
    )
    recipe = choose_recipe(of_head(settings), around)
    head = HeadAlone(network)
    head.fit(torch.from_numpy(rows[:count]), torch.from_numpy(labels[:count]))
    Session.of(head, examples, recipe).run()
    network.to("cpu").eval()


def of_head(settings: Settings) -> Settings:
    """The settings that a head is trained with, without those that belong to tuning."""
    given: dict[str, Any] = dict.fromkeys(_OF_TUNING)
    return dataclasses.replace(settings, threads=settings.threads or 1, **given)


# Operations in a second of layers as narrow as those of a backbone: an order of magnitude on two cores.
_FLOPS = 3e10

SUFFIX = "-tuned"

# Outcome of tuning in words, by the share of the change that was kept.
_KEPT = {
    0.0: "it did not pay on validation, so its features stay frozen",
    0.5: "the mean of the weights before and after is best on validation",
    1.0: "its new weights are best on validation",
}

_KEPT_BLINDLY = {
    0.5: "the mean of the weights before and after is kept",
    1.0: "its new weights are kept",
}


def to_the_end(
    session: Session[Any],
    observers: Sequence[Observer] = (),
    follow: Callable[[int, Recipe], Recipe] | None = None,
) -> None:
    """Train to the end of fine-tuning; the last weights count, but where patience may end it before."""
    session.run(observers, keeps_best=session.batches.recipe.patience is not None, follow=follow)


@dataclass(frozen=True, eq=False)
class TuningLearner:
    """A backbone tuned further, from the head that was trained on its frozen features.

    All layers, where the lower a layer, the slower it changes (`training/optimisers.py`), or the last blocks
    alone. The rates run their whole course, since a network gets worse while they are large and better when
    they fall. Then the weights before, those after and, where all layers were tuned, the mean of both are
    compared on validation by the log loss, which every example moves, and not by accuracy, which few do (of
    numbers by the root mean squared error); the best are kept.
    """

    frozen: FrozenLearner  # trains that head
    run: Callable[[Session[Any]], object] = to_the_end  # takes a session to its end, watched or not
    # what came of `frozen` on the same material; None where it is still to be trained
    built: Built | None = None

    @property
    def name(self) -> str:
        """The network in words."""
        return Sentence("{name} fine-tuned", self.frozen.choice.name)

    def cost(self, material: Dataset) -> float:
        """By the layers and the examples that pass them."""
        choice = self.frozen.choice
        prepared, share = choice.prepared(material), share_of_tuning(choice)
        passes = passes_of_tuning(self.frozen.settings, choice, prepared, asked=0, share=share)
        return 2 * sum(row.multiply_adds for row in describe(choice.config)) * passes / _FLOPS

    def fit(self, material: Dataset, time: TimeBudget = UNLIMITED) -> Sequence[Candidate]:
        """Train its layers further: the tuned network, or nothing where it is not tried or did not pay."""
        learner = dataclasses.replace(self, frozen=self.frozen.within(time, material))
        found = learner.tuned(material)
        return found.candidates[-1:] if found.is_tuned else []

    def tuned(self, material: Dataset) -> Built:
        """Train layers of a copy of the network further, where that is wanted and fits into a limit.

        The last blocks alone where they can be trained by themselves, else all. The tuned network comes last
        where it paid.
        """
        built = self.frozen.built(material) if self.built is None else self.built
        if not is_tuned(self.frozen.settings, built.choice):
            return built
        before, prepared = built.candidates[-1], built.prepared
        is_upper = tunes_last_blocks(self.frozen.settings, built.choice, prepared)
        name, share = before.name + SUFFIX, share_of_tuning(built.choice)
        recipe = tuning_recipe(self.frozen.settings, prepared, is_upper=is_upper, share=share)
        with self.frozen.stages.stage(Sentence("fine-tuning {name}", before.name), spinner=False) as stage:
            network = copy.deepcopy(built.network)
            mixed, records = tuned(network, prepared, recipe, self.run, is_upper=is_upper)
            kept = _KEPT[mixed] if len(material.validation) else _KEPT_BLINDLY[mixed]
            epochs = count_of(recipe.epochs, "epoch")
            stage.words = Sentence("fine-tuned {name} ({epochs}); {kept}", before.name, epochs, kept)
            if is_upper:
                stage.words = Sentence(
                    "fine-tuned the last blocks of {name} ({epochs}); {kept}", before.name, epochs, kept
                )
            built = dataclasses.replace(built, history=[{**record, "model": name} for record in records])
            if not mixed:
                return built
            model = model_of(network, prepared, material.classes, recipe)
            candidate = dataclasses.replace(
                before,
                name=name,
                model=model,
                train_seconds=before.train_seconds + sum(record["seconds"] for record in records),
                features=None,
                stored=stored_for(model, material, material.train),
                history=records,
            )
            candidates = [*built.candidates, with_validation(candidate, material)]
        return dataclasses.replace(built, candidates=candidates, is_tuned=True)


def tuned(
    network: Network,
    prepared: Prepared,
    recipe: Recipe,
    run: Callable[[Session[Any]], object],
    *,
    is_upper: bool = False,
) -> tuple[float, Sequence[Record]]:
    """Train a network further, in place, and keep what is best on validation: every layer, or the upper part.

    The share of the change that was kept, 0 where tuning did not pay; and one record for each epoch.
    """
    examples = prepared.examples
    if not is_upper:
        shares = shares_of_rate(network, UPPERMOST[examples.takes])
        session, before = Session.of(network, examples, recipe, shares), weights_of(network)
        run(session)
        return keep_best_mixture(network, before, examples, recipe), session.state.history
    upper = UpperPart(network.to(recipe.device))
    rows = _rows_below(upper, network, prepared, recipe)
    recipe = dataclasses.replace(recipe, augmentation=Augmentation())
    last, before = Session.of(upper, rows, recipe), weights_of(upper)
    run(last)
    # The weights move too far for their mean with those before to be a good network.
    return keep_best_mixture(upper, before, rows, recipe, ENDS, 1.0), last.state.history


def _rows_below(upper: UpperPart, network: Network, prepared: Prepared, recipe: Recipe) -> Examples:
    """What the layers below an upper part give of the training and validation images, mirrored ones too."""
    whole = prepared.examples
    views = [(whole.train, False), (whole.validation, False)]
    if recipe.augmentation.mirror:
        views.insert(0, (whole.train, True))
    assert isinstance(whole.inputs, np.ndarray)  # images

    def below(is_mirrored: bool, batch: Tensor) -> Tensor:
        return upper.below(network, batch.flip(3) if is_mirrored else batch)

    with pinned(recipe.threads):
        parts = [
            answer_in_batches(network, whole.inputs[places], partial(below, is_mirrored))
            for places, is_mirrored in views
        ]
    rows = np.concatenate(parts)
    positions, count = np.concatenate([places for places, _ in views]), len(rows) - len(whole.validation)
    return dataclasses.replace(
        whole,
        inputs=rows,
        labels=whole.labels[positions],
        train=np.arange(count),
        validation=np.arange(count, len(rows)),
        weights=None if whole.weights is None else whole.weights[positions],
    )


@dataclass(frozen=True)
class BackboneLearner:
    """The best on validation of the models on a backbone's features and of the backbone tuned further.

    Of several that are equally right the one with the smaller log loss is taken: few validation examples
    leave many equal. Without any it is logistic regression (ridge regression for numbers), which a backbone's
    features serve best where examples are few.
    """

    settings: Settings  # what the user asked for; a backbone by name among it

    @property
    def name(self) -> str:
        """The backbone."""
        return str(self.settings.backbone)

    def cost(self, material: Dataset) -> float:
        """Of the models on the frozen features, and of fine-tuning where that is tried."""
        frozen = self._frozen(material)
        tuning = TuningLearner(frozen).cost(material) if is_tuned(self.settings, frozen.choice) else 0.0
        return frozen.cost(material) + tuning

    def fit(self, material: Dataset, time: TimeBudget = UNLIMITED) -> Sequence[Candidate]:
        """Train every model on the backbone within the time, and return the best on validation."""
        frozen = self._frozen(material).within(time, material)
        built = frozen.built(material)
        if not len(material.validation):
            return built.candidates[:1]
        found = TuningLearner(frozen, built=built).tuned(material).candidates
        labels, target = material.labels[material.validation], material.target

        def reached(candidate: Candidate) -> tuple[float, float]:
            outputs = candidate.held_out.answers
            finer = -target.value("log_loss", labels, outputs) if target.has_metric("log_loss") else 0.0
            decides = target.decides(self.settings.metric or FITS[target].metric)
            return decides.better(target.value(decides.key, labels, outputs)), finer

        return [max(found, key=reached)]

    def _frozen(self, material: Dataset) -> FrozenLearner:
        """The learner on the frozen features of the backbone that was asked for."""
        (choice,) = chosen(self.settings, material)
        return FrozenLearner(choice, self.settings)
