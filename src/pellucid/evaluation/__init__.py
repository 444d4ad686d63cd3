"""Evaluation: scores with intervals, calibration, paired comparisons, and the recommendation of a model.

Names are loaded on first use: who only has inputs answered does not wait for SciPy.
"""

from typing import TYPE_CHECKING

from pellucid.first_use import on_first_use

if TYPE_CHECKING:
    from pellucid.evaluation.calibration.temperature import (
        Reliability,
        ReliabilityBin,
        cross_fitted,
        fit_temperature,
        reliability,
    )
    from pellucid.evaluation.comparisons.paired import Comparison, compare_all, compare_numbers, holm, mcnemar
    from pellucid.evaluation.comparisons.resampled import corrected_interval, corrected_p_value
    from pellucid.evaluation.drift import Drift, Gathering
    from pellucid.evaluation.groups import Groups, Worth, worth
    from pellucid.evaluation.intervals import Interval, wilson
    from pellucid.evaluation.label_issues import LabelError, LabelJudgement, judge_label_issues
    from pellucid.evaluation.learning_curve import CurvePoint, LearningCurve
    from pellucid.evaluation.numbers import score_numbers
    from pellucid.evaluation.ranking import area_under_roc
    from pellucid.evaluation.recommendation import Recommendation, recommend, recommend_numbers
    from pellucid.evaluation.scores import Scores, score
    from pellucid.evaluation.slices import Slices, score_slices

__getattr__, __all__ = on_first_use(
    __name__,
    {
        "calibration.temperature": "Reliability ReliabilityBin cross_fitted fit_temperature reliability",
        "comparisons.paired": "Comparison compare_all compare_numbers holm mcnemar",
        "comparisons.resampled": "corrected_interval corrected_p_value",
        "drift": "Drift Gathering",
        "groups": "Groups Worth worth",
        "intervals": "Interval wilson",
        "label_issues": "LabelError LabelJudgement judge_label_issues",
        "learning_curve": "CurvePoint LearningCurve",
        "numbers": "score_numbers",
        "ranking": "area_under_roc",
        "recommendation": "Recommendation recommend recommend_numbers",
        "scores": "Scores score",
        "slices": "Slices score_slices",
    },
)
