"""What a training has by target: settings that it does not take, and how images may be varied."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from pellucid.errors import UsageError
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, GENERATION, MULTILABEL, REGRESSION, Target

# From the settings to the sentence that refuses one of them; `None` where it was not given.
_Refusal = Callable[[Settings], str | None]


def _of_classes(flag: str, is_given: Callable[[Settings], bool]) -> _Refusal:
    """Refusal of a setting that numbers have no use for; its flag may name fields of the settings."""

    def refusal(settings: Settings) -> str | None:
        if not is_given(settings):
            return None
        flag_given = flag.format(settings=settings)
        return (
            f"{flag_given}: belongs to classes, but numbers are predicted; leave it out, "
            "or give --target class"
        )

    return refusal


def _is_weighed(settings: Settings) -> bool:
    return settings.class_weight not in (None, "none")


def _of_one_class_each(settings: Settings) -> str | None:
    """Refusal of weights by class, where an example has any number of them."""
    if not _is_weighed(settings):
        return None
    return "--class-weight: belongs to examples of one class each; leave it out"


@dataclass(frozen=True)
class Rules:
    """Rules of the recipes for one target."""

    # settings that are refused, by name, in the order in which they are looked at
    refused: dict[str, _Refusal] = field(default_factory=dict)
    varies: bool = True  # whether images may be shifted, mirrored or erased
    mixes: bool = False  # whether images may have a part of another one


RULES: dict[Target, Rules] = {
    CLASSIFICATION: Rules(mixes=True),
    MULTILABEL: Rules({"class_weight": _of_one_class_each}),
    REGRESSION: Rules(
        {
            "loss": _of_classes("--loss cross-entropy", lambda settings: settings.loss == "cross-entropy"),
            "label_smoothing": _of_classes(
                "--label-smoothing", lambda settings: bool(settings.label_smoothing)
            ),
            "class_weight": _of_classes("--class-weight balanced", _is_weighed),
            "metric": _of_classes(
                "--metric {settings.metric}", lambda settings: settings.metric != Settings.metric
            ),
        }
    ),
    GENERATION: Rules(varies=False),  # images that the data does not hold would be learnt, and made
}


def require_fitting_target(settings: Settings, target: Target, only: Collection[str] = ()) -> None:
    """Refuse settings that models of a target have no use for; `only` those named, or else all.

    Raises: `UsageError` naming the first.
    """
    for name, refusal in RULES[target].refused.items():
        sentence = None if only and name not in only else refusal(settings)
        if sentence is not None:
            raise UsageError(sentence)
