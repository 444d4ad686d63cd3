"""Exported models in Python: what they take, and what they say of inputs that they do not take."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest

from exported_models import EVERY, content_of, exported
from pellucid.answering.answers import rows_of
from pellucid.answering.decisions import Decisions, PredictOptions
from pellucid.answering.incoming import Block
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.errors import DataError, NotFiniteError
from pellucid.input_kinds import IMAGES, VALUES
from pellucid.runtime.exported import ExportedModel, batches
from pellucid.runtime.metadata import Metadata
from pellucid.targets import CLASSIFICATION, MULTILABEL
from small_models import LABELS, digits, write_digits
from text_models import encoder, texts


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


def test_several_labels_are_a_list_for_each_input():
    model, file = EVERY["svm of texts, of labels"](), exported("svm of texts, of labels")
    found, decided = file.predict(texts()[:60]), model.decided(model.predict_proba(texts()[:60]))
    assert found == [[name for name, state in zip(LABELS, row, strict=True) if state] for row in decided]
    assert len({tuple(each) for each in found}) > 2
    assert file.predict([]) == []
    assert file.target is MULTILABEL


class Said:
    """A session that gives the same probabilities again and again."""

    def __init__(self, rows) -> None:
        self.rows = np.asarray(rows, np.float32)

    def run(self, outputs, feeds):
        for _ in feeds:
            yield [self.rows]


def test_labels_are_decided_by_the_threshold():
    image = Preprocessing(8, 8, 1)
    metadata = Metadata(
        "m", "0", IMAGES, ("no", "yes"), CLASSIFICATION, 1.0, image, (), None, (), threshold={"yes": 0.2}
    )
    images = np.zeros((3, 8, 8, 1), np.uint8)
    rows = [[0.9, 0.1], [0.7, 0.3], [0.4, 0.6]]
    assert ExportedModel(metadata, Said(rows)).predict(images) == ["no", "yes", "yes"]
    plain = dataclasses.replace(metadata, threshold={})
    assert ExportedModel(plain, Said(rows)).predict(images) == ["no", "no", "yes"]
    several = dataclasses.replace(metadata, target=MULTILABEL)
    rows = [[0.9, 0.1], [0.45, 0.25], [0.5, 0.6]]
    assert ExportedModel(several, Said(rows)).predict(images) == [["no"], ["yes"], ["no", "yes"]]


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


class Overflowing:
    """A session whose graph overflows on images that begin with a white pixel."""

    def __init__(self, session):
        self._session = session

    def run(self, outputs, feeds):
        for feed in feeds:
            ((answers, *more),) = self._session.run(outputs, [feed])
            answers[feed["images"][:, 0, 0, 0] == 255] = np.nan
            yield [answers, *more]


def test_an_image_without_a_finite_answer_gets_its_reason():
    file = exported("cnn, mirrored")
    file = dataclasses.replace(file, session=Overflowing(file.session))
    pixels = digits()[0][:5].copy()
    pixels[[1, 3], 0, 0] = 255
    with pytest.raises(NotFiniteError, match="for input 2 is not a finite number") as caught:
        file.predict(pixels)
    assert caught.value.places == (1, 3)
    block = Block(["a", "b", "bad", "c", "d", "e"], pixels, ["", "", "empty file", "", "", ""])
    rows, *_ = rows_of(Decisions(file, PredictOptions(probabilities=True), "cnn.onnx"), block)
    said = "what the model computes for it is not a finite number; train the model again"
    assert [row.error for row in rows] == ["", said, "empty file", "", said, ""]
    assert rows[1].label is None
    assert rows[1].probabilities == (None,) * 10
    np.testing.assert_allclose(rows[3].probabilities, file.predict_proba(pixels[2:3])[0], atol=1e-6)


def test_texts_beyond_one_block_keep_their_places():
    """4,096 texts are encoded at once; the ids of every text stand at its own place."""
    reader = encoder("text-cnn")
    asked = (texts() * 6)[:10_000]
    seen = np.zeros(len(asked), int)
    for feed, places in batches(asked, {"ids": reader}, 4096):
        seen[places] += 1
        expected = reader.encode([asked[place] for place in places]).padded(np.arange(len(places)))
        np.testing.assert_array_equal(feed["ids"], expected)
    assert (seen == 1).all()
    rows = [len(places) for _, places in batches(asked, {"ids": reader}, 2)]
    assert max(rows) * min(len(text.split()) for text in asked) <= 2 * reader.length  # of short texts more


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
@pytest.mark.parametrize(
    ("redirected", "code"), [("> /dev/full", 5), (">&-", 5), ("| true; exit ${PIPESTATUS[0]}", 0)]
)
def test_answers_that_nobody_takes(redirected, code, tmp_path):
    (tmp_path / "model.onnx").write_bytes(content_of("svm of texts"))
    command = f"{sys.executable} -m pellucid.runtime model.onnx --text 'so cheap' {redirected}"
    done = subprocess.run(["bash", "-c", command], stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert ("cannot write" in done.stderr) == (code == 5)


def test_answers_come_in_the_order_of_the_inputs_whatever_is_computed_together(monkeypatch):
    """Texts of like length are: here the third and the first, then the second."""
    feeds = [({"x": np.array([5, 3])}, np.array([2, 0])), ({"x": np.array([4])}, np.array([1]))]

    class Computing:
        def run(self, outputs, given):
            assert len(outputs) == 2
            for feed in given:
                share = feed["x"] / 10
                yield [np.stack([share, 1 - share], axis=1), share / 2]

    metadata = Metadata("m", "0", VALUES, ("a", "b"), CLASSIFICATION, 1.0, None, (), 0.05, ())
    monkeypatch.setattr(ExportedModel, "batches", lambda self, inputs: iter(feeds))
    found = ExportedModel(metadata, Computing()).computed(["first", "second", "third"])
    assert found.said[:, 0].tolist() == [0.3, 0.4, 0.5]
    assert found.novelty.tolist() == [0.15, 0.2, 0.25]
