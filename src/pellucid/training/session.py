"""One training, put together: network, optimiser, batches and state."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from jaxtyping import Float32, Int64

from pellucid.arithmetic.draws import Purpose, generator, torch_seed
from pellucid.encoding.tokens.ragged import Tokens
from pellucid.networks import Autoencoder, HeadAlone, Network, NetworkConfig, build
from pellucid.networks.extending import copied
from pellucid.tasks import IMAGES, REGRESSION
from pellucid.training.batches import Batches, Examples, as_stored
from pellucid.training.determinism import pinned
from pellucid.training.frequencies import text_frequencies
from pellucid.training.loop import Observer, fit
from pellucid.training.memory import keep_freed_memory
from pellucid.training.priors import refit_prior
from pellucid.training.recipe.choosing import Recipe
from pellucid.training.recipe.optimisers import build_optimizer
from pellucid.training.recipe.timing import expected_seconds, within
from pellucid.training.state import State
from pellucid.training.steps import make_step
from pellucid.training.validation import validator
from pellucid.training.watching.health import ExaminedStep

# A network, or its head alone.
Learner = TypeVar("Learner", Network, HeadAlone)

_SAMPLE = {"images": 5000, "values": 5000, "texts": 1}  # the first layer learns nothing from ids
_SAMPLE_VALUES = 2**24
_FEWEST_IMAGES = 256


class WordVectors(NamedTuple):
    """Pretrained word vectors that a network starts with.

    Attributes:
        rows: ids of the words.
        matrix: vector of each.
        tune: whether they are trained further.
    """

    rows: Int64[np.ndarray, " words"]
    matrix: Float32[np.ndarray, "words size"]
    tune: bool


@dataclass
class Session(Generic[Learner]):
    """A network about to be trained, under training, or trained.

    Attributes:
        network: the network.
        batches: the examples cut by the recipe.
        state: where training stands.
    """

    network: Learner
    batches: Batches
    state: State

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
        network: Learner,
        examples: Examples,
        recipe: Recipe,
        shares: Mapping[str, float] | None = None,
    ) -> "Session[Learner]":
        """Session at step 0 over a network taken over as it is, frozen parameters included."""
        with pinned(recipe.threads):
            network = network.to(recipe.device)
            network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,unused-ignore]
            optimizer = build_optimizer(network, recipe, shares)
            return Session(network, Batches(examples, recipe), State(network, optimizer))

    def expected_seconds(self) -> float:
        """Seconds that all of it would take here just now, by a few steps of a copy."""
        with pinned(self.batches.recipe.threads):
            return expected_seconds(self.network, self.batches)

    def limit(self, seconds: float, scored_after: int, least: float = 0.0, fewest: int = 0) -> None:
        """Shorten the recipe to what fits into a time; arguments as for `within`.

        Raises: `UsageError` if not even a few steps fit.
        """
        with pinned(self.batches.recipe.threads):
            recipe = within(seconds, self.network, self.batches, scored_after, least, fewest)
            self.batches = Batches(self.batches.examples, recipe)

    def run(
        self,
        observers: Sequence[Observer] = (),
        *,
        keeps_best: bool = True,
        shorten: Callable[[int, Recipe], Recipe] | None = None,
    ) -> Learner:
        """Train to the end of the recipe, and give the network in evaluation mode.

        It has the weights of its best epoch; the last, without a validation split or where the best is not
        looked for. Of an autoencoder the prior is then fitted anew. Observers are told of every step and
        epoch, and `shorten` is asked after every step for the recipe that holds from there on.

        Raises: `DivergedError` if the loss or a gradient stopped being finite.
        """
        recipe = self.batches.recipe
        keep_freed_memory()
        with pinned(recipe.threads):
            step = make_step(self.network, self.state.optimizer, recipe, self.batches.examples)
            step = ExaminedStep(step, self.state, self.batches)
            beta = 1.0 if recipe.beta is None else recipe.beta
            validate = validator(self.network, self.batches.examples, recipe.device, beta)
            fit(self.state, step, self.batches, validate, observers, shorten)
        if keeps_best and self.state.best is not None:
            self.network.load_state_dict(self.state.best.weights)
        if isinstance(self.network, Autoencoder):
            with pinned(recipe.threads):
                refit_prior(self.network, self.batches.examples, recipe.seed, recipe.device)
        return self.network.eval()


def initialised(config: NetworkConfig, examples: Examples, seed: int) -> Network:
    """Build a fresh network on the CPU whose first layer knows the training data's mean and deviation.

    A network of n-grams knows how many training texts hold each. Where numbers are predicted, the
    last layer knows the mean and deviation of all training labels. Of large images fewer than 5,000 examples
    are looked at, because each tells more and all of them would fill the memory.
    """
    draws = torch.Generator().manual_seed(torch_seed(seed, Purpose.INITIALISATION))
    network = build(config, draws)
    sample = generator(seed, Purpose.WHITENING).permutation(examples.train)[: _sample_size(config, examples)]
    numbers = torch.from_numpy(examples.labels[examples.train]) if examples.target is REGRESSION else None
    network.initialise_from_data(as_stored(examples.inputs, np.sort(sample)), numbers)
    if isinstance(examples.inputs, Tokens) and config.groups:
        counts = torch.from_numpy(text_frequencies(examples.inputs, examples.train))
        network.weigh_ids(counts, len(examples.train))
    return network


def _sample_size(config: NetworkConfig, examples: Examples) -> int:
    """Number of examples that decide the mean and deviation of the first layer."""
    most = _SAMPLE[examples.takes]
    if examples.input_kind is not IMAGES:
        return most
    return min(most, max(_FEWEST_IMAGES, _SAMPLE_VALUES // math.prod(config.input_shape)))
