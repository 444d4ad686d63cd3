"""Search spaces of `tune`: which settings of each network are varied, around what its rules choose."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pellucid.data import Check, Dataset
from pellucid.errors import UsageError
from pellucid.networks.config import Attention
from pellucid.pipeline.learners.network import NetworkLearner
from pellucid.pipeline.learners.preparation import Plan, Prepared
from pellucid.pipeline.run.context import TimeBudget
from pellucid.settings import Metric, Settings

MOST_VALUES = 20
_DIGITS = 3  # significant ones of a drawn number: more decide nothing, and nobody reads them


class Around(NamedTuple):
    """Any number up to so many times smaller or larger than by rule; fixed ones where the rule says 0."""

    factor: float
    beside_zero: tuple[float, ...] = ()


class Times(NamedTuple):
    """Whole numbers, as multiples of the one by rule."""

    factors: tuple[float, ...]


class Between(NamedTuple):
    """Any number of a range."""

    low: float
    high: float


class OneOf(NamedTuple):
    """Values by name, or numbers of which only a few make sense."""

    values: tuple[Any, ...]


_TRAINING: Mapping[str, Around | Times | Between | OneOf] = {
    "learning_rate": Around(8.0),
    "weight_decay": Around(20.0, beside_zero=(0.0, 1e-4, 1e-3, 1e-2)),
    "batch_size": Times((0.5, 1.0, 2.0)),
    "label_smoothing": OneOf((0.0, 0.05, 0.1, 0.2)),
}
_IMAGES = {**_TRAINING, "augment": OneOf((True, False)), "dropout": Between(0.0, 0.5)}
_TEXTS = {**_TRAINING, "dropout": Between(0.0, 0.7)}

# The settings that `tune` varies, for each network. What the user fixes is not varied, nor what the data or
# the rest of the recipe has no use for.
SPACES: Mapping[str, Mapping[str, Around | Times | Between | OneOf]] = {
    "cnn": {**_IMAGES, "width": Times((0.5, 1.0, 1.5))},
    "lenet": {**_IMAGES, "width": Times((0.5, 1.0, 2.0, 4.0))},
    "mlp": {**_IMAGES, "width": Times((0.5, 1.0, 2.0)), "depth": OneOf((1, 2, 3))},
    "text-cnn": {**_TEXTS, "width": Times((0.5, 1.0, 2.0))},
    "rnn": {**_TEXTS, "width": Times((0.5, 1.0, 2.0)), "cell": OneOf(("lstm", "gru"))},
    "transformer": {**_TEXTS, "width": Times((0.5, 1.0, 2.0)), "depth": OneOf((1, 2, 3))},
    "bag": {**_TEXTS, "width": Times((0.5, 1.0, 2.0, 4.0))},
}


@dataclass(frozen=True)
class Dimension:
    """One setting that is varied, and the values it may have: some, or any number from `low` to `high`."""

    name: str
    default: Any  # what the rules choose; always among the values
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    is_log: bool = False  # whether the logarithm is drawn evenly, not the number

    def admits(self, value: Any) -> bool:
        """True for a value that a trial may have."""
        if self.values or value == self.default:
            return any(type(value) is type(each) and value == each for each in (self.default, *self.values))
        return type(value) in (int, float) and self.low <= value <= self.high

    def rounded(self, value: Any) -> Any:
        """A drawn value as a trial uses it: numbers of a range with few digits, the default as it is."""
        if self.values or value == self.default:
            return value
        return min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)


def by_rule(settings: Settings, plan: Plan) -> dict[str, Any]:
    """What the rules chose for settings that may have been left to them, by name."""
    recipe, network = plan.recipe, plan.network
    chosen = {
        name: getattr(recipe, name)
        for name in ("epochs", "optimizer", "schedule", "loss", "learning_rate", "weight_decay", "batch_size")
    }
    chosen |= {"label_smoothing": recipe.label_smoothing, "dropout": network.dropout}
    chosen |= {"activation": network.activation, "augment": settings.augment is not False}
    if network.cell:
        chosen["cell"] = network.cell
    if network.widths:
        chosen["width"] = network.widths[0]
    if plan.name == "mlp":
        chosen["depth"] = len(network.widths)
    if isinstance(network.own, Attention):
        chosen |= {"width": network.embedding, "depth": network.own.transformer_layers}
    given = {name: getattr(settings, name) for name in chosen}
    return {name: value if given[name] is None else given[name] for name, value in chosen.items()}


def space_of(
    settings: Settings,
    given: Mapping[str, Any],
    plan: Plan,
    takes: str,
    examples: int,
    vary: Mapping[str, Sequence[Any]],
) -> list[Dimension]:
    """The settings that are varied: those of the network's family that nobody fixed, and those in `vary`.

    `plan` is that of `settings`, `takes` what the network takes, and `examples` how many it learns from.
    """
    chosen, found = by_rule(settings, plan), []
    for name, space in SPACES[plan.name].items():
        idle = {
            "label_smoothing": plan.recipe.loss != "cross-entropy",
            "augment": takes != "images",
            "batch_size": plan.recipe.optimizer == "gd",
        }
        if name in given or name in vary or idle.get(name) or name not in chosen:
            continue
        found.append(_dimension(name, space, chosen[name], examples))
    for name, values in vary.items():
        default = chosen.get(name, getattr(settings, name))
        found.append(Dimension(name, default, tuple(dict.fromkeys((default, *values)))))
    return found


def _dimension(name: str, space: Around | Times | Between | OneOf, default: Any, examples: int) -> Dimension:
    """A declared space around the default."""
    if isinstance(space, Between):
        return Dimension(name, default, low=min(space.low, default), high=max(space.high, default))
    if isinstance(space, Around) and default > 0:
        low, high = (float(f"{end:.{_DIGITS}g}") for end in (default / space.factor, default * space.factor))
        return Dimension(name, default, low=low, high=high, is_log=True)
    if isinstance(space, Around):
        values: Sequence[Any] = space.beside_zero
    elif isinstance(space, Times):
        least, most = (2, max(2, examples)) if name == "batch_size" else (1, 4096)
        values = [min(most, max(least, round(factor * default))) for factor in space.factors]
    else:
        values = space.values
    return Dimension(name, default, tuple(dict.fromkeys((default, *values))))


def require_variable(vary: Mapping[str, Sequence[Any]]) -> None:
    """Refuse settings that decide which others there are."""
    if "model" in vary:
        raise UsageError(
            "--vary model: tune searches the settings of one network; give --model, and compare networks "
            "with pellucid compare"
        )
    for name, values in vary.items():
        if len(values) > MOST_VALUES:
            raise UsageError(
                "--vary {name}: has {values} values, and {MOST_VALUES} are the most",
                name,
                len(values),
                MOST_VALUES,
            )


# What only the encoder of texts goes by: where one of these is varied, texts are made ready for each trial.
_OF_ENCODER = {"tokens", "length", "vectors", "tune_vectors"}


@dataclass(frozen=True, eq=False)
class Tuning:
    """What is tuned: the same in each process of a study."""

    name: str  # of the study
    given: Mapping[str, Any]
    settings: Settings  # of the default recipe, with threads, device and precision as they were chosen
    dataset: Dataset
    check: Check
    prepared: Prepared
    plan: Plan  # of the default recipe
    space: Sequence[Dimension]
    trials: int
    metric: Metric
    time: TimeBudget

    def settings_of(self, values: Mapping[str, Any], seed: int | None = None) -> Settings:
        """The settings of a trial by those that are varied."""
        # Without its name the optimiser would follow from whether a learning rate is given.
        own = {"optimizer": self.plan.recipe.optimizer, **values}
        return dataclasses.replace(self.settings, seed=self.settings.seed if seed is None else seed, **own)

    def learner(self, settings: Settings) -> NetworkLearner:
        """The learner of a trial; what no trial changes is made ready once."""
        own = {each.name for each in self.space} & _OF_ENCODER
        return NetworkLearner(settings, prepare=None if own else lambda material: self.prepared)
