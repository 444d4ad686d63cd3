import dataclasses
import math
from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn

from generators import begin as begin_generator
from pellucid.data.images.augmentation import Augmentation
from pellucid.errors import DivergedError
from pellucid.training.batches import Mixed
from pellucid.training.objectives import LOSSES, cross_entropy, squared_error
from training.sessions import first_batch, same, step_of, weights_of


@pytest.fixture
def recipe(begin):
    return begin(label_smoothing=0.0).batches.recipe


def test_cross_entropy_of_equal_logits_is_the_log_of_the_class_count(recipe):
    losses = cross_entropy(torch.zeros(3, 4), torch.tensor([0, 1, 3]), recipe, None)
    assert losses.tolist() == pytest.approx([math.log(4)] * 3)


def test_label_smoothing_by_hand(recipe):
    smoothed = dataclasses.replace(recipe, label_smoothing=0.2)
    logits = torch.tensor([[math.log(3.0), 0.0]])
    expected = -(0.9 * math.log(0.75) + 0.1 * math.log(0.25))
    assert cross_entropy(logits, torch.tensor([0]), smoothed, None).item() == pytest.approx(expected)


def test_squared_error_is_the_brier_score(recipe):
    logits = torch.tensor([[math.log(3.0), 0.0], [0.0, 0.0]])
    losses = squared_error(logits, torch.tensor([0, 1]), recipe, None)
    assert losses.tolist() == pytest.approx([0.25**2 + 0.25**2, 0.5**2 + 0.5**2])


@pytest.mark.parametrize("loss", [cross_entropy, squared_error])
def test_an_example_weighs_as_much_as_its_class(recipe, loss):
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 0, 1, 1, 1, 2])
    weights = torch.tensor([1.0, 2.0, 5.0])
    plain, weighed = (loss(logits, labels, recipe, given) for given in (None, weights))
    assert torch.allclose(weighed, plain * weights[labels])


def mean_loss(session, recipe, batch):
    """Loss that a step returns before it moves anything."""
    return step_of(session, recipe)(batch, 0, 0.0).loss


@pytest.mark.parametrize("name", ["cross-entropy", "mse"])
def test_class_weights_make_a_weighted_mean(begin, name):
    session = begin(model="mlp", width=8, batch_norm=False, loss=name, label_smoothing=0.0)
    batch = first_batch(session)
    weights = tuple(1.0 + label for label in range(10))
    recipe = dataclasses.replace(session.batches.recipe, class_weights=weights)
    with torch.no_grad():
        each = LOSSES[name](session.network(batch.inputs), batch.labels, recipe, None)
    of_labels = torch.tensor(weights)[batch.labels]
    expected = float((each * of_labels).sum() / of_labels.sum())
    assert mean_loss(session, recipe, batch) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("weights", [None, tuple(1.0 + label for label in range(10))])
def test_two_labels_of_an_image_count_by_their_shares(begin, weights):
    """A batch in which each image stands once for each label, weighed by its share, has the same mean."""
    session = begin(model="mlp", width=8, batch_norm=False, label_smoothing=0.1)
    recipe = dataclasses.replace(session.batches.recipe, class_weights=weights)
    plain = first_batch(session)._replace(mixed=None)
    shares = torch.linspace(0, 1, len(plain.labels))
    mixed = plain._replace(mixed=Mixed(plain.labels.roll(1), shares, torch.ones_like(shares)))
    with torch.no_grad():
        logits = session.network(plain.inputs)
    of_class = torch.ones(10) if weights is None else torch.tensor(weights)
    first, second = (
        cross_entropy(logits, labels, recipe, None if weights is None else of_class)
        for labels in (plain.labels, plain.labels.roll(1))
    )
    total = ((1 - shares) * of_class[plain.labels] + shares * of_class[plain.labels.roll(1)]).sum()
    expected = float(((1 - shares) * first + shares * second).sum() / total)
    assert mean_loss(session, recipe, mixed) == pytest.approx(expected, rel=1e-5)
    assert mean_loss(session, recipe, mixed) != pytest.approx(mean_loss(session, recipe, plain), rel=1e-3)


def test_gd_moves_once_per_epoch_along_the_gradient_of_the_whole_split(begin, digits):
    session = begin(optimizer="gd", model="mlp", width=8, batch_norm=False, label_smoothing=0.0)
    before = weights_of(session.network)
    labels = torch.from_numpy(digits.labels[digits.train])
    inputs = torch.from_numpy(digits.inputs[digits.train]).permute(0, 3, 1, 2).float()
    nn.functional.cross_entropy(session.network(inputs), labels).backward()
    gradients = {name: each.grad.clone() for name, each in session.network.named_parameters()}
    session.network.zero_grad()
    assert gradients
    batches = dataclasses.replace(
        session.batches.recipe, total_steps=session.batches.per_epoch, augmentation=Augmentation()
    )
    session.batches.recipe = batches
    session.run()
    for name, parameter in session.network.named_parameters():
        moved = before[name] - parameter.detach()
        assert torch.allclose(moved, batches.learning_rate * gradients[name], atol=1e-5), name


@pytest.mark.parametrize("what", ["loss", "gradient"])
@pytest.mark.parametrize("kind", ["begin", "begin_numbers"])
def test_what_is_not_finite_stops_before_the_update(request, kind, what):
    session = request.getfixturevalue(kind)(model="mlp", width=8)
    batch, before = first_batch(session), weights_of(session.network)
    if what == "loss":
        batch = batch._replace(inputs=torch.full_like(batch.inputs, float("nan")))
    else:
        next(session.network.head.parameters()).register_hook(lambda gradient: gradient * float("inf"))
    expected = rf"step 413: the {what} is (nan|inf) on examples \d+.* at learning rate 0.25; lower"
    with pytest.raises(DivergedError, match=expected):
        step_of(session)(batch, 412, 0.25)
    learnt = dict(session.network.named_parameters())
    assert same({name: each for name, each in before.items() if name in learnt}, learnt)


def test_the_discriminator_sees_every_image_beside_its_own_class():
    torch.manual_seed(0)
    session = begin_generator(model="gan")
    network, batch = session.network.train(), first_batch(session)
    asked, made = [], []
    scores, make = network.scores, network.made
    network.scores = lambda images, labels: asked.append((images, labels)) or scores(images, labels)

    def noted(noise, labels, **how):
        images = make(noise, labels, **how)
        made.append((images, labels))
        return images

    network.made = noted
    step_of(session)(batch, 0, 0.001)
    (images, labels), (of_noise, of_classes) = asked[0], made[0]
    assert torch.equal(images, torch.cat([batch.inputs, of_noise.detach()]))
    assert torch.equal(labels, torch.cat([batch.labels, of_classes]))
    assert len(set(batch.labels.tolist())) > 3


def test_the_variance_kept_is_the_mean_of_those_of_the_batches():
    torch.manual_seed(0)
    session = begin_generator(model="vae")
    network, decode = session.network.train(), session.network.decode
    decoded, variances = [], []

    def noted(drawn, labels):
        decoded.append(decode(drawn, labels))
        return decoded[-1]

    network.decode = noted
    step = step_of(session)
    for number, batch in enumerate(islice(session.batches.epoch(0), 5)):
        step(batch, number, 0.001)
        variances.append(float((decoded[-1].detach() - batch.inputs).square().mean()))
    assert len(variances) == 5
    assert float(network.variance) == pytest.approx(np.mean(variances), rel=1e-3)
