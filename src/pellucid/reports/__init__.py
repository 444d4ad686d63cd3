"""The HTML report of a run: one self-contained, offline, escaped page."""

from pellucid.reports.facts import Answered, CalibrationFacts, ReportFacts, Suspect, Suspects
from pellucid.reports.report import render

__all__ = ["Answered", "CalibrationFacts", "ReportFacts", "Suspect", "Suspects", "render"]
