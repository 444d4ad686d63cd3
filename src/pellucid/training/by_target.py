"""What a training has by target: settings that it does not take, and how images may be varied."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from pellucid.errors import UsageError
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, GENERATION, MULTILABEL, ORDERED, REGRESSION, Target


def _is_weighed(settings: Settings) -> bool:
    return settings.class_weight not in (None, "none")


# Settings of classes that numbers have no use for: whether one was given, and its flag.
_OF_CLASSES: dict[str, tuple[Callable[[Settings], bool], Callable[[Settings], str]]] = {
    "loss": (lambda settings: settings.loss == "cross-entropy", lambda _: "--loss cross-entropy"),
    "label_smoothing": (lambda settings: bool(settings.label_smoothing), lambda _: "--label-smoothing"),
    "class_weight": (_is_weighed, lambda _: "--class-weight balanced"),
    "metric": (
        lambda settings: settings.metric != Settings.metric,
        lambda settings: f"--metric {settings.metric}",
    ),
}


def _require_no_classes(settings: Settings, name: str) -> None:
    """Refuse a setting of classes where numbers are predicted."""
    is_given, flag_of = _OF_CLASSES[name]
    if is_given(settings):
        flag = flag_of(settings)
        raise UsageError(
            "{flag}: belongs to classes, but numbers are predicted; leave it out, or give --target class",
            flag,
        )


def _require_no_weights(settings: Settings, name: str) -> None:
    """Refuse weights of classes where an example has any number of them."""
    if _is_weighed(settings):
        raise UsageError("--class-weight: belongs to examples of one class each; leave it out")


@dataclass(frozen=True)
class Rules:
    """Rules of the recipes for one target."""

    # settings that are refused, by name, in the order in which they are looked at
    refused: dict[str, Callable[[Settings, str], None]] = field(default_factory=dict)
    varies: bool = True  # whether images may be shifted, mirrored or erased
    mixes: bool = False  # whether images may have a part of another one


RULES: dict[Target, Rules] = {
    CLASSIFICATION: Rules(mixes=True),
    ORDERED: Rules(mixes=True),
    MULTILABEL: Rules({"class_weight": _require_no_weights}),
    REGRESSION: Rules(dict.fromkeys(_OF_CLASSES, _require_no_classes)),
    GENERATION: Rules(varies=False),  # images that the data does not hold would be learnt, and made
}


def require_fitting_target(settings: Settings, target: Target, only: Collection[str] = ()) -> None:
    """Refuse settings that models of a target have no use for; `only` those named, or else all.

    Raises: `UsageError` naming the first.
    """
    for name, refuse in RULES[target].refused.items():
        if not only or name in only:
            refuse(settings, name)
