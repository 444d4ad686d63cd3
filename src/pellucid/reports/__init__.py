"""The HTML report of a run: one self-contained, offline, escaped page."""

from pellucid.reports.facts import Answered, CalibrationFacts, ReportFacts, LabelIssue, LabelIssues
from pellucid.reports.report import render

__all__ = ["Answered", "CalibrationFacts", "ReportFacts", "LabelIssue", "LabelIssues", "render"]
