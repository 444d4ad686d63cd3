"""What a network that makes images promises, at every size and beside the reference."""

import math

import numpy as np
import pytest
import torch

from pellucid.errors import UsageError
from pellucid.networks import InputFacts, NetworkConfig, as_text, build, describe, design
from pellucid.networks.config import ACTIVATIONS
from pellucid.reference import LAYERS
from pellucid.reference.autoencoder import best_variance
from pellucid.settings import Settings

SHAPES = [(1, 8, 8), (3, 8, 8), (1, 13, 9), (1, 28, 28), (3, 33, 47), (3, 64, 64)]


def started(shape, classes=3, **settings):
    given = Settings(**{"model": "vae", "width": 8, **settings})
    network = build(design("vae", given, InputFacts(shape, classes, 400)), torch.Generator().manual_seed(3))
    draws = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (6, *shape), generator=draws).float()
    network.initialise_from_data(images)
    return network, images, torch.arange(6) % classes


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
def test_every_size_comes_back_at_its_size(shape):
    network, images, _ = started(shape)
    rebuilt = network.eval()(images)
    assert rebuilt.shape == images.shape
    assert rebuilt.isfinite().all()
    assert network.features(images).shape == (6, network.latent)


@pytest.mark.parametrize(("number", "activation"), list(enumerate(ACTIVATIONS)))
def test_the_bound_has_a_gradient_for_every_trainable_parameter(number, activation):
    given = {"activation": activation, "batch_norm": number % 2 == 0}
    network, images, labels = started((3, 16, 16), (1, 3)[number // 2 % 2], **given)
    noise = torch.randn(6, network.latent, generator=torch.Generator().manual_seed(0))
    reconstruction, divergence = network.terms(images, labels, noise)
    (reconstruction + divergence).mean().backward()
    for key, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad.isfinite().all(), key
            assert parameter.grad.abs().sum() > 0, key


def test_rows_do_not_depend_on_their_batch():
    network, images, labels = started((1, 12, 12))
    network(images)
    network.eval()
    noise = torch.randn(6, network.latent, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        together = network.terms(images, labels, noise)
        alone = [network.terms(images[i : i + 1], labels[i : i + 1], noise[i : i + 1]) for i in range(6)]
    for place, whole in enumerate(together):
        torch.testing.assert_close(torch.cat([each[place] for each in alone]), whole, rtol=1e-4, atol=1e-3)


def test_both_terms_are_those_of_the_reference():
    network, images, labels = started((1, 8, 8))
    network = network.double().eval()
    images = images.double()
    network.variance.fill_(55.0)
    torch.nn.init.normal_(network.prior.log_variances, std=0.3)
    torch.nn.init.normal_(network.prior.logits)
    noise = torch.randn(6, network.latent, generator=torch.Generator().manual_seed(0)).double()
    with torch.inference_mode():
        numbers = network.head(network.body(network.standardise(images)))
        reconstruction, divergence = (each.mean().item() for each in network.terms(images, labels, noise))
        means, log_variances = (each.numpy() for each in numbers.chunk(2, dim=1))
        drawn = LAYERS["reparametrised"].forward(means, log_variances, noise.numpy())
        decoded = network.decode(torch.from_numpy(drawn).float().double(), labels)
        prior = [
            getattr(network.prior, name)[labels].numpy() for name in ("means", "log_variances", "logits")
        ]
    expected = LAYERS["reconstruction"].forward(images.numpy(), decoded.double().numpy(), variance=55.0)
    assert reconstruction == pytest.approx(expected, rel=1e-4)
    spread = LAYERS["density-of-draw"].forward(log_variances, noise.numpy())
    assert divergence == pytest.approx(spread - LAYERS["mixture-density"].forward(drawn, *prior), rel=1e-4)


def test_levels_equally_likely_take_eight_bits_at_the_least():
    """Uniform noise of 256 levels under the best normal density: log2(256) bits plus what its form costs."""
    images = np.random.default_rng(0).integers(0, 256, (200, 10)).astype(np.float64)
    middle = np.full_like(images, 127.5)
    bits = LAYERS["reconstruction"].forward(images, middle) / (10 * math.log(2))
    exact = 0.5 * math.log2(2 * math.pi * math.e * (256**2 / 12))
    assert bits == pytest.approx(exact, abs=0.02)
    assert best_variance(images, images) == pytest.approx(1 / 12)


def test_one_class_and_few_images_have_a_fixed_standard_normal_prior():
    network, _, _ = started((1, 8, 8), classes=1)
    config = design("vae", Settings(model="vae"), InputFacts((1, 8, 8), 1, 40))
    assert not build(config).prior.means.requires_grad
    density = build(config).prior.log_density(torch.zeros(2, 16), torch.zeros(2, dtype=torch.int64))
    assert density.tolist() == pytest.approx([-8 * math.log(2 * math.pi)] * 2, rel=1e-5)
    assert network.config.conditions == 1


def test_draws_from_the_prior_come_as_often_as_their_component_weighs():
    network, _, _ = started((1, 8, 8), classes=2)
    prior = network.prior
    with torch.no_grad():
        prior.log_variances.fill_(-12.0)
        prior.logits.zero_()
        prior.logits[1, 0] = math.log(2.0)
        components = prior.means.shape[1]
        prior.means.copy_(torch.arange(2 * components).view(2, components, 1).expand_as(prior.means))
    places = torch.linspace(0, 1, 10_002)[1:-1]
    labels, noise = torch.ones(10_000, dtype=torch.int64), torch.zeros(10_000, network.latent)
    chosen = prior.drawn(labels, places, noise)[:, 0].round().long() - components
    shares = torch.bincount(chosen, minlength=components) / 10_000
    assert shares[0].item() == pytest.approx(2 / (components + 1), abs=1e-3)
    assert shares[1:].tolist() == pytest.approx([1 / (components + 1)] * (components - 1), abs=1e-3)
    drawn = prior.drawn(torch.tensor([0, 1]), torch.tensor([0.2, 0.9]), noise[:2])
    assert prior(drawn).tolist() == [0, 1]


def test_the_table_of_layers_names_both_halves_and_the_config_survives_json():
    network, _, _ = started((1, 15, 15))
    rows = describe(network.config)
    assert sum(row.parameters for row in rows) == sum(each.numel() for each in network.parameters())
    assert rows[-1].output_shape == (1, 15, 15)
    assert "conv up 4x4" in as_text(rows)
    document = network.config.to_json()
    assert document["likelihood"] == "sigma-vae"
    assert NetworkConfig.from_json(document) == network.config


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("likelihood", "bernoulli", "likelihood"),
        ("latent", 1, "latent"),
        ("latent", 20, "outputs found"),
        ("components", 0, "components"),
        ("widths", [8] * 5, "convolutions do not fit"),
        ("conditions", 10**9, "conditions"),
    ],
)
def test_an_impossible_config_is_refused(field, value, message):
    document = {**started((1, 8, 8))[0].config.to_json(), field: value}
    with pytest.raises(ValueError, match=message):
        build(NetworkConfig.from_json(document))


@pytest.mark.parametrize(
    ("settings", "shape", "message"),
    [
        ({}, (1, 7, 9), "at least 8x8"),
        ({}, (12,), "at least 8x8"),
        ({"depth": 0}, (1, 8, 8), "halvings"),
        ({"depth": 4}, (1, 8, 8), "halvings"),
    ],
)
def test_what_cannot_be_designed_is_refused(settings, shape, message):
    with pytest.raises(UsageError, match=message):
        design("vae", Settings(model="vae", **settings), InputFacts(shape, 1, 100))
