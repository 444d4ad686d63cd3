"""Evaluation: scores with intervals, calibration, paired comparisons, and the recommendation of a model.

Names are loaded on first use: who only has inputs answered does not wait for SciPy.
"""

from typing import TYPE_CHECKING

from pellucid.first_use import on_first_use

if TYPE_CHECKING:
    from pellucid.evaluation.by_target import SCORING, score
    from pellucid.evaluation.calibration import (
        Reliability,
        ReliabilityBin,
        cross_fitted,
        fit_temperature,
        reliability,
    )
    from pellucid.evaluation.comparisons import Comparison, corrected_interval, corrected_p_value, mcnemar
    from pellucid.evaluation.drift import Drift, Gathering
    from pellucid.evaluation.intervals import Groups, Interval, Worth, wilson, worth
    from pellucid.evaluation.label_issues import (
        CellJudgement,
        LabelJudgement,
        judge_cells,
        judge_label_issues,
    )
    from pellucid.evaluation.learning_curve import CurvePoint, LearningCurve
    from pellucid.evaluation.recommendation import Recommendation, recommend
    from pellucid.evaluation.scores import LabelScore, Scores, Slices, area_under_roc, score_slices

__getattr__, __all__ = on_first_use(
    __name__,
    {
        "by_target": "SCORING score",
        "calibration": "Reliability ReliabilityBin cross_fitted fit_temperature reliability",
        "comparisons": "Comparison corrected_interval corrected_p_value mcnemar",
        "drift": "Drift Gathering",
        "intervals": "Groups Worth worth Interval wilson",
        "label_issues": "CellJudgement LabelJudgement judge_cells judge_label_issues",
        "learning_curve": "CurvePoint LearningCurve",
        "recommendation": "Recommendation recommend",
        "scores": "area_under_roc LabelScore Scores Slices score_slices",
    },
)
