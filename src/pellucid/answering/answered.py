"""Answers about a block of inputs, of which those that a model has no finite answer to get their reason."""

from collections.abc import Sequence
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np

from pellucid.answering.incoming.blocks import Block
from pellucid.errors import NotFiniteError

REASON = "what the model computes for it is not a finite number; train the model again"

Said = TypeVar("Said", covariant=True)


@runtime_checkable
class Answering(Protocol[Said]):
    """A model, or an exported one, as far as its answers go."""

    def answer(self, inputs: np.ndarray | Sequence[str], /) -> Said:
        """Answer about inputs as `Block.inputs` holds them."""
        ...


def answered(model: Answering[Said], block: Block) -> tuple[Said, Block]:
    """Answers about the usable inputs of a block, and the block as it then is.

    An input whose answer is not finite is no longer usable: it has its reason among the errors. The others
    are asked about again, without it.
    """
    while True:
        try:
            return model.answer(block.inputs), block
        except NotFiniteError as error:
            block = _without(block, error.places)


def _without(block: Block, places: Sequence[int]) -> Block:
    """A block in which usable inputs, by their places among these, are so no longer."""
    usable = [index for index, error in enumerate(block.errors) if not error]
    errors = list(block.errors)
    for place in places:
        errors[usable[place]] = REASON
    kept = sorted(set(range(len(usable))) - set(places))
    inputs = block.inputs
    rest = inputs[kept] if isinstance(inputs, np.ndarray) else [inputs[place] for place in kept]
    return block._replace(inputs=rest, errors=errors)
