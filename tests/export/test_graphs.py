"""The contract of exports: the graph of every model answers as the model does, whatever batch and length."""

import numpy as np
import pytest

from every_model import inputs_of
from exported_models import EVERY, QUICK, content_of, exported
from pellucid.bundle import ClassicalModel
from pellucid.classical import extract
from pellucid.input_kinds import VALUES

onnx = pytest.importorskip("onnx")

LOOKS_AT_NOTHING = ("majority of vectors",)  # takes vectors of any length, of which a graph has one
NAMES = [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
    for name in EVERY
    if name not in LOOKS_AT_NOTHING
]


@pytest.mark.parametrize("name", NAMES)
def test_the_file_answers_as_the_model_whatever_is_asked_together(name):
    model, file = EVERY[name](), exported(name)
    inputs = inputs_of(model)
    ours, theirs = model.answer(inputs), file.answer(inputs)
    assert theirs.said.shape == ours.said.shape
    np.testing.assert_allclose(theirs.said, ours.said, rtol=1e-5, atol=1e-5)
    assert (theirs.novelty is None) == (model.detector is None)
    if ours.novelty is not None:
        np.testing.assert_allclose(theirs.novelty, ours.novelty, atol=1e-5)
    for place in range(5):
        alone = file.answer(inputs[place : place + 1]).said
        np.testing.assert_allclose(alone[0], theirs.said[place], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["rnn of lstm", "rnn", "bag"])
def test_a_text_may_be_of_any_length_and_padded(name):
    model, file = EVERY[name](), exported(name)
    for text in ("", "one", "a nine here", "is a two perhaps not a five " * 5):
        np.testing.assert_allclose(file.answer([text]).said, model.predict_proba([text]), atol=1e-5)
    ids = model.encoder.encode(["I read a seven"]).padded(np.zeros(1, np.int64))
    longer = np.pad(ids, ((0, 0), (0, 50)))
    found = [
        answers for answers, *_ in file.session.run(["probabilities"], [{"tokens": ids}, {"tokens": longer}])
    ]
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)


@pytest.mark.parametrize(
    ("name", "input_name", "shape"),
    [
        ("cnn, mirrored", "images", ["batch", 1, 8, 8]),
        ("rnn", "tokens", ["batch", "length"]),
        ("logistic-regression of texts, with detector", "terms", ["batch", 574]),
    ],
)
def test_inputs_and_outputs_have_the_names_and_shapes_that_are_documented(name, input_name, shape):
    about = exported(name).session.about
    assert {taken: axes for taken, (_, axes) in about["inputs"].items()} == {input_name: shape}
    outputs = about["outputs"]
    assert outputs["probabilities"] == ["batch", 10]
    assert outputs.get("novelty", ["batch"]) == ["batch"]
    assert ("novelty" in outputs) == (EVERY[name]().detector is not None)


def test_what_members_share_is_in_the_graph_once():
    """The network's weights are there once; it is run for an image and for its mirror image, never again."""
    alone, beside = (
        onnx.load_model_from_string(content_of(name)).graph
        for name in ("cnn, mirrored", "average of a network, models on it and another")
    )
    convolutions = [sum(node.op_type == "Conv" for node in graph.node) for graph in (alone, beside)]
    assert convolutions[0] == convolutions[1] > 0
    kernels = [
        sorted(tuple(each.dims) for each in graph.initializer if len(each.dims) == 4)
        for graph in (alone, beside)
    ]
    assert kernels[0] == kernels[1]


def test_texts_have_an_input_for_each_way_of_reading():
    """Members that read alike share an input; one that looks at nothing needs none."""
    name = "average of texts that are read in three ways"
    model, file = EVERY[name](), exported(name)
    taken = {taken: axes for taken, (_, axes) in file.session.about["inputs"].items()}
    features = [encoder.features for encoder in model.encoders if hasattr(encoder, "features")]
    assert taken == {
        "terms": ["batch", features[0]],
        "terms_2": ["batch", features[1]],
        "tokens": ["batch", "length"],
    }
    assert list(file.metadata.inputs) == ["terms", "terms_2", "tokens"]
    texts = ["", "one", "a nine here", "is a two perhaps not a five " * 50, "eight " * 9]
    np.testing.assert_allclose(file.answer(texts).said, model.predict_proba(texts), atol=1e-5)
    shared = EVERY["average of texts, of numbers"]()
    assert len(shared.encoders) == 1


def test_the_file_names_no_source_and_holds_all_weights():
    graph = onnx.load_model_from_string(content_of("cnn, mirrored"))
    onnx.checker.check_model(graph, full_check=True)
    assert b"site-packages" not in content_of("cnn, mirrored")
    assert not any(each.external_data for each in graph.graph.initializer)
    assert {each.key for each in graph.metadata_props} == {
        *("format", "classes", "preprocessing", "details", "rows_at_once"),
    }


def test_histograms_of_gradients_are_those_of_the_model_on_images_of_every_size():
    torch = pytest.importorskip("torch")
    from pellucid.export.onnx_layers import Hog, Pixels

    draws = np.random.default_rng(0)
    for shape in ((28, 28, 1), (33, 70, 3), (8, 8, 3), (130, 90, 1)):
        pixels = draws.integers(0, 256, (5, *shape), dtype=np.uint8)
        pixels[0] = 7  # without any gradient
        pixels[1, : shape[0] // 2] = 200
        images = torch.from_numpy(pixels.transpose(0, 3, 1, 2).copy())
        for kind, layer in (("hog", Hog), ("pixels", Pixels)):
            found = layer(*shape[:2])(images).numpy()
            np.testing.assert_allclose(found, extract(kind, pixels), atol=2e-5)


def test_metadata_come_back_as_they_were():
    name = "logistic-regression of texts, with detector"
    model, metadata = EVERY[name](), exported(name).metadata
    assert isinstance(model, ClassicalModel)
    assert metadata.classes == model.classes
    assert metadata.temperature == model.temperature == 2.0
    assert metadata.novelty_rate == model.detector.rate
    texts = ["a nine here", "数字 two", ""]
    (encoder,) = metadata.encoders
    assert (encoder.dense(texts) == model.tfidf.transform(texts).toarray()).all()


def test_vectors_of_numbers_are_taken_as_they_are():
    file = exported("mlp of vectors, of numbers")
    assert file.input_kind is VALUES
    assert list(file.session.about["outputs"]) == ["numbers"]
