"""An autoencoder opened: a program of the same numbers, units by hand, three ways of gradients, latents."""

import math

import numpy as np
import pytest
import torch

from generators import trained_generator
from pellucid.bundle import AutoencoderModel, Generator
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.errors import DataError, ModelFileError
from pellucid.insight.explaining import explain_model
from pellucid.insight.generator_terms import FEWEST_SHOWN, LATENT_SEED, STEPS, autoencoder_program, noise_for
from pellucid.insight.opened_networks import open_program
from pellucid.insight.unit_arithmetic import TOLERANCE
from pellucid.insight.units import open_unit
from pellucid.networks import InputFacts, build, design
from pellucid.reference import LAYERS
from pellucid.settings import Settings
from reports.explained import AUTOENCODERS, explained
from small_models import digits

SHAPES = [
    ((1, 8, 8), 3, {}),
    ((3, 13, 9), 1, {"batch_norm": False, "activation": "leaky-relu"}),
    ((3, 33, 20), 2, {"activation": "gelu"}),
]
PIXELS, LABELS = digits()


def started(shape, classes, settings):
    """An autoencoder that was not trained, and what it is given."""
    chosen = Settings(model="vae", width=8, latent=6, **settings)
    network = build(design("vae", chosen, InputFacts(shape, classes, 400)), torch.Generator().manual_seed(3))
    image = torch.randint(0, 256, (1, *shape), generator=torch.Generator().manual_seed(1)).float()
    network.initialise_from_data(image)
    noise = torch.randn(1, network.latent, generator=torch.Generator().manual_seed(2))
    given = {"inputs": image, "noise": noise, "class": torch.eye(classes)[[classes - 1]]}
    if classes == 1:
        del given["class"]
    return network.eval(), given


def assert_units_agree(opened, count=600):
    draws = np.random.default_rng(0)
    for number in range(count):
        line = opened.lines[number % len(opened.lines)]
        unit = tuple(int(draws.integers(size)) for size in opened.value(line.name).shape)
        found = open_unit(opened, line.name, unit)
        assert found.network == opened.value(line.name)[unit]
        assert found.difference <= TOLERANCE * found.magnitude, found


def opened_of(shape, classes, settings):
    network, given = started(shape, classes, settings)
    program = autoencoder_program(network, classes - 1)
    return open_program(program, {name: each.numpy() for name, each in given.items()})


@pytest.mark.parametrize(("shape", "classes", "settings"), SHAPES)
def test_the_program_and_its_units_are_the_very_numbers_of_the_network(shape, classes, settings):
    network, given = started(shape, classes, settings)
    labels = torch.tensor([classes - 1])
    opened = opened_of(shape, classes, settings)
    assert_units_agree(opened)
    with torch.inference_mode():
        found = network.posterior(given["inputs"])
        drawn = found.drawn(given["noise"])
        levels = network.decode(drawn, labels)
        reconstruction, divergence = network.terms(given["inputs"], labels, given["noise"])
    np.testing.assert_array_equal(opened.value("means"), found.means[0])
    np.testing.assert_array_equal(opened.value("log_variances.clamp"), found.log_variances[0])
    np.testing.assert_array_equal(opened.value("draw"), drawn[0])
    np.testing.assert_array_equal(opened.value("levels"), levels[0])
    assert opened.value("reconstruction")[0] == reconstruction.item()
    assert opened.value("density_of_draw")[0] - opened.value("prior")[0] == pytest.approx(
        divergence.item(), rel=1e-6
    )
    assert opened.output == "levels"
    assert list(dict.fromkeys(opened.parts.values())) == ["encoder", "latent variables", "decoder", "bound"]
    own = ("standardise", "levels", "reconstruction", "prior")
    assert {name for name in opened.weights if not name.startswith(own)} <= {
        name for name, _ in (*network.named_parameters(), *network.named_buffers())
    }


@pytest.mark.slow
def test_fields_the_draw_and_the_outcome_in_words():
    found = explained("vae")
    assert found.field("body.conv1", (0, 1, 1)) == ((1, 4), (1, 4))
    assert found.field("decoder.up1", (0, 3, 3)) == ((0, 7), (0, 7))
    assert found.field("prior", (0,)) == ((0, 7), (0, 7))
    classes = len(found.classes)
    with pytest.raises(ValueError, match="class: is given besides the input, and sees nothing of it"):
        found.field("with_class", (found.layer("with_class").output_shape[0] - classes,))
    latents = explained("vae").latents
    expected = latents.means + np.exp(latents.log_variances / 2) * latents.noise
    np.testing.assert_allclose(latents.drawn, expected, rtol=1e-5, atol=1e-6)
    assert np.array_equal(latents.noise[None], noise_for(trained_generator()))
    found = explained("vae")
    steps = {step.words: step.value for step in found.unit("draw", (3,)).steps}
    assert steps["z = \u03bc + \u03c3 \u00d7 \u03b5"] == pytest.approx(float(latents.drawn[3]), rel=1e-6)
    assert found.headline.startswith("vae rebuilds the image with an error of ")
    rebuilt = latents.from_means.astype(float) - found.inputs
    assert latents.error == pytest.approx(math.sqrt((rebuilt**2).mean()))
    assert "bits per dimension" in repr(found)
    assert "rebuilds the image" in found._repr_html_()


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_gradients_by_hand_and_by_autograd_agree_at_every_layer(name):
    found = explained(name)
    for line in found.opened.lines:
        assert found.backward.disagreement(line.name) < 1e-8, line.name
        assert found.backward.norm(line.name) > 0, line.name
    assert found.backward.loss == pytest.approx(found.latents.loss, rel=1e-5)
    assert found.backward.terms == {"reconstruction": 1.0, "density_of_draw": 1.0, "prior": -1.0}


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_the_terms_of_any_weight_add_up(name):
    found, draws = explained(name), np.random.default_rng(0)
    names = set(found.checker.names)
    assert {"body.conv1.weight", "head.bias", "decoder.up1.weight", "decoder.up1.bias"} <= names
    assert any(each.startswith("prior.") for each in names)
    for weight in found.checker.names:
        shape = found.opened.weights[weight].shape
        for _ in range(3):
            check = found.weight(weight, [int(draws.integers(size)) for size in shape])
            assert check.chained == pytest.approx(check.by_hand, rel=1e-9, abs=1e-12), check
            assert check.relative_error < 1e-5 or abs(check.by_autograd - check.by_difference) < 1e-6, check


def test_a_prior_that_is_not_learnt_has_no_weights_to_choose():
    network, _ = started((1, 8, 8), 1, {})
    config = design("vae", Settings(model="vae", width=8), InputFacts((1, 8, 8), 1, 40))
    assert config.own.components == 1
    model = AutoencoderModel(build(config), Preprocessing(8, 8, 1), ())
    found = explain_model(model, PIXELS[:1])
    assert not any(name.startswith("prior") for name in found.checker.names)
    assert network.prior.means.requires_grad  # of several components it is


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_the_terms_are_those_of_the_reference_and_of_the_model(name):
    found, model = explained(name), trained_generator(is_labelled=name == "vae")
    latents, opened = found.latents, found.opened
    images = opened.values["inputs"].astype(np.float64)
    reconstruction = LAYERS["reconstruction"].forward(
        images, opened.values["levels"].astype(np.float64), variance=model.network.variance.item()
    )
    of_draw = LAYERS["density-of-draw"].forward(
        latents.log_variances[None].astype(np.float64), latents.noise[None].astype(np.float64)
    )
    prior = (
        getattr(model.network.prior, each).detach().numpy()[[latents.label]]
        for each in ("means", "log_variances", "logits")
    )
    of_prior = LAYERS["mixture-density"].forward(latents.drawn[None], *prior)
    for term, expected in (
        (latents.reconstruction, reconstruction),
        (latents.of_draw, of_draw),
        (latents.of_prior, of_prior),
    ):
        assert term.arithmetic.value == pytest.approx(expected, rel=1e-6)
        assert term.arithmetic.agrees, term
        assert term.reference == pytest.approx(expected, rel=1e-4)
    bound = model.bound(found.inputs[None], np.array([latents.label]), LATENT_SEED)
    assert latents.loss == pytest.approx(bound.total[0], rel=1e-5)
    assert latents.bits_per_dimension == pytest.approx(bound.total[0] / (64 * math.log(2)), rel=1e-5)


def test_a_traversal_moves_one_number_by_deviations_of_the_prior():
    found, model = explained("vae"), trained_generator()
    latents = found.latents
    changes = [each.change for each in latents.traversals]
    assert changes == sorted(changes, reverse=True)
    assert len(changes) >= FEWEST_SHOWN
    assert len({each.number for each in latents.traversals}) == len(changes)
    prior = model.network.prior
    shares = prior.logits[latents.label].softmax(0).detach().numpy()
    means = prior.means[latents.label].detach().numpy()
    variances = prior.log_variances[latents.label].exp().detach().numpy()
    for each in latents.traversals[:3]:
        assert np.array_equal(each.images[STEPS.index(0.0)], latents.from_means)
        of_number = shares @ (variances[:, each.number] + means[:, each.number] ** 2)
        deviation = math.sqrt(of_number - (shares @ means[:, each.number]) ** 2)
        row = latents.means.copy()
        row[each.number] += 2 * deviation
        expected = model.decode(row[None], np.array([latents.label]))[0]
        assert np.abs(each.images[-1].astype(int) - expected).max() <= 1  # of rounding
        last, first = each.images[-1].astype(float), each.images[0].astype(float)
        assert each.change == pytest.approx(math.sqrt(((last - first) ** 2).mean()))
        np.testing.assert_allclose(each.difference, (last - first).mean(axis=2))


def test_the_class_is_the_one_asked_for_or_the_true_one_or_that_of_the_highest_bound():
    model, image = trained_generator(), PIXELS[700:701]
    bounds = [model.bound(image, np.array([code]), LATENT_SEED).total[0] for code in range(10)]
    unknown, known = explain_model(model, image), explain_model(model, image, truth=4)
    assert unknown.target == unknown.latents.label == int(np.argmin(bounds))
    assert [code for code, _ in unknown.latents.bounds] == np.argsort(bounds).tolist()
    np.testing.assert_allclose([loss for _, loss in unknown.latents.bounds], sorted(bounds), rtol=1e-5)
    assert "of the 10 classes its bound is highest" in unknown.notes[0]
    assert (known.target, known.truth) == (4, 4)
    assert "its true class, 'digit 4'" in known.notes[0]
    asked = explain_model(model, image, target=7, truth=4)
    assert asked.target == 7
    assert "as was asked for" in asked.notes[0]
    assert asked.opened.value("class").tolist() == [float(code == 7) for code in range(10)]
    without = explained("vae-without-classes")
    assert (without.target, without.latents.bounds) == (None, ())
    assert "class" not in without.opened.given


def test_a_generator_of_another_kind_is_refused():
    class Other(Generator):
        name, classes, preprocessing, network = "other", (), Preprocessing(8, 8, 1), None
        parameters = transform = sample = None

        def __init__(self):
            pass

    with pytest.raises(ModelFileError, match="makes images in a way that is not opened; give a vae or gan"):
        explain_model(Other(), PIXELS[:1])
    with pytest.raises(DataError, match="expected uint8 of shape"):
        explain_model(trained_generator(), PIXELS[:1].astype(float))
