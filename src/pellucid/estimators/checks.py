"""Requests of scikit-learn's own checks that these estimators meet otherwise, and why."""

EXPECTED_FAILED_CHECKS: dict[str, str] = {}
"""Name of a check to the reason why it fails; for `check_estimator`'s `expected_failed_checks`."""
