"""Requests of scikit-learn's own checks that these estimators meet otherwise, and why."""

# Name of a check to the reason why it fails; for `check_estimator`'s `expected_failed_checks`.
EXPECTED_FAILED_CHECKS: dict[str, str] = {
    "check_sample_weight_equivalence_on_dense_data": (
        "networks learn in batches drawn by chance: an example of weight 2 counts twice in the loss of one "
        "batch, a repeated one stands in two batches; only in the mean is that the same. Weight 0 leaves an "
        "example out exactly"
    ),
}
