"""Labels that are likely wrong, where there are many of them."""

from pellucid.insight.findings.course import Course
from pellucid.insight.findings.finding import Finding

# Share of the labels; in data sets without planted errors at most half as many were listed.
SUSPICIOUS = 0.01

# Labels: two of a hundred are a reason to look at them, and no finding.
_MANY = 5


def suspicious_labels(course: Course) -> Finding | None:
    """More likely label errors than in data sets that are labelled with care.

    Found where more than 1 % of the labels that were looked at, and at least five, may well be wrong;
    `None` elsewhere.
    """
    share = course.label_issues / course.examined if course.examined else 0.0
    if share <= SUSPICIOUS or course.label_issues < _MANY:
        return None
    agreement = course.agreed / course.examined
    return Finding(
        "suspicious-labels",
        "Many labels look wrong.",
        f"Of {course.examined:,} labels that were judged by models that had not seen the example, "
        f"{course.label_issues:,} ({100 * share:.1f} %) may well be wrong, and about "
        f"{100 * course.label_precision:.0f} % of these are expected to be wrong. The models agree with "
        f"{100 * agreement:.0f} % of all labels.",
        "Inspect the likely label errors in this report and fix what is wrong; the network learns what the "
        "labels say, and so does its score.",
        f"Found above {100 * SUSPICIOUS:.0f} %, and from {_MANY} labels on. A label counts where it is wrong "
        "with a probability of at least 0.4, by the probability that a model gives it and the share of wrong "
        "labels among all, which is fitted to these probabilities. None counts where that share could be 0. "
        "Ten well-known test sets have 3.3 % wrong labels on the mean (Northcutt and others 2021).",
        {"share": share, "agreement": agreement, "expected_precision": course.label_precision},
    )
