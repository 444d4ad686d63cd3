"""Images of another aspect that are stretched to the training size."""

import numpy as np
import pytest
from PIL import Image

import pellucid
from pellucid.bundle import save
from pellucid.data import Preprocessing, prepare
from pellucid.data.sources.labelled import read_data
from pellucid.export.export import finished, metadata_of
from pellucid.export.onnx_graph import graph_of
from pellucid.runtime.exported import opened
from pellucid.settings import Settings
from small_models import untrained_model


def write(folder, count=24):
    """Wide images, 32 by 96, whose left half is dark; class `a` is darker."""
    for index in range(count):
        label = "ab"[index % 2]
        pixels = np.full((32, 96, 3), 80 + 90 * (index % 2), np.uint8)
        pixels[:, :48] = index
        (folder / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / label / f"{index:02}.png")
    return str(folder)


def test_every_image_fills_the_size(tmp_path):
    place = write(tmp_path / "data")
    stretched = Settings(image_size="16", resize="stretch")
    found, check = prepare(read_data(place, stretched), stretched)
    fitted = prepare(read_data(place, Settings(image_size="16")), Settings(image_size="16"))[0]
    assert found.inputs.shape == fitted.inputs.shape
    assert found.fingerprint != fitted.fingerprint
    for images, is_whole in ((found.inputs, True), (fitted.inputs, False)):
        dark = images[3, :, 2, 0] < 30  # a column of the dark half
        assert dark.all() == is_whole
    assert "each is stretched to 16 x 16 pixels" in "\n".join(check.sentences())


def test_the_choice_is_kept_with_the_model_and_read_strictly():
    kept = Preprocessing(16, 16, 3, stretch=True)
    assert Preprocessing.from_json(kept.to_json()) == kept
    assert "stretch" not in Preprocessing(16, 16, 3).to_json()
    with pytest.raises(ValueError, match="stretch"):
        Preprocessing.from_json({**kept.to_json(), "stretch": 1})


def test_files_and_arrays_are_stretched_alike(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (300, 900, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((900, 300)).save(tmp_path / "wide.jpg", quality=95)
    kept = Preprocessing(64, 64, 3, stretch=True)
    decoded = np.asarray(Image.open(tmp_path / "wide.jpg"))
    np.testing.assert_array_equal(
        kept.image_and_warning(tmp_path / "wide.jpg")[0], kept.arrays(decoded[None])[0]
    )


def test_model_runtime_and_predict_agree(tmp_path):
    write(tmp_path / "data", 6)
    files = [str(path) for path in sorted((tmp_path / "data" / "a").iterdir())]
    model = untrained_model("mlp")
    model.preprocessing = Preprocessing(8, 8, 1, stretch=True)
    save(model, tmp_path / "model", {})
    classifier = pellucid.load(tmp_path / "model")
    assert classifier.model_.preprocessing.stretch
    exported = opened(finished(graph_of(model), metadata_of(model, "mlp")), "model.onnx", 1)
    assert exported.preprocessing == classifier.model_.preprocessing
    np.testing.assert_allclose(exported.predict_proba(files), classifier.predict_proba(files), atol=1e-5)
