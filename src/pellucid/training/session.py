"""One training, put together: network, optimiser, batches, state, and steps that fit into a time limit."""

import copy
import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Float32, Int64

from pellucid.arithmetic.draws import Purpose, generator, torch_seed
from pellucid.encoding.encoder import Tokens
from pellucid.errors import UsageError
from pellucid.input_kinds import IMAGES
from pellucid.language.sentence import Sentence
from pellucid.networks import Autoencoder, HeadAlone, Network, NetworkConfig, build
from pellucid.networks.families import copied
from pellucid.training.batches import Batches, Examples, as_stored, text_frequencies
from pellucid.training.hardware import keep_freed_memory, pinned
from pellucid.training.joint import joint, ordered_step, ordered_validation
from pellucid.training.layer_health import ExaminedStep
from pellucid.training.loop import Observer, fit, validator
from pellucid.training.objectives import OBJECTIVES
from pellucid.training.optimisers import build_optimizer
from pellucid.training.prior import refit_prior
from pellucid.training.ranks import Ranks
from pellucid.training.recipe import Recipe
from pellucid.training.state import State
from pellucid.training.steps import make_step

_WARM_STEPS = 2  # the first, which are not timed
_TIMED_STEPS = 6
_FEWEST_TIMED = 3
_SHARE_OF_TIMING = 0.03  # of the time left, above which the fewest are enough
_MARGIN = 0.88  # share of the time that is used, for a busy machine


def _measure(
    network: Network | HeadAlone, batches: Batches, slowest: float, left: float
) -> tuple[float, float]:
    """Seconds of a step and of a validation pass, on a throw-away copy, where so many seconds are left.

    Where a step takes longer than `slowest` only that is measured.
    """
    trial = copy.deepcopy(network)
    optimizer = build_optimizer(trial, batches.recipe)
    with joint(trial, optimizer, batches) as ranks, pinned(_threads(batches.recipe, ranks)):
        return _measured(trial, optimizer, batches, slowest, left, ranks)


def _threads(recipe: Recipe, ranks: Ranks | None) -> int:
    """Threads of this process."""
    return recipe.threads if ranks is None else ranks.threads


def _measured(
    trial: Network | HeadAlone,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    slowest: float,
    left: float,
    ranks: Ranks | None,
) -> tuple[float, float]:
    """Seconds as `_measure` has them, on this very network."""
    recipe = batches.recipe
    step = ordered_step(make_step(trial, optimizer, recipe, batches.examples, ranks), trial, ranks)
    trial.train()
    took = 0.0
    for number, batch in enumerate(batches.typical(_WARM_STEPS)):
        began = time.perf_counter()
        step(batch, number, 1e-6)
        took = time.perf_counter() - began
    if took > slowest:
        return took, 0.0
    seconds: list[float] = []
    are_alike = not batches.examples.input_kind.has_lengths
    for number, batch in enumerate(batches.typical(_TIMED_STEPS), start=_WARM_STEPS):
        began = time.perf_counter()
        step(batch, number, 1e-6)
        seconds.append(time.perf_counter() - began)
        if are_alike and len(seconds) >= _FEWEST_TIMED and sum(seconds) > _SHARE_OF_TIMING * left:
            break
    began = time.perf_counter()
    ordered_validation(validator(trial, batches.examples, recipe.device, ranks=ranks), ranks)()
    # Steps on texts differ by their lengths, so their mean counts; else only a busy machine makes them.
    average = statistics.median if are_alike else statistics.fmean
    return average(seconds), time.perf_counter() - began


# A network, or its head alone.
Learner = TypeVar("Learner", Network, HeadAlone)

_SAMPLE = {"images": 5000, "values": 5000, "texts": 1}  # the first layer learns nothing from ids
_SAMPLE_VALUES = 2**24
_FEWEST_IMAGES = 256


class WordVectors(NamedTuple):
    """Pretrained word vectors that a network starts with."""

    rows: Int64[np.ndarray, " words"]  # ids of the words
    matrix: Float32[np.ndarray, "words size"]  # vector of each
    tune: bool  # whether they are trained further


class Fitting(NamedTuple):
    """What fits into a time limit."""

    steps: int  # perhaps more than the recipe has
    seconds: float  # in which training may take them, from when they were counted on


@dataclass
class Session(Generic[Learner]):
    """A network about to be trained, under training, or trained; its batches, and where its training is."""

    network: Learner
    batches: Batches
    state: State
    shares: Mapping[str, float] | None = None  # of the learning rate, by parameter; the others get the whole

    @staticmethod
    def start(
        config: NetworkConfig,
        examples: Examples,
        recipe: Recipe,
        vectors: WordVectors | None = None,
        trained: Network | None = None,
    ) -> "Session[Network]":
        """Build and initialise everything, at step 0; the same arguments give the same weights.

        Pretrained `vectors` are needed again where a checkpoint is resumed. Of a `trained` network a copy
        is trained.
        """
        with pinned(recipe.threads):
            network = initialised(config, examples, recipe.seed) if trained is None else copied(trained)
            if vectors is not None:
                network.load_vectors(*vectors)
        return Session.of(network, examples, recipe)

    @staticmethod
    def of(
        network: Learner, examples: Examples, recipe: Recipe, shares: Mapping[str, float] | None = None
    ) -> "Session[Learner]":
        """Session at step 0 over a network taken over as it is, frozen parameters included."""
        with pinned(recipe.threads):
            network = network.to(recipe.device)
            network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,unused-ignore]
            optimizer = build_optimizer(network, recipe, shares)
            return Session(network, Batches(examples, recipe), State(network, optimizer), shares)

    def expected_seconds(self) -> float:
        """Seconds that all of it would take here just now, by a few steps of a copy."""
        recipe = self.batches.recipe
        step_seconds, validation_seconds = _measure(self.network, self.batches, math.inf, 0.0)
        return recipe.total_steps * (step_seconds + validation_seconds / self.batches.per_epoch)

    def limit(self, seconds: float, scored_after: int, least: float = 0.0, fewest: int = 0) -> Fitting:
        """Shorten the recipe so that training ends within a time, its schedule run to the end.

        `seconds` are left for training and for scoring `scored_after` examples afterwards; training gets
        `least` seconds in any case. A copy of the network takes a few real steps, on short and on long texts
        where it reads texts, and one validation pass; the number of steps that fit is then fixed, and the
        clock decides no more. Where not even half of `fewest` steps fit nothing is measured any further, for
        the caller will train another network.

        Raises: `UsageError` if not even a few steps fit.
        """
        batches, recipe = self.batches, self.batches.recipe
        began = time.perf_counter()
        slowest = 2 * max(least, seconds) / fewest if fewest else math.inf
        step_seconds, validation_seconds = _measure(self.network, batches, slowest, seconds)
        scoring = scored_after * validation_seconds / max(1, len(batches.examples.validation))
        # Answers are means over an image and its mirror image where mirroring keeps the label.
        scoring *= 2 if recipe.augmentation.mirror else 1
        left = max(least, (seconds - scoring - (time.perf_counter() - began)) * _MARGIN)
        epoch_seconds = batches.per_epoch * step_seconds + validation_seconds
        whole = math.floor(left / epoch_seconds)
        rest = (left - whole * epoch_seconds - validation_seconds) / step_seconds
        steps = whole * batches.per_epoch + max(0, math.floor(rest))
        if recipe.optimizer == "gd":
            steps = whole * batches.per_epoch  # it updates at the end of an epoch only
        if steps < 3:
            raise UsageError(
                Sentence(
                    "--time-limit: {left:.1f} s are left for training and one step takes "
                    "{step_seconds:.2f} s; allow more time, or use fewer examples or a smaller ",
                    max(0.0, left),
                    step_seconds,
                )
                + batches.examples.input_kind.smaller
            )
        if steps < recipe.total_steps:
            epochs = math.ceil(steps / batches.per_epoch)
            recipe = dataclasses.replace(recipe, total_steps=steps, epochs=epochs)
        self.batches = Batches(batches.examples, recipe)
        return Fitting(steps, left / _MARGIN)

    def run(
        self,
        observers: Sequence[Observer] = (),
        *,
        keeps_best: bool = True,
        follow: Callable[[int, Recipe], Recipe] | None = None,
    ) -> Learner:
        """Train to the end of the recipe, and give the network in evaluation mode.

        It has the weights of its best epoch; the last, without a validation split or without `keeps_best`.
        Of an autoencoder the prior is then fitted anew. `observers` and `follow` as for `fit`.
        """
        recipe, examples = self.batches.recipe, self.batches.examples
        keep_freed_memory()
        network, optimizer = self.network, self.state.optimizer
        with (
            joint(network, optimizer, self.batches, self.shares) as ranks,
            pinned(_threads(recipe, ranks)),
        ):
            step = ordered_step(make_step(network, optimizer, recipe, examples, ranks), network, ranks)
            examined = ExaminedStep(step, self.state, self.batches)
            beta = 1.0 if recipe.beta is None else recipe.beta
            validate = validator(network, examples, recipe.device, beta, ranks, observers)
            fit(self.state, examined, self.batches, ordered_validation(validate, ranks), observers, follow)
        if keeps_best and self.state.best is not None:
            self.network.load_state_dict(self.state.best.weights)
        if isinstance(self.network, Autoencoder):
            with pinned(recipe.threads):
                refit_prior(self.network, examples, recipe.seed, recipe.device)
        return self.network.eval()


def initialised(config: NetworkConfig, examples: Examples, seed: int) -> Network:
    """Build a fresh network on the CPU whose first layer knows the training data's mean and deviation.

    A network of n-grams knows how many training texts hold each. Where numbers are predicted, the
    last layer knows the mean and deviation of all training labels. Of large images fewer than 5,000 examples
    are used, because each says more and all of them would fill the memory.
    """
    draws = torch.Generator().manual_seed(torch_seed(seed, Purpose.INITIALISATION))
    network = build(config, draws)
    size = _SAMPLE[examples.takes]
    if examples.input_kind is IMAGES:
        size = min(size, max(_FEWEST_IMAGES, _SAMPLE_VALUES // math.prod(config.input_shape)))
    sample = generator(seed, Purpose.WHITENING).permutation(examples.train)[:size]
    learning = OBJECTIVES.get(examples.target)  # none of images that are made
    numbers = None
    if learning is not None and learning.standardises:
        numbers = torch.from_numpy(examples.labels[examples.train])
    network.initialise_from_data(as_stored(examples.inputs, np.sort(sample)), numbers)
    if isinstance(examples.inputs, Tokens) and config.groups:
        counts = torch.from_numpy(text_frequencies(examples.inputs, examples.train))
        network.weigh_ids(counts, len(examples.train))
    return network
