"""Inputs to a trained model: listed, and made ready block by block, whatever the model takes.

Nothing here stops at one bad input: what cannot be used carries its reason along.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Shaped

from pellucid.data.images.preprocessing import Preprocessing
from pellucid.data.listing import Listing
from pellucid.settings import Settings
from pellucid.tasks import TEXTS, InputKind

_TEXTS_IN_BLOCK = 4096
_WARNINGS_SHOWN = 10


@runtime_checkable
class Taker(Protocol):
    """A model, or an exported one, as far as its inputs go."""

    @property
    def input_kind(self) -> InputKind:
        """Kind of what it takes."""
        ...

    @property
    def preprocessing(self) -> Preprocessing | None:
        """From an image of any size to pixels; `None` where no images are taken."""
        ...


class Block(NamedTuple):
    """Some inputs, in order.

    Attributes:
        inputs: those that can be used, as the model takes them.
        errors: a reason for every one; empty where it can be used.
        warnings: sentences about inputs of which something was left out.
    """

    inputs: Shaped[np.ndarray, "examples ..."] | Sequence[str]
    errors: Sequence[str]
    warnings: Sequence[str] = ()


class Incoming(NamedTuple):
    """Everything that a model is asked about.

    Attributes:
        names: of every input, in order.
        blocks: the same inputs, to be gone through once.
        warnings: sentences for the user that refuse nothing.
    """

    names: Sequence[str]
    blocks: Iterator[Block]
    warnings: tuple[str, ...] = ()


def incoming(model: Taker, places: Sequence[str], settings: Settings) -> Incoming:
    """List the images or texts, as the model takes them, of files, folders or tables.

    Images are decoded as their blocks are asked for; `settings` say column and encoding of tables.

    Raises: `DataError` if a place does not exist or holds nothing the model takes.
    """
    # Each kind of input loads libraries of its own, which would cost the other a second at the start.
    if model.input_kind is TEXTS:
        from pellucid.data.reading.text_inputs import list_texts

        found = list_texts(places, settings)
        rows = range(len(found.errors))
        return Incoming(found.names, _text_blocks(found.texts, rows, found.errors), found.warnings)
    from pellucid.answering.incoming_images import listed_images

    return listed_images(model, places, settings)


def incoming_rows(model: Taker, listing: Listing, rows: Sequence[int]) -> Incoming:
    """Take rows of labelled data, of the kind that the model takes, by their positions."""
    names = [listing.sources[row] for row in rows]
    if listing.texts is not None:
        reasons = {problem.index: problem.reason for problem in listing.problems}
        errors = [reasons.get(row, "") for row in rows]
        return Incoming(names, _text_blocks(listing.texts, rows, errors))
    from pellucid.answering.incoming_images import images_of_rows

    return images_of_rows(model, listing, rows)


def _text_blocks(texts: Sequence[str], rows: Sequence[int], errors: Sequence[str]) -> Iterator[Block]:
    """Cut some of the texts into blocks that fit into memory, however many there are."""
    for start in range(0, len(rows), _TEXTS_IN_BLOCK):
        reasons = errors[start : start + _TEXTS_IN_BLOCK]
        some = rows[start : start + _TEXTS_IN_BLOCK]
        yield Block([texts[row] for row, reason in zip(some, reasons, strict=True) if not reason], reasons)


def first_few(warnings: Sequence[str], noun: str) -> tuple[str, ...]:
    """At most ten of many warnings, one for each input, and how many more there are."""
    more = len(warnings) - _WARNINGS_SHOWN
    return (*warnings[:_WARNINGS_SHOWN], *((f"and {more:,} more such {noun}s",) if more > 0 else ()))
