"""Steps as a training takes them, each number after them compared with its formula in NumPy."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from generators import begin as begin_generator
from pellucid.data.images.augmentation import Augmentation
from pellucid.reference import RULES, Memory, Numbers
from pellucid.targets import ABSENT, MULTILABEL, PRESENT, UNKNOWN
from pellucid.training.batches import Mixed
from pellucid.training.objectives import make_objective
from pellucid.training.optimisers import build_optimizer, shares_of_rate, turned_by_muon
from pellucid.training.recipe import AdversarialRules
from pellucid.training.steps import TrainingStep
from training.sessions import first_batch

pytestmark = pytest.mark.core

RATES = (0.011, 0.017, 0.005)
DECAY, SMOOTHING = 0.07, 0.1
# Momentum, decay rates of Adam and Muon's numbers, by the documentation.
MOMENTUM, BETAS, MUON_MOMENTUM, MUON_SHARE = 0.9, (0.9, 0.99), 0.6, 1 / 24


def values(network):
    """What a network learns, in float64."""
    return {
        name: each.detach().double().numpy().copy()
        for name, each in network.named_parameters()
        if each.requires_grad
    }


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


class Formulas:
    """Weights that learn by the reference's rules, each at its own share of the rate."""

    def __init__(self, network, optimizer, shares):
        self.weights, self.memories = values(network), {}
        turned = turned_by_muon(network) if optimizer == "muon" else []
        self.rules = {}
        for name, weight in self.weights.items():
            decay, share = DECAY if weight.ndim > 1 else 0.0, shares.get(name, 1.0)
            rule, numbers = optimizer, Numbers(share, decay, MOMENTUM, BETAS)
            if name in turned:
                numbers = Numbers(share, 0.0, MUON_MOMENTUM)
            elif optimizer == "muon":
                rule, numbers = "adamw", Numbers(share * MUON_SHARE, decay, MOMENTUM, BETAS)
            self.rules[name] = rule, numbers

    def step(self, gradients, rate):
        for name, (rule, numbers) in self.rules.items():
            own = numbers._replace(learning_rate=rate * numbers.learning_rate)
            memory = self.memories.get(name, Memory())
            self.weights[name], self.memories[name] = RULES[rule](
                self.weights[name], gradients[name], memory, own
            )


@pytest.mark.parametrize("is_shared", [False, True])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "adam", "adamw", "muon"])
def test_a_weight_moves_by_its_own_rule_and_share_of_the_rate(begin, optimizer, is_shared):
    """Three steps of a network of norms, kernels and biases at unlike rates, with gradients by torch."""
    given = {"optimizer": optimizer, "weight_decay": DECAY, "dropout": 0.0, "label_smoothing": 0.0}
    session = begin(model="cnn", width=4, parts=1, augment=False, **given)
    network, recipe = session.network.train(), session.batches.recipe
    shares = shares_of_rate(network, 0.3) if is_shared else {}
    assert len({*shares.values()}) == 7 * is_shared
    step = TrainingStep(
        network,
        build_optimizer(network, recipe, shares),
        make_objective(network, recipe, session.batches.examples),
        recipe,
        len(session.batches.examples.train),
    )
    expected, batches = Formulas(network, optimizer, shares), session.batches.epoch(0)
    for number, (rate, batch) in enumerate(zip(RATES, batches, strict=False)):
        twin = copy.deepcopy(network)
        nn.functional.cross_entropy(twin(batch.inputs), batch.labels).backward()
        gradients = {
            name: each.grad.double().numpy() for name, each in twin.named_parameters() if each.requires_grad
        }
        before = values(network)
        assert step(batch, number, rate).examples == len(batch.labels)
        expected.step(gradients, rate)
        for name, weight in values(network).items():
            largest = np.abs(expected.weights[name] - before[name]).max()
            assert largest > 0, name
            error = np.abs(weight - expected.weights[name]).max()
            assert error < 0.01 * largest + 1e-6, (number, name)


def linear(begin_some, loss="cross-entropy", **given):
    """A network of one matrix with a bias, and what reaches the matrix; a batch is computed in five parts."""
    session = begin_some(
        model="mlp", depth=0, optimizer="sgd", weight_decay=0.0, parts=5, loss=loss, augment=False,
        label_smoothing=SMOOTHING if loss == "cross-entropy" else 0.0, batch_norm=False, dropout=0.0, **given,
    )  # fmt: skip
    network = session.network.train()
    (matrix,) = (each for each in network.modules() if isinstance(each, nn.Linear))
    return session, network, matrix


def moved(session, network, recipe, examples, batch, rate=0.013):
    """What a step says and by how much it moves weights and biases, in units of the rate."""
    before = values(network)
    optimizer = build_optimizer(network, recipe)
    objective = make_objective(network, recipe, examples)
    found = TrainingStep(network, optimizer, objective, recipe, len(examples.train))(batch, 0, rate)
    after = values(network)
    by_axes = {before[name].ndim: (before[name] - after[name]) / rate for name in before}
    return found, by_axes[2], by_axes[1]


def features(network, matrix, batch):
    """What the matrix takes, and its outputs, in float64."""
    taken = []
    handle = matrix.register_forward_hook(lambda _, given, out: taken.extend((given[0], out)))
    with torch.no_grad():
        network(batch.inputs)
    handle.remove()
    return [each.double().numpy() for each in taken]


@pytest.mark.parametrize("loss", ["cross-entropy", "mse"])
@pytest.mark.parametrize("is_mixed", [False, True])
@pytest.mark.parametrize("class_weights", [None, tuple(0.5 + 0.3 * code for code in range(10))])
def test_a_step_of_classes_with_weights_of_examples_classes_and_mixed_images(
    begin, loss, is_mixed, class_weights
):
    """Every example weighs by itself and its class, of a mixed image each part by the image it comes from."""
    session, network, matrix = linear(begin, loss)
    recipe = dataclasses.replace(session.batches.recipe, class_weights=class_weights)
    batch, draws = first_batch(session), np.random.default_rng(2)
    count = len(batch.labels) - 3  # parts are unlike
    batch = batch.part(slice(count))
    weights, shares = draws.uniform(0.2, 5, count), draws.uniform(0, 1, count) * is_mixed
    batch = batch._replace(weights=torch.from_numpy(weights).float())
    others = np.roll(np.arange(count), 1)
    if is_mixed:
        batch = batch._replace(
            mixed=Mixed(
                batch.labels[others], torch.from_numpy(shares).float(), batch.weights[torch.tensor(others)]
            )
        )
    taken, logits = features(network, matrix, batch)
    labels, said = batch.labels.numpy(), softmax(logits)
    of_class = np.ones(10) if class_weights is None else np.array(class_weights)
    total, gradient, whole = 0.0, np.zeros_like(logits), 0.0
    for own, share in ((labels, (1 - shares) * weights), (labels[others], shares * weights[others])):
        one_hot = np.eye(10)[own]
        if loss == "cross-entropy":
            targets = of_class * ((1 - SMOOTHING) * one_hot + SMOOTHING / 10)
            total += (share * -(targets * np.log(said)).sum(axis=1)).sum()
            gradient += share[:, None] * (targets.sum(axis=1, keepdims=True) * said - targets)
        else:
            errors = of_class[own][:, None] * (said - one_hot)
            total += (share * (errors * (said - one_hot)).sum(axis=1)).sum()
            inner = 2 * errors
            gradient += share[:, None] * said * (inner - (inner * said).sum(axis=1, keepdims=True))
        whole += (share * of_class[own]).sum()
    found, of_matrix, of_bias = moved(session, network, recipe, session.batches.examples, batch)
    assert found.loss == pytest.approx(total / whole, rel=1e-5)
    assert found.correct == (logits.argmax(axis=1) == labels).sum()
    np.testing.assert_allclose(of_matrix, (gradient / whole).T @ taken, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(of_bias, gradient.sum(axis=0) / whole, rtol=1e-3, atol=1e-4)


def test_a_step_of_several_labels_of_which_some_are_unknown(begin, digits):
    states = np.stack([np.isin(digits.labels, each) for each in ((1, 3, 5), (2, 3), (0, 8), (7,))], axis=1)
    states = np.where(states, PRESENT, ABSENT).astype(np.int8)
    states[np.random.default_rng(3).random(states.shape) < 0.3] = UNKNOWN
    session, network, matrix = linear(begin)
    with torch.no_grad():
        matrix.weight[4:] = 0  # of ten outputs four are labels
    labels = torch.from_numpy(np.pad(states, ((0, 0), (0, 6)), constant_values=UNKNOWN))
    examples = dataclasses.replace(session.batches.examples, labels=labels.numpy(), target=MULTILABEL)
    batch = first_batch(session).part(slice(61))
    weights = np.random.default_rng(4).uniform(0.2, 5, 61)
    batch = batch._replace(
        labels=labels[torch.from_numpy(batch.indices)], weights=torch.from_numpy(weights).float()
    )
    taken, logits = features(network, matrix, batch)
    own = batch.labels.numpy()
    is_known, truth = own != UNKNOWN, (own == PRESENT).astype(float)
    targets, said = truth * (1 - SMOOTHING) + SMOOTHING / 2, 1 / (1 + np.exp(-logits))
    known = np.maximum(is_known.sum(axis=1), 1)
    assert len({*known.tolist()}) == 4
    each = -(targets * np.log(said) + (1 - targets) * np.log(1 - said)) * is_known
    share = weights / weights.sum() / known
    found, of_matrix, of_bias = moved(session, network, session.batches.recipe, examples, batch)
    assert found.loss == pytest.approx((share * each.sum(axis=1)).sum(), rel=1e-5)
    assert found.correct == (((logits >= 0) == (truth == 1)) | ~is_known).all(axis=1).sum()
    gradient = share[:, None] * (said - targets) * is_known
    np.testing.assert_allclose(of_matrix, gradient.T @ taken, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(of_bias, gradient.sum(axis=0), rtol=1e-3, atol=1e-5)


def test_a_step_of_numbers_with_weights(begin_numbers):
    session, network, matrix = linear(begin_numbers, "mse")
    batch = first_batch(session).part(slice(61))
    weights = np.random.default_rng(4).uniform(0.2, 5, 61)
    batch = batch._replace(weights=torch.from_numpy(weights).float())
    examples = session.batches.examples
    taken, outputs = features(network, matrix, batch)
    of_training = examples.labels[examples.train]
    truth = (batch.labels.numpy() - of_training.mean()) / of_training.std()
    errors, share = outputs[:, 0] - truth, weights / weights.sum()
    found, of_matrix, of_bias = moved(session, network, session.batches.recipe, examples, batch)
    assert found.loss == pytest.approx((share * errors**2).sum(), rel=1e-3)
    gradient = 2 * share * errors
    np.testing.assert_allclose(of_matrix[0], gradient @ taken, rtol=1e-2, atol=1e-4)
    np.testing.assert_allclose(of_bias, [gradient.sum()], rtol=1e-2, atol=1e-4)


RULES_OF_GAN = AdversarialRules(generator_rate=0.4, momentum=0.5, stretch=0.7, averaging=0.9)


def test_a_step_of_a_generator_that_knows_classes():
    """The discriminator learns real and made images of the same classes, then the generator from it."""
    session = begin_generator(model="gan", width=4, latent=5, parts=1)
    network = session.network.train()
    recipe = dataclasses.replace(session.batches.recipe, adversarial=RULES_OF_GAN, weight_decay=0.0)
    batch, examples = first_batch(session), session.batches.examples
    step = TrainingStep(
        network, build_optimizer(network, recipe), make_objective(network, recipe, examples), recipe, 600
    )
    twin, rate, taken = copy.deepcopy(network), 0.003, 7
    start = {name: each.clone() for name, each in twin.state_dict().items()}
    torch.manual_seed(11)
    found = step(batch, taken, rate)
    torch.manual_seed(11)
    noise = torch.randn(len(batch.labels), 5)
    rows = torch.arange(len(batch.labels))

    def scores(images):
        """Of every image its score as one of its own class, by the head's outputs."""
        return twin.head(twin.body(twin.standardise(images)))[rows, batch.labels]

    def moved_by_adam(names, loss, share):
        parameters = [dict(twin.named_parameters())[name] for name in names]
        gradients = torch.autograd.grad(loss, parameters)
        numbers = Numbers(rate * share, 0.0, 0.0, (RULES_OF_GAN.momentum, BETAS[1]))
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                weight, own = parameter.double().numpy(), gradient.double().numpy()
                after, _ = RULES["adam"](weight, own, Memory(), numbers)
                parameter.copy_(torch.from_numpy(after))

    one_hot = torch.eye(10)[batch.labels]
    made = 127.5 * (1 + twin.generator(torch.cat([noise, one_hot], dim=1)))
    real, fake = scores(batch.inputs), scores(made.detach())
    loss = (1 + (-real).exp()).log().mean() + (1 + fake.exp()).log().mean()
    assert found.loss == pytest.approx(loss.item(), rel=1e-5)
    accuracy = 0.5 * ((real > 0).double().mean() + (fake < 0).double().mean()).item()
    assert found.also["discriminator_accuracy"] == pytest.approx(accuracy)
    judges = [
        name for name, each in twin.named_parameters() if each.requires_grad and "generator" not in name
    ]
    moved_by_adam(judges, loss, 1.0)
    shortened = 0
    with torch.no_grad():
        for layer, direction in zip(twin.judges(), twin.directions, strict=True):
            rows_of = layer.weight.flatten(1)
            through = rows_of @ nn.functional.normalize(rows_of.T @ direction, dim=0)
            shortened += float(through.norm()) > RULES_OF_GAN.stretch
            layer.weight.mul_(min(1.0, RULES_OF_GAN.stretch / float(through.norm())))
    assert shortened
    loss = (1 + (-scores(made)).exp()).log().mean()
    assert found.also["generator_loss"] == pytest.approx(loss.item(), rel=1e-4)
    moved_by_adam([name for name in start if name in values(twin) and name not in judges], loss, 0.4)
    after, expected = network.state_dict(), dict(twin.named_parameters())
    kept = min(RULES_OF_GAN.averaging, (taken + 1) / (taken + 10))
    for name in (name for name, each in twin.named_parameters() if each.requires_grad):
        np.testing.assert_allclose(
            after[name].numpy(), expected[name].detach().numpy(), rtol=1e-2, atol=1e-2 * rate, err_msg=name
        )
        if name.startswith("generator."):
            averaged = name.replace("generator.", "averaged.", 1)
            mean = kept * start[averaged] + (1 - kept) * after[name]
            assert torch.allclose(after[averaged], mean, atol=1e-6), name
            assert not torch.equal(start[name], after[name])


def test_the_weight_of_the_divergence_in_a_real_step():
    """The loss of a variational autoencoder in bits per dimension, in the warm-up of a shortened training."""
    session = begin_generator(model="vae", beta=0.6, parts=1)
    network, recipe = session.network.train(), session.batches.recipe
    recipe = dataclasses.replace(recipe, shortened=((3, 200),), total_steps=100, warm_up=0.25)
    batch, examples, step = first_batch(session), session.batches.examples, 20
    twin = copy.deepcopy(network)
    torch.manual_seed(3)
    taken = TrainingStep(
        network, build_optimizer(network, recipe), make_objective(network, recipe, examples), recipe, 600
    )
    found = taken(batch, step, 0.001)
    torch.manual_seed(3)
    noise = torch.randn(len(batch.labels), twin.latent)
    with torch.no_grad():
        posterior = twin.posterior(batch.inputs)
        drawn = posterior.drawn(noise)
        decoded = twin.decode(drawn, batch.labels)
        divergence = twin.divergence(posterior, drawn, noise, batch.labels).double().mean().item()
    variance = (decoded - batch.inputs).double().square().mean().item() + 1 / 12
    dimensions = batch.inputs[0].numel()
    reconstruction = 0.5 * dimensions * (1 + np.log(2 * np.pi * variance))
    beta = 0.6 * step / (0.25 * 200)  # of the steps that were planned when it began
    expected = (reconstruction + beta * divergence) / (dimensions * np.log(2))
    assert found.loss == pytest.approx(expected, rel=1e-5)
    assert beta * divergence > 1e-3 * reconstruction


def test_a_batch_of_one_step_carries_the_weights_of_its_own_and_of_the_mixed_images(begin, digits):
    """By `Batches`: labels and weights of both images of which one is made."""
    weights = np.random.default_rng(5).uniform(0.2, 5, len(digits.labels))
    session = begin(model="cnn")
    session.batches.examples = dataclasses.replace(session.batches.examples, weights=weights)
    session.batches.recipe = dataclasses.replace(session.batches.recipe, augmentation=Augmentation(mix=1.0))
    batch = first_batch(session)
    others = np.roll(batch.indices, 1)
    np.testing.assert_allclose(batch.weights, weights[batch.indices], rtol=1e-6)
    np.testing.assert_allclose(batch.mixed.weights, weights[others], rtol=1e-6)
    np.testing.assert_array_equal(batch.mixed.labels, digits.labels[others])
    assert 0 < batch.mixed.shares.min() < 1
