"""How good the answers are, and how sure that figure is: scores with 95 % intervals."""

from pellucid.evaluation.intervals import Interval, wilson
from pellucid.evaluation.metrics import (
    accuracy,
    confusion_matrix,
    expected_calibration_error,
    log_loss,
    macro_f1,
)
from pellucid.evaluation.scores import Scores, score

__all__ = [
    "Interval",
    "Scores",
    "accuracy",
    "confusion_matrix",
    "expected_calibration_error",
    "log_loss",
    "macro_f1",
    "score",
    "wilson",
]
