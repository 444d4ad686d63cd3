"""A network that continues training is taught gently, by a rule that gives way to what was set."""

import dataclasses

import pytest
import torch

from pellucid.networks.families import copied
from pellucid.settings import Settings
from pellucid.training import Session
from pellucid.training.recipe import EPOCHS_SHARE, RATE_SHARE, batches_per_epoch, continued, continued_words


@pytest.fixture(scope="module")
def fresh(digits, start):
    """The recipe of a fresh network: 5 epochs of 10 steps at 0.01."""
    return dataclasses.replace(start(digits, epochs=5).batches.recipe, learning_rate=0.01)


def test_the_rule_shrinks_rate_and_epochs(fresh):
    recipe = continued(fresh, Settings(), 600, new_classes=0)
    assert recipe.learning_rate == pytest.approx(RATE_SHARE * 0.01)
    assert recipe.epochs == round(EPOCHS_SHARE * 5 + 0.25)
    assert recipe.total_steps == recipe.epochs * batches_per_epoch(600, 64)
    same = dataclasses.replace(
        recipe, learning_rate=fresh.learning_rate, epochs=fresh.epochs, total_steps=fresh.total_steps
    )
    assert same == fresh


def test_new_classes_get_all_epochs(fresh):
    recipe = continued(fresh, Settings(), 600, new_classes=1)
    assert (recipe.epochs, recipe.learning_rate) == (5, pytest.approx(RATE_SHARE * 0.01))
    assert continued_words(fresh, recipe, Settings()).endswith("of a new one. It trains for 5 epochs.")


def test_what_was_set_stands(fresh):
    settings = Settings(learning_rate=0.3, epochs=7)
    given = dataclasses.replace(fresh, learning_rate=0.3, epochs=7)
    recipe = continued(given, settings, 600, new_classes=0)
    assert (recipe.learning_rate, recipe.epochs, recipe.total_steps) == (0.3, 7, 70)
    assert continued_words(given, recipe, settings) == (
        "A network that continues training has the learning rate 0.3, as it was given. It trains for 7 "
        "epochs, as it was given."
    )


def test_a_single_epoch_is_the_least(fresh):
    recipe = continued(dataclasses.replace(fresh, epochs=1), Settings(), 600, new_classes=0)
    assert (recipe.epochs, recipe.total_steps) == (1, 10)


def test_the_words_name_both_recipes(fresh):
    words = continued_words(fresh, continued(fresh, Settings(), 600, new_classes=0), Settings())
    assert "0.002, a fifth of the 0.01 of a new one" in words
    assert "half of 5" in words


def test_a_session_trains_a_copy_of_the_network_it_is_given(digits, start):
    session = start(digits, epochs=1)
    network = copied(session.network)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    on = Session.start(network.config, digits, session.batches.recipe, trained=network)
    for name, tensor in on.network.state_dict().items():
        assert torch.equal(tensor, before[name])
    trained = on.run().state_dict()
    assert any(not torch.equal(trained[name], tensor) for name, tensor in before.items())
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in before.items())
