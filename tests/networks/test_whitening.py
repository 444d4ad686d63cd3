import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_sample_image

from pellucid.networks import InputFacts, build, design, initialisation
from pellucid.networks.initialisation import WhiteningStem, patch_covariance, whitening_filters
from pellucid.settings import Settings


@pytest.fixture(scope="module")
def digits():
    """All 1,797 digits, standardised."""
    images = torch.from_numpy(load_digits().images).float().unsqueeze(1)
    return (images - images.mean()) / images.std()


@pytest.fixture(scope="module")
def photographs():
    """Thirty squares of a colour photograph, 40 pixels a side, values 0 to 255."""
    photograph = load_sample_image("china.jpg")[:400, :600]
    squares = photograph[:200, :240].reshape(5, 40, 6, 40, 3).transpose(0, 2, 4, 1, 3)
    return torch.from_numpy(squares.reshape(30, 3, 40, 40).astype(np.float32))


def test_a_2x2_convolution_by_hand():
    stem = WhiteningStem(1, 2, kernel=2, stride=1)
    stem.weight.copy_(torch.tensor([[[[1.0, 10.0], [100.0, 1000.0]]], [[[0.0, 0.0], [0.0, 1.0]]]]))
    image = torch.arange(1.0, 10.0).view(1, 1, 3, 3)  # rows 1 2 3, 4 5 6, 7 8 9
    first, second = stem(image)[0]
    assert first.tolist() == [[5421.0, 6532.0], [8754.0, 9865.0]]
    assert second.tolist() == [[5.0, 6.0], [8.0, 9.0]]


@pytest.mark.parametrize(("kernel", "stride"), [(2, 1), (4, 2)])
def test_covariance_agrees_with_numpy(photographs, kernel, stride):
    images = photographs / 64 - 2
    windows = np.lib.stride_tricks.sliding_window_view(images.numpy(), (kernel, kernel), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride].transpose(0, 2, 3, 1, 4, 5)
    expected = np.cov(windows.reshape(-1, 3 * kernel**2).astype(np.float64), rowvar=False, bias=True)
    np.testing.assert_allclose(patch_covariance(images, kernel, stride), expected, rtol=1e-9, atol=1e-12)


def test_covariance_does_not_depend_on_the_chunks(digits, monkeypatch):
    whole = patch_covariance(digits, 2, 1)
    monkeypatch.setattr(initialisation, "_CHUNK_VALUES", 10_000)
    torch.testing.assert_close(patch_covariance(digits, 2, 1), whole, rtol=1e-12, atol=1e-12)


def test_many_images_are_thinned_out_evenly(digits, monkeypatch):
    monkeypatch.setattr(initialisation, "_MOST_VALUES", 0)  # then 64 images at most: every 29th of 1,797
    assert torch.equal(patch_covariance(digits, 2, 1), patch_covariance(digits[::29], 2, 1))


def test_filters_of_a_covariance_by_hand():
    # Eigenvalues of [[2, 1], [1, 2]]: 3 along (1, 1), 1 along (1, -1).
    filters = whitening_filters(torch.tensor([[2.0, 1.0], [1.0, 2.0]]).double(), 2)
    half = 0.5**0.5
    expected = torch.tensor([[half, half], [half, -half]]).double()
    expected /= torch.tensor([[3.0005], [1.0005]]).double().sqrt()
    torch.testing.assert_close(filters, expected)
    assert torch.equal(
        whitening_filters(torch.eye(3).double() * 4, 2).abs().sum(1), filters.new_full((2,), 4.0005).rsqrt()
    )


def test_responses_are_white_and_come_in_pairs(digits):
    stem = WhiteningStem(1, 8, kernel=2, stride=1)
    stem.fit(digits)
    responses = stem(digits).double().transpose(0, 1).flatten(1)
    assert torch.equal(responses[4:], -responses[:4])
    eigenvalues = torch.linalg.eigvalsh(patch_covariance(digits, 2, 1)).flip(0)
    expected = torch.diag(eigenvalues / (eigenvalues + 5e-4))
    torch.testing.assert_close(torch.cov(responses[:4], correction=0), expected, rtol=1e-4, atol=1e-4)


def test_sign_and_bytes_are_settled(photographs):
    config = design("cnn", Settings(), InputFacts((3, 40, 40), 2, 30))
    weights = []
    for seed in (0, 1):
        network = build(config, torch.Generator().manual_seed(seed))
        network.initialise_from_data(photographs.clone())
        weights.append(network.body.stem.weight)
    assert weights[0].numpy().tobytes() == weights[1].numpy().tobytes()
    alone = WhiteningStem(3, 24, kernel=2, stride=1)
    alone.fit(network.standardise(photographs))
    assert torch.equal(weights[0], alone.weight)
    pairs = weights[0][:12].flatten(1)
    nearly_largest = pairs.abs() >= 0.999 * pairs.abs().amax(1, keepdim=True)
    assert all(row[mask][0] > 0 for row, mask in zip(pairs, nearly_largest, strict=True))


def test_constant_images_give_finite_filters():
    network = build(design("cnn", Settings(), InputFacts((1, 8, 8), 2, 30)))
    network.initialise_from_data(torch.full((5, 1, 8, 8), 255.0))
    assert network.body.stem.weight.isfinite().all()
    assert network(torch.zeros(2, 1, 8, 8)).isfinite().all()


def test_the_stem_is_frozen():
    network = build(design("cnn", Settings(), InputFacts((1, 8, 8), 2, 30)))
    assert [name for name, part in network.named_parameters() if not part.requires_grad] == [
        "body.stem.weight"
    ]


def test_images_in_8_bits_give_the_same_bytes(photographs, monkeypatch):
    """Only those that are worth reading become floats."""
    monkeypatch.setattr(initialisation, "_MOST_VALUES", 1)
    monkeypatch.setattr(initialisation, "_FEWEST_IMAGES", 8)
    filled = []
    for inputs in (photographs.to(torch.uint8), photographs):
        network = build(design("cnn", Settings(), InputFacts((3, 40, 40), 2, 30)))
        network.initialise_from_data(inputs)
        filled.append((network.standardise.mean, network.standardise.std, network.body.stem.weight))
    assert network.body.stem.distance((30, 3, 40, 40)) == 4
    alone = WhiteningStem(3, 24, kernel=2, stride=1)
    alone.fit(network.standardise(photographs))
    for one, other in zip(*filled, strict=True):
        assert torch.equal(one, other)
    assert torch.equal(filled[0][2], alone.weight)
