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
from pellucid.pipeline.learners.backbones.tuning_plan import is_tuned, passes_of_tuning, tuning_recipe
from pellucid.pipeline.learners.candidates import Candidate, stored_for, with_validation
from pellucid.pipeline.learners.planning.preparation import Material, Prepared, model_of
from pellucid.pipeline.run.time_budget import UNLIMITED, TimeBudget
from pellucid.training import Recipe, Session
from pellucid.training.mixing import keep_best_mixture
from pellucid.training.recipe.layer_rates import UPPERMOST, shares_of_rate
from pellucid.training.state import Record, weights_of

# Operations in a second of layers as narrow as those of a backbone: an order of magnitude on two cores.
_FLOPS = 3e10

SUFFIX = "-tuned"

# Outcome of tuning in words, by the share of the change that was kept.
_KEPT = {
    0.0: "it did not pay on validation, so its features stay frozen",
    0.5: "the mean of the weights before and after is best on validation",
    1.0: "its new weights are best on validation",
}

_KEPT_BLINDLY = "the mean of the weights before and after is kept"


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

    def fit(self, material: Material, time: TimeBudget = UNLIMITED) -> Sequence[Candidate]:
        """Train every layer further: the tuned network, or nothing where it is not tried or did not pay."""
        learner = dataclasses.replace(self, frozen=self.frozen.within(time, material))
        found = learner.tuned(material)
        return found.candidates[-1:] if found.is_tuned else []

    def tuned(self, material: Material) -> Built:
        """Train every layer of a copy of the network further, where that is wanted and fits into a limit.

        The tuned network stands last where it paid.

        Raises: `DivergedError` if the loss stopped being finite; `InterruptedRun` if a signal came, and what
        was finished is kept.
        """
        built = self.frozen.built(material) if self.built is None else self.built
        if not is_tuned(self.frozen.settings, built.choice):
            return built
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
