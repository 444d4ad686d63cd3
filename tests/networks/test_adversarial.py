"""What generator and discriminator promise, at every size."""

import numpy as np
import pytest
import torch

from pellucid.errors import UsageError
from pellucid.networks import InputFacts, NetworkConfig, as_text, build, describe, design
from pellucid.networks.config import ACTIVATIONS
from pellucid.settings import Settings

SHAPES = [(1, 8, 8), (3, 8, 8), (1, 13, 9), (1, 28, 28), (3, 33, 47), (3, 64, 64)]


def started(shape, classes=3, **settings):
    given = Settings(**{"model": "gan", "width": 8, **settings})
    network = build(design("gan", given, InputFacts(shape, classes, 400)), torch.Generator().manual_seed(3))
    draws = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (6, *shape), generator=draws).float()
    network.initialise_from_data(images)
    noise = torch.randn(6, network.latent, generator=draws)
    return network, images, noise, torch.arange(6) % classes


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "x".join(map(str, shape)))
def test_images_have_the_size_of_the_real_ones_and_grey_levels_in_range(shape):
    network, images, noise, labels = started(shape)
    made = network.eval().made(noise, labels)
    assert made.shape == images.shape
    assert 0 <= made.min() < made.max() <= 255
    assert network.scores(images, labels).shape == (6,)


@pytest.mark.parametrize(("number", "activation"), list(enumerate(ACTIVATIONS)))
def test_scores_of_made_images_have_a_gradient_for_every_trainable_parameter(number, activation):
    given = {"activation": activation, "batch_norm": number % 2 == 0}
    network, _, noise, labels = started((3, 16, 16), (1, 3)[number // 2 % 2], **given)
    network.scores(network.made(noise, labels, averaged=False), labels).square().mean().backward()
    for key, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad.isfinite().all(), key
            assert parameter.grad.abs().sum() > 0, key
        else:
            assert key.startswith(("averaged.", "directions."))


def test_gradients_pass_a_discriminator_that_does_not_learn():
    network, _, noise, labels = started((1, 16, 16))
    network.judging(learns=False)
    network.scores(network.made(noise, labels, averaged=False), labels).mean().backward()
    assert all(each.grad is None for each in (*network.body.parameters(), *network.head.parameters()))
    assert all(each.grad is not None for each in network.generator.parameters())
    network.judging(learns=True)
    assert all(each.requires_grad for each in network.head.parameters())


def test_the_score_is_the_one_of_the_class_that_is_asked_about():
    network, images, _, labels = started((1, 12, 12))
    network.eval()
    every = network(images)
    assert torch.equal(network.scores(images, labels), every[torch.arange(6), labels])
    other = network.scores(images, (labels + 1) % 3)
    assert not torch.equal(network.scores(images, labels), other)


def test_made_images_depend_on_noise_and_class_and_not_on_their_batch():
    network, _, noise, labels = started((1, 12, 12))
    network.eval()
    with torch.inference_mode():
        together = network.made(noise, labels)
        alone = torch.cat([network.made(noise[i : i + 1], labels[i : i + 1]) for i in range(6)])
        torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-3)
        assert not torch.equal(network.made(noise, (labels + 1) % 3), together)
        assert not torch.equal(network.made(noise + 1, labels), together)


def test_the_averaged_generator_starts_as_the_generator_and_follows_it():
    network, *_ = started((1, 16, 16))
    now, mean = network.generator[0].weight, network.averaged[0].weight
    assert torch.equal(now, mean)
    with torch.no_grad():
        now.add_(1.0)
    before = mean.clone()
    network.follow(0.75)
    torch.testing.assert_close(mean, before + 0.25)


def test_layers_of_the_discriminator_are_kept_from_stretching():
    network, images, _, labels = started((1, 16, 16), width=16)
    judges = [network.body.conv1, network.body.conv2, network.head]
    with torch.no_grad():
        for layer in judges:
            layer.weight.mul_(50.0)
    for _ in range(60):
        network.limit(1.0)
    for layer in judges:
        stretch = torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2)
        assert float(stretch) == pytest.approx(1.0, abs=0.02)
    kept = [layer.weight.detach().clone() for layer in judges]
    network.limit(2.0)  # what stretches less stays as it is
    assert all(torch.equal(layer.weight, before) for layer, before in zip(judges, kept, strict=True))
    assert network.scores(images, labels).isfinite().all()


def test_the_table_of_layers_shows_both_networks_and_restarts_at_the_image():
    rows = describe(design("gan", Settings(model="gan"), InputFacts((1, 28, 28), 10, 60_000)))
    assert [row.name for row in rows][:2] == ["generator.linear", "generator.norm"]
    fields = {row.name: row.receptive_field for row in rows}
    assert fields["conv1"] == (4, 4)
    assert fields["conv2"] == (10, 10)
    assert not any(row.name.startswith("averaged") for row in rows)
    assert "conv up 4x4" in as_text(rows)


def test_a_config_survives_json_and_refuses_nonsense():
    config = design("gan", Settings(model="gan", latent=7), InputFacts((1, 28, 28), 4, 400))
    document = config.to_json()
    assert NetworkConfig.from_json(document) == config
    assert (document["latent"], document["conditions"], document["outputs"]) == (7, 4, 4)
    for change in ({"latent": 1}, {"conditions": 0}, {"likelihood": "sigma-vae"}):
        with pytest.raises(ValueError, match=next(iter(change))):
            NetworkConfig.from_json({**document, **change})
    with pytest.raises(ValueError, match="4 expected"):
        build(NetworkConfig.from_json({**document, "outputs": 5}))
    with pytest.raises(ValueError, match="convolutions do not fit"):
        build(NetworkConfig.from_json({**document, "widths": [4] * 6}))


@pytest.mark.parametrize(
    ("shape", "settings", "message"),
    [
        ((1, 7, 9), {}, "at least 8x8"),
        ((30,), {}, "at least 8x8"),
        ((1, 28, 28), {"depth": 0}, "not 1 to 4"),
        ((1, 28, 28), {"depth": 5}, "not 1 to 4"),
    ],
)
def test_inputs_and_depths_that_do_not_fit_are_refused(shape, settings, message):
    with pytest.raises(UsageError, match=message):
        design("gan", Settings(model="gan", **settings), InputFacts(shape, 3, 400))


def test_equal_generators_of_random_numbers_give_equal_networks():
    one, other = (started((1, 16, 16))[0].state_dict() for _ in range(2))
    assert all(np.array_equal(one[name], other[name]) for name in one)
