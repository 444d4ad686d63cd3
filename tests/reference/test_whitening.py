import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from pellucid.networks import initialisation
from pellucid.networks.initialisation import WhiteningStem
from pellucid.reference.convolution import patches
from pellucid.reference.normalisation import patch_covariance, whitening_filters


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
