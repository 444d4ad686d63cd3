"""Evaluation: scores with intervals, calibration, paired comparisons, and the recommendation of a model."""

from pellucid.arithmetic.metrics import (
    accuracy,
    confusion_matrix,
    expected_calibration_error,
    log_loss,
)
from pellucid.evaluation.calibration import (
    Reliability,
    ReliabilityBin,
    at_temperature,
    cross_fitted,
    fit_temperature,
    reliability,
)
from pellucid.evaluation.comparisons.paired import Comparison, compare_all, compare_numbers, holm, mcnemar
from pellucid.evaluation.comparisons.resampled import corrected_interval, corrected_p_value
from pellucid.evaluation.drift import Drift, Gathering
from pellucid.evaluation.intervals import Interval, wilson
from pellucid.evaluation.label_issues import LabelError, LabelJudgement, judge_label_issues
from pellucid.evaluation.learning_curve import CurvePoint, LearningCurve, learning_curve
from pellucid.evaluation.numbers import score_numbers
from pellucid.evaluation.ranking import area_under_roc
from pellucid.evaluation.recommendation import Recommendation, recommend, recommend_numbers
from pellucid.evaluation.scores import Scores, score
from pellucid.evaluation.slices import Slice, Slices, score_slices

__all__ = [
    "Comparison",
    "CurvePoint",
    "Drift",
    "Gathering",
    "Interval",
    "LabelError",
    "LabelJudgement",
    "LearningCurve",
    "Recommendation",
    "Reliability",
    "ReliabilityBin",
    "Scores",
    "Slice",
    "Slices",
    "accuracy",
    "area_under_roc",
    "at_temperature",
    "compare_all",
    "compare_numbers",
    "confusion_matrix",
    "corrected_interval",
    "corrected_p_value",
    "cross_fitted",
    "expected_calibration_error",
    "fit_temperature",
    "holm",
    "judge_label_issues",
    "learning_curve",
    "log_loss",
    "mcnemar",
    "recommend",
    "recommend_numbers",
    "reliability",
    "score",
    "score_numbers",
    "score_slices",
    "wilson",
]
