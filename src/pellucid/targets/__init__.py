"""Targets: the kinds of labels that are predicted, and everything in which they differ.

A further kind is one file here, and a row in the table of each room that differs by target (`by_target.py`).
"""

from pellucid.targets.classes import CLASSIFICATION, class_labels
from pellucid.targets.images import GENERATION, unlabelled
from pellucid.targets.labels import Labels, metric_value
from pellucid.targets.numbers import REGRESSION, deciles
from pellucid.targets.ordered import ORDERED
from pellucid.targets.several import MULTILABEL, labels_of_lists, labels_of_states, state_of
from pellucid.targets.target import ABSENT, PRESENT, SEPARATOR, UNKNOWN, Statements, Target

__all__ = [
    "ABSENT",
    "CLASSIFICATION",
    "GENERATION",
    "MULTILABEL",
    "ORDERED",
    "PRESENT",
    "REGRESSION",
    "SEPARATOR",
    "TARGETS",
    "UNKNOWN",
    "Labels",
    "Statements",
    "Target",
    "class_labels",
    "deciles",
    "labels_of_lists",
    "labels_of_states",
    "metric_value",
    "state_of",
    "target_named",
    "unlabelled",
]

# Every target of a prediction by the value of `--target`.
TARGETS: dict[str, Target] = {
    target.noun: target for target in (CLASSIFICATION, REGRESSION, MULTILABEL, ORDERED)
}


def target_named(name: str) -> Target:
    """The target of this name, the second word of a task's; classes where there is none such."""
    return next((each for each in (*TARGETS.values(), GENERATION) if each.name == name), CLASSIFICATION)
