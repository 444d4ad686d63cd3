"""Networks as learners: planned, limited in time, trained; and the learner that settings name."""

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, runtime_checkable

from pellucid.bundle import Generator
from pellucid.data import Dataset
from pellucid.data.wording import count_of
from pellucid.errors import DataError, UsageError
from pellucid.language.sentence import Sentence, join
from pellucid.networks import NETWORKS, Network, NetworkConfig, describe
from pellucid.networks.text_networks import cell_of
from pellucid.pipeline.learners.backbone_learners import BackboneLearner
from pellucid.pipeline.learners.candidates import Candidate, stored_for, with_validation
from pellucid.pipeline.learners.classical import ClassicalLearner, drawn_for_simple_models
from pellucid.pipeline.learners.preparation import (
    Plan,
    Prepared,
    make_plan,
    model_of,
    network_name,
    prepared_for,
    require_precision,
    session_of,
)
from pellucid.pipeline.learners.refusals import (
    require_fitting_inputs,
    require_fitting_model,
    require_known_classes,
    require_prediction,
)
from pellucid.pipeline.run.context import UNLIMITED, TimeBudget, slowdown
from pellucid.settings import CLASSICAL, Settings
from pellucid.training import Observer, Recipe, Session
from pellucid.training.batches import Batches
from pellucid.training.hardware import keep_freed_memory
from pellucid.training.ranks import current
from pellucid.training.recipe_defaults import FEW_EPOCHS


@runtime_checkable
class Learner(Protocol):
    """Something that learns: a classical model, a network, models on a backbone.

    It says its cost, trains on labelled data within a time, and returns candidates.
    """

    @property
    def name(self) -> str:
        """Name of what it trains, in words."""

    def cost(self, material: Dataset) -> float:
        """Seconds that training on some material takes, by counts alone, on a processor of no name.

        An order of magnitude: whatever is decided by it is the same on every machine.
        """

    def fit(self, material: Dataset, time: TimeBudget = UNLIMITED) -> Sequence[Candidate]:
        """Train within a time on labelled inputs, whose validation split may be empty.

        One candidate, or all that are built on one body, simplest first.
        """


# Orders of magnitude on two cores.
_FLOPS = 1e11  # operations in a second
_STEP = 3e-3  # seconds of a step besides them

# Below so many of a network, or below so many steps, the next smaller one, which sees its examples more
# often, gets further.
_FEWEST_EPOCHS = 3
_FEWEST_STEPS = 100
# Epochs of the small network, which learns by the course of few.
_MOST_OF_SMALL = 12
# Times of what is left that few epochs may take, by counts, for their network to be measured at all.
_FAR = 4
# Epochs of a network of half the width in the time of one of the usual width, at most.
_FASTER = 4
# Times of a preset's epochs that a limit may be filled with; where more fits than that into the time of
# `standard`, the network of another preset follows.
_LONGEST = {"quick": 1, "standard": 2, "best": 2}
_ROOMY = "best"


@dataclass(frozen=True)
class Planned:
    """A network about to be trained."""

    plan: Plan  # its layers and its recipe
    prepared: Prepared  # what it trains on
    session: Session[Network]  # how far its training is
    # plans for less time, each for less than the one before; none where the width is given or the
    # family has none
    hurried: Sequence[Callable[[], Plan]] = ()
    # plan for more time than its whole course takes; None where there is none
    roomier: Callable[[], "Planned"] | None = None
    # the same network's plan for a number of epochs, and the most of them; None where they are given
    for_epochs: Callable[[int], Plan] | None = None
    most_epochs: int = 0
    prepare_seconds: float = 0.0  # that making the material ready took
    training_seconds: float = math.inf  # that training may take within a time limit, where it was measured

    @property
    def seconds(self) -> float:
        """Seconds that training takes by counts alone, on a processor of no name.

        Forwards each weight is multiplied and added once, backwards twice.
        """
        recipe, layers = self.plan.recipe, describe(self.plan.network)
        seen = recipe.total_steps * recipe.batch_size
        return 6 * sum(row.multiply_adds for row in layers) * seen / _FLOPS + recipe.total_steps * _STEP

    @property
    def most_steps(self) -> int:
        """Steps of the longest course that it may have within a time limit."""
        return max(self.plan.recipe.total_steps, self.most_epochs * self.session.batches.per_epoch)

    def within(self, deadline: float, least: float, asked_after: int = 0) -> "Planned":
        """Fit it, at step 0, into a time: another number of epochs, or another plan for less or more time.

        `deadline` is the reading of `time.monotonic` by which it should have trained and answered about
        `asked_after` examples; it trains `least` seconds in any case, even where the deadline is over.
        """
        epoch, steps, seconds = self.session.batches.per_epoch, 0, math.inf
        # The smaller ones learn for fewer than `FEW_EPOCHS`.
        least_of_course = max(_FEWEST_EPOCHS * epoch, min(_FEWEST_STEPS, (FEW_EPOCHS - 1) * epoch))
        fewest = min(least_of_course, self.plan.recipe.total_steps) if self.hurried else 0
        by_counts = self.seconds * fewest / self.plan.recipe.total_steps
        # Where by counts it takes far too long, not even that is measured.
        if by_counts * slowdown() <= _FAR * max(least, deadline - time.monotonic()):
            try:
                left = deadline - time.monotonic()
                steps, seconds = self.session.limit(left, asked_after, least, fewest)
            except UsageError:
                if not self.hurried:
                    raise
            if steps > self.most_steps and self.roomier is not None:
                return self.roomier().within(deadline, least, asked_after)
            if steps and steps >= fewest:
                return dataclasses.replace(self._for_steps(steps), training_seconds=seconds).as_trained()
        following, *smaller = self.hurried
        while smaller and _FASTER * steps < least_of_course:
            following, *smaller = smaller
        plan = following()
        hurried = dataclasses.replace(
            self,
            plan=plan,
            session=session_of(plan, self.prepared),
            hurried=smaller,
            roomier=None,
            for_epochs=None,
            most_epochs=plan.recipe.epochs,
        )
        return hurried.within(deadline, least, asked_after)

    def _for_steps(self, steps: int) -> "Planned":
        """Give its session the course of as many epochs as such a number of steps makes.

        Few epochs have smaller batches, of which as many fit as hold as many examples.
        """
        if self.for_epochs is None:
            return self
        batches, whole = self.session.batches, self.plan.recipe
        epochs = max(1, min(self.most_epochs, math.ceil(steps / batches.per_epoch)))
        recipe = self.for_epochs(epochs).recipe
        fitting = steps * whole.batch_size // recipe.batch_size
        recipe = dataclasses.replace(recipe, total_steps=min(recipe.total_steps, fitting))
        self.session.batches = Batches(batches.examples, recipe)
        return self

    def as_trained(self) -> "Planned":
        """The same with the recipe of its session, which a time limit may have made shorter."""
        plan = dataclasses.replace(self.plan, recipe=self.session.batches.recipe)
        return dataclasses.replace(self, plan=plan)


# Times of the seconds left that the steps to come may take, at most and at least, for their number to stay.
_BEHIND = 1.06
_AHEAD = 0.9
_FILLED = 0.96  # part of the seconds left that another number of steps is to fill
_SETTLED = 0.8  # share of the steps after which none are added, since the learning rate is then small
_READINGS = 40  # of the clock, in the time of a training
_LEAST_BETWEEN = 0.5  # seconds between two readings
_NEWEST = 0.3  # weight of a reading in the pace


def following(
    network: Planned, time_left: TimeBudget, most: int, changed: Callable[[Recipe], object] = lambda _: None
) -> Callable[[int, Recipe], Recipe] | None:
    """Function that changes the number of steps of a training that falls behind its time, or gets ahead.

    The course of the learning rate goes on from where it is and ends with the last step. Steps are added up
    to `most` in all. `changed` is called with each new recipe. `None` where steps cannot be left out.
    """
    if network.plan.recipe.optimizer == "gd":
        return None
    began, first = time.monotonic(), network.session.state.step
    ends = min(time_left.deadline, began + network.training_seconds)
    ends = max(ends, began + time_left.share("network"))
    between = max(_LEAST_BETWEEN, (ends - began) / _READINGS)
    last, seen, pace = began, first, 0.0

    def follow(step: int, recipe: Recipe) -> Recipe:
        """Compare the pace with what is left."""
        nonlocal last, seen, pace
        now = time.monotonic()
        if now - last < between or step >= recipe.total_steps:
            return recipe
        newest = (now - last) / (step - seen)
        pace = newest if seen == first else pace + _NEWEST * (newest - pace)
        last, seen = now, step
        to_come, left = recipe.total_steps - step, max(0.0, ends - now)
        is_behind = to_come * pace > _BEHIND * left
        is_ahead = to_come * pace < _AHEAD * left and step < _SETTLED * recipe.total_steps < _SETTLED * most
        if not is_behind and not is_ahead:
            return recipe
        fitting = max(1, int(_FILLED * left / pace))
        total = step + (min(to_come, fitting) if is_behind else max(to_come, min(fitting, most - step)))
        found = recipe.ending_at(total, step, network.session.batches.per_epoch)
        changed(found)
        return found

    return follow


@dataclass(frozen=True, eq=False)
class NetworkLearner:
    """A network: the one way from material to a trained network."""

    settings: Settings
    # makes the material ready; by default for the network that the settings name
    prepare: Callable[[Dataset], Prepared] | None = None
    decide: Callable[[Prepared], Plan] | None = None  # plans layers and recipe for what was made ready
    # trains what was planned; by default with the observers below, within the time
    train: Callable[[Planned], object] | None = None
    observers: Callable[[Planned], Sequence[Observer]] = lambda network: ()
    # trains what builds on the trained network; by default nothing
    build_on: Callable[[Candidate, Dataset], Sequence[Candidate]] = lambda network, material: ()
    # the same network, planned for all the material of which this one learns a part; None where it is
    # planned afresh
    whole: Planned | None = None

    @property
    def name(self) -> str:
        """The network that was asked for; `auto` where the material decides."""
        return self.settings.model if self.whole is None else self.whole.plan.name

    def cost(self, material: Dataset) -> float:
        """By its layers and steps; of a part the share of its examples."""
        network = self.planned(material) if self.whole is None else self.whole
        return network.seconds * len(material.train) / len(network.prepared.examples.train)

    def planned(self, material: Dataset) -> Planned:
        """Make the material ready, and plan the training of a network at step 0."""
        keep_freed_memory()
        began = time.monotonic()
        if self.prepare is None:
            prepared = prepared_for(network_name(self.settings, material), material, self.settings)
        else:
            prepared = self.prepare(material)
        seconds = time.monotonic() - began
        plan = make_plan(self.settings, prepared) if self.decide is None else self.decide(prepared)
        is_fixed = self.settings.width is not None or prepared.trained is not None or self.whole is not None
        small = None if is_fixed or plan.name not in NETWORKS else NETWORKS[plan.name].small
        found = Planned(plan, prepared, session_of(plan, prepared), prepare_seconds=seconds)
        if small is None:
            return found
        hurried = self._hurried(plan, prepared, small)
        if self.settings.epochs is not None:
            return dataclasses.replace(found, hurried=hurried)
        roomier = partial(self._roomier, found) if self.settings.preset == "standard" else None
        return dataclasses.replace(
            found,
            hurried=hurried,
            roomier=roomier,
            for_epochs=lambda epochs: make_plan(dataclasses.replace(self.settings, epochs=epochs), prepared),
            most_epochs=_LONGEST[self.settings.preset] * plan.recipe.epochs,
        )

    def _roomier(self, usual: Planned) -> Planned:
        """Plan for more time than twice the epochs of the usual network take."""
        settings, prepared = dataclasses.replace(self.settings, preset=_ROOMY), usual.prepared
        plan = make_plan(settings, prepared)
        reason = (
            "More than twice the epochs of --preset standard fit into the time: the network is as wide as "
            "with --preset best, and learns for as many epochs as fit."
        )
        plan = dataclasses.replace(plan, reasons=(*plan.reasons, reason))
        return Planned(
            plan,
            prepared,
            session_of(plan, prepared),
            for_epochs=lambda epochs: make_plan(dataclasses.replace(settings, epochs=epochs), prepared),
            most_epochs=_LONGEST[_ROOMY] * plan.recipe.epochs,
            prepare_seconds=usual.prepare_seconds,
        )

    def _hurried(
        self, plan: Plan, prepared: Prepared, small: Callable[[NetworkConfig], NetworkConfig]
    ) -> Sequence[Callable[[], Plan]]:
        """Plans of few epochs, whose batches and shifts are smaller: half the width, and a small network.

        Only the first where the depth is given, which the small network does not have.
        """
        width = max(1, plan.network.widths[0] // 2)
        settings = dataclasses.replace(self.settings, epochs=min(FEW_EPOCHS - 1, plan.recipe.epochs))
        few = Sentence(
            "Fewer than {FEWEST_EPOCHS} epochs or {FEWEST_STEPS} steps of a {name} of",
            _FEWEST_EPOCHS,
            _FEWEST_STEPS,
            plan.name,
        )

        def half() -> Plan:
            found = make_plan(dataclasses.replace(settings, width=width), prepared)
            reason = Sentence(
                "{few} the usual width fitted into the time: it is half as wide, as with --width {width}, "
                "and sees the examples more often.",
                few,
                width,
            )
            return dataclasses.replace(found, reasons=(*found.reasons, reason))

        def least() -> Plan:
            found = make_plan(settings, prepared)
            epochs = min(_MOST_OF_SMALL, plan.recipe.epochs)
            steps = epochs * found.recipe.total_steps // found.recipe.epochs
            recipe = dataclasses.replace(found.recipe, epochs=epochs, total_steps=steps, frozen_from=None)
            reason = Sentence(
                "{few} half the width fit into the time: single convolutions and a dense layer replace its "
                "blocks, and it sees the examples more often.",
                few,
            )
            reasons = (*found.reasons, reason)
            return dataclasses.replace(found, network=small(found.network), recipe=recipe, reasons=reasons)

        return (half, least) if self.settings.depth is None else (half,)

    def trained(self, network: Planned, material: Dataset) -> Sequence[Candidate]:
        """Train to the end of the recipe, from step 0 or from a checkpoint.

        The trained network with its answers on validation, and after it what is built on it.
        """
        if self.train is None:
            network.session.run(self.observers(network))
        else:
            self.train(network)
        plan, session = network.as_trained().plan, network.session
        model = model_of(session.network, network.prepared, material.classes, plan.recipe)
        candidate = Candidate(
            name=plan.name,
            model=model,
            train_examples=len(network.prepared.examples.train),
            train_seconds=sum(record["seconds"] for record in session.state.history),
            history=session.state.history,
        )
        if isinstance(model, Generator):
            return [candidate]  # there is nothing that it could be asked
        # Detectors use the examples that simple models learn from: these pass the network anyway.
        stored = stored_for(model, material, drawn_for_simple_models(material, self.settings))
        candidate = with_validation(dataclasses.replace(candidate, stored=stored), material)
        return [candidate, *self.build_on(candidate, material)]

    def fit(self, material: Dataset, time: TimeBudget = UNLIMITED) -> Sequence[Candidate]:
        """Plan, shorten the recipe to what fits, and train."""
        network = self.planned(material)
        if not time.is_limited:
            return self.trained(network, material)
        network = network.within(time.deadline, time.share("network"))
        if self.whole is not None:
            return self.trained(network, material)
        follow = following(network, time, network.most_steps)
        learner = dataclasses.replace(
            self, train=lambda found: found.session.run(self.observers(found), follow=follow)
        )
        return learner.trained(network, material)


def learner_on_part(network: Planned, settings: Settings, *, keeps_best: bool = True) -> NetworkLearner:
    """The learner of a network that was planned for all training examples, for a part of them.

    Without `keeps_best` the last weights count, and validation examples only watch.
    """

    def decide(prepared: Prepared) -> Plan:
        """The layers of the whole network, trained as its rules say for so few examples."""
        plan, whole, own = network.plan, make_plan(settings, network.prepared), settings
        wider = sum(plan.network.widths) - sum(whole.network.widths)
        is_limited = wider != 0 or plan.recipe.epochs != whole.recipe.epochs
        if is_limited:
            epochs = min(FEW_EPOCHS - 1, plan.recipe.epochs) if wider < 0 else plan.recipe.epochs
            own = dataclasses.replace(own, epochs=epochs, preset=_ROOMY if wider > 0 else own.preset)
            whole = make_plan(own, network.prepared)
        fresh = make_plan(own, prepared)
        parts = fresh.recipe.parts
        if settings.parts is not None:  # as large as those of the whole
            parts = max(1, plan.recipe.parts * fresh.recipe.batch_size // plan.recipe.batch_size)
        share = plan.recipe.total_steps / whole.recipe.total_steps  # below 1 where a time limit shortened it
        recipe = dataclasses.replace(
            fresh.recipe,
            epochs=plan.recipe.epochs if is_limited else fresh.recipe.epochs,
            total_steps=max(1, math.ceil(share * fresh.recipe.total_steps)),
            frozen_from=plan.recipe.frozen_from,
            parts=parts,
        )
        # A vocabulary learnt from the whole split would know words that the part does not hold.
        return dataclasses.replace(fresh, network=plan.network.with_inputs_of(fresh.network), recipe=recipe)

    return NetworkLearner(
        settings,
        prepare=lambda material: prepared_for(network.plan.name, material, settings),
        decide=decide,
        train=lambda part: part.session.run(keeps_best=keeps_best),
        whole=network,
    )


def recipe_words(plan: Plan) -> str:
    """The recipe in words, for the terminal: epochs, steps, optimiser and augmentation."""
    recipe, augmentation = plan.recipe, plan.recipe.augmentation
    varied = not augmentation.is_off
    parts = {
        count_of(recipe.epochs, "epoch"): True,
        Sentence("{total_steps:,} steps of {batch_size}", recipe.total_steps, recipe.batch_size): True,
        Sentence(
            "{optimizer} with learning rate {learning_rate:g}", recipe.optimizer, recipe.learning_rate
        ): True,
        Sentence("{schedule} schedule", recipe.schedule): True,
        Sentence("loss function {loss}", recipe.loss)
        if recipe.beta in (None, 1.0)
        else Sentence("loss function {loss} with beta {beta:g}", recipe.loss, recipe.beta): True,
        Sentence("label smoothing {label_smoothing:g}", recipe.label_smoothing): recipe.label_smoothing,
        Sentence("{precision} precision", recipe.precision): True,
        _words_on_threads(recipe): True,
        Sentence("shifted by up to {shift} px", augmentation.shift): varied and augmentation.shift,
        "mirrored in every other epoch": varied and augmentation.mirror,
        Sentence("a rectangle erased from {erase:.0f} % of them", 100 * augmentation.erase): varied
        and augmentation.erase > 0,
        Sentence("in {mix:.0f} % a rectangle from another image", 100 * augmentation.mix): varied
        and augmentation.mix > 0,
        Sentence(
            "{word_dropout:.0f} % of the tokens replaced by unknown", 100 * recipe.word_dropout
        ): recipe.word_dropout,
        "classes weighted": recipe.class_weights is not None,
    }
    if recipe.frozen_epochs:
        parts[
            Sentence(
                "the first block frozen from epoch {epochs} on", recipe.epochs - recipe.frozen_epochs + 1
            )
        ] = True
    return join(", ", [words for words, is_so in parts.items() if is_so])


def _words_on_threads(recipe: Recipe) -> str:
    """How many threads or processes compute a batch, and why no more where its parts bound them."""
    ranks = current()
    if ranks is not None:
        return ranks.words(recipe.parts)
    if recipe.device != "cpu" or recipe.busy_threads == recipe.threads:
        return count_of(recipe.threads, "thread")
    return Sentence(
        "{busy_threads} of {threads} threads as a batch has {parts}",
        recipe.busy_threads,
        recipe.threads,
        count_of(recipe.parts, "part"),
    )


# Fewer training images are no distribution that could be learnt; it is the smallest batch by rule, too.
LEAST_IMAGES = 16

# Of the autoencoder that a generator is compared with.
_SEEN_BY_BASELINE = 200_000  # images passed
_MOST_EPOCHS_OF_BASELINE = 20


def require_enough_images(settings: Settings, count: int, place: str) -> None:
    """Refuse fewer training images than a batch, or than make a distribution."""
    if count < LEAST_IMAGES:
        raise DataError(
            "{place}: {count} to train on, and {model} needs at least {LEAST_IMAGES}; add images",
            place,
            count_of(count, "image"),
            settings.model,
            LEAST_IMAGES,
        )
    if settings.batch_size is not None and settings.batch_size > count:
        raise UsageError(
            "--batch-size: {batch_size:,} is more than the {count} to train on; "
            "give a smaller one, or leave it out",
            settings.batch_size,
            count_of(count, "image"),
        )


def baseline_autoencoder(settings: Settings, material: Dataset) -> NetworkLearner:
    """Learner of the autoencoder that an adversarial network is compared with.

    It learns in few steps, the same whatever time there is, and nobody watches.
    """
    epochs = round(_SEEN_BY_BASELINE / max(1, len(material.train)))
    return NetworkLearner(
        Settings(
            model="vae",
            preset="quick",
            epochs=max(1, min(_MOST_EPOCHS_OF_BASELINE, epochs)),
            seed=settings.seed,
            threads=settings.threads,
            device=settings.device,
        )
    )


def learner_of(settings: Settings, material: Dataset) -> Learner:
    """The learner that settings name, which fits that model alone."""
    require_prediction(settings)
    require_fitting_model(settings, material.target)
    require_known_classes(settings, material.classes, "y", material.target)
    if settings.model in CLASSICAL:
        require_fitting_inputs(settings, material.takes)
        return ClassicalLearner(settings.model, settings)
    require_precision(settings, cell_of(settings))
    if settings.builds_on_backbone:
        return BackboneLearner(settings)
    return NetworkLearner(settings)
