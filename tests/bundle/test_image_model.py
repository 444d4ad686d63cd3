import tracemalloc

import numpy as np
import pytest
import torch

from pellucid.bundle import ImageModel
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.errors import DataError
from pellucid.networks import InputFacts, build, design
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from small_models import DIGITS, digits, number_model, trained_model, untrained_model

PIXELS, LABELS = digits()


def plain_logits(model, pixels):
    """The network's logits, straight from torch."""
    with torch.no_grad():
        return model.network.eval()(torch.from_numpy(pixels).permute(0, 3, 1, 2).float()).double()


def test_probabilities_are_the_softmax_of_the_logits():
    model = untrained_model()
    expected = plain_logits(model, PIXELS[:100]).softmax(dim=1).numpy()
    found = model.predict_proba(PIXELS[:100])
    assert found.dtype == np.float64
    assert np.allclose(found, expected, atol=1e-7)
    assert np.allclose(found.sum(axis=1), 1.0, atol=1e-12)


def test_mirroring_averages_the_logits_of_both_images():
    model = untrained_model(mirror=True)
    mirrored = np.ascontiguousarray(PIXELS[:50, :, ::-1])
    expected = (plain_logits(model, PIXELS[:50]) + plain_logits(model, mirrored)) / 2
    found = model.predict_proba(PIXELS[:50])
    assert np.allclose(found, expected.softmax(dim=1).numpy(), atol=1e-7)
    assert np.allclose(found, model.predict_proba(mirrored), atol=1e-6)


def test_extreme_logits_stay_finite():
    model = untrained_model("mlp", depth=0)
    with torch.no_grad():
        model.network.head.weight.mul_(1e6)
    found = model.predict_proba(PIXELS[:20])
    assert np.isfinite(found).all()
    assert np.allclose(found.sum(axis=1), 1.0)


def test_transform_gives_the_last_hidden_layer():
    model = trained_model()
    features = model.transform(PIXELS[:30])
    assert features.shape == (30, 32)
    assert features.dtype == np.float32
    with torch.no_grad():
        logits = model.network.head(torch.from_numpy(features)).double()
    assert np.allclose(logits.softmax(dim=1).numpy(), model.predict_proba(PIXELS[:30]), atol=1e-6)


def test_transform_is_of_the_image_as_it_is():
    plain, mirrored = untrained_model(), untrained_model(mirror=True)
    mirrored.network = plain.network
    assert np.array_equal(plain.transform(PIXELS[:9]), mirrored.transform(PIXELS[:9]))


@pytest.mark.parametrize(
    ("pixels", "found"),
    [
        (PIXELS[:2, ..., 0], r"uint8 of shape \(2, 8, 8\)"),
        (PIXELS[:2].astype(np.float32), r"float32 of shape \(2, 8, 8, 1\)"),
        (PIXELS[:2, :7], r"uint8 of shape \(2, 7, 8, 1\)"),
        (np.zeros((2, 8, 8, 3), np.uint8), r"uint8 of shape \(2, 8, 8, 3\)"),
    ],
)
def test_images_of_another_form_are_refused(pixels, found):
    with pytest.raises(DataError, match=rf"images: found {found}, expected uint8 of shape \(n, 8, 8, 1\)"):
        untrained_model().predict_proba(pixels)


def test_the_network_keeps_its_mode_and_torch_its_state():
    model = untrained_model(dropout=0.5)
    model.network.train()
    torch.manual_seed(7)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    means = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    first = model.predict_proba(PIXELS[:20])
    assert np.array_equal(first, model.predict_proba(PIXELS[:20]))
    assert model.network.training
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, means[name]) for name, tensor in model.network.state_dict().items())


def test_the_mode_comes_back_after_an_error(monkeypatch):
    model = untrained_model()
    model.network.train()

    def fail(images):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(model.network, "forward", fail)
    with pytest.raises(RuntimeError, match="out of memory"):
        model.predict_proba(PIXELS[:2])
    assert model.network.training


def test_answers_are_fp32_inside_autocast():
    model = untrained_model()
    expected = model.predict_proba(PIXELS[:20])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert np.array_equal(model.predict_proba(PIXELS[:20]), expected)


def test_a_memory_mapped_array_is_never_copied_whole(tmp_path):
    size = Preprocessing(64, 64, 3)
    file = np.lib.format.open_memmap(tmp_path / "pixels.npy", "w+", np.uint8, (3000, 64, 64, 3))
    file[::7] = 200
    del file
    network = build(design("mlp", Settings(width=4, depth=1), InputFacts((3, 64, 64), 2, 100)))
    model = ImageModel(network, size, ("a", "b"), CLASSIFICATION)
    pixels = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    tracemalloc.start()
    found = model.predict_proba(pixels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.shape == (3000, 2)
    assert pixels.nbytes > 36e6
    assert peak < 8e6


def test_large_images_go_few_at_a_time(monkeypatch):
    size = Preprocessing(1024, 1024, 3)
    network = build(design("mlp", Settings(width=1, depth=1), InputFacts((3, 1024, 1024), 2, 100)))
    seen = []
    monkeypatch.setattr(
        network, "forward", lambda images: seen.append(len(images)) or images.mean((2, 3))[:, :2]
    )
    ImageModel(network, size, ("a", "b"), CLASSIFICATION).predict_proba(
        np.zeros((3, 1024, 1024, 3), np.uint8)
    )
    assert seen == [1, 1, 1]


def test_the_trained_model_reads_digits():
    model = trained_model()
    right = model.predict_proba(PIXELS[1000:]).argmax(axis=1) == LABELS[1000:]
    assert right.mean() > 0.85
    assert model.preprocessing == DIGITS


def test_temperature_divides_the_logits():
    model = untrained_model()
    expected = (plain_logits(model, PIXELS[:50]) / 2.5).softmax(dim=1).numpy()
    assert np.allclose(model.at(2.5).predict_proba(PIXELS[:50]), expected, atol=1e-7)
    assert np.array_equal(model.at(1).predict_proba(PIXELS[:50]), model.predict_proba(PIXELS[:50]))
    assert untrained_model(mirror=True).at(2.0).mirror


def test_numbers_are_the_networks_output():
    model = number_model()
    expected = plain_logits(model, PIXELS[:50])[:, 0].numpy()
    found = model.predict_values(PIXELS[:50])
    assert found.dtype == np.float64
    assert np.allclose(found, expected, atol=1e-5)


def test_numbers_are_averaged_with_the_mirrored_images():
    mirrored = np.ascontiguousarray(PIXELS[:50, :, ::-1])
    one, other = number_model().predict_values(PIXELS[:50]), number_model().predict_values(mirrored)
    assert not np.allclose(one, other)
    assert np.allclose(number_model(mirror=True).predict_values(PIXELS[:50]), (one + other) / 2, atol=1e-5)
