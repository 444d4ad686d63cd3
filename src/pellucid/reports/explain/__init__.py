"""The explain page: one answer of a model, opened in one self-contained HTML file."""

from pellucid.reports.explain.page import LARGEST_PAGE, render_explanation

__all__ = ["LARGEST_PAGE", "render_explanation"]
