"""The layers that are exported compute what the model computes; here by torch itself, of every model."""

import dataclasses

import numpy as np
import pytest
import torch

from every_model import inputs_of
from exported_models import EVERY
from generators import trained_generator
from models_with_detectors import with_detector
from pellucid.arithmetic.probabilities import sigmoid_at_temperature
from pellucid.bundle import AverageModel, ClassicalModel
from pellucid.classical import Predictor
from pellucid.classical.forests import Forest
from pellucid.encoding import Encoder
from pellucid.errors import UsageError
from pellucid.export.by_target import HEADS
from pellucid.export.onnx_graph import answer_layer, graph_inputs
from pellucid.export.onnx_layers import NoveltyLayer, ScaleByProducts, make_predictor_layer
from pellucid.export.onnx_layers import make_measure_layer as layer_of_measure
from pellucid.networks.backbone import ScaleAndStandardise
from pellucid.novelty import Measure
from pellucid.targets import MULTILABEL


def taken(model, inputs):
    """Inputs as the graph takes them, in their order."""
    if isinstance(inputs, np.ndarray):
        (found,) = graph_inputs(model)
        return [torch.from_numpy(inputs.transpose(0, 3, 1, 2).copy() if found.name == "images" else inputs)]
    read = [
        each.encode(inputs).padded(np.arange(len(inputs)))
        if isinstance(each, Encoder)
        else each.dense(inputs)
        for each in model.encoders
    ]
    return [torch.from_numpy(each) for each in read or [np.zeros((len(inputs), 0), np.float32)]]


def same_features(layer, model, inputs):
    """Let the layer of a forest look at the features of its model, once its own are found to be close.

    A threshold may lie a last bit beside a feature, and by so much torch's square root is another than
    NumPy's on some processors of AMD.
    """

    def seen(_, args, found):
        ours = model.seen(inputs)
        np.testing.assert_allclose(found.numpy(), ours, rtol=1e-6, atol=1e-6)
        return torch.from_numpy(ours)

    layer.view.register_forward_hook(seen)


def name_of_predictor(model):
    """Kind of a classical model; empty of a network."""
    return model.predictor.kind if isinstance(model, ClassicalModel) else ""


@pytest.mark.parametrize("name", EVERY)
def test_every_layer_answers_as_its_model(name):
    model = EVERY[name]()
    inputs = inputs_of(model)
    ours, layer = model.answer(inputs), answer_layer(model)
    alone = [(layer, model)]
    if isinstance(model, AverageModel):
        # What a group shares is computed by its first member.
        alone = [
            (layer.members[group[0]], model.members[place].model) for group in model.groups for place in group
        ]
    for one, each in alone:
        if name_of_predictor(each) == "forest" and each.features == "pixels":
            same_features(one, each, inputs)
    with torch.inference_mode():
        said, *novelty = (each.numpy() for each in layer(*taken(model, inputs)))
    np.testing.assert_allclose(said, ours.said, rtol=1e-5, atol=1e-5)
    assert len(novelty) == (model.detector is not None)
    for each in novelty:
        np.testing.assert_allclose(each, ours.novelty, atol=1e-5)


def test_leaves_of_several_classes_and_trees_of_one_leaf():
    """Two trees: one that asks whether feature 1 is at most 0.5, and one that is a single leaf."""
    forest = Forest(
        outputs=3,
        number=False,
        inputs=2,
        roots=np.array([0, -3], np.int32),
        feature=np.array([1], np.int32),
        threshold=np.array([0.5], np.float32),
        left=np.array([-1], np.int32),
        right=np.array([-2], np.int32),
        ends=np.array([2, 3, 5], np.int32),
        entry=np.array([0, 2, 1, 0, 1], np.int32),
        content=np.array([3, 1, 5, 1, 1], np.int32),
    )
    rows = np.array([[9, 0.5], [0, 0.6]], np.float32)
    expected = [[(0.75 + 0.5) / 2, 0.25, 0.125], [0.25, 0.75, 0]]
    np.testing.assert_allclose(forest.predict(rows), expected)
    np.testing.assert_allclose(make_predictor_layer(forest)(torch.from_numpy(rows)).numpy(), expected)


def test_leaves_of_several_labels_may_be_empty():
    """The same trees with shares of two labels: a leaf without an entry says 0 of all of them."""
    forest = Forest(
        outputs=3,
        number=False,
        exclusive=False,
        inputs=2,
        roots=np.array([0, -3], np.int32),
        feature=np.array([1], np.int32),
        threshold=np.array([0.5], np.float32),
        left=np.array([-1], np.int32),
        right=np.array([-2], np.int32),
        ends=np.array([2, 2, 3], np.int32),
        entry=np.array([0, 2, 1], np.int32),
        content=np.array([0.75, 1.0, 0.5]),
    )
    rows = np.array([[9, 0.5], [0, 0.6]], np.float32)
    expected = [[0.375, 0.25, 0.5], [0, 0.25, 0]]
    np.testing.assert_allclose(forest.predict(rows), expected)
    np.testing.assert_allclose(make_predictor_layer(forest)(torch.from_numpy(rows)).numpy(), expected)


def test_temperatures_of_labels_are_those_of_log_odds():
    probabilities = np.array([[0.0, 0.2, 0.5, 0.9, 1.0]])
    found = HEADS[MULTILABEL].tempered(torch.from_numpy(probabilities), 0.5).numpy()
    np.testing.assert_allclose(found, [[0, 1 / 17, 0.5, 81 / 82, 1]])
    np.testing.assert_allclose(found, sigmoid_at_temperature(probabilities, 0.5))


def test_what_is_unknown_is_refused():
    with pytest.raises(TypeError, match="Unknown has no layer"):
        make_predictor_layer(object.__new__(type("Unknown", (Predictor,), {})))
    with pytest.raises(TypeError, match="Unknown has no layer"):
        layer_of_measure(object.__new__(type("Unknown", (Measure,), {})))
    with pytest.raises(UsageError, match="makes images and answers nothing"):
        answer_layer(trained_generator(1))


def test_inputs_as_foreign_as_validation_examples_have_the_middle_of_their_ranks():
    kept = np.array([0.0, 1, 1, 1, 2, 3])
    detector = dataclasses.replace(
        with_detector(EVERY["svm"]()).detector, reference=kept, middle=np.zeros(1), spread=np.ones(1)
    )
    layer = NoveltyLayer(detector)
    layer.measure = torch.nn.Identity()
    foreign = np.array([-1.0, 0, 0.5, 1, 2, 3, 5])
    found = layer(torch.from_numpy(foreign[:, None])).numpy()
    np.testing.assert_allclose(found, detector.placed(foreign))
    below = np.array([0, 0.5, 1, 2.5, 4.5, 5.5])  # half of those that are equal count
    np.testing.assert_allclose(found[:6], (below + 0.5) / 7)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("seen", [(40, 56), (8, 12), (40, 12)], ids=["larger", "smaller", "both"])
def test_images_are_scaled_by_products_as_the_network_scales_them(seen, channels):
    prepare = ScaleAndStandardise(seen)
    prepare.mean += torch.tensor([120.0, 110.0, 100.0]).view(3, 1, 1)
    prepare.std *= torch.tensor([60.0, 50.0, 40.0]).view(3, 1, 1)
    images = 255 * torch.rand(2, channels, 20, 28, generator=torch.Generator().manual_seed(1))
    found = ScaleByProducts(prepare, 20, 28)(images)
    torch.testing.assert_close(found, prepare(images), rtol=1e-5, atol=1e-5)
