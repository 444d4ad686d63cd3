"""Training on numbers: the step, the record, which epoch is best, and resuming."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from pellucid.arithmetic.rounding import figure
from pellucid.targets import REGRESSION
from pellucid.training.batches import to_tensor
from pellucid.training.loop import selection_score
from pellucid.training.objectives import Classification, Regression, make_objective
from pellucid.training.observers import PlainProgress
from pellucid.training.optimisers import build_optimizer
from training.sessions import assert_a_resume_ends_alike, first_batch, step_of


def test_the_last_layer_knows_the_training_labels_alone(begin_numbers, start, ink):
    rescale = begin_numbers().network.rescale
    labels = ink.labels[ink.train]
    assert rescale.mean.item() == np.float32(labels.mean())
    assert rescale.std.item() == pytest.approx(labels.std(), rel=1e-6)
    moved = ink.labels.copy()
    moved[ink.validation] += 1e9
    other = start(dataclasses.replace(ink, labels=moved)).network.rescale
    assert torch.equal(other.mean, rescale.mean)
    assert torch.equal(other.std, rescale.std)


def test_the_step_fits_what_the_labels_are(begin, begin_numbers):
    for session, kind in ((begin(), Classification), (begin_numbers(), Regression)):
        batches = session.batches
        assert type(make_objective(session.network, batches.recipe, batches.examples)) is kind


def test_a_network_of_classes_cannot_learn_numbers(begin):
    session = begin()
    with pytest.raises(ValueError, match="network: 10 outputs found, 1 expected for a number"):
        Regression(session.network, session.batches.recipe)


def test_the_loss_is_the_mean_squared_error_of_standardised_numbers(begin_numbers, ink):
    session = begin_numbers(model="mlp", batch_norm=False)
    batch = first_batch(session)
    with torch.no_grad():
        predicted = session.network(batch.inputs)[:, 0].double()
    labels = ink.labels[ink.train]
    expected = ((predicted - batch.labels) / labels.std()).square().mean().item()
    result = step_of(session)(batch, 0, 0.01)
    # The labels lie near 5e6, where float32 steps by 0.5, a 10,000th of their deviation.
    assert result.loss == pytest.approx(expected, rel=1e-3)
    assert (result.examples, result.correct) == (64, 0)


def test_one_unit_serves_as_well_as_another(ink, begin_numbers, start):
    grams = begin_numbers(model="lenet", epochs=3)
    grams.run()
    tons = start(dataclasses.replace(ink, labels=ink.labels / 2.0**20), model="lenet", epochs=3)
    tons.run()
    assert len(grams.state.history) == 3
    for one, other in zip(grams.state.history, tons.state.history, strict=True):
        assert one["train_loss"] == other["train_loss"]
        ratio = one["validation_mean_absolute_error"] / other["validation_mean_absolute_error"]
        assert ratio == pytest.approx(2.0**20)


def test_a_record_has_the_scores_of_numbers_in_their_own_unit(begin_numbers, ink):
    session = begin_numbers(epochs=3)
    network = session.run()
    assert set(session.state.history[0]) == {
        "epoch", "step", "seconds", "learning_rate", "train_loss", "validation_loss",
        "validation_root_mean_squared_error", "validation_mean_absolute_error", "validation_r2",
        "images_per_second",
    }  # fmt: skip
    labels = ink.labels[ink.validation]
    with torch.inference_mode():
        errors = network(to_tensor(ink.inputs, ink.validation))[:, 0].double().numpy() - labels
    best = session.state.history[session.state.best.epoch - 1]
    squared = np.square(errors).mean()
    assert best["validation_root_mean_squared_error"] == pytest.approx(squared**0.5, rel=1e-4)
    assert best["validation_mean_absolute_error"] == pytest.approx(np.abs(errors).mean(), rel=1e-4)
    assert best["validation_r2"] == pytest.approx(1 - squared / labels.var(), rel=1e-4)
    assert best["validation_loss"] == pytest.approx(squared / ink.labels[ink.train].var(), rel=1e-4)
    assert session.state.best.score == -best["validation_root_mean_squared_error"]
    assert json.loads(json.dumps(session.state.history, allow_nan=False)) == session.state.history


def test_the_smallest_root_mean_squared_error_is_best(begin_numbers):
    session = begin_numbers(epochs=4, learning_rate=0.2, schedule="constant", patience=100)
    session.run()
    errors = [record["validation_root_mean_squared_error"] for record in session.state.history]
    assert session.state.best.epoch == int(np.argmin(errors)) + 1
    assert selection_score({"validation_root_mean_squared_error": 0.5}, REGRESSION.metric) == -0.5


def test_labels_of_validation_that_are_all_equal_have_a_finite_record(ink, start):
    labels = ink.labels.copy()
    labels[ink.validation] = 5e6
    session = start(dataclasses.replace(ink, labels=labels), model="mlp", epochs=1)
    session.run()
    assert session.state.history[0]["validation_r2"] == 0.0


@pytest.mark.parametrize(
    ("stop", "given"),
    [(3, {"optimizer": "gd", "model": "lenet"}), (14, {"dropout": 0.4, "patience": 1, "precision": "bf16"})],
)
def test_a_resumed_run_ends_in_the_same_bytes(begin_numbers, tmp_path, given, stop):
    assert_a_resume_ends_alike(lambda: begin_numbers(epochs=3, **given), stop, tmp_path)


def test_lines_show_the_root_mean_squared_error(begin_numbers):
    session, lines = begin_numbers(model="mlp", epochs=2), []
    session.run([PlainProgress(lines.append, session.batches)])
    shown = lines[0].split("validation RMSE ")[1].split()[0]
    assert shown == figure(session.state.history[0]["validation_root_mean_squared_error"])
    assert "accuracy" not in lines[0]
    assert all(len(line) <= 80 for line in lines)


def test_the_optimiser_leaves_mean_and_deviation_alone(begin_numbers):
    session = begin_numbers(epochs=1)
    optimizer = build_optimizer(session.network, session.batches.recipe)
    learned = {id(each) for group in optimizer.param_groups for each in group["params"]}
    assert id(session.network.rescale.mean) not in learned
    before = session.network.rescale.mean.clone()
    session.run()
    assert torch.equal(session.network.rescale.mean, before)
