"""Numbers learnt from real digits, real vectors and real files, by every form of input."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes

import pellucid
from number_models import ink, write_ink
from small_models import digits

IMAGES = digits()[0][:300]
INK = ink()[:300]
ROWS, PROGRESSION = load_diabetes(return_X_y=True)


def small(**parameters: object) -> pellucid.ImageRegressor:
    return pellucid.ImageRegressor().set_params(**{"model": "mlp", "epochs": 12, "threads": 1, **parameters})


@pytest.fixture(scope="module")
def fitted() -> pellucid.ImageRegressor:
    return small().fit(IMAGES[:200], INK[:200])


def test_images_in_arrays(fitted: pellucid.ImageRegressor) -> None:
    predicted = fitted.predict(IMAGES[200:])
    assert predicted.dtype == np.float64
    assert predicted.shape == (100,)
    residuals = ((predicted - INK[200:]) ** 2).sum()
    r2 = 1 - residuals / ((INK[200:] - INK[200:].mean()) ** 2).sum()
    assert fitted.score(IMAGES[200:], INK[200:]) == pytest.approx(r2)
    assert r2 > 0.8
    assert fitted.transform(IMAGES).shape == (300, len(fitted.get_feature_names_out()))
    assert not hasattr(fitted, "n_features_in_")
    assert not hasattr(fitted, "predict_proba")
    assert [record["epoch"] for record in fitted.history_] == list(range(1, 13))


def test_answers_are_in_the_unit_of_the_labels() -> None:
    near = small(model="auto", epochs=8).fit(ROWS[:200], PROGRESSION[:200])
    far = small(model="auto", epochs=8).fit(ROWS[:200], 1e6 * PROGRESSION[:200] - 1e9)
    np.testing.assert_allclose(far.predict(ROWS[200:]), 1e6 * near.predict(ROWS[200:]) - 1e9, rtol=1e-3)


def test_tables_and_their_images(tmp_path: Path) -> None:
    table = write_ink(tmp_path, range(120))
    estimator = small().fit(table)
    files = sorted(tmp_path.glob("*.png"))
    assert estimator.score(files, INK[:120]) > 0.8
    assert estimator.predict(str(files[3])).tolist() == estimator.predict(files)[3:4].tolist()
    with pytest.raises(pellucid.DataError, match=r"its labels are numbers with fractions; .* ImageRegressor"):
        pellucid.ImageClassifier(model="mlp").fit(table)
