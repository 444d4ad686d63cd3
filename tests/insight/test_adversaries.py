"""Generator and discriminator opened: their own numbers, units and losses by hand, gradients three ways."""

import numpy as np
import pytest
import torch

from generators import trained_generator
from insight.test_autoencoders import SHAPES, assert_units_agree
from pellucid.insight.explaining import explain_model
from pellucid.insight.generator_terms import CONTEST_SEED, adversarial_program
from pellucid.insight.opened_networks import open_program
from pellucid.networks import InputFacts, build, design
from pellucid.reference import LAYERS
from pellucid.settings import Settings
from reports.explained import explained
from small_models import digits

PIXELS, LABELS = digits()


def opened_of(shape, classes, settings):
    """A network that was not trained, and the same opened for the last class."""
    chosen = Settings(model="gan", width=8, latent=6, **settings)
    network = build(design("gan", chosen, InputFacts(shape, classes, 400)), torch.Generator().manual_seed(3))
    image = torch.randint(0, 256, (1, *shape), generator=torch.Generator().manual_seed(1)).float()
    network.initialise_from_data(image)
    noise = torch.randn(1, network.latent, generator=torch.Generator().manual_seed(2))
    labels = torch.tensor([classes - 1])
    with torch.inference_mode():
        made = network.eval().made(noise, labels)
    program = adversarial_program(network, classes - 1)
    given = {"inputs": image, "noise": noise, "class": torch.eye(classes)[[classes - 1]], "made": made}
    opened = open_program(program, {name: given[name].numpy() for name in program.given})
    return network, image, made, labels, opened


@pytest.mark.parametrize(("shape", "classes", "settings"), SHAPES)
def test_the_program_and_its_units_are_the_very_numbers_of_the_network(shape, classes, settings):
    network, image, made, labels, opened = opened_of(shape, classes, settings)
    with torch.inference_mode():
        real, fake = network.scores(image, labels), network.scores(made, labels)
    assert_units_agree(opened)
    np.testing.assert_allclose(opened.value("levels"), made[0], rtol=1e-6, atol=1e-4)
    assert opened.value("score")[0] == real.item()
    assert opened.value("seen.score")[0] == fake.item()
    assert opened.value("judged.score")[0] == pytest.approx(fake.item(), rel=1e-5, abs=1e-6)
    of_discriminator = opened.value("loss_of_given")[0] + opened.value("loss_of_made")[0]
    expected = LAYERS["discriminator-loss"].forward(real.double().numpy(), fake.double().numpy())
    assert of_discriminator == pytest.approx(expected, rel=1e-6)
    expected = LAYERS["generator-loss"].forward(fake.double().numpy())
    assert opened.value("loss_of_generator")[0] == pytest.approx(expected, rel=1e-5)


def test_gradients_are_those_that_training_takes():
    """Of the discriminator by its loss on both images, of the generator by its own, as torch has them."""
    found = explained("gan")
    network, contest = trained_generator(2, model="gan").network, found.contest
    network.double()
    images = torch.from_numpy(PIXELS[700:701]).permute(0, 3, 1, 2).double()
    noise, labels = torch.from_numpy(contest.noise[None]).double(), torch.tensor([contest.label])
    network.averaged.requires_grad_(True)
    try:
        made = network.made(noise, labels)
        real, fake = network.scores(images, labels), network.scores(made.detach(), labels)
        torch.nn.functional.softplus(-real).add(torch.nn.functional.softplus(fake)).sum().backward()
        of_head = network.head.weight.grad.numpy().copy()
        torch.nn.functional.softplus(-network.scores(made, labels)).sum().backward()
        of_dense = network.averaged.linear.weight.grad.numpy()
    finally:
        network.averaged.requires_grad_(False)
        network.float().zero_grad()
    gradients = found.backward.gradients
    both = gradients["head.weight"] + gradients["seen.head.weight"]
    np.testing.assert_allclose(both, of_head, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(gradients["averaged.linear.weight"], of_dense, rtol=1e-4, atol=1e-7)


def test_every_layer_agrees_with_autograd_and_weights_three_ways():
    found = explained("gan")
    for record in found.layers:
        apart = found.backward.disagreement(record.name)
        assert apart is None or apart < 1e-8, record.name
    assert found.checks
    for check in found.checks:
        assert check.chained == pytest.approx(check.by_hand, rel=1e-9, abs=1e-15)
        assert check.relative_error < 1e-5, check


def test_what_is_made_is_what_generate_makes_and_sees_nothing_of_the_image():
    model, found = trained_generator(2, model="gan"), explained("gan")
    contest = found.contest
    assert found.makes_images
    assert found.headline.startswith("gan takes the image for a")
    assert "nats for the discriminator" in repr(found)
    assert "score" in found._repr_html_()
    made = model.sample(np.array([contest.label]), CONTEST_SEED)[0]
    assert np.abs(made.astype(int) - contest.made).max() <= 1
    assert contest.score == pytest.approx(
        model.scores(PIXELS[700:701], np.array([contest.label]))[0], rel=1e-5
    )
    found = explained("gan")
    assert found.layer("averaged.linear").receptive_field == ()
    assert found.layer("body.conv1").receptive_field == (4, 4)
    with pytest.raises(ValueError, match="sees nothing of it"):
        found.field("averaged.up1", (0, 3, 3))


def test_the_class_is_the_one_asked_for_else_the_true_one_else_the_highest_scored():
    model, image = trained_generator(2, model="gan"), PIXELS[700:701]
    scores = model.scores(np.repeat(image, 10, axis=0), np.arange(10))
    assert explain_model(model, image).contest.label == int(scores.argmax())
    assert explain_model(model, image, truth=4).contest.label == 4
    assert explain_model(model, image, target=7, truth=4).contest.label == 7
