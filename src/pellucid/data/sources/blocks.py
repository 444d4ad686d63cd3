"""Rows to label become texts, or blocks of images that fit a model."""

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from pellucid.data.images.decoding import quiet_pillow
from pellucid.data.images.preprocessing import Preprocessing, array_digests
from pellucid.data.raw_texts import TextWriter
from pellucid.data.sources.source import Cell, Row, Stream
from pellucid.data.sources.values import read_text, text_or_reason
from pellucid.data.wording import visible
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence

_MOST_IN_BLOCK = 1024
_MOST_BLOCK_BYTES = 1 << 25
_MOST_DECODERS = 4
# Images that a thread takes at a time, and parts of a block: handing over small ones one by one costs much,
# and few large ones are still shared out.
_MOST_AT_A_TIME = 64  # images
_PARTS = 16  # of a block


class TextInputs(NamedTuple):
    """Every text to label, in the order given."""

    names: Sequence[str]  # the given path, joined with the relative path in a folder; `file:row` in a table
    texts: Sequence[str]  # the texts; an empty one where there is none
    errors: Sequence[str]  # why there is no text; empty where there is one
    warnings: tuple[str, ...]  # sentences for the user that refuse nothing


def texts_of(stream: Stream, encoding: str | None) -> TextInputs:
    """Read all texts of a stream; files in that encoding, by default a detected one."""
    names: list[str] = []
    errors: list[str] = []
    writer = TextWriter()
    for row in stream:
        text, reason = text_of(row, encoding)
        names.append(row.name)
        errors.append(reason)
        writer.append(text)
    return TextInputs(names, writer.finish(), errors, tuple(stream.warnings))


def text_of(given: Row, encoding: str | None) -> tuple[str, str]:
    """The text of an input, or the reason why there is none; files are read in that encoding."""
    if given.error:
        return "", given.error
    if isinstance(given.content, Cell):
        return text_or_reason(given.content.value)
    assert isinstance(given.content, (Path, bytes))  # arrays hold images
    return read_text(given.content, encoding)[:2]


def most_in_block(preprocessing: Preprocessing) -> int:
    """Most images of a block, that fit into memory however large the model's own size is."""
    size = preprocessing.height * preprocessing.width * preprocessing.channels
    return min(_MOST_IN_BLOCK, max(1, _MOST_BLOCK_BYTES // size))


def blocks_of(
    inputs: Iterable[Row], preprocessing: Preprocessing, before: int = 0
) -> Iterator[Sequence[Row]]:
    """Cut inputs into blocks that fit into memory, however many there are and however large they get.

    A block ends where the inputs since it began are many bytes, and at every multiple of `most_in_block` of
    all inputs, of which so many lie `before`: what begins there is cut as if nothing lay before it.
    """
    most = most_in_block(preprocessing)
    block: list[Row] = []
    packed = 0
    for number, each in enumerate(inputs, start=before + 1):
        block.append(each)
        packed += len(each.content) if isinstance(each.content, bytes) else 0
        if number % most == 0 or packed >= _MOST_BLOCK_BYTES:
            yield block
            block, packed = [], 0
    if block:
        yield block


def decoders() -> ThreadPoolExecutor:
    """Executor of threads that decode images in parallel, to close when done."""
    return ThreadPoolExecutor(min(_MOST_DECODERS, os.cpu_count() or 1))


class Fitted(NamedTuple):
    """Images ready for a model, and what became of each."""

    pixels: UInt8[np.ndarray, "readable height width channels"]
    errors: list[str]  # a reason for each that was given; empty where the image could be read
    warnings: list[str]  # sentences about images of which something was left out, such as frames
    digests: list[
        bytes
    ]  # fingerprints of the readable images as they were decoded, where these were asked for


# Pixels or the reason why there are none, a warning, and fingerprints: one or none.
_Result = tuple[np.ndarray | str, str | None, list[bytes]]


def fit_inputs(
    inputs: Sequence[Row], preprocessing: Preprocessing, executor: Executor, *, with_digests: bool = False
) -> Fitted:
    """Decode and fit images, few enough for memory, as the model was trained."""

    def fit_one(image: Row) -> _Result:
        digests: list[bytes] = []
        if image.error:
            return image.error, None, digests
        assert not isinstance(image.content, Cell)  # cells hold texts
        try:
            if isinstance(image.content, (Path, bytes)):
                wanted = digests if with_digests else None
                return *preprocessing.image_and_warning(image.content, wanted), digests
            if with_digests:
                digests.append(array_digests(image.content[None]).tobytes())
            return preprocessing.arrays(image.content[None])[0], None, digests
        except DataError as error:
            return str(error), None, []

    size = min(_MOST_AT_A_TIME, max(1, len(inputs) // _PARTS))
    parts = [inputs[start : start + size] for start in range(0, len(inputs), size)]
    with quiet_pillow():
        results = list(
            itertools.chain.from_iterable(executor.map(lambda part: list(map(fit_one, part)), parts))
        )
    readable = [result for result, _, _ in results if isinstance(result, np.ndarray)]
    shape = (preprocessing.height, preprocessing.width, preprocessing.channels)
    return Fitted(
        pixels=np.stack(readable) if readable else np.zeros((0, *shape), np.uint8),
        errors=[result if isinstance(result, str) else "" for result, _, _ in results],
        warnings=[
            Sentence("{name}: {warning}", visible(image.name), warning)
            for image, (_, warning, _) in zip(inputs, results, strict=True)
            if warning
        ],
        digests=[digest for _, _, digests in results for digest in digests],
    )
