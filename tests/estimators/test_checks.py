"""scikit-learn's own checks."""

import pytest
from sklearn.utils.estimator_checks import check_estimator

import pellucid


def test_every_exception_has_its_reason() -> None:
    assert len(pellucid.EXPECTED_FAILED_CHECKS) <= 3
    assert all(reason for reason in pellucid.EXPECTED_FAILED_CHECKS.values())


QUICK = {"model": "mlp", "depth": 1, "width": 16, "epochs": 6, "threads": 1}


@pytest.mark.parametrize(
    "estimator",
    [
        pellucid.ImageClassifier(**QUICK),
        pellucid.ImageRegressor(**QUICK),
        pytest.param(pellucid.ImageClassifier(epochs=15, width=8, threads=1), marks=pytest.mark.slow),
    ],
    ids=repr,
)
def test_scikit_learn_finds_nothing_wrong(
    estimator: pellucid.ImageClassifier | pellucid.ImageRegressor,
) -> None:
    results = check_estimator(
        estimator,
        expected_failed_checks=pellucid.EXPECTED_FAILED_CHECKS,
        on_fail="raise",
        on_skip=None,
    )
    outcomes = {result["check_name"]: result["status"] for result in results}
    assert {name for name, status in outcomes.items() if status == "xfail"} == set(
        pellucid.EXPECTED_FAILED_CHECKS
    )
    assert sum(status == "passed" for status in outcomes.values()) > 40, outcomes
    of_several_labels = {name: status for name, status in outcomes.items() if "multilabel" in name}
    assert sum(status == "passed" for status in of_several_labels.values()) == (
        3
        if isinstance(estimator, pellucid.ImageClassifier)
        else 0  # the fourth asks for a `decision_function`
    )
