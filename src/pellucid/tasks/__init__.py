"""Tasks: the target that is predicted, the kind of inputs, and everything that follows from either."""

from pellucid.tasks.input_kinds import IMAGES, INPUT_KINDS, TEXTS, VALUES, InputKind, InputName
from pellucid.tasks.targets import CLASSIFICATION, GENERATION, REGRESSION, TARGETS, Target, target_of

__all__ = [
    "CLASSIFICATION",
    "GENERATION",
    "IMAGES",
    "INPUT_KINDS",
    "REGRESSION",
    "TARGETS",
    "TEXTS",
    "VALUES",
    "InputKind",
    "InputName",
    "Target",
    "target_of",
]
