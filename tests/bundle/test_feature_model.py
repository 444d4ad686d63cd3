"""Models of feature vectors: what they refuse, and how their folders are told from others."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

from pellucid.bundle import FeatureModel, load, load_any, save
from pellucid.bundle.description import Description, _sealed
from pellucid.errors import DataError, ModelFileError
from pellucid.networks import InputFacts, build, design
from pellucid.settings import Settings
from small_models import untrained_model

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


def test_commands_for_pictures_refuse_it(tmp_path: Path) -> None:
    save(flower_model(), tmp_path / "model", {})
    with pytest.raises(ModelFileError, match="model: this model takes feature vectors, not pictures"):
        load(tmp_path / "model")


@pytest.mark.parametrize(
    ("is_of_pictures", "change", "words"),
    [
        (
            False,
            {"preprocessing": {"height": 8}},
            "preprocessing must be null in a model of the kind feature",
        ),
        (False, {"kind": "image-classifier"}, "preprocessing must be an object"),
        (
            False,
            {"mirror": True},
            "of the kind feature-classifier, but the network takes or mirrors pictures",
        ),
        (True, {"kind": "feature-classifier", "preprocessing": None}, "takes or mirrors pictures"),
        (True, {"kind": "feature-classifier"}, "preprocessing must be null"),
    ],
)
def test_kinds_cannot_be_mixed(
    is_of_pictures: bool, change: dict[str, object], words: str, tmp_path: Path
) -> None:
    """The file is sealed anew after each change, so that its checksum is right."""
    save(untrained_model("mlp") if is_of_pictures else flower_model(), tmp_path / "model", {})
    document = json.loads((tmp_path / "model" / "model.json").read_text()) | change
    del document["own_sha256"]
    with pytest.raises(ModelFileError, match=words):
        Description.from_bytes(_sealed(document), "model.json")
