"""Formulas that several floors share, in NumPy alone: probabilities, and scores without intervals."""

from pellucid.arithmetic.metrics import (
    NumberErrors,
    accuracy,
    confusion_matrix,
    log_loss,
    number_errors,
)
from pellucid.arithmetic.probabilities import at_temperature, softmax

__all__ = [
    "NumberErrors",
    "accuracy",
    "at_temperature",
    "confusion_matrix",
    "log_loss",
    "number_errors",
    "softmax",
]
