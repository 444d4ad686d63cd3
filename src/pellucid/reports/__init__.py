"""The HTML report of a run: one self-contained, offline, escaped page."""

from pellucid.reports.facts import (
    AbstentionFacts,
    Answered,
    CalibrationFacts,
    GeneratedFacts,
    LabelFacts,
    LabelIssue,
    LabelIssues,
    LatentMap,
    Pair,
    ReportFacts,
    Walk,
)
from pellucid.reports.report import render

__all__ = [
    "AbstentionFacts",
    "Answered",
    "CalibrationFacts",
    "GeneratedFacts",
    "LabelFacts",
    "LabelIssue",
    "LabelIssues",
    "LatentMap",
    "Pair",
    "ReportFacts",
    "Walk",
    "render",
]
