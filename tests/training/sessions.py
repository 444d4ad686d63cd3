"""Sessions put to use: a step, the first batch, weights compared, a kill and a resume."""

import torch

from killing import killed_and_resumed
from pellucid.training.steps import make_step


def step_of(session, recipe=None):
    """The training step of a session."""
    recipe = recipe or session.batches.recipe
    return make_step(session.network, session.state.optimizer, recipe, session.batches.examples)


def first_batch(session, epoch=0):
    return next(iter(session.batches.epoch(epoch)))


def weights_of(network):
    """Weights and buffers, copied."""
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(one, other):
    assert one
    return all(torch.equal(value, other[name]) for name, value in one.items())


def assert_a_resume_ends_alike(begin, stop, folder, every=2):
    """Killed after a step and resumed, a training ends as one that never was; both sessions, run."""
    whole = begin()
    expected = whole.run().state_dict()
    resumed = killed_and_resumed(begin, stop, folder, every)
    assert same(expected, resumed.run().state_dict())
    assert (resumed.state.best and resumed.state.best.score) == (whole.state.best and whole.state.best.score)
    return whole, resumed


class After:
    """Observer that calls a function with the state after every step and another after every epoch."""

    def __init__(self, step=lambda state: None, epoch=lambda state: None):
        self.after_step, self.after_epoch = step, epoch
