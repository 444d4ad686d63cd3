"""Evaluation: scores with intervals, calibration, paired comparisons, and the recommendation of a model.

Names are loaded on first use: who only has inputs answered does not wait for SciPy.
"""

from typing import TYPE_CHECKING

from pellucid.first_use import on_first_use

if TYPE_CHECKING:
    from pellucid.arithmetic.metrics import accuracy, confusion_matrix, expected_calibration_error, log_loss
    from pellucid.evaluation.calibration.temperature import (
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
    from pellucid.evaluation.learning_curve import CurvePoint, LearningCurve
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

__getattr__ = on_first_use(
    __name__,
    {
        "accuracy": "pellucid.arithmetic.metrics",
        "confusion_matrix": "pellucid.arithmetic.metrics",
        "expected_calibration_error": "pellucid.arithmetic.metrics",
        "log_loss": "pellucid.arithmetic.metrics",
        "Comparison": "pellucid.evaluation.comparisons.paired",
        "CurvePoint": "pellucid.evaluation.learning_curve",
        "Drift": "pellucid.evaluation.drift",
        "Gathering": "pellucid.evaluation.drift",
        "Interval": "pellucid.evaluation.intervals",
        "LabelError": "pellucid.evaluation.label_issues",
        "LabelJudgement": "pellucid.evaluation.label_issues",
        "LearningCurve": "pellucid.evaluation.learning_curve",
        "Recommendation": "pellucid.evaluation.recommendation",
        "Reliability": "pellucid.evaluation.calibration.temperature",
        "ReliabilityBin": "pellucid.evaluation.calibration.temperature",
        "Scores": "pellucid.evaluation.scores",
        "Slice": "pellucid.evaluation.slices",
        "Slices": "pellucid.evaluation.slices",
        "area_under_roc": "pellucid.evaluation.ranking",
        "at_temperature": "pellucid.evaluation.calibration.temperature",
        "compare_all": "pellucid.evaluation.comparisons.paired",
        "compare_numbers": "pellucid.evaluation.comparisons.paired",
        "corrected_interval": "pellucid.evaluation.comparisons.resampled",
        "corrected_p_value": "pellucid.evaluation.comparisons.resampled",
        "cross_fitted": "pellucid.evaluation.calibration.temperature",
        "fit_temperature": "pellucid.evaluation.calibration.temperature",
        "holm": "pellucid.evaluation.comparisons.paired",
        "judge_label_issues": "pellucid.evaluation.label_issues",
        "mcnemar": "pellucid.evaluation.comparisons.paired",
        "recommend": "pellucid.evaluation.recommendation",
        "recommend_numbers": "pellucid.evaluation.recommendation",
        "reliability": "pellucid.evaluation.calibration.temperature",
        "score": "pellucid.evaluation.scores",
        "score_numbers": "pellucid.evaluation.numbers",
        "score_slices": "pellucid.evaluation.slices",
        "wilson": "pellucid.evaluation.intervals",
    },
)
