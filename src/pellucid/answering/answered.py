"""Answers about a block of inputs, of which those that a model has no finite answer to get their reason."""

from collections.abc import Sequence
from itertools import repeat
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np

from pellucid.answering.answers import Answer
from pellucid.answering.decisions import Decisions
from pellucid.answering.incoming.blocks import Block
from pellucid.bundle.held_out import Answers
from pellucid.errors import NotFiniteError

REASON = "what the model computes for it is not a finite number; train the model again"

_PLACES = 6

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


class Rows(NamedTuple):
    """Rows of a block of inputs.

    Attributes:
        rows: one for each input, in order.
        answers: of the model about those that it could answer.
        abstained: how many of these are not answered.
    """

    rows: list[Answer]
    answers: Answers
    abstained: int


def rows_of(decisions: Decisions[Any], block: Block) -> Rows:
    """Let a model answer about a block of inputs, decide, and make a row for each."""
    model, with_probabilities = decisions.model, decisions.wishes.probabilities
    answers, block = answered(model, block)
    decided = decisions.decide(*answers)
    novelty = repeat(None) if answers.novelty is None else iter(answers.novelty.round(_PLACES).tolist())
    usable = zip(answers.said.tolist(), decided.answers.tolist(), novelty, decided.cells(), strict=False)
    nothing = (None,) * (len(model.classes) if with_probabilities else 0)
    unknown = (None,) * len(decisions.columns)
    rows = []
    for name, error in zip(block.names, block.errors, strict=True):
        if error:
            rows.append(Answer(name, None, None, error, None, nothing, unknown))
            continue
        said, best, foreign, cells = next(usable)
        label, probability = (model.classes[best], said[best]) if model.classes else (said, None)
        shown = tuple(said) if with_probabilities else ()
        rows.append(Answer(name, label, probability, "", foreign, shown, cells))
    return Rows(rows, answers, 0 if decided.abstained is None else int(decided.abstained.sum()))


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
