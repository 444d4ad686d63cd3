"""Networks: made ready for, planned, limited in time, trained to the end of their recipe."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from pellucid.bundle import Generator
from pellucid.data.wording import count_of
from pellucid.networks import Network, describe
from pellucid.pipeline.learners.candidates import Candidate, stored_for, with_validation
from pellucid.pipeline.learners.learner import UNLIMITED, Allowance
from pellucid.pipeline.learners.on_network import drawn_for_simple_models
from pellucid.pipeline.learners.planning.plan import Plan, make_plan
from pellucid.pipeline.learners.planning.preparation import (
    Material,
    Prepared,
    model_of,
    network_name,
    prepared_for,
    session_of,
)
from pellucid.settings import Settings
from pellucid.training import Session
from pellucid.training.recipe.defaults import FEW_EPOCHS

_FLOPS, _STEP = 1e11, 3e-3
"""Operations in a second, and seconds of a step beside them: orders of magnitude on two cores."""

_FEWEST_EPOCHS = 3
"""Below so many a network of half the width, which sees its examples more often, gets further."""


@dataclass(frozen=True)
class Planned:
    """A network about to be trained.

    Attributes:
        plan: its layers and its recipe.
        prepared: what it trains on.
        session: where its training stands.
        hurried: plans a network of half the width for few epochs; `None` where the width is given or the
            family has none.
    """

    plan: Plan
    prepared: Prepared
    session: Session[Network]
    hurried: Callable[[], Plan] | None = None

    @property
    def seconds(self) -> float:
        """Seconds that training takes by counts alone, on a processor of no name.

        Forwards each weight is multiplied and added once, backwards twice.
        """
        recipe, layers = self.plan.recipe, describe(self.plan.network)
        seen = recipe.total_steps * recipe.batch_size
        return 6 * sum(row.multiply_adds for row in layers) * seen / _FLOPS + recipe.total_steps * _STEP

    def within(self, allowance: Allowance) -> "Planned":
        """The same with as many steps as fit into an allowance, or the hurried plan where those are too few.

        The network at step 0; its session is shortened too.

        Raises: `UsageError` if not even a few steps fit.
        """
        seconds = allowance.seconds
        if seconds is None:
            return self
        whole = self.plan.recipe
        self.session.limit(seconds, allowance.asked_after, allowance.least)
        batches = self.session.batches
        plan = dataclasses.replace(self.plan, recipe=batches.recipe)
        steps = batches.recipe.total_steps
        is_hurried = steps < min(whole.total_steps, _FEWEST_EPOCHS * batches.per_epoch)
        if self.hurried is None or not is_hurried:
            return dataclasses.replace(self, plan=plan)
        plan = self.hurried()
        session = session_of(plan.network, self.prepared, plan.recipe)
        return Planned(plan, self.prepared, session).within(allowance)


def _to_the_end(network: Planned) -> None:
    network.session.run()


def _nothing(network: Candidate, material: Material) -> Sequence[Candidate]:
    return ()


@dataclass(frozen=True, eq=False)
class NetworkLearner:
    """A network: the one way from material to a trained network.

    Attributes:
        settings: what the user asked for.
        prepare: makes the material ready; by default for the network that the settings name.
        decide: plans layers and recipe for what was made ready.
        train: takes a session to its end, with observers or without.
        beside: trains what stands on the trained network; by default nothing.
        whole: the same network, planned for all the material of which this one learns a part; `None` where
            it is planned afresh.
    """

    settings: Settings
    prepare: Callable[[Material], Prepared] | None = None
    decide: Callable[[Prepared], Plan] | None = None
    train: Callable[[Planned], object] = _to_the_end
    beside: Callable[[Candidate, Material], Sequence[Candidate]] = _nothing
    whole: Planned | None = None

    @property
    def name(self) -> str:
        """The network that was asked for; `auto` where the material decides."""
        return self.settings.model if self.whole is None else self.whole.plan.name

    def cost(self, material: Material) -> float:
        """By its layers and steps; of a part the share of its examples."""
        network = self.planned(material) if self.whole is None else self.whole
        return network.seconds * len(material.train) / len(network.prepared.examples.train)

    def planned(self, material: Material) -> Planned:
        """Make the material ready, and plan the training of a network at step 0.

        Raises: `UsageError` if settings contradict the data, each other or this machine.
        """
        if self.prepare is None:
            prepared = prepared_for(network_name(self.settings, material), material, self.settings)
        else:
            prepared = self.prepare(material)
        plan = make_plan(self.settings, prepared) if self.decide is None else self.decide(prepared)
        session = session_of(plan.network, prepared, plan.recipe)
        is_fixed = self.settings.width is not None or prepared.trained is not None or self.whole is not None
        may_be_narrower = plan.name == "cnn" and not is_fixed
        hurried = partial(self._hurried, plan, prepared) if may_be_narrower else None
        return Planned(plan, prepared, session, hurried)

    def _hurried(self, plan: Plan, prepared: Prepared) -> Plan:
        """A plan of half the width and of few epochs, whose batches and shifts are smaller."""
        width = max(1, plan.network.widths[0] // 2)
        epochs = min(FEW_EPOCHS - 1, plan.recipe.epochs)
        found = make_plan(dataclasses.replace(self.settings, width=width, epochs=epochs), prepared)
        reason = (
            f"Fewer than {_FEWEST_EPOCHS} epochs of a {plan.name} of the usual width fitted into the time: "
            f"it is half as wide, as with --width {width}, and sees the examples more often."
        )
        return dataclasses.replace(found, reasons=(*found.reasons, reason))

    def trained(self, network: Planned, material: Material) -> Sequence[Candidate]:
        """Train to the end of the recipe, from step 0 or from a checkpoint.

        The trained network with its answers on validation, and behind it what stands on it.

        Raises: `DivergedError` if the loss stopped being finite; `InterruptedRun` if a signal came, and a
        checkpoint was written.
        """
        self.train(network)
        plan, session = network.plan, network.session
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
        # Detectors look at the examples that simple models learn from: these pass the network anyway.
        stored = stored_for(model, material, drawn_for_simple_models(material, self.settings))
        candidate = with_validation(dataclasses.replace(candidate, stored=stored), material)
        return [candidate, *self.beside(candidate, material)]

    def fit(self, material: Material, allowance: Allowance = UNLIMITED) -> Sequence[Candidate]:
        """Plan, shorten the recipe to what fits, and train."""
        return self.trained(self.planned(material).within(allowance), material)


def learner_on_part(network: Planned, settings: Settings, *, keeps_best: bool = True) -> NetworkLearner:
    """The learner of a network that was planned for all training examples, for a part of them.

    Without `keeps_best` the last weights count, and validation examples only watch.
    """

    def train(part: Planned) -> None:
        part.session.run(keeps_best=keeps_best)

    def prepare(material: Material) -> Prepared:
        return prepared_for(network.plan.name, material, settings)

    def decide(prepared: Prepared) -> Plan:
        return _plan_for_part(network, prepared, settings)

    return NetworkLearner(settings, prepare, decide, train, whole=network)


def _plan_for_part(network: Planned, prepared: Prepared, settings: Settings) -> Plan:
    """The layers of the whole network, trained as its rules say for so few examples."""
    plan, whole = network.plan, make_plan(settings, network.prepared)
    if plan.network.widths != whole.network.widths:  # it is hurried
        settings = dataclasses.replace(settings, epochs=plan.recipe.epochs)
        whole = make_plan(settings, network.prepared)
    fresh = make_plan(settings, prepared)
    share = plan.recipe.total_steps / whole.recipe.total_steps  # below 1 where a time limit shortened it
    steps = max(1, math.ceil(share * fresh.recipe.total_steps))
    recipe = dataclasses.replace(fresh.recipe, total_steps=steps)
    # A vocabulary learnt from the whole split would know words that the part does not hold.
    layers = plan.network.with_inputs_of(fresh.network)
    return dataclasses.replace(fresh, network=layers, recipe=recipe)


def recipe_words(plan: Plan) -> str:
    """The recipe in words, for the terminal: epochs, steps, optimiser and augmentation."""
    recipe = plan.recipe
    parts = [
        count_of(recipe.epochs, "epoch"),
        f"{recipe.total_steps:,} steps of {recipe.batch_size}",
        f"{recipe.optimizer} {recipe.learning_rate:g}",
        recipe.schedule,
        recipe.loss if recipe.beta in (None, 1.0) else f"{recipe.loss} with beta {recipe.beta:g}",
        *([f"label smoothing {recipe.label_smoothing:g}"] if recipe.label_smoothing else []),
        recipe.precision,
        count_of(recipe.threads, "thread"),
    ]
    augmentation = recipe.augmentation
    if not augmentation.is_off:
        if augmentation.shift:
            parts.append(f"shifted by up to {augmentation.shift} px")
        if augmentation.mirror:
            parts.append("mirrored in every other epoch")
        if augmentation.erase > 0:
            parts.append(f"a rectangle erased from {100 * augmentation.erase:.0f} % of them")
        if augmentation.mix > 0:
            parts.append(f"in {100 * augmentation.mix:.0f} % a rectangle from another image")
    if recipe.word_dropout:
        parts.append(f"{100 * recipe.word_dropout:.0f} % of the tokens replaced by unknown")
    if recipe.class_weights is not None:
        parts.append("classes weighted for balance")
    if recipe.frozen_epochs:
        parts.append(f"the first block frozen from epoch {recipe.epochs - recipe.frozen_epochs + 1} on")
    return ", ".join(parts)
