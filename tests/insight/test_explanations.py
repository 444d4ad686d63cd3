"""What drove the answer: each explanation by hand, and its axioms."""

import numpy as np
import pytest
import torch

from insight.small_networks import asked, model
from pellucid.bundle import ImageModel
from pellucid.insight.attribution import (
    _collect,
    attributions_of_image,
    attributions_of_text,
    grad_cam,
    has_maps,
    ids_of,
    integrated_gradients_of_image,
    integrated_gradients_of_text,
    log_odds,
    randomised,
)
from pellucid.insight.explanation import nearest
from pellucid.insight.input_pieces import (
    MOST_PIECES,
    ImagePieces,
    TokenPieces,
    WordPieces,
    occlusion,
    words_of,
)
from pellucid.tasks import IMAGES
from small_models import digits, untrained_model
from text_models import texts
from without_detector import WithoutDetector


def flat(array):
    return np.full_like(array, array.mean())


@pytest.mark.parametrize("name", ["cnn", "mlp"])
def test_integrated_gradients_of_images_are_complete(name):
    image = asked(name)[0]
    found = integrated_gradients_of_image(model(name).network, image, flat(image), 3)
    ends = torch.from_numpy(np.stack([image, flat(image)]))
    with torch.no_grad():
        answers = log_odds(model(name).network(ends), 3)
    assert found.total == pytest.approx(float(answers[0] - answers[1]), abs=1e-4)
    assert found.missing <= 0.01
    assert found.scores.sum() == pytest.approx(found.total, rel=0.011)
    assert found.scores.shape == (8, 8)


@pytest.mark.parametrize("name", ["bag", "text-cnn", "gru"])
def test_integrated_gradients_of_texts_are_complete(name):
    ids = asked(name)[0]
    found = integrated_gradients_of_text(model(name).network, ids, 3)
    assert found.scores.shape == ids.shape
    assert found.missing <= 0.02
    assert found.scores.sum() == pytest.approx(found.total, rel=0.03)


def test_integrated_gradients_of_a_straight_line_are_its_terms():
    line = untrained_model("mlp", depth=0).network
    image = asked("mlp")[0]
    # With two outputs the log-odds are the difference of the logits, which is a straight line.
    line.head = torch.nn.Linear(64, 2)
    found = integrated_gradients_of_image(line, image, np.zeros_like(image), 1)
    weight = (line.head.weight[1] - line.head.weight[0]).detach().numpy()
    expected = weight.reshape(8, 8) * image[0] / line.standardise.std.numpy()[0]
    np.testing.assert_allclose(found.scores, expected, rtol=1e-4, atol=1e-5)
    assert found.missing < 1e-4


def test_the_order_of_ids_in_a_bag_does_not_matter():
    ids = asked("bag")[0]
    turned = integrated_gradients_of_text(model("bag").network, ids[::-1].copy(), 3)
    straight = integrated_gradients_of_text(model("bag").network, ids, 3)
    np.testing.assert_allclose(turned.scores[::-1], straight.scores, atol=1e-6)


def test_grad_cam_by_hand_and_none_of_perceptrons():
    found = [has_maps(model(name).network) for name in ("cnn", "lenet", "mlp", "bag")]
    assert found == [True, True, False, False]
    made, image = model("cnn"), asked("cnn")[0]
    kept = []
    handle = made.network.body.global_pool.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
    answer = log_odds(made.network(torch.from_numpy(image[None])), 3)
    handle.remove()
    (gradient,) = torch.autograd.grad(answer.sum(), kept[0])
    by_hand = np.zeros(kept[0].shape[2:])
    for channel in range(kept[0].shape[1]):
        by_hand += float(gradient[0, channel].mean()) * kept[0][0, channel].detach().numpy()
    by_hand = np.maximum(by_hand, 0)
    found = grad_cam(made.network, image, 3)
    assert found.shape == (8, 8)
    assert found.max() <= by_hand.max() + 1e-6
    assert found.mean() == pytest.approx(by_hand.mean(), rel=0.35)
    assert found.min() >= 0


class Stub(WithoutDetector):
    """A model of numbers."""

    input_kind, classes, preprocessing = IMAGES, (), None
    temperature, parameters, name = 1.0, 0, "stub"

    def predict_proba(self, asked_of):
        raise NotImplementedError

    def predict_values(self, asked_of):
        raise NotImplementedError

    def transform(self, asked_of):
        raise NotImplementedError

    def at(self, temperature):
        return self


def test_occlusion_finds_the_corner_or_word_that_a_model_uses():
    class Corner(Stub):
        def predict_values(self, images):
            return images[:, :2, :2].mean(axis=(1, 2, 3))

    image = np.zeros((8, 8, 1), np.uint8)
    image[:2, :2] = 200
    scores = occlusion(ImagePieces(Corner(), image, None)).reshape(8, 8)
    assert scores[:2, :2].min() > 0
    assert np.abs(scores[4:, 4:]).max() == 0

    class Counts(Stub):
        def predict_values(self, asked_texts):
            return np.array([float(text.count("money")) for text in asked_texts])

    pieces = WordPieces(Counts(), "Send money, all the money!", None)
    assert list(pieces.words) == ["Send ", "money", ", ", "all ", "the ", "money", "!"]
    assert occlusion(pieces).tolist() == [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    "text",
    ["", " ", "one", "  two words ", "größer — 数字 🎲", "line\nbreak\ttab", "word " * 500, "<b>&amp;</b>"],
)
def test_words_make_up_the_text(text):
    words = words_of(text)
    assert "".join(words) == text
    assert 1 <= len(words) <= MOST_PIECES


@pytest.mark.parametrize("name", ["bag", "text-cnn"])
def test_all_ids_kept_is_the_answer_itself(name):
    made = model(name)
    ids = ids_of(made.encoder, texts()[300])
    pieces = TokenPieces(made, ids, 3)
    count = pieces.shape[0]
    kept = np.ones((3, count), bool)
    kept[1] = False
    kept[2, : count // 2] = False
    answers = pieces.ask(kept)
    assert answers[0] == pytest.approx(made.predict_proba([texts()[300]])[0, 3], abs=1e-6)
    assert answers[1] == pytest.approx(made.predict_proba([""])[0, 3], abs=1e-6)
    assert pieces.summed(np.ones(len(ids))).sum() == len(ids)


def test_attributions_of_an_image_and_of_a_text():
    found = attributions_of_image(model("cnn"), digits()[0][300], 3)
    assert [each.name for each in found.methods] == ["grad-cam", "integrated-gradients", "occlusion"]
    for each in found.methods:
        assert each.scores.shape == (64,)
        assert each.trial.likeness is not None
        assert "faithful here" in repr(each)
    again = attributions_of_image(model("cnn"), digits()[0][300], 3)
    assert [repr(each) for each in again.methods] == [repr(each) for each in found.methods]
    of_text = attributions_of_text(model("text-cnn"), texts()[300], 3)
    assert [each.name for each in of_text.methods] == ["integrated-gradients", "leave-one-out"]
    assert "add up to" in of_text.methods[0].note


def test_a_randomised_network_keeps_only_the_scales():
    for name in ("cnn", "text-cnn", "cnn-of-numbers"):
        network = model(name).network
        other = randomised(network, 0)
        assert any(each.ndim > 1 for each in network.parameters())
        for (at, weight), drawn in zip(
            network.state_dict().items(), other.state_dict().values(), strict=True
        ):
            if at not in dict(network.named_parameters()):
                assert torch.equal(weight, drawn)
            elif weight.ndim > 1:
                assert not torch.equal(weight, drawn), at
                if "embedding" not in at:
                    assert torch.equal(weight.flatten().sort().values, drawn.flatten().sort().values)
        again = randomised(network, 0).state_dict()
        assert all(torch.equal(weight, again[at]) for at, weight in other.state_dict().items())


def test_mirrored_models_are_asked_as_they_answer_and_the_nearest_are_nearest():
    mirrored = ImageModel(model("cnn").network, model("cnn").preprocessing, model("cnn").classes, mirror=True)
    pieces = ImagePieces(mirrored, digits()[0][300], 3)
    whole = pieces.ask(np.ones((1, 64), bool))
    assert whole[0] == pytest.approx(mirrored.predict_proba(digits()[0][300:301])[0, 3])
    examples = np.array([[0, 0], [3, 4], [1, 0], [6, 8]], np.float32)
    found = nearest(np.zeros((1, 2), np.float32), examples, 3)
    assert [each.row for each in found] == [0, 2, 1]
    assert [each.distance for each in found] == [0, 1, 5]
    assert found[2].share == pytest.approx(5 / 3)
    assert nearest(np.zeros((1, 2), np.float32), examples[:0], 3) == []


def test_the_slope_is_taken_at_the_middles_of_steps():
    """Of a square the middles are exact, so that the fewest steps are enough; ends would not be."""
    way = torch.tensor([[1.0, -2.0, 3.0]])

    def squares(alphas, moved):
        return ((alphas[:, None] * moved) ** 2).sum(dim=1)

    found = _collect(squares, way, 3, 1 << 12)
    np.testing.assert_allclose(found.scores[0], [1, 4, 9], rtol=1e-6)
    assert found.missing < 1e-6
    assert found.steps == _collect(squares, way, 3, 1).steps
