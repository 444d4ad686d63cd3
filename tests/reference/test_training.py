"""Whole trainings in NumPy alone, beside torch's: the same losses for 50 steps."""

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from pellucid.data.images.augmentation import Augmentation
from pellucid.insight.reference_lines import taken_apart, weights_of
from pellucid.networks import Network
from pellucid.reference import RULES, Line, Memory, Numbers, update, walk, walk_back
from pellucid.reference.normalisation import running_statistics
from pellucid.settings import Settings
from pellucid.training.objectives import LOSSES
from pellucid.training.optimisers import (
    ADAMW_SHARE,
    BETAS,
    MOMENTUM,
    MUON_MOMENTUM,
    OPTIMIZERS,
    SHARE,
    build_optimizer,
    learning_rate,
    turned_by_muon,
)
from pellucid.training.recipe import Recipe
from reference.masks import draws_of
from reference.real_networks import IS_SPAM, images, of_images, of_texts, tokens

STEPS, SCHEDULE, WEIGHT_DECAY, SMOOTHING = 50, "one-cycle", 0.02, 0.1
LARGEST_RATES = {"gd": 0.1, "momentum": 0.05, "nesterov": 0.05, "adam": 0.01, "adamw": 0.01, "muon": 0.1}
NETWORKS = {
    "cnn": ("cnn", Settings(width=4, dropout=0.2)),
    "lenet": ("lenet", Settings(width=3, pooling="average", activation="tanh")),
    "mlp": ("mlp", Settings(width=8, dropout=0.2)),
    "lstm": ("rnn", Settings(width=4, cell="lstm")),
    "gru": ("rnn", Settings(width=4, cell="gru")),
    "text-cnn": ("text-cnn", Settings(width=4)),
    "bag": ("bag", Settings(width=8)),
}
RUNS = [
    *[("mlp", optimizer, "cross-entropy") for optimizer in LARGEST_RATES],
    *[(name, "adamw", "cross-entropy") for name in NETWORKS if name != "mlp"],
    ("cnn", "muon", "cross-entropy"),
    ("gru", "nesterov", "cross-entropy"),
    ("mlp", "adamw", "mse"),
]


def begun(name):
    """A network, and all inputs and labels it learns from."""
    family, settings = NETWORKS[name]
    if family in ("cnn", "lenet", "mlp"):
        digits = images((1, 8, 8), 400)
        return of_images(family, settings, digits, 10), digits, load_digits().target[:400].astype(np.int64)
    ids = tokens(with_pairs=family == "bag")
    # The first words are enough for a recurrent network: checking shapes at each place takes the time.
    return of_texts(family, settings), ids[:, :5] if family == "rnn" else ids, IS_SPAM


def batch_of(step, examples, size=8):
    """Which examples a step sees."""
    return np.arange(step * size, (step + 1) * size) % examples


class WithTorch:
    """Trains as Pellucid does, in float64; dropout takes masks that are drawn here."""

    def __init__(self, network: Network, recipe: Recipe):
        self.network, self.recipe = network.train(), recipe
        self.optimizer = build_optimizer(network, recipe)
        self.masks = draws_of(network, np.random.default_rng(5))

    def step(self, inputs, labels, rate):
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group[SHARE]
        outputs = self.network(torch.from_numpy(inputs))
        loss = LOSSES[self.recipe.loss](outputs, torch.from_numpy(labels), self.recipe, None).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item()


class WithNumpy:
    """Trains the same from the same start, and sees nothing of torch but the masks."""

    def __init__(self, network: Network, recipe: Recipe):
        self.lines, self.last = taken_apart(network.train())
        loss = {
            "cross-entropy": ("cross-entropy", {"smoothing": SMOOTHING}),
            "mse": ("squared-error-of-probabilities", {}),
        }[recipe.loss]
        self.lines.append(Line("loss", loss[0], (self.last, "labels"), loss[1]))
        self.weights, self.memories = weights_of(network), {}
        self.learnt = [name for name, each in network.named_parameters() if each.requires_grad]
        numbers = Numbers(1.0, WEIGHT_DECAY, MOMENTUM, BETAS)
        self.rules = [(self.learnt, RULES[recipe.optimizer], numbers)]
        if recipe.optimizer == "muon":
            turned = turned_by_muon(network)
            others = [name for name in self.learnt if name not in turned]
            self.rules = [
                (turned, RULES["muon"], numbers._replace(momentum=MUON_MOMENTUM)),
                (others, RULES["adamw"], numbers._replace(learning_rate=ADAMW_SHARE)),
            ]

    def step(self, inputs, labels, masks, rate):
        values = walk(self.lines, {**self.weights, **masks, "inputs": inputs, "labels": labels})
        gradients = walk_back(self.lines, values, {"loss": 1.0})
        for names, rule, numbers in self.rules:
            learnt = {name: self.weights[name] for name in names}
            scaled = numbers._replace(learning_rate=rate * numbers.learning_rate)
            after, memories = update(rule, learnt, gradients, self.memories, scaled)
            self.weights |= after
            self.memories |= memories
        for line in self.lines:
            if line.kind == "batch-norm":
                mean, variance = f"{line.name}.running_mean", f"{line.name}.running_var"
                self.weights[mean], self.weights[variance] = running_statistics(
                    self.weights[mean], self.weights[variance], values[line.takes[0]]
                )
        return values["loss"]


def test_there_is_a_rule_for_every_optimiser():
    assert RULES.keys() == OPTIMIZERS.keys()


def recipe_of(optimizer, loss):
    return Recipe(
        epochs=1,
        total_steps=STEPS,
        batch_size=8,
        optimizer=optimizer,
        learning_rate=LARGEST_RATES[optimizer],
        weight_decay=WEIGHT_DECAY,
        schedule=SCHEDULE,
        loss=loss,
        label_smoothing=SMOOTHING,
        class_weights=None,
        augmentation=Augmentation(),
        patience=None,
        metric="accuracy",
        precision="fp32",
        device="cpu",
        threads=1,
        seed=0,
    )


@pytest.mark.parametrize(("name", "optimizer", "loss"), RUNS)
def test_fifty_steps_in_numpy_follow_torch(name, optimizer, loss):
    network, inputs, labels = begun(name)
    recipe = recipe_of(optimizer, loss)
    with_numpy = WithNumpy(network, recipe)  # copies the weights before torch changes them
    with_torch = WithTorch(network, recipe)
    losses, theirs = [], []
    for step in range(STEPS):
        batch = batch_of(step, len(labels))
        rate = learning_rate(SCHEDULE, recipe.learning_rate, step, STEPS)
        theirs.append(with_torch.step(inputs[batch], labels[batch], rate))
        losses.append(with_numpy.step(inputs[batch], labels[batch], with_torch.masks, rate))
    np.testing.assert_allclose(losses, theirs, rtol=0, atol=1e-9)
    assert np.mean(losses[-10:]) < np.mean(losses[:10])  # it did learn
    lines, last = taken_apart(network.eval())
    answers = walk(lines, {**with_numpy.weights, "inputs": inputs[:8]})[last]
    np.testing.assert_allclose(answers, network(torch.from_numpy(inputs[:8])).detach(), rtol=0, atol=1e-8)


def weighted_sum(past, share):
    """All so far, each a share of the one behind it."""
    return sum(share ** (len(past) - 1 - place) * each for place, each in enumerate(past))


def weighted_mean(past, share):
    return weighted_sum(past, share) / weighted_sum([1.0] * len(past), share)


# Steps by all gradients so far, those that decay is a part of, at once.
AT_ONCE = {
    "gd": lambda past: past[-1],
    "momentum": lambda past: weighted_sum(past, 0.7),
    "nesterov": lambda past: past[-1] + 0.7 * weighted_sum(past, 0.7),
    "adam": lambda past: weighted_mean(past, 0.8) / (np.sqrt(weighted_mean(np.square(past), 0.95)) + 1e-3),
}
AT_ONCE["adamw"] = AT_ONCE["adam"]


@pytest.mark.parametrize("name", AT_ONCE)
def test_three_steps_of_every_rule_by_all_gradients_at_once(name):
    draws, numbers = np.random.default_rng(2), Numbers(0.03, 0.2, 0.7, (0.8, 0.95), 1e-3)
    weight, memory, past = draws.normal(size=(3, 4)), Memory(), []
    found = weight
    for gradient in draws.normal(size=(3, 3, 4)):
        past.append(gradient if name == "adamw" else gradient + 0.2 * weight)
        weight = (1 - 0.03 * 0.2 * (name == "adamw")) * weight - 0.03 * AT_ONCE[name](past)
        found, memory = RULES[name](found, gradient, memory, numbers)
        np.testing.assert_allclose(found, weight, rtol=1e-12)
    assert memory.step == 3


def test_muon_turns_a_gradient_by_its_singular_values_and_keeps_the_length_of_the_weights():
    draws = np.random.default_rng(3)
    weight, gradients, momentum = draws.normal(size=(3, 5)), draws.normal(size=(2, 3, 5)), 0.0
    memory, length, numbers = Memory(), np.linalg.norm(weight), Numbers(0.3, momentum=0.6)
    found = weight
    for gradient in gradients:
        momentum = 0.6 * momentum + gradient
        left, values, right = np.linalg.svd(gradient + 0.6 * momentum, full_matrices=False)
        values /= np.linalg.norm(values)
        for _ in range(3):
            values = 3.4445 * values - 4.775 * values**3 + 2.0315 * values**5
        weight = length * (weight / np.linalg.norm(weight) - 0.3 / np.sqrt(3) * (left * values) @ right)
        found, memory = RULES["muon"](found, gradient, memory, numbers)
        np.testing.assert_allclose(found, weight, rtol=1e-10)
    assert memory.step == 2


def test_decay_acts_on_what_has_axes_and_each_array_has_a_memory_of_its_own():
    weights = {"kernel": np.array([[2.0, -3.0]]), "bias": np.array([5.0])}
    gradients = {"kernel": np.array([[0.5, 0.25]]), "bias": np.array([4.0]), "more": None}
    numbers, memories = Numbers(0.1, 0.2, momentum=0.5), {}
    for _ in range(2):
        weights, memories = update(RULES["momentum"], weights, gradients, memories, numbers)
    first = np.array([2 - 0.09, -3 + 0.035])
    second = first - 0.1 * (0.5 * np.array([0.9, -0.35]) + np.array([0.5, 0.25]) + 0.2 * first)
    np.testing.assert_allclose(weights["kernel"][0], second, rtol=1e-12)
    np.testing.assert_allclose(weights["bias"], [5 - 0.1 * 4 - 0.1 * 6], rtol=1e-12)
    assert {name: each.step for name, each in memories.items()} == {"kernel": 2, "bias": 2}


def test_numbers_of_optimisers_are_those_of_their_papers_where_none_are_given():
    assert Numbers(0.1) == (0.1, 0.0, 0.9, (0.9, 0.999), 1e-8)
