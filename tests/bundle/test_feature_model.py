"""Models of feature vectors: what they refuse, and how their folders are told from others."""

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from pellucid.bundle import FeatureModel, load, load_any, save
from pellucid.errors import DataError, ModelFileError
from pellucid.networks import InputFacts, build, design
from pellucid.settings import Settings

IRIS = load_iris()
ROWS = IRIS.data.astype(np.float32)


def flower_model() -> FeatureModel:
    settings = Settings(model="mlp", width=8)
    network = build(design("mlp", settings, InputFacts((4,), 3, len(ROWS))))
    network.initialise_from_data(torch.from_numpy(ROWS))
    return FeatureModel(network, [str(name) for name in IRIS.target_names])


def test_rows_do_not_depend_on_their_batch() -> None:
    model = flower_model()
    whole = model.predict_proba(ROWS)
    np.testing.assert_allclose(whole.sum(axis=1), 1)
    single = np.concatenate([model.predict_proba(ROWS[row : row + 1]) for row in range(len(ROWS))])
    np.testing.assert_allclose(single, whole, atol=1e-6)
    assert model.transform(ROWS).shape == (150, 8)
    assert model.predict_proba(ROWS[:0]).shape == (0, 3)
    assert model.features == 4


@pytest.mark.parametrize("rows", [ROWS[:, :3], ROWS.astype(np.float64), ROWS[0]])
def test_other_rows_are_refused(rows: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"features: found .* expected float32 of shape \(n, 4\)"):
        flower_model().predict_proba(rows)


def test_saved_and_loaded_it_answers_the_same(tmp_path: Path) -> None:
    model = flower_model()
    save(model, tmp_path / "model", {"flowers": 150})
    loaded = load_any(tmp_path / "model")
    assert isinstance(loaded, FeatureModel)
    assert loaded.classes == ("setosa", "versicolor", "virginica")
    np.testing.assert_array_equal(loaded.predict_proba(ROWS), model.predict_proba(ROWS))
    assert "a vector of 4 numbers" in (tmp_path / "model" / "README.md").read_text()


def test_commands_for_images_refuse_it(tmp_path: Path) -> None:
    save(flower_model(), tmp_path / "model", {})
    with pytest.raises(ModelFileError, match="model: this model takes feature vectors, not images"):
        load(tmp_path / "model")
