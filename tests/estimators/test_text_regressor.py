"""Numbers learnt from texts that name digits."""

from pathlib import Path

import numpy as np
import pytest

import pellucid
from small_models import digits
from text_models import texts as naming_digits

TEXTS = naming_digits()[:400]
NUMBERS = digits()[1][:400].astype(float)


def small(**parameters: object) -> pellucid.TextRegressor:
    return pellucid.TextRegressor().set_params(
        **{"model": "bag", "epochs": 20, "learning_rate": 0.02, "threads": 1, "width": 32, **parameters}
    )


@pytest.fixture(scope="module")
def fitted() -> pellucid.TextRegressor:
    return small().fit(TEXTS[:300], NUMBERS[:300])


def test_numbers_are_learnt(fitted: pellucid.TextRegressor) -> None:
    predicted = fitted.predict(TEXTS[300:])
    assert predicted.dtype == np.float64
    residuals = ((predicted - NUMBERS[300:]) ** 2).sum()
    r2 = 1 - residuals / ((NUMBERS[300:] - NUMBERS[300:].mean()) ** 2).sum()
    assert fitted.score(TEXTS[300:], NUMBERS[300:]) == pytest.approx(r2)
    assert r2 > 0.6
    assert fitted.transform(TEXTS).shape == (400, len(fitted.get_feature_names_out()))
    assert not hasattr(fitted, "predict_proba")


def test_tables(tmp_path: Path) -> None:
    rows = [f'"{text}",{number + 0.25}' for text, number in zip(TEXTS[:200], NUMBERS, strict=False)]
    (tmp_path / "rated.csv").write_text("\n".join(["review,stars", *rows]) + "\n", encoding="utf-8")
    estimator = small().fit(tmp_path / "rated.csv")
    assert estimator.score(tmp_path / "rated.csv", NUMBERS[:200] + 0.25) > 0.6


def test_models_that_cannot_learn_numbers_are_refused() -> None:
    with pytest.raises(
        pellucid.UsageError, match="logistic-regression predicts classes, and these labels are"
    ):
        small(model="logistic-regression").fit(TEXTS, NUMBERS)
    with pytest.raises(pellucid.UsageError, match="requires y to be passed, but the target y is None"):
        small().fit(TEXTS)
