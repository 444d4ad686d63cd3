"""Labels that are likely wrong, where there are many of them."""

from pellucid.insight.findings.course import Course
from pellucid.insight.findings.finding import Finding

SUSPICIOUS = 0.08
"""Share of the labels; where classes are hard to tell apart, up to 6 % are suspected without being wrong."""

ABLE = 0.6
"""Share of the labels that the judging models agree with: models that are often wrong suspect too much."""


def suspicious_labels(course: Course) -> Finding | None:
    """More label issues than in well-known data sets.

    Found where more than 8 % of the labels that were looked at are suspected, by models that agree
    with at least 60 % of them; `None` elsewhere.
    """
    share = course.label_issues / course.examined if course.examined else 0.0
    agreement = course.agreed / course.examined if course.examined else 0.0
    if share <= SUSPICIOUS or agreement < ABLE:
        return None
    return Finding(
        "suspicious-labels",
        "Many labels look wrong, or the classes are hard to tell apart.",
        f"Of {course.examined:,} labels that were judged by models that had not seen the example, "
        f"{course.label_issues:,} ({100 * share:.1f} %) are suspected; the models agree with "
        f"{100 * agreement:.0f} % of all labels.",
        "Look at the likely label errors in this report and mend what is wrong; the network learns what the "
        "labels say, and so does its score.",
        f"Found above {100 * SUSPICIOUS:.0f} %. Ten well-known test sets have 3.3 % wrong labels on the mean "
        "(Northcutt and others 2021), and where classes are hard to tell apart some more are suspected "
        f"without being wrong. Not looked for where the models agree with less than {100 * ABLE:.0f} % of "
        "the labels: they are then too often wrong themselves.",
        {"share": share, "agreement": agreement},
    )
