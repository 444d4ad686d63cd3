"""The HTML report of a run: one self-contained, offline, escaped page."""

from pellucid.reports.facts import Answered, CalibrationFacts, LabelIssue, LabelIssues, ReportFacts
from pellucid.reports.report import render

__all__ = ["Answered", "CalibrationFacts", "LabelIssue", "LabelIssues", "ReportFacts", "render"]
