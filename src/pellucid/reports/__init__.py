"""The HTML report of a run: one self-contained, offline, escaped page."""

from pellucid.reports.report import Mistake, ReportFacts, render

__all__ = ["Mistake", "ReportFacts", "render"]
