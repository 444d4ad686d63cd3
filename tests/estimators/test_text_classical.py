"""Classical models of texts alone, through the same two estimators."""

from pathlib import Path

import numpy as np
import pytest

import pellucid
from pellucid.data.sources.samples import read_sample
from small_models import digits
from text_models import texts

MAIL = read_sample("sample:spam")
TEXTS = [*MAIL.texts[:300], *MAIL.texts[-100:]]
KINDS = np.array([*MAIL.labels[:300], *MAIL.labels[-100:]])


@pytest.mark.parametrize("model", ["logistic-regression", "random-forest"])
def test_classes(model: str, tmp_path: Path) -> None:
    estimator = pellucid.TextClassifier(model=model, threads=1).fit(TEXTS[:240], KINDS[:240])
    assert estimator.score(TEXTS[240:], KINDS[240:]) > 0.85
    probabilities = estimator.predict_proba(["", *TEXTS[:9]])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert estimator.history_ == []
    assert not hasattr(estimator, "transform")
    estimator.save(tmp_path / "model")
    loaded = pellucid.load(tmp_path / "model")
    assert isinstance(loaded, pellucid.TextClassifier)
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), estimator.predict_proba(TEXTS))


@pytest.mark.parametrize("model", ["ridge", "svm"])
def test_numbers(model: str, tmp_path: Path) -> None:
    numbers = digits()[1][:400].astype(float)
    estimator = pellucid.TextRegressor(model=model, threads=1).fit(texts()[:300], numbers[:300])
    assert estimator.score(texts()[300:400], numbers[300:]) > 0.5
    estimator.save(tmp_path / "model")
    loaded = pellucid.load(tmp_path / "model")
    assert isinstance(loaded, pellucid.TextRegressor)
    np.testing.assert_array_equal(loaded.predict(texts()), estimator.predict(texts()))


@pytest.mark.parametrize(
    ("estimator", "words"),
    [
        (
            pellucid.TextClassifier(model="mean"),
            "model: mean predicts numbers, and these labels are classes",
        ),
    ],
)
def test_what_does_not_fit_is_refused(estimator: pellucid.TextClassifier, words: str) -> None:
    with pytest.raises(pellucid.UsageError, match=words):
        estimator.fit(TEXTS[:50], KINDS[:50])
