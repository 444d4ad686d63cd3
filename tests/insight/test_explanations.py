"""What drove the answer: each explanation by hand, and its axioms."""

import dataclasses
from functools import partial

import numpy as np
import pytest
import torch

from insight.small_networks import OF_LABELS, asked, model
from pellucid.bundle import ImageModel
from pellucid.input_kinds import IMAGES, TEXTS
from pellucid.insight.attribution import (
    TokenPieces,
    _collect,
    attributions_of_image,
    attributions_of_text,
    grad_cam,
    has_maps,
    ids_of,
    integrated_gradients_of_image,
    integrated_gradients_of_text,
    randomised,
    score_of_outputs,
)
from pellucid.insight.by_target import log_odds
from pellucid.insight.explaining import explain_model
from pellucid.insight.explanation import nearest
from pellucid.insight.occlusion import MOST_PIECES, ImagePieces, WordPieces, occlusion, words_of
from pellucid.targets import CLASSIFICATION
from small_models import digits, untrained_model
from text_models import text_model, texts
from without_detector import WithoutDetector

SCORE = partial(log_odds, target=3)


def flat(array):
    return np.full_like(array, array.mean())


@pytest.mark.parametrize("name", ["cnn", "mlp"])
def test_integrated_gradients_of_images_are_complete(name):
    image = asked(name)[0]
    found = integrated_gradients_of_image(model(name).network, image, flat(image), SCORE)
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
    found = integrated_gradients_of_text(model(name).network, ids, SCORE)
    assert found.scores.shape == ids.shape
    assert found.missing <= 0.02
    assert found.scores.sum() == pytest.approx(found.total, rel=0.03)


def test_integrated_gradients_of_a_straight_line_are_its_terms():
    line = untrained_model("mlp", depth=0).network
    image = asked("mlp")[0]
    # With two outputs the log-odds are the difference of the logits, which is a straight line.
    line.head = torch.nn.Linear(64, 2)
    found = integrated_gradients_of_image(line, image, np.zeros_like(image), partial(log_odds, target=1))
    weight = (line.head.weight[1] - line.head.weight[0]).detach().numpy()
    expected = weight.reshape(8, 8) * image[0] / line.standardise.std.numpy()[0]
    np.testing.assert_allclose(found.scores, expected, rtol=1e-4, atol=1e-5)
    assert found.missing < 1e-4


@pytest.mark.parametrize("name", OF_LABELS)
def test_a_label_is_explained_by_its_own_logit(name):
    """Another logit of any size changes nothing, as it would in a softmax."""
    made, taken = model(name), asked(name)
    score = score_of_outputs(made, 2)
    outputs = torch.tensor([[9.0, -9.0, 0.25, 9.0]])
    assert score(outputs).tolist() == [0.25]
    inputs = [texts()[300]] if made.input_kind is TEXTS else digits()[0][300:301]
    found = explain_model(made, inputs, target=2)
    with torch.no_grad():
        logit = float(made.network(torch.from_numpy(taken))[0, 2])
    assert found.answer[2] == pytest.approx(1 / (1 + np.exp(-logit / made.temperature)), rel=1e-5)
    by_path = next(each for each in found.attributions.methods if each.name == "integrated-gradients")
    assert "slope of the logit of the label" in by_path.how
    whole = found.attributions.pieces.ask(np.ones((1, by_path.scores.size), bool))
    assert whole[0] == pytest.approx(found.answer[2], rel=1e-5)


@pytest.mark.parametrize("factor", [0.99, 1.01])
def test_a_threshold_decides_what_is_said_and_explained(factor):
    """Not which class is more probable: the same rule as in the report and in `predict`."""
    made = text_model("bag", ("ham", "spam"))
    plain = explain_model(made, texts()[:1])
    less = int(plain.answer.argmin())
    assert plain.decided is None
    assert plain.target == 1 - less
    made.threshold = {made.classes[less]: float(plain.answer[less]) * factor}
    found = explain_model(made, texts()[:1])
    is_answered = factor < 1
    expected = less if is_answered else 1 - less
    assert found.target == found.decided == made.decided(found.answer[None])[0] == expected
    assert found.said.startswith(f"{made.classes[expected]} (")
    assert f"'{made.classes[less]}' is answered where its probability is at least" in found.notes[0]


def test_labels_that_are_answered_are_named_with_their_thresholds():
    made = model("cnn-of-labels")
    found = explain_model(made, digits()[0][300:301], truth=(0, -1, 1, 1))
    assert found.thresholds == (0.4, 0.5, 0.5, 0.7)
    decided = made.decided(found.answer[None])[0]
    assert sorted(found.answered) == np.flatnonzero(decided).tolist()
    assert found.backward.target == (0, -1, 1, 1)
    assert not found.loss_is_of_target
    assert "; loss against round;large " in repr(found)
    named = dataclasses.replace(found, answer=np.array([0.41, 0.2, 0.9, 0.69]))
    assert named.headline == f"{made.name} says round (0.900), odd (0.410)"
    assert named.threshold_words == "round is answered from 0.5 on, odd from 0.4"
    none = dataclasses.replace(found, answer=np.array([0.39, 0.2, 0.4, 0.69]))
    assert none.headline == f"{made.name} says none of these; most probable is large (0.690)"
    assert none.threshold_words == "large is answered from 0.7 on"
    alone = explain_model(made, digits()[0][300:301], target=1, truth=(0, -1, 1, 1))
    assert alone.backward.target == (-1, 1, -1, -1)
    assert alone.loss_is_of_target
    assert found.labels_of((0, -1, 0, 0)) == "none of these"


def test_the_order_of_ids_in_a_bag_does_not_matter():
    ids = asked("bag")[0]
    turned = integrated_gradients_of_text(model("bag").network, ids[::-1].copy(), SCORE)
    straight = integrated_gradients_of_text(model("bag").network, ids, SCORE)
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
    found = grad_cam(made.network, image, SCORE)
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
    mirrored = ImageModel(
        model("cnn").network, model("cnn").preprocessing, model("cnn").classes, CLASSIFICATION, mirror=True
    )
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
