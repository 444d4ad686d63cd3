"""Training steps: their interface, and what they tell of a batch."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol, runtime_checkable

from pellucid.training.batches import Batch


class StepResult(NamedTuple):
    """Result of one step on its batch, before the update.

    Attributes:
        loss: mean loss over the batch.
        examples: size of the batch.
        correct: examples whose largest logit is their class; 0 where numbers are predicted.
        also: what else is recorded, by name: means over the batch.
    """

    loss: float
    examples: int
    correct: int = 0
    also: Mapping[str, float] | None = None


@runtime_checkable
class Step(Protocol):
    """Protocol of a training step."""

    def __call__(self, batch: Batch, step: int, learning_rate: float) -> StepResult:
        """Take one step at a learning rate; how the network did on the batch, before the update.

        `step` counts those already taken, for messages.

        Raises: `DivergedError` if the loss or a gradient is not finite; the weights are left as they were.
        """
