import dataclasses

import pytest
import torch
from torch import nn

from pellucid.training.loop import selection_score
from pellucid.training.optimisers import learning_rate
from training.sessions import After, same


def test_observers_are_called_after_every_step_and_epoch_and_a_record_has_every_key(begin):
    session, steps, epochs = begin(epochs=3), [], []
    session.run([After(lambda state: steps.append(state.step), lambda state: epochs.append(state.step))])
    assert steps == list(range(1, session.batches.recipe.total_steps + 1))
    assert epochs == [10, 20, 30]
    assert set(session.state.history[0]) == {
        "epoch", "step", "seconds", "learning_rate", "train_loss", "train_accuracy", "validation_loss",
        "validation_accuracy", "validation_balanced_accuracy", "validation_macro_f1", "images_per_second",
    }  # fmt: skip


def test_training_may_end_inside_an_epoch(begin):
    session = begin(epochs=2)
    session.batches.recipe = dataclasses.replace(session.batches.recipe, total_steps=13)
    session.run()
    assert session.state.step == 13
    assert [record["step"] for record in session.state.history] == [10, 13]


def test_of_equal_scores_the_later_epoch_is_the_best_and_patience_ends_training(begin):
    given = {"learning_rate": 1e-9, "schedule": "constant", "batch_norm": False, "model": "mlp"}
    session = begin(epochs=50, patience=2, **given)
    network = session.run()
    history, best = session.state.history, session.state.best
    assert len({record["validation_accuracy"] for record in history}) == 1
    assert (len(history), best.epoch) == (3, 3)
    assert best.score == history[0]["validation_accuracy"]
    assert same(best.weights, network.state_dict())


def test_without_a_validation_split_the_last_weights_are_kept(begin):
    session = begin(epochs=2)
    session.batches.examples = dataclasses.replace(
        session.batches.examples, validation=session.batches.examples.validation[:0]
    )
    session.run()
    assert session.state.best is None
    assert "validation_accuracy" not in session.state.history[-1]


def dropped_units(session):
    """Which units of the first examples dropout zeroes in each step; tanh gives no zero of its own."""
    (layer,) = [each for each in session.network.modules() if isinstance(each, nn.Dropout)]
    found = []

    def note(layer, inputs, outputs):
        if layer.training:
            found.append(outputs[:16] == 0)

    layer.register_forward_hook(note)
    session.run()
    return torch.stack(found)


def test_every_step_drops_units_of_its_own_and_a_second_run_the_same(begin):
    given = {"epochs": 2, "model": "mlp", "depth": 1, "activation": "tanh", "dropout": 0.5}
    first, second = (dropped_units(begin(**given)) for _ in range(2))
    assert len(first) == 20
    assert len(torch.unique(first, dim=0)) == len(first)
    assert torch.equal(first, second)


@pytest.mark.parametrize(
    ("metric", "score"),
    [("accuracy", 0.9), ("balanced-accuracy", 0.7), ("macro-f1", 0.8), ("log-loss", -0.3)],
)
def test_the_metric_decides_which_epoch_is_best(metric, score):
    record = {
        "validation_loss": 0.3,
        "validation_accuracy": 0.9,
        "validation_balanced_accuracy": 0.7,
        "validation_macro_f1": 0.8,
    }
    assert selection_score(record, metric) == score


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine"])
def test_the_history_has_the_rate_of_the_last_step_of_each_epoch(begin, schedule):
    session = begin(epochs=2, schedule=schedule)
    session.run()
    recipe = session.batches.recipe
    for record in session.state.history:
        place = (record["step"] - 1, recipe.total_steps)
        assert record["learning_rate"] == learning_rate(schedule, recipe.learning_rate, *place)
    assert session.state.history[-1]["learning_rate"] > 0
