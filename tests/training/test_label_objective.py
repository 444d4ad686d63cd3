"""The losses of several labels, by hand and beside the reference in NumPy."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.reference.losses import binary_cross_entropy as in_numpy
from pellucid.training.batches import Batch
from pellucid.training.objectives import LabelClassification, binary_cross_entropy, squared_label_error

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 3.0, -2.0]])
STATES = np.array([[1, 0, -1], [0, 1, 1]], np.int8)


class Given(nn.Module):
    """A network whose outputs are given."""

    def forward(self, inputs):
        return inputs


def loss_of(loss: str, smoothing: float = 0.0, weights: torch.Tensor | None = None):
    """Loss and hits of the batch by the objective."""
    recipe = SimpleNamespace(loss=loss, label_smoothing=smoothing, device="cpu", precision="fp32")
    objective = LabelClassification(Given(), recipe)
    batch = Batch(LOGITS.clone().requires_grad_(), torch.from_numpy(STATES), np.arange(2), weights=weights)
    (found,) = (each(Given(), batch, slice(None)) for each in objective.losses(batch, 0, {}))
    found.loss.backward()
    return found, batch.inputs.grad


def test_the_cross_entropy_is_the_mean_of_known_labels_and_examples():
    found, gradient = loss_of("cross-entropy")
    first = (np.log1p(np.exp(-2.0)) + np.log1p(np.exp(-1.0))) / 2
    second = (np.log(2) + np.log1p(np.exp(-3.0)) + np.log1p(np.exp(2.0))) / 3
    assert found.loss.item() == pytest.approx((first + second) / 2)
    assert found.hits == 1  # of the first example the known ones; of the second one is wrong
    assert gradient[0, 2] == 0  # nobody has looked
    chances = torch.sigmoid(LOGITS)
    assert gradient[1].tolist() == pytest.approx(((chances[1] - torch.tensor([0.0, 1, 1])) / 6).tolist())


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_reference_has_the_same_loss(smoothing):
    expected = in_numpy(LOGITS.numpy().astype(np.float64), STATES, smoothing=smoothing)
    assert loss_of("cross-entropy", smoothing)[0].loss.item() == pytest.approx(float(expected), rel=1e-6)


def test_the_squared_error_and_weights_of_examples():
    chances = torch.sigmoid(LOGITS)
    first = ((chances[0, 0] - 1) ** 2 + chances[0, 1] ** 2) / 2
    second = (chances[1, 0] ** 2 + (chances[1, 1] - 1) ** 2 + (chances[1, 2] - 1) ** 2) / 3
    found, _ = loss_of("mse", weights=torch.tensor([3.0, 1.0]))
    assert found.loss.item() == pytest.approx(float((3 * first + second) / 4))


def test_each_label_has_its_own_term():
    targets = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])
    expected = -targets * torch.log(torch.sigmoid(LOGITS)) - (1 - targets) * torch.log(torch.sigmoid(-LOGITS))
    assert binary_cross_entropy(LOGITS, targets).tolist() == [pytest.approx(row) for row in expected.tolist()]
    squares = (torch.sigmoid(LOGITS) - targets) ** 2
    assert squared_label_error(LOGITS, targets).tolist() == [pytest.approx(row) for row in squares.tolist()]
