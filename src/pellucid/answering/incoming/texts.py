"""Texts that come to a trained model, read block by block."""

import itertools
from collections.abc import Iterator, Sequence

from pellucid.answering.incoming.blocks import Block, Passed, passed_over
from pellucid.data.listing import Listing
from pellucid.data.reading.inputs.single import Cell, Input
from pellucid.data.reading.inputs.texts import text_of

_MOST_IN_BLOCK = 4096
_MOST_CHARACTERS = 1 << 24


def blocks_of_texts(inputs: Iterator[Input], encoding: str | None, before: Passed) -> Iterator[Block]:
    """Read texts and cut them into blocks that fit into memory, however many there are.

    Where a block ends depends on the texts since it began, and on nothing else.

    Raises: `DataError` as `passed_over`.
    """
    passing = passed_over(inputs, before)
    for first in inputs:
        block: list[Input] = []
        texts: list[str] = []
        errors: list[str] = []
        characters = 0
        for each in itertools.chain([first], inputs):
            text, reason = text_of(each, encoding)
            block.append(each)
            errors.append(reason)
            if not reason:
                texts.append(text)
                characters += len(text)
            if len(block) == _MOST_IN_BLOCK or characters >= _MOST_CHARACTERS:
                break
        yield Block([each.name for each in block], texts, errors, (), passing.add(block))


def blocks_of_rows(listing: Listing, rows: Sequence[int], before: Passed) -> Iterator[Block]:
    """Take rows of labelled texts by their positions."""
    texts = listing.texts
    assert texts is not None
    reasons = {problem.index: problem.reason for problem in listing.problems}
    inputs = (Input(listing.sources[row], Cell(texts[row]), reasons.get(row, "")) for row in rows)
    return blocks_of_texts(inputs, None, before)
