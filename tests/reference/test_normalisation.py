import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

from pellucid.networks import initialisation
from pellucid.networks.initialisation import WhiteningStem
from pellucid.networks.layers import Standardise
from pellucid.reference.convolution import patches
from pellucid.reference.normalisation import patch_covariance, running_statistics, whitening_filters
from pellucid.reference.scaling import mean_and_deviation
from reference.agreement import assert_agrees
from reference.cases import draw


@given(st.integers(2, 5), st.integers(1, 3), st.lists(st.integers(1, 3), max_size=2))
@settings(max_examples=25)
def test_any_shape_is_torchs(batch, channels, places):
    arrays = (draw(batch, channels, *places) * 3 + 1, draw(channels), draw(channels, seed=1))
    assert_agrees(
        "batch-norm", arrays, lambda x, scale, shift: functional.batch_norm(x, None, None, scale, shift, True)
    )


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2, 2)])
def test_running_statistics_are_torchs(shape):
    layer = (nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d)(3).double()
    mean, variance = np.zeros(3), np.ones(3)
    for seed in range(3):
        inputs = draw(*shape, seed=seed) + 2
        layer(torch.from_numpy(inputs))
        mean, variance = running_statistics(mean, variance, inputs)
    np.testing.assert_allclose(mean, layer.running_mean, rtol=1e-12)
    np.testing.assert_allclose(variance, layer.running_var, rtol=1e-12)


@pytest.mark.parametrize("shape", [(50, 3), (50, 3, 2, 4)])
def test_mean_and_deviation_are_those_of_the_networks(shape):
    inputs = draw(*shape) * 7 + 100
    inputs[:, 1] = 42.0  # constant: the divisor stays 1
    layer = Standardise(shape[1:]).double()
    layer.fit(torch.from_numpy(inputs))
    mean, deviation = mean_and_deviation(inputs)
    np.testing.assert_allclose(mean, layer.mean, rtol=1e-12)
    np.testing.assert_allclose(deviation, layer.std, rtol=1e-12)
    assert deviation[1] == 1.0


@pytest.fixture(scope="module")
def digits():
    """Two hundred digits, standardised."""
    images = load_digits().images[:200, None]
    return (images - images.mean()) / images.std()


def test_covariance_of_two_patches_by_hand():
    # Patches (1, 2) and (3, 6): deviations (-1, -2) and (1, 2).
    image = np.array([[[[1.0, 2.0, 3.0, 6.0]]]])
    assert patch_covariance(image, window=(1, 2), stride=(1, 2)).tolist() == [[1.0, 2.0], [2.0, 4.0]]


def test_filters_by_hand():
    # That covariance has the eigenvalue 5 along (1, 2) / sqrt 5.
    filters = whitening_filters(np.array([[1.0, 2.0], [2.0, 4.0]]), count=1, epsilon=0.0)
    np.testing.assert_allclose(filters, np.array([[0.2, 0.4], [-0.2, -0.4]]))


@pytest.mark.parametrize(("kernel", "stride"), [(2, 1), (3, 2)])
def test_the_stem_of_the_networks(digits, kernel, stride):
    covariance = patch_covariance(digits, window=(kernel, kernel), stride=(stride, stride))
    theirs = initialisation.patch_covariance(torch.from_numpy(digits), kernel, stride)
    np.testing.assert_allclose(covariance, theirs, atol=1e-10)
    stem = WhiteningStem(1, 8, kernel, stride).double()
    stem.fit(torch.from_numpy(digits))
    filters = whitening_filters(covariance, count=4)
    np.testing.assert_allclose(filters, stem.weight.reshape(8, -1), atol=1e-10)


def test_responses_are_uncorrelated_and_of_variance_one(digits):
    filters = whitening_filters(patch_covariance(digits, window=(2, 2), stride=(1, 1)), count=4, epsilon=0.0)
    seen = np.einsum("nirckl->nrcikl", patches(digits, (2, 2), (1, 1))).reshape(-1, 4)
    np.testing.assert_allclose(np.cov(seen @ filters[:4].T, rowvar=False, bias=True), np.eye(4), atol=1e-10)
