"""Exported models in Python: what they take, and what they say of inputs that they do not take."""

import numpy as np
import pytest

from exported_models import EVERY, exported
from pellucid.errors import DataError
from small_models import digits, write_digits
from text_models import texts

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")


def test_images_may_be_files_bytes_or_arrays(tmp_path):
    model, file = EVERY["cnn, mirrored"](), exported("cnn, mirrored")
    paths = write_digits(tmp_path, range(4))
    pixels = digits()[0][:4]
    given = [str(paths[0]), paths[1], paths[2].read_bytes(), pixels[3]]
    expected = model.predict_proba(pixels)
    np.testing.assert_allclose(file.predict_proba(given), expected, atol=1e-5)
    assert file.predict(given) == [file.classes[place] for place in expected.argmax(axis=1)]
    assert file.predict([]) == []
    assert file.predict_proba([]).shape == (0, 10)


def test_texts_are_a_list():
    model, file = EVERY["rnn"](), exported("rnn")
    np.testing.assert_allclose(file.predict_proba(texts()[:9]), model.predict_proba(texts()[:9]), atol=1e-5)
    with pytest.raises(DataError, match="it takes a list of texts"):
        file.predict("one text")


def test_what_cannot_be_taken_is_refused(tmp_path):
    file = exported("cnn, mirrored")
    with pytest.raises(DataError, match="put the image into one"):
        file.predict("one.png")
    with pytest.raises(DataError, match="no such file"):
        file.predict([tmp_path / "none.png"])
    (tmp_path / "page.png").write_text("<html></html>")
    with pytest.raises(DataError, match=r"not an image \(HTML\)"):
        file.predict([tmp_path / "page.png"])


def test_numbers_have_no_probabilities():
    model, file = EVERY["mlp of vectors, of numbers"](), exported("mlp of vectors, of numbers")
    rows = digits()[0].reshape(-1, 64)[:3]
    expected = model.predict_values(rows.astype(np.float32))
    np.testing.assert_allclose(file.predict(rows), expected, rtol=1e-5)
    with pytest.raises(DataError, match="it predicts numbers and has no probabilities"):
        file.predict_proba(rows)
