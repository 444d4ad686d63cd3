"""Mixtures of the weights before and after further training."""

import pytest
import torch

from pellucid.training.loop import SHARES, keep_best_mixture, validator
from pellucid.training.state import weights_of


@pytest.fixture
def session(begin):
    return begin(epochs=1, metric="log-loss", dropout=0.0)


def loss_of(session):
    return validator(session.network, session.batches.examples, "cpu")()["validation_loss"]


def kept(session, before):
    return keep_best_mixture(session.network, before, session.batches.examples, session.batches.recipe)


def test_the_best_of_the_three_is_kept(session):
    before = weights_of(session.network)
    session.run()
    after = weights_of(session.network)
    losses = {}
    for share in SHARES:
        mixed = {
            name: (1 - share) * before[name] + share * after[name] if new.is_floating_point() else new
            for name, new in after.items()
        }
        session.network.load_state_dict(mixed)
        losses[share] = loss_of(session)
    session.network.load_state_dict(after)
    share = kept(session, before)
    assert share == min(losses, key=losses.get) > 0
    assert loss_of(session) == pytest.approx(losses[share], rel=1e-6)


def test_what_made_nothing_better_is_undone_to_the_last_bit(session):
    session.run()
    before = weights_of(session.network)
    with torch.no_grad():
        for parameter in session.network.parameters():
            parameter.copy_(torch.randn_like(parameter))
    assert kept(session, before) == 0.0
    for name, tensor in session.network.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_between_equals_the_start_is_kept(session):
    before = weights_of(session.network)
    assert kept(session, before) == 0.0
