"""Contradictions between settings, and texts in them that cannot be read, refused before anything is done."""

from typing import TYPE_CHECKING

from pellucid.errors import UsageError
from pellucid.settings.models import NO_BACKBONE
from pellucid.settings.parsing import parse_duration, parse_image_size, parse_name_pattern

if TYPE_CHECKING:
    from pellucid.settings.table import Settings


def require_no_contradiction(settings: "Settings") -> None:
    """Refuse settings that contradict each other, or hold a text of another form.

    Raises: `UsageError` naming them.
    """
    if settings.loss == "mse" and settings.label_smoothing:
        raise UsageError(
            "--label-smoothing: belongs to cross-entropy, but --loss is mse; leave one of them out"
        )
    if settings.mirror and settings.augment is False:
        raise UsageError("--mirror: a way of varying images, which --no-augment leaves out; give one of them")
    if settings.threshold is not None and len(settings.threshold) != 1:
        raise UsageError("--threshold: takes one of two classes, such as spam=0.9; the other one follows")
    if settings.folds == 1:
        raise UsageError("--folds: 1 leaves nothing to learn from; give 2 or more, or 0 for none")
    if settings.folds and settings.time_limit is not None:
        raise UsageError(
            "--folds: trains every model several times over, which --time-limit does not foresee; "
            "give --epochs in its place, or leave one of them out"
        )
    if settings.weights is not None and settings.backbone in (None, NO_BACKBONE):
        raise UsageError("--weights: belongs to --backbone NAME; give it, or leave this out")
    if settings.time_column is not None:
        _require_split_by_time(settings)
    if settings.label_from_name is not None:
        parse_name_pattern(settings.label_from_name)
        if settings.class_depth is not None:
            raise UsageError(
                "--class-depth: takes labels from folders, but --label-from-name takes them from names; "
                "leave one of them out"
            )
    parse_image_size(settings.image_size)
    parse_duration(settings.time_limit)


def _require_split_by_time(settings: "Settings") -> None:
    """Refuse what divides the data in another way than by time.

    Raises: `UsageError` naming it.
    """
    others = {
        "--split-column": settings.split_column,
        "--test": settings.test,
        "--folds": settings.folds or None,
    }
    for flag, value in others.items():
        if value is not None:
            raise UsageError(
                f"--time-column: divides the data into past and future, but {flag} divides it in another "
                "way; leave one of them out"
            )
