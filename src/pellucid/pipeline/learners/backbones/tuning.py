"""Fine-tuning of a backbone: every layer a little further, where validation says that it pays.

It starts from the head that was trained on frozen features, and the lower a layer, the slower it changes
(`training/recipe/layer_rates.py`). The rates run their whole course, since a network gets worse while they
are large and better when they fall. Then the weights before, those after and the mean of both are compared on
validation, and the best are kept (`training/mixing.py`). What decides is the log loss, which every validation
example moves, and not accuracy, which few do; of numbers the root mean squared error.
"""

import copy
import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pellucid.data.wording import count_of
from pellucid.networks import Network, describe
from pellucid.pipeline.learners.backbones.frozen import Built, FrozenLearner
from pellucid.pipeline.learners.backbones.option import Choice
from pellucid.pipeline.learners.candidates import Candidate, stored_for, with_validation
from pellucid.pipeline.learners.learner import UNLIMITED, Allowance
from pellucid.pipeline.learners.planning.plan import make_recipe
from pellucid.pipeline.learners.planning.preparation import Material, Prepared, model_of
from pellucid.settings import Settings
from pellucid.training import Recipe, Session
from pellucid.training.mixing import SHARES, keep_best_mixture
from pellucid.training.recipe.choosing import batches_per_epoch
from pellucid.training.recipe.layer_rates import UPPERMOST, shares_of_rate
from pellucid.training.state import Record, weights_of

_PASSES = {"quick": 0, "standard": 3_000, "best": 12_000}
"""Examples shown, unless epochs are given; none with the preset `quick`."""

_MOST_EPOCHS = 20
_LEARNING_RATE, _WEIGHT_DECAY, _BATCH = 1e-3, 0.05, 32
_WORDS = "word-vectors"
"""A network of one layer below its head, which stays as it is."""

_LIKE = "text-cnn"
"""Whose rule holds for a network of texts in what is not said here."""

_COST_OF_STEP = 4
_FLOPS = 3e10
"""Operations in a second of layers as narrow as those of a backbone: an order of magnitude on two cores."""

SUFFIX = "-tuned"

_KEPT = {
    0.0: "it did not pay on validation, so its features stay frozen",
    0.5: "the mean of the weights before and after is best on validation",
    1.0: "its new weights are best on validation",
}
"""Outcome of tuning in words, by the share of the change that was kept."""

_KEPT_BLINDLY = "the mean of the weights before and after is kept"


def is_tuned(settings: Settings, choice: Choice) -> bool:
    """Say whether tuning is tried at all.

    It needs layers that can be trained further, a preset that spends something on it, and room within a time
    limit. A sentence encoder takes minutes for it and rarely gains: there it is tried
    with the preset `best`, or where the encoder and the epochs were asked for.
    """
    is_wanted = bool(settings.epochs or _PASSES[settings.preset]) and choice.config.name != _WORDS
    is_meant = choice.is_asked_for and settings.epochs is not None
    is_worth_it = choice.takes_images or is_meant or settings.preset == "best"
    fits = choice.granted is None or choice.granted.is_tuned
    return is_wanted and is_worth_it and fits


def passes_of_tuning(settings: Settings, prepared: Prepared, asked: int) -> int:
    """Passes of one example through the network that tuning costs at most.

    A step goes forward and back, which takes about four times as long as forward alone; validation is asked
    after every epoch and of each mixture; a network that learnt from mirrored images sees each twice. `asked`
    counts the examples that the tuned network is asked about.
    """
    recipe = tuning_recipe(settings, prepared)
    trained = _COST_OF_STEP * recipe.total_steps * recipe.batch_size
    views = 2 if recipe.augmentation.mirror else 1
    return trained + (recipe.epochs + len(SHARES)) * len(prepared.examples.validation) + views * asked


def to_the_end(session: Session[Network]) -> None:
    """Train to the end of fine-tuning; the last weights count, but where patience may end it before.

    Raises: `DivergedError` if the loss stopped being finite.
    """
    session.run(keeps_best=keeps_best(session))


def keeps_best(session: Session[Network]) -> bool:
    """True where the best weights are looked for, since patience may end the training before its course."""
    return session.batches.recipe.patience is not None


@dataclass(frozen=True, eq=False)
class TuningLearner:
    """A backbone tuned further, from the head that was trained on its frozen features.

    Attributes:
        frozen: trains that head.
        run: takes a session to its end, watched or not.
        built: what came of `frozen` on the same material; `None` where it is still to be trained.
    """

    frozen: FrozenLearner
    run: Callable[[Session[Network]], object] = to_the_end
    built: Built | None = None

    @property
    def name(self) -> str:
        """The network in words."""
        return f"{self.frozen.choice.name} fine-tuned"

    def cost(self, material: Material) -> float:
        """By the layers and the examples that pass them."""
        choice = self.frozen.choice
        passes = passes_of_tuning(self.frozen.settings, choice.prepared(material), asked=0)
        return 2 * sum(row.multiply_adds for row in describe(choice.config)) * passes / _FLOPS

    def fit(self, material: Material, allowance: Allowance = UNLIMITED) -> Sequence[Candidate]:
        """Train every layer further: the tuned network, or nothing where tuning did not pay."""
        found = self.tuned(material)
        return found.candidates[-1:] if found.is_tuned else []

    def tuned(self, material: Material) -> Built:
        """Train every layer of a copy of the network further; the tuned network stands last where that paid.

        Raises: `DivergedError` if the loss stopped being finite; `InterruptedRun` if a signal came, and what
        was finished is kept.
        """
        built = self.frozen.built(material) if self.built is None else self.built
        before, prepared = built.candidates[-1], built.prepared
        name, recipe = before.name + SUFFIX, tuning_recipe(self.frozen.settings, prepared)
        with self.frozen.stages.stage(f"fine-tuning {before.name}", spinner=False) as stage:
            network = copy.deepcopy(built.network)
            share, records = tuned(network, prepared, recipe, self.run)
            kept = _KEPT[share] if len(material.validation) else _KEPT_BLINDLY
            stage.words = f"fine-tuned {before.name} ({count_of(recipe.epochs, 'epoch')}); {kept}"
            built = dataclasses.replace(built, history=[{**record, "model": name} for record in records])
            if not share:
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
    network: Network, prepared: Prepared, recipe: Recipe, run: Callable[[Session[Network]], object]
) -> tuple[float, Sequence[Record]]:
    """Train every layer further, and keep what is best on validation.

    Args:
        network: trained in place.
        prepared: what it trains on.
        recipe: how.
        run: trains a session to its end.

    Returns:
        The share of the change that was kept, 0 where tuning did not pay; and one record for each epoch.
    """
    before = weights_of(network)
    examples = prepared.examples
    session = Session.of(network, examples, recipe, shares_of_rate(network, UPPERMOST[examples.takes]))
    run(session)
    return keep_best_mixture(network, before, examples, recipe), session.state.history


def tuning_recipe(settings: Settings, prepared: Prepared) -> Recipe:
    """The numbers of tuning: what the user set stands, the rest is by rule.

    The rule: so many epochs that about 3,000 examples are shown (12,000 with the preset `best`), a part of
    one where there are more, at most 20; batches of 32; AdamW at 0.001 for the head and less for what lies
    below, once up and down; fp32, since narrow convolutions gain nothing by bf16.
    """
    examples = len(prepared.examples.train)
    named = dataclasses.replace(prepared, name=_LIKE) if prepared.encoder is not None else prepared
    chosen = make_recipe(settings, named).recipe
    batch_size = settings.batch_size or min(_BATCH, max(1, examples))
    per_epoch = batches_per_epoch(examples, batch_size)
    passes = _PASSES[settings.preset]
    epochs = settings.epochs or max(1, min(_MOST_EPOCHS, round(passes / examples)))
    steps = epochs * per_epoch
    if settings.epochs is None:
        steps = min(steps, -(-passes // batch_size))
    is_adaptive = settings.optimizer in (None, "adam", "adamw")
    return dataclasses.replace(
        chosen,
        epochs=epochs,
        total_steps=max(1, steps),
        batch_size=batch_size,
        learning_rate=settings.learning_rate or (_LEARNING_RATE if is_adaptive else chosen.learning_rate),
        weight_decay=_WEIGHT_DECAY if settings.weight_decay is None else settings.weight_decay,
        metric="log-loss" if prepared.examples.classes else chosen.metric,
        precision="fp32" if settings.precision == "auto" else chosen.precision,
    )
