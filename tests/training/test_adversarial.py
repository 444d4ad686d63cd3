"""Adversarial training: the two losses, whose weights each moves, the averaged generator, resuming."""

import numpy as np
import pytest
import torch

from generators import begin, trained_generator
from pellucid.errors import DivergedError
from pellucid.reference import LAYERS
from pellucid.training import Recipe
from pellucid.training.loop import validator
from pellucid.training.objectives import discriminator_loss, generator_loss
from training.sessions import assert_a_resume_ends_alike, first_batch, same, step_of, weights_of

pytestmark = pytest.mark.slow


def adversarial(**settings):
    return begin(model="gan", **settings)


def test_the_losses_are_those_of_the_reference():
    draws = np.random.default_rng(0)
    real, made = draws.normal(0, 4, 9), draws.normal(0, 4, 9)
    found = discriminator_loss(torch.from_numpy(real), torch.from_numpy(made))
    assert float(found) == pytest.approx(LAYERS["discriminator-loss"].forward(real, made))
    found = generator_loss(torch.from_numpy(made))
    assert float(found) == pytest.approx(LAYERS["generator-loss"].forward(made))


def test_each_network_has_its_own_update_and_share_of_the_rate():
    session = adversarial()
    network, optimizer = session.network.train(), session.state.optimizer
    moved = []
    optimizer.register_step_post_hook(
        lambda *_: moved.append({name for name, each in network.named_parameters() if each.grad is not None})
    )
    step_of(session)(first_batch(session), 0, 0.001)
    of_discriminator, of_generator = moved
    assert of_discriminator
    assert all(name.startswith(("body.", "head.")) for name in of_discriminator)
    assert of_generator
    assert all(name.startswith("generator.") for name in of_generator)
    trained = {name for name, each in network.named_parameters() if each.requires_grad}
    assert of_discriminator | of_generator == trained
    rates = {round(float(group["lr"]), 9) for group in optimizer.param_groups}
    assert rates == {0.001, round(0.001 * session.batches.recipe.adversarial.generator_rate, 9)}


def test_the_averaged_generator_follows_and_is_never_trained():
    session = adversarial()
    network = session.network.train()
    assert same(weights_of(network.averaged), weights_of(network.generator))
    step = step_of(session)
    for number, batch in enumerate(session.batches.epoch(0)):
        before, now = weights_of(network.averaged), None
        step(batch, number, 0.001)
        now = network.generator.state_dict()
    kept = min(session.batches.recipe.adversarial.averaging, (number + 1) / (number + 10))
    after = network.averaged.state_dict()
    for name, value in after.items():
        if value.is_floating_point():
            expected = kept * before[name] + (1 - kept) * now[name]
            assert torch.allclose(value, expected, atol=1e-6)
    assert not any(each.requires_grad for each in network.averaged.parameters())


def test_training_makes_images_that_lie_nearer_to_real_ones():
    session = adversarial(epochs=15)
    real = session.batches.examples.inputs[session.batches.examples.train].astype(float)
    fresh = _mean_image(session.network)
    trained = _mean_image(session.run())
    target = real.mean(axis=0)[..., 0]
    assert np.abs(trained - target).mean() < 0.5 * np.abs(fresh - target).mean()
    last = session.state.history[-1]
    assert 0.5 <= last["train_discriminator_accuracy"] < 1
    assert last["train_generator_loss"] > 0
    assert "validation_loss" not in last
    assert session.state.best is None


def _mean_image(network):
    network.eval()
    with torch.inference_mode():
        noise = torch.randn(500, network.latent, generator=torch.Generator().manual_seed(0))
        return network.made(noise, torch.arange(500) % 10).mean(dim=0)[0].numpy()


def test_a_class_asked_for_is_what_is_made():
    model = trained_generator(20, model="gan")
    zeros, ones = (model.sample(np.full(200, code), 0).astype(float).mean(axis=0) for code in (0, 1))
    middle = np.s_[2:6, 3:5, 0]
    assert zeros[middle].mean() < ones[middle].mean()  # a nought is open in the middle, a one is not
    assert model.transform(np.zeros((0, 8, 8, 1), np.uint8)).shape[0] == 0


def test_no_epoch_is_scored():
    session = adversarial()
    assert validator(session.network, session.batches.examples, "cpu")() == {}


def test_the_recipe_survives_json():
    recipe = adversarial().batches.recipe
    assert recipe.loss == "adversarial"
    assert recipe.beta is None
    assert Recipe.from_json(recipe.to_json()) == recipe


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_killed_training_ends_in_the_same_bytes(tmp_path, share):
    total = adversarial(epochs=3).batches.recipe.total_steps
    stop = 1 + int(share * (total - 2))
    assert_a_resume_ends_alike(lambda: adversarial(epochs=3), stop, tmp_path, 3)


def test_a_loss_that_is_not_finite_ends_training_and_leaves_the_weights():
    session = adversarial()
    network = session.network.train()
    with torch.no_grad():
        network.head.weight.fill_(float("nan"))
    before = weights_of(network.generator)
    with pytest.raises(DivergedError, match="the loss is nan"):
        step_of(session)(first_batch(session), 0, 0.001)
    weights = {name: each for name, each in before.items() if "running" not in name and "num_" not in name}
    assert same(weights, network.generator.state_dict())


@pytest.mark.parametrize("is_labelled", [True, False])
def test_labels_are_optional(is_labelled):
    network = begin(is_labelled=is_labelled, model="gan", epochs=1).run()
    assert network.config.conditions == (10 if is_labelled else 1)
    assert network.head.out_features == network.config.conditions
    assert network.rescale is None
