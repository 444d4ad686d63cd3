"""Inputs to a trained model: listed, and made ready block by block, whatever the model takes.

Nothing here stops at one bad input: what cannot be used carries its reason along.
"""

import dataclasses
import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Shaped

from pellucid.data.images.preprocessing import Preprocessing
from pellucid.data.listing import Listing
from pellucid.errors import DataError, UsageError
from pellucid.settings import Settings
from pellucid.tasks import TEXTS, InputKind

WARNINGS_SHOWN = 10


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

    @property
    def joined_columns(self) -> tuple[str, ...]:
        """Columns of a table whose texts it reads as one; none where it reads one."""
        ...


class Block(NamedTuple):
    """Some inputs, in order.

    Attributes:
        names: of every one.
        inputs: those that can be used, as the model takes them.
        errors: a reason for every one; empty where it can be used.
        warnings: sentences about inputs of which something was left out.
        passed: digest of the names and stamps of all inputs up to the end of this block, in hexadecimal.
    """

    names: Sequence[str]
    inputs: Shaped[np.ndarray, "examples ..."] | Sequence[str]
    errors: Sequence[str]
    warnings: Sequence[str] = ()
    passed: str = ""


class Passed(NamedTuple):
    """Inputs at the front that were answered before.

    Attributes:
        number: of them.
        digest: as `Block.passed` of the last block among them.
    """

    number: int
    digest: str


NOTHING_PASSED = Passed(0, "")


class Incoming(NamedTuple):
    """Everything that a model is asked about.

    Attributes:
        blocks_after: the inputs behind those that were answered before, to be gone through once; where these
            are others now, the first block raises the `DataError` of `passed_over`.
        how_many: tells how many there are; `None` where only reading can tell.
        warnings: sentences for the user that refuse nothing; complete once all blocks have passed.
    """

    blocks_after: Callable[[Passed], Iterator[Block]]
    how_many: Callable[[], int | None]
    warnings: Sequence[str] = ()

    @property
    def blocks(self) -> Iterator[Block]:
        """All inputs, to be gone through once."""
        return self.blocks_after(NOTHING_PASSED)


@runtime_checkable
class PassedInput(Protocol):
    """Bytes that a digest of inputs takes in."""

    @property
    def name(self) -> str:
        """Name of the input."""
        ...

    @property
    def stamp(self) -> str:
        """By which a change of it is noticed."""
        ...


class Passing:
    """Digest of the inputs so far, by which those answered before are known again."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, inputs: Iterable[PassedInput]) -> str:
        """Take in some inputs and tell the digest up to their end."""
        for each in inputs:
            self._digest.update(f"{each.name}\0{each.stamp}\0".encode(errors="surrogatepass"))
        return self._digest.hexdigest()


def passed_over(inputs: Iterator[PassedInput], before: Passed) -> Passing:
    """Go past the inputs that were answered before.

    Raises: `DataError` if they are fewer, or others.
    """
    passing = Passing()
    digest = ""
    for number in range(before.number):
        one = next(inputs, None)
        if one is None:
            raise DataError(
                f"--resume: {before.number:,} inputs were answered before, but now there are {number:,}; "
                "leave --resume out to begin afresh"
            )
        digest = passing.add([one])
    if before.number and digest != before.digest:
        raise DataError(
            f"--resume: among the first {before.number:,} inputs, which were answered before, one is new, "
            "gone or has changed; leave --resume out to begin afresh"
        )
    return passing


def incoming(
    model: Taker,
    places: Sequence[str],
    settings: Settings,
    *,
    may_pipe: bool = False,
    typed: Sequence[str] = (),
) -> Incoming:
    """Open the images or texts, as the model takes them, of files, folders, globs, tables or archives.

    They are read as their blocks are asked for; `settings` say column and encoding of tables. Where
    standard input may be read (`may_pipe`), the place `-` stands for it. Behind the places come texts that
    were `typed`, named `text:1`, `text:2` and so on.

    Raises: `DataError` if a place does not exist or holds nothing the model takes; `UsageError` if texts are
    typed for a model of images.
    """
    if typed and model.input_kind is not TEXTS:
        raise UsageError("--text: gives a text, and the model takes images; give files of images")
    from pellucid.data.reading.inputs.places import STANDARD_INPUT, open_places

    # There is none where a program runs without a terminal; then `-` is a file that does not exist.
    stdin = getattr(sys.stdin, "buffer", None) if may_pipe and STANDARD_INPUT in places else None
    opened = open_places(places, with_columns_of(model, settings), model.input_kind, stdin, typed)
    # Each kind of input loads libraries of its own, which would cost the other a second at the start.
    if model.input_kind is TEXTS:
        from pellucid.answering.incoming.texts import blocks_of_texts

        def blocks(before: Passed) -> Iterator[Block]:
            return blocks_of_texts(opened.inputs, settings.encoding, before)

    else:
        from pellucid.answering.incoming.images import blocks_of_images

        def blocks(before: Passed) -> Iterator[Block]:
            return blocks_of_images(model, opened.inputs, before)

    return Incoming(blocks, opened.how_many, opened.warnings)


def require_input(places: Sequence[str], typed: Sequence[str]) -> None:
    """Refuse to label nothing.

    Raises: `UsageError` if there is neither a place nor a text.
    """
    if not places and not typed:
        raise UsageError("INPUT: nothing to label; name files, folders or tables, or give a text by --text")


def with_columns_of(model: Taker, settings: Settings) -> Settings:
    """Settings that name the columns that a model reads as one, unless the user names another."""
    if not model.joined_columns or settings.input_column is not None:
        return settings
    return dataclasses.replace(settings, input_column=",".join(model.joined_columns))


def incoming_rows(model: Taker, listing: Listing, rows: Sequence[int]) -> Incoming:
    """Take rows of labelled data, of the kind that the model takes, by their positions."""
    if listing.texts is not None:
        from pellucid.answering.incoming.texts import blocks_of_rows

        return Incoming(lambda before: blocks_of_rows(listing, rows, before), lambda: len(rows))
    from pellucid.answering.incoming.images import images_of_rows

    return Incoming(lambda before: images_of_rows(model, listing, rows, before), lambda: len(rows))


def first_few(warnings: Sequence[str], noun: str, count: int | None = None) -> tuple[str, ...]:
    """At most ten of many warnings, one for each input, and how many more of `count` there are."""
    more = (len(warnings) if count is None else count) - WARNINGS_SHOWN
    return (*warnings[:WARNINGS_SHOWN], *((f"and {more:,} more such {noun}s",) if more > 0 else ()))
