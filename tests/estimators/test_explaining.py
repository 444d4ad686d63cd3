"""`pellucid.explain`: the records of the page as objects."""

import dataclasses

import numpy as np
import pytest

import pellucid
from every_model import average
from number_models import number_model
from pellucid.bundle import save
from pellucid.errors import DataError, UsageError
from small_models import CLASSES, digits, trained_model, vector_model, vectors, write_digits
from text_models import text_model, texts

PIXELS, LABELS = digits()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("saved") / "model"
    save(trained_model(), place, {})
    return place


def test_a_saved_model_and_an_estimator_give_the_same(folder, tmp_path):
    by_path = pellucid.explain(folder, PIXELS[5, :, :, 0])
    estimator = pellucid.load(folder)
    by_estimator = pellucid.explain(estimator, PIXELS[5, :, :, 0])
    (file,) = write_digits(tmp_path, [5])
    by_file = pellucid.explain(str(folder), file)
    assert repr(by_path) == repr(by_estimator) == repr(by_file)
    np.testing.assert_allclose(by_path.answer, estimator.predict_proba(PIXELS[5:6])[0])
    unit = by_path.unit("body.linear1", (3,))
    assert unit.agrees
    assert by_path.layer("body.linear1").formula.startswith("y_{o} = ")
    assert by_path.field("body.linear1", (3,)) == ((0, 7), (0, 7))
    assert by_path.said in repr(by_path)


def test_of_an_average_the_terms_add_up_and_its_heaviest_network_is_opened(tmp_path):
    made = average({"svm": 3, "svm-on-cnn": 2, "cnn": 2}).at(0.7)
    save(made, tmp_path / "model", {})
    found = pellucid.explain(tmp_path / "model", PIXELS[5, :, :, 0])
    np.testing.assert_allclose(found.answer, made.predict_proba(PIXELS[5:6])[0])
    assert [each.name for each in found.mean.terms] == ["svm", "svm-on-cnn", "cnn"]
    for term, member in zip(found.mean.terms, made.members, strict=True):
        np.testing.assert_allclose(term.answer, member.model.predict_proba(PIXELS[5:6])[0])
        assert term.share == member.weight / 7
    powers = np.array([found.mean.of(at) for at in range(10)]) ** (1 / 0.7)
    np.testing.assert_allclose(powers / powers.sum(), found.answer)
    assert [term.contributions is None for term in found.mean.terms] == [False, False, True]
    # The network on which the heavier svm is built is a member too, so that it is opened to its head.
    assert found.mean.opened == "cnn"
    assert found.layer("head.linear").formula
    assert found.backward.target == found.target == int(found.answer.argmax())
    assert [driver.name for driver in found.attributions.methods] == [
        "grad-cam",
        "integrated-gradients",
        "occlusion",
    ]
    assert found.attributions.methods[0].how.endswith("in its member cnn")
    assert "Layers, gradients and loss are those of cnn" in found.notes[0]
    assert "svm: " in repr(found)
    assert "times 3 of 7 adds" in found._repr_html_()


def test_it_shows_itself_in_a_notebook(folder):
    found = pellucid.explain(folder, PIXELS[5, :, :, 0])
    shown = found._repr_html_()
    assert "<th>body.linear1</th><td>dense</td><td>64 \u2192 32</td><td>2,048</td>" in shown
    assert shown.count("<li>") == 2
    hostile = dataclasses.replace(found, classes=("<script>", *found.classes[1:]), answer=np.eye(10)[0])
    assert "&lt;script&gt;" in hostile._repr_html_()
    assert "<script>" not in hostile._repr_html_()


def test_another_class_can_be_asked_about(folder):
    found = pellucid.explain(folder, PIXELS[5, :, :, 0], label=CLASSES[2])
    assert found.target == 2
    assert found.backward.target == 2
    assert "explained for digit 2" in repr(found)
    with pytest.raises(UsageError, match="label: 'cat' is no class of the model; choose one of digit 0"):
        pellucid.explain(folder, PIXELS[5, :, :, 0], label="cat")
    with pytest.raises(UsageError, match="truth: 'cat' is no class of the model"):
        pellucid.explain(folder, PIXELS[5, :, :, 0], truth="cat")
    known = pellucid.explain(folder, PIXELS[5, :, :, 0], truth=CLASSES[2])
    assert known.target == int(known.answer.argmax())
    assert known.truth == known.backward.target == 2
    check = known.weight(known.checker.names[0], [0] * known.opened.weights[known.checker.names[0]].ndim)
    assert check.by_hand == pytest.approx(check.by_autograd, rel=1e-8)


def test_texts_numbers_and_vectors(tmp_path):
    save(text_model("bag"), tmp_path / "bag", {})
    found = pellucid.explain(pellucid.load(tmp_path / "bag"), texts()[3])
    assert "".join(found.tokens)
    assert len(found.pieces) == found.attributions.pieces.shape[0]
    save(number_model("lenet"), tmp_path / "number", {})
    of_number = pellucid.explain(tmp_path / "number", PIXELS[3, :, :, 0])
    assert of_number.target is None
    assert of_number.said == f"{of_number.answer[0]:.6g}"
    with pytest.raises(UsageError, match="none: the model knows no classes"):
        pellucid.explain(tmp_path / "number", PIXELS[3, :, :, 0], label=1)
    save(vector_model(), tmp_path / "vectors", {})
    of_vector = pellucid.explain(tmp_path / "vectors", vectors()[3])
    assert of_vector.attributions is None
    assert of_vector.unit("head", (1,)).agrees


def test_what_cannot_be_explained_is_told(folder, tmp_path):
    with pytest.raises(UsageError, match="model: found int; give a fitted estimator, or the path"):
        pellucid.explain(3, PIXELS[0])
    with pytest.raises(UsageError, match="model: found ImageClassifier; give a fitted estimator"):
        pellucid.explain(pellucid.ImageClassifier(), PIXELS[0])
    write_digits(tmp_path / "many", range(3))
    with pytest.raises(DataError, match="input: 3 examples found, one expected"):
        pellucid.explain(folder, tmp_path / "many")


def test_a_generator_is_opened_as_of_a_class():
    generator = pellucid.ImageGenerator(epochs=1, width=8, threads=1).fit(PIXELS[:300, ..., 0], LABELS[:300])
    found = pellucid.explain(generator, PIXELS[400, ..., 0], label=3)
    assert (found.classes[found.target], found.latents.label) == ("3", 3)
    assert found.unit("decoder.up1", (0, 2, 3)).agrees
    assert "as was asked for" in found.notes[0]
    truth = pellucid.explain(generator, PIXELS[400, ..., 0], truth=5)
    assert truth.classes[truth.target] == "5"
