"""Evaluation: scores with intervals, calibration, paired comparisons, and the recommendation of a model.

Names are loaded on first use: who only has inputs answered does not wait for SciPy.
"""

from typing import TYPE_CHECKING

from pellucid.first_use import on_first_use

if TYPE_CHECKING:
    from pellucid.evaluation.calibration import (
        Reliability,
        ReliabilityBin,
        cross_fitted,
        fit_temperature,
        reliability,
    )
    from pellucid.evaluation.comparisons import (
        Comparison,
        compare_all,
        compare_numbers,
        corrected_interval,
        corrected_p_value,
        mcnemar,
    )
    from pellucid.evaluation.drift import Drift, Gathering
    from pellucid.evaluation.intervals import Groups, Interval, Worth, wilson, worth
    from pellucid.evaluation.label_comparisons import compare_labels
    from pellucid.evaluation.label_issues import (
        CellJudgement,
        LabelJudgement,
        judge_cells,
        judge_label_issues,
    )
    from pellucid.evaluation.label_scores import LabelScore
    from pellucid.evaluation.label_thresholds import cross_fitted_decisions, fit_thresholds
    from pellucid.evaluation.learning_curve import CurvePoint, LearningCurve
    from pellucid.evaluation.recommendation import Recommendation, recommend, recommend_numbers
    from pellucid.evaluation.scores import Scores, Slices, area_under_roc, score, score_numbers, score_slices

__getattr__, __all__ = on_first_use(
    __name__,
    {
        "calibration": "Reliability ReliabilityBin cross_fitted fit_temperature reliability",
        "comparisons": (
            "Comparison compare_all compare_numbers corrected_interval corrected_p_value mcnemar"
        ),
        "drift": "Drift Gathering",
        "intervals": "Groups Worth worth Interval wilson",
        "label_comparisons": "compare_labels",
        "label_issues": "CellJudgement LabelJudgement judge_cells judge_label_issues",
        "label_scores": "LabelScore",
        "label_thresholds": "cross_fitted_decisions fit_thresholds",
        "learning_curve": "CurvePoint LearningCurve",
        "recommendation": "Recommendation recommend recommend_numbers",
        "scores": "score_numbers area_under_roc Scores score Slices score_slices",
    },
)
