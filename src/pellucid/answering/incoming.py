"""Inputs to a trained model: listed, and made ready block by block, ahead of its answers.

Nothing here stops at one bad input: what cannot be used carries its reason along.
"""

import contextlib
import dataclasses
import hashlib
import itertools
import queue
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Shaped

from pellucid.bundle.held_out import Answers, HeldOut
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.data.listing import Listing
from pellucid.data.raw_texts import Texts
from pellucid.data.sources.blocks import blocks_of, decoders, fit_inputs, most_in_block, text_of
from pellucid.data.sources.pipe import STANDARD_INPUT
from pellucid.data.sources.places import open_places
from pellucid.data.sources.source import Row, Stream, rows_of
from pellucid.data.text_copies import text_digests
from pellucid.errors import DataError, UsageError
from pellucid.input_kinds import TEXTS, InputKind
from pellucid.language.sentence import Sentence
from pellucid.settings import Settings
from pellucid.targets import Target

WARNINGS_SHOWN = 10
_MOST_IN_BLOCK = 4096
_MOST_CHARACTERS = 1 << 24
_MOST_READY = 2
_PATIENCE = 0.1


@runtime_checkable
class AnsweringModel(Protocol):
    """A model, or an exported one: what it takes, and how it answers."""

    @property
    def input_kind(self) -> InputKind:
        """Kind of what it takes."""

    @property
    def preprocessing(self) -> Preprocessing | None:
        """From an image of any size to pixels; `None` where no images are taken."""

    @property
    def joined_columns(self) -> tuple[str, ...]:
        """Columns of a table whose texts it reads as one; none where it reads one."""

    @property
    def dialect(self) -> Mapping[str, str]:
        """How tables like those of its training separate and quote fields, where that is not usual."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities; none where a number is predicted."""

    @property
    def target(self) -> Target:
        """Target of the answers: classes, several labels or a number."""

    @property
    def threshold(self) -> Mapping[str, float]:
        """Probability from which on one of two classes is answered, or each of several labels; or nothing."""

    @property
    def novelty_rate(self) -> float | None:
        """Share of inputs like the training data that count as foreign; `None` without novelty."""

    @property
    def held_out(self) -> HeldOut | None:
        """Answers about examples that it did not learn from; `None` where none were kept."""

    def answer(self, inputs: np.ndarray | Sequence[str], /) -> Answers:
        """Answer about inputs as `Block.inputs` holds them."""


class Block(NamedTuple):
    """Some inputs, in order."""

    names: Sequence[str]
    # those that can be used, as the model takes them
    inputs: Shaped[np.ndarray, "examples ..."] | Sequence[str]
    errors: Sequence[str]  # a reason for every one; empty where it can be used
    warnings: Sequence[str] = ()  # sentences about inputs of which something was left out
    # digest of the names and stamps of all inputs up to the end of this block, in hexadecimal
    passed: str = ""
    digests: Sequence[bytes] = ()  # fingerprints of the contents of `inputs`, where these were asked for


class ResumeCursor(NamedTuple):
    """Inputs at the front that were answered before."""

    number: int
    digest: str  # as `Block.passed` of the last block among them


AT_START = ResumeCursor(0, "")


class Shard(NamedTuple):
    """One of several consecutive parts of the inputs, `3/8` on the command line; numbers begin at 1."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


@dataclass
class Share:
    """The inputs of a shard: from `start` on, as many as there are between two whole blocks.

    Seams are digests of the input at which a shard begins, and of the one behind its end; empty behind the
    last of all. Two shards belong together where one's end is the other's beginning.
    """

    total: int  # inputs of all shards
    start: int
    stop: int
    is_last: bool
    begins: str = ""  # seams, complete once all blocks have passed
    ends: str = ""

    def inputs(self, opened: Stream) -> Iterator[Row]:
        """The inputs of the shard, to be gone through once; the last one takes all that there are."""
        waiting = opened.rows(self.start)
        following = next(waiting, None)
        self.begins = _seam(following)
        for _ in itertools.count() if self.is_last else range(self.stop - self.start):
            if following is None:
                break
            yield following
            following = next(waiting, None)
        self.ends = _seam(following)


def _seam(given: Row | None) -> str:
    """Digest of an input's name and size; its time may differ between copies on several machines."""
    if given is None:
        return ""
    size = given.stamp.partition(":")[0]
    return hashlib.sha256(f"{given.name}\0{size}".encode(errors="surrogatepass")).hexdigest()


class Incoming(NamedTuple):
    """Everything that a model is asked about."""

    # the inputs behind those that were answered before, to be gone through once; where these are others now,
    # the first block raises the `DataError` of `_made_ready`
    blocks_after: Callable[[ResumeCursor], Iterator[Block]]
    how_many: Callable[[], int | None]  # `None` where only reading shows
    warnings: Sequence[str] = ()  # that refuse nothing; complete once all blocks have passed
    share: "Share | None" = None  # where these are a shard of the inputs

    @property
    def blocks(self) -> Iterator[Block]:
        """All inputs, to be gone through once."""
        return self.blocks_after(AT_START)


def incoming(
    model: AnsweringModel,
    places: Sequence[str],
    settings: Settings,
    *,
    may_pipe: bool = False,
    typed: Sequence[str] = (),
    shard: Shard | None = None,
) -> Incoming:
    """Open the images or texts, as the model takes them, of files, folders, globs, tables or archives.

    They are read as their blocks are asked for; `settings` say column and encoding of tables. Where
    standard input may be read (`may_pipe`), the place `-` is it. Behind the places come texts that
    were `typed`, named `text:1`, `text:2` and so on. Of a `shard` there are its inputs alone.

    Raises: `DataError` if a place does not exist or holds nothing the model takes; `UsageError` if texts are
    typed for a model of images, or the inputs of a shard cannot be counted beforehand.
    """
    if typed and model.input_kind is not TEXTS:
        raise UsageError("--text: gives a text, and the model takes images; give files of images")
    # There is none where a program runs without a terminal; then `-` is a file that does not exist.
    stdin = getattr(sys.stdin, "buffer", None) if may_pipe and STANDARD_INPUT in places else None
    opened = open_places(places, as_trained(model, settings), model.input_kind, stdin, typed)
    if shard is None:
        return Incoming(
            lambda before: _made_ready(model, iter(opened), settings.encoding, before),
            opened.count,
            opened.warnings,
        )
    share = _share_of(shard, opened.count(), _most_in_block(model))
    return Incoming(
        lambda before: _made_ready(model, share.inputs(opened), settings.encoding, before),
        lambda: share.stop - share.start,
        opened.warnings,
        share,
    )


def _share_of(shard: Shard, total: int | None, block: int) -> Share:
    """Cut so many inputs into shards of whole blocks, which an answer to all of them has too.

    Raises: `UsageError` if it is not known how many there are.
    """
    if total is None:
        raise UsageError(
            "--shard: how many inputs standard input or a .tar.gz holds shows only at its end; "
            "write it to a file, or unpack it"
        )
    blocks = -(-total // block)
    start, stop = (
        min(total, block * (blocks * number // shard.of)) for number in (shard.number - 1, shard.number)
    )
    return Share(total, start, stop, is_last=shard.number == shard.of)


def incoming_rows(
    model: AnsweringModel, listing: Listing, rows: Sequence[int], *, with_digests: bool = False
) -> Incoming:
    """Take rows of labelled data, of the kind that the model takes, by their positions."""
    return Incoming(
        lambda before: _made_ready(model, rows_of(listing, rows), None, before, with_digests),
        lambda: len(rows),
    )


def require_input(places: Sequence[str], typed: Sequence[str]) -> None:
    """Refuse to label nothing.

    Raises: `UsageError` if there is neither a place nor a text.
    """
    if not places and not typed:
        raise UsageError("INPUT: nothing to label; name files, folders or tables, or give a text by --text")


def as_trained(model: AnsweringModel, settings: Settings) -> Settings:
    """Settings that read tables as the model's own was read, where the user does not say otherwise.

    By the columns that it reads as one, and by the delimiter and the quote of fields that it remembers.
    """
    known: dict[str, Any] = {**model.dialect}
    if model.joined_columns:
        known["input_column"] = ",".join(model.joined_columns)
    asked = {name: value for name, value in known.items() if getattr(settings, name) is None}
    return dataclasses.replace(settings, **asked) if asked else settings


def first_few(warnings: Sequence[str], noun: str, count: int | None = None) -> tuple[str, ...]:
    """At most ten of many warnings, one for each input, and how many more of `count` there are."""
    more = (len(warnings) if count is None else count) - WARNINGS_SHOWN
    return (
        *warnings[:WARNINGS_SHOWN],
        *((Sentence("and {more:,} more such {noun}s", more, noun),) if more > 0 else ()),
    )


def _made_ready(
    model: AnsweringModel,
    inputs: Iterator[Row],
    encoding: str | None,
    before: ResumeCursor,
    with_digests: bool = False,
) -> Iterator[Block]:
    """Blocks of the inputs behind those answered before, each with the digest of all up to its end.

    Raises: `DataError` if the inputs answered before are fewer now, or others.
    """
    digest = hashlib.sha256()

    def passing(some: Iterable[Row]) -> Iterator[Row]:
        for each in some:
            digest.update(f"{each.name}\0{each.stamp}\0".encode(errors="surrogatepass"))
            yield each

    there = sum(1 for _ in passing(itertools.islice(inputs, before.number)))
    if there < before.number:
        raise DataError(
            "--resume: {number:,} inputs were answered before, but now there are {there:,}; "
            "leave --resume out to begin afresh",
            before.number,
            there,
        )
    if before.number and digest.hexdigest() != before.digest:
        raise DataError(
            "--resume: among the first {number:,} inputs, which were answered before, one is new, "
            "gone or has changed; leave --resume out to begin afresh",
            before.number,
        )
    # Both cut a block off before they take the next input.
    if model.input_kind is TEXTS:
        blocks = _text_blocks(passing(inputs), encoding, before.number, with_digests)
    else:
        assert model.preprocessing is not None  # load gives models of images or of texts
        blocks = _image_blocks(passing(inputs), model.preprocessing, before.number, with_digests)
    for block in blocks:
        yield block._replace(passed=digest.hexdigest())


def _most_in_block(model: AnsweringModel) -> int:
    """Inputs of a block, of which every multiple begins a new one."""
    return _MOST_IN_BLOCK if model.preprocessing is None else most_in_block(model.preprocessing)


def _image_blocks(
    inputs: Iterator[Row], preprocessing: Preprocessing, before: int, with_digests: bool
) -> Iterator[Block]:
    """Decode and fit images as the model was trained."""
    with decoders() as executor:
        for block in blocks_of(inputs, preprocessing, before):
            fitted = fit_inputs(block, preprocessing, executor, with_digests=with_digests)
            names = [each.name for each in block]
            yield Block(names, fitted.pixels, fitted.errors, fitted.warnings, digests=fitted.digests)


def _text_blocks(
    inputs: Iterator[Row], encoding: str | None, before: int, with_digests: bool
) -> Iterator[Block]:
    """Read texts and cut them into blocks that fit into memory, however many there are.

    Where a block ends depends on the texts since it began and on the multiples of the most that it holds.
    """
    number = before
    for first in inputs:
        names: list[str] = []
        texts: list[str] = []
        errors: list[str] = []
        characters = 0
        for each in itertools.chain([first], inputs):
            text, reason = text_of(each, encoding)
            names.append(each.name)
            errors.append(reason)
            if not reason:
                texts.append(text)
                characters += len(text)
            number += 1
            if number % _MOST_IN_BLOCK == 0 or characters >= _MOST_CHARACTERS:
                break
        digests = [row.tobytes() for row in text_digests(Texts.of(texts))] if with_digests else []
        yield Block(names, texts, errors, digests=digests)


def ahead(blocks: Iterator[Block]) -> Generator[Block, None, None]:
    """Go through blocks that a thread makes ready beforehand, at most two more than are asked for.

    Decoding lets other threads compute, and so do the operations of a network: side by side they use what one
    of them alone would leave idle. What making a block raises is raised when its turn comes.
    """
    ready: queue.Queue[Block | BaseException | None] = queue.Queue(_MOST_READY)
    is_left = threading.Event()

    def put(item: Block | BaseException | None) -> bool:
        """Wait for room in the queue; false where nobody waits for the block any more."""
        while not is_left.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=_PATIENCE)
                return True
        return False

    def make_ready() -> None:
        """Fill the queue with blocks, and the error or end that follows them, until nobody listens."""
        try:
            if all(map(put, blocks)):
                put(None)
        except BaseException as error:  # whatever it is belongs to the thread that asks
            put(error)
        finally:
            if isinstance(blocks, Generator):
                blocks.close()

    worker = threading.Thread(target=make_ready, daemon=True)
    worker.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        is_left.set()
        worker.join(timeout=1.0)  # one that waits for standard input may never come back
