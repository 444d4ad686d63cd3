"""Training of networks that make images: the step, the bound on validation, resuming, and the last fit."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from generators import begin, examples
from pellucid.arithmetic.draws import Purpose, generator
from pellucid.errors import DivergedError, UsageError
from pellucid.reference import LAYERS
from pellucid.targets import GENERATION
from pellucid.training import Examples, Recipe
from pellucid.training.loop import validator
from pellucid.training.prior import _mixture, refit_prior
from small_models import digits
from training.sessions import assert_a_resume_ends_alike, first_batch, same, step_of


def test_the_loss_of_a_step_is_that_of_the_reference():
    session = begin(beta=0.5)
    network, recipe = session.network.train(), session.batches.recipe
    batch = first_batch(session)
    torch.manual_seed(4)
    with torch.no_grad():
        found = network.posterior(batch.inputs)
        noise = torch.randn_like(found.means)
        decoded = network.decode(found.drawn(noise), batch.labels)
    prior = [getattr(network.prior, name)[batch.labels] for name in ("means", "log_variances", "logits")]
    drawn = found.drawn(noise).numpy()
    kl = LAYERS["density-of-draw"].forward(found.log_variances.numpy(), noise.numpy())
    kl -= LAYERS["mixture-density"].forward(drawn, *(each.detach().numpy() for each in prior))
    cost = LAYERS["reconstruction"].forward(batch.inputs.numpy(), decoded.numpy())
    torch.manual_seed(4)
    result = step_of(session)(batch, recipe.total_steps, 0.0)
    assert result.loss == pytest.approx((cost + 0.5 * kl) / (64 * math.log(2)), rel=1e-5)


def test_the_weight_of_the_divergence_rises_in_the_first_fifth_of_the_steps():
    recipe = begin(beta=2.0, epochs=10).batches.recipe
    fifth = recipe.total_steps / 5
    assert recipe.beta_at(0) == 0
    assert recipe.beta_at(round(fifth / 2)) == pytest.approx(1.0, abs=0.1)
    assert recipe.beta_at(math.ceil(fifth)) == recipe.beta_at(recipe.total_steps) == 2.0
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_training_lowers_the_bound_and_records_its_terms():
    session = begin(epochs=6)
    first = validator(session.network, session.batches.examples, "cpu")()
    session.run()
    history = session.state.history
    last = history[-1]
    assert last["validation_loss"] < first["validation_loss"] - 0.5
    parts = last["validation_reconstruction"] + last["validation_kl"]
    assert last["validation_elbo"] == pytest.approx(parts / (64 * math.log(2)))
    assert session.state.best.score == -min(each["validation_loss"] for each in history)
    assert "train_accuracy" not in last


def test_validation_weighs_the_divergence_as_training_does():
    session = begin()
    plain, weighed = (
        validator(session.network, session.batches.examples, "cpu", beta)() for beta in (1.0, 3.0)
    )
    more = 2 * plain["validation_kl"] / (64 * math.log(2))
    assert weighed["validation_loss"] == pytest.approx(plain["validation_loss"] + more)
    assert weighed["validation_elbo"] == plain["validation_elbo"]


def test_the_same_seed_gives_the_same_bytes_and_another_one_others():
    first, again, other = (begin(seed=seed).run().state_dict() for seed in (1, 1, 2))
    assert same(first, again)
    assert not same(first, other)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_killed_training_ends_in_the_same_bytes(tmp_path, share):
    stop = 1 + int(share * (begin(epochs=4).batches.recipe.total_steps - 2))
    assert_a_resume_ends_alike(lambda: begin(epochs=4), stop, tmp_path, 3)


def test_the_prior_is_fitted_to_where_the_images_are():
    session = begin(epochs=3)
    network = session.run()
    given = session.batches.examples
    noise = torch.Generator().manual_seed(0)
    images = torch.from_numpy(given.inputs[:600]).permute(0, 3, 1, 2).float()
    labels = torch.from_numpy(given.labels[:600])
    with torch.inference_mode():
        found = network.posterior(images)
        drawn = found.drawn(torch.randn(found.means.shape, generator=noise))
        fitted = network.prior.log_density(drawn, labels).mean()
        network.prior.initialise(torch.Generator().manual_seed(0))
        fresh = network.prior.log_density(drawn, labels).mean()
        refit_prior(network, given, 0, "cpu")
        again = network.prior.log_density(drawn, labels).mean()
    assert fitted > fresh + 1
    assert again == pytest.approx(fitted.item(), abs=0.5)


def test_the_components_of_a_class_have_the_mean_of_its_own_images():
    """Training images are every third, so that places and labels are not in step."""
    pixels, labels = digits()
    train = np.arange(2, 1500, 3)
    network = begin(Examples(pixels, labels, train, train[:0], 10, GENERATION), epochs=1).network
    given = Examples(pixels, labels, train, train[:0], 10, GENERATION)
    refit_prior(network, given, 4, "cpu")
    noise = generator(4, Purpose.PRIOR).standard_normal((len(train), network.latent), np.float32)
    with torch.inference_mode():
        found = network.posterior(torch.from_numpy(pixels[train]).permute(0, 3, 1, 2).float())
        draws = found.drawn(torch.from_numpy(noise)).numpy()
        weights = network.prior.logits.softmax(dim=1)
        means = torch.einsum("ck,ckl->cl", weights, network.prior.means).numpy()
    expected = np.stack([draws[labels[train] == code].mean(axis=0) for code in range(10)])
    np.testing.assert_allclose(means, expected, atol=0.02)
    assert np.abs(expected - draws.mean(axis=0)).max() > 0.1


def test_a_class_of_few_images_gets_fewer_components():
    pixels, labels = digits()
    few = np.concatenate([np.flatnonzero(labels == 0)[:45], np.flatnonzero(labels > 0)[:1000]])
    few.sort()
    given = Examples(pixels, labels, few, np.zeros(0, np.int64), 10, GENERATION)
    session = begin(given, epochs=1)
    assert session.network.prior.means.shape[1] > 1
    with torch.no_grad():
        session.network.prior.logits.zero_()
    refit_prior(session.network, dataclasses.replace(given, train=few[labels[few] == 0][:15]), 0, "cpu")
    assert session.network.prior.logits.abs().max() == 0
    weights = session.run().prior.logits.softmax(dim=1)
    assert (weights[0] > 1e-6).sum() == min(2, weights.shape[1])
    assert weights.sum(dim=1).tolist() == pytest.approx([1.0] * 10)


def test_without_labels_it_learns_as_well():
    network = begin(is_labelled=False).run()
    assert network.config.conditions == 1
    assert network.prior.means.shape[1] == 10


def test_a_loss_that_is_not_finite_ends_training_with_the_remedy():
    session = begin()
    with torch.no_grad():
        session.network.decoder[-1].bias.fill_(float("nan"))
    with pytest.raises(DivergedError, match="lower --learning-rate"):
        session.run()


def test_a_time_limit_becomes_steps():
    session = begin(examples(1200), epochs=5000)
    whole = session.batches.recipe.total_steps
    session.limit(5.0, 100)
    assert 3 <= session.batches.recipe.total_steps < whole
    with pytest.raises(UsageError, match="--time-limit"):
        begin(epochs=5000).limit(0.0, 100)


def test_arithmetic_of_half_precision_keeps_the_loss_in_full():
    session = begin(precision="bf16", epochs=1)
    session.run()
    assert np.isfinite(session.state.history[-1]["train_loss"])


def test_components_weigh_as_many_draws_as_are_theirs():
    """Three heaps of draws, far apart, of 60, 30 and 10 in a hundred."""
    draws = np.random.default_rng(0)
    sizes = (600, 300, 100)
    heaps = [draws.normal(20.0 * place, 1, (size, 2)) for place, size in enumerate(sizes)]
    start = np.array([[1.0, -1.0], [19.0, 21.0], [42.0, 39.0]])
    weights, means, _ = _mixture(np.concatenate(heaps), start)
    np.testing.assert_allclose(weights, [0.6, 0.3, 0.1], atol=1e-6)
    np.testing.assert_allclose(means, [heap.mean(axis=0) for heap in heaps], atol=1e-6)
