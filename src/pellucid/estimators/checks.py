"""What scikit-learn's own checks ask that these estimators do otherwise, and why."""

EXPECTED_FAILED_CHECKS: dict[str, str] = {}
"""Name of a check to the reason why it fails; for `check_estimator`'s `expected_failed_checks`."""
