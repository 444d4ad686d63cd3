"""Saved and loaded, an estimator answers the same."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits

import pellucid

DIGITS = load_digits()


@pytest.mark.parametrize("form", ["images", "data"])
def test_a_loaded_estimator_answers_as_the_saved_one(form: str, tmp_path: Path) -> None:
    inputs = DIGITS[form][:200]
    labels = DIGITS.target[:200] + 1
    saved = pellucid.ImageClassifier(model="mlp", epochs=4, threads=1).fit(inputs, labels)
    saved.save(tmp_path / "model")
    loaded = pellucid.load(tmp_path / "model")
    assert isinstance(loaded, pellucid.ImageClassifier)
    assert loaded.classes_.tolist() == ["1", "10", "2", "3", "4", "5", "6", "7", "8", "9"]
    np.testing.assert_array_equal(loaded.predict(inputs), saved.predict(inputs).astype(str))
    order = np.argsort(saved.classes_.astype(str))
    np.testing.assert_array_equal(loaded.predict_proba(inputs), saved.predict_proba(inputs)[:, order])
    np.testing.assert_array_equal(loaded.transform(inputs), saved.transform(inputs))
    assert loaded.score(inputs, labels) == saved.score(inputs, labels) > 0.5
    assert loaded.model == "mlp"
    assert repr(loaded) == "<ImageClassifier loaded: mlp>"
    assert "ImageClassifier loaded: mlp" in loaded._repr_html_()
    assert repr(clone(loaded)) == "ImageClassifier(model='mlp')"
    loaded.save(tmp_path / "again")
    weights = "weights.safetensors"
    assert (tmp_path / "again" / weights).read_bytes() == (tmp_path / "model" / weights).read_bytes()


def test_a_loaded_model_of_vectors_checks_their_length(tmp_path: Path) -> None:
    estimator = pellucid.ImageClassifier(epochs=2).fit(DIGITS.data[:50], DIGITS.target[:50])
    estimator.save(tmp_path / "model")
    loaded = pellucid.load(str(tmp_path / "model"))
    assert loaded.n_features_in_ == 64
    with pytest.raises(ValueError, match="X has 63 features, but ImageClassifier is expecting 64"):
        loaded.predict(DIGITS.data[:5, 1:])
    document = json.loads((tmp_path / "model" / "model.json").read_text())
    assert document["kind"] == "feature-classifier"
    assert "ImageClassifier" in (tmp_path / "model" / "README.md").read_text()


def test_saving_replaces_a_model_and_nothing_else(tmp_path: Path) -> None:
    estimator = pellucid.ImageClassifier(epochs=2).fit(DIGITS.data[:50], DIGITS.target[:50])
    estimator.save(tmp_path / "model")
    estimator.save(tmp_path / "model")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_bytes(b"dear")
    with pytest.raises(pellucid.StorageError, match="photos: is there already and is no model folder"):
        estimator.save(tmp_path / "photos")
    assert (tmp_path / "photos" / "one.jpg").read_bytes() == b"dear"
