"""Decoding plans: the size first, then block after block in the listing's order.

No more than a few blocks are in memory at a time.
"""

import contextlib
import functools
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from jaxtyping import Int32, Int64, Shaped, UInt8

from pellucid.data.data_files import File, contents
from pellucid.data.images.decoding import (
    GREY_MODES,
    Decoded,
    decode_content,
    header_of,
    quiet_pillow,
    read_content,
)
from pellucid.data.images.pixels import UNKNOWN, training_size
from pellucid.data.images.preprocessing import (
    DIGEST_BYTES,
    Preprocessing,
    array_digests,
    block_rows,
    blocks,
    finite_rows,
    image_digest,
    value_range,
)
from pellucid.data.listing import TEST, VALIDATION
from pellucid.data.removal import of_images
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.progress import report
from pellucid.settings import Settings, parse_ignore

Item = TypeVar("Item")
Result = TypeVar("Result")

_FILES_A_BLOCK = 8
_BYTES_A_BLOCK = 8 << 20

# A file, the bytes of one in a container, or the reason why there are none.
_Source = Path | bytes | DataError


class PlanBlock(NamedTuple):
    """Consecutive images."""

    # at the training size; zero where an image cannot be used
    pixels: UInt8[np.ndarray, "n height width channels"]
    digests: UInt8[np.ndarray, "n 16"]  # as in `Images`
    sizes: Int32[np.ndarray, "n 2"]  # own height and width; zero where an image cannot be used
    modes: Sequence[str]
    reasons: dict[int, str]  # position within the block to why the image cannot be used
    notes: dict[int, str]  # position within the block to a warning
    taken: Int64[np.ndarray, "n 2"]  # as in `Images`; unknown where images are no files


@dataclass(frozen=True)
class Plan:
    """Shape and preprocessing of the pixels to decode."""

    preprocessing: Preprocessing  # size, channels and range that were decided
    count: int
    # the images in order, to be taken once; closing it stops the threads
    blocks: Generator[PlanBlock, None, None]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of all pixels together."""
        kept = self.preprocessing
        return self.count, kept.height, kept.width, kept.channels


def plan_files(paths: Sequence[File], settings: Settings, fixed: Preprocessing | None = None) -> Plan:
    """Read the header of every file, unless size and channels are `fixed`, and prepare to decode."""
    if fixed is None:
        headers: list[tuple[int, int, str]] = []
        for chunk in _in_threads(_headers, _chunks(paths), settings):
            headers += chunk
            report("reading the headers of images", len(headers), len(paths))
        size = training_size(np.array([each[:2] for each in headers], np.int32).reshape(-1, 2), settings)
        is_grey = bool(headers) and all(each[2] in GREY_MODES for each in headers)
        stretch, ignored = settings.resize == "stretch", of_images(parse_ignore(settings.ignore))
        fixed = Preprocessing(*size, 1 if is_grey else 3, stretch=stretch, ignored=ignored)
    decode = functools.partial(_decode_files, fixed)
    return Plan(fixed, len(paths), _in_threads(decode, _chunks(paths), settings))


def _chunks(paths: Sequence[File]) -> Iterator[list[_Source]]:
    """Some files at a time; those of containers as their bytes, so that each container is read in order."""
    chunk: list[_Source] = []
    held = 0
    for source in contents(paths):
        chunk.append(source)
        held += len(source) if isinstance(source, bytes) else 0
        if len(chunk) == _FILES_A_BLOCK or held >= _BYTES_A_BLOCK:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _headers(sources: Sequence[_Source]) -> list[tuple[int, int, str]]:
    """Headers of those files that are images; of the others decoding will say why not."""
    headers = []
    for source in sources:
        with contextlib.suppress(DataError):
            if not isinstance(source, DataError):
                headers.append(header_of(source))
    return headers


def _decode_files(preprocessing: Preprocessing, sources: Sequence[_Source]) -> PlanBlock:
    """Decode and fit some files; one that cannot be decoded gets its reason and stays black."""
    size, channels = preprocessing.size, preprocessing.channels
    pixels = np.zeros((len(sources), *size, channels), np.uint8)
    digests = np.zeros((len(sources), DIGEST_BYTES), np.uint8)
    sizes = np.zeros((len(sources), 2), np.int32)
    taken = np.tile(np.array(UNKNOWN, np.int64), (len(sources), 1))
    modes = [""] * len(sources)
    reasons: dict[int, str] = {}
    notes: dict[int, str] = {}

    def keep(index: int, decoded: Decoded) -> None:
        """Fit an image into its row, and note what is known about it."""
        pixels[index] = preprocessing.fitted(decoded.pixels, decoded.size)
        digests[index] = np.frombuffer(image_digest(decoded.pixels), np.uint8)
        sizes[index] = decoded.size
        taken[index] = decoded.taken
        modes[index] = decoded.mode
        if decoded.warning is not None:
            notes[index] = decoded.warning

    for index, source in enumerate(sources):
        try:
            if isinstance(source, DataError):
                raise source
            decode_content(read_content(source), preprocessing.least_decoded, functools.partial(keep, index))
        except DataError as error:
            reasons[index] = str(error)
    return PlanBlock(pixels, digests, sizes, modes, reasons, notes, taken)


def _in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], settings: Settings
) -> Generator[Result, None, None]:
    """Work on items in threads; results come in order, and only a few are kept waiting."""
    threads = settings.threads or os.cpu_count() or 1
    with quiet_pillow(), ThreadPoolExecutor(threads) as executor:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(executor.submit(work, item))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def plan_arrays(
    pixels: Shaped[np.ndarray, "n height width channels"],
    splits: Sequence[str],
    settings: Settings,
    fixed: Preprocessing | None = None,
) -> Plan:
    """Decide size and range for images in an array by training images, unless they are `fixed`."""
    if fixed is None:
        size = training_size(np.array([pixels.shape[1:3]], np.int32), settings)
        is_training = np.array([split not in (VALIDATION, TEST) for split in splits], bool)
        values = value_range(pixels, is_training)
        stretch, ignored = settings.resize == "stretch", of_images(parse_ignore(settings.ignore))
        fixed = Preprocessing(*size, pixels.shape[3], *values, stretch=stretch, ignored=ignored)
    return Plan(fixed, len(pixels), _array_blocks(pixels, fixed))


def _array_blocks(pixels: np.ndarray, preprocessing: Preprocessing) -> Generator[PlanBlock, None, None]:
    """Fitted images of an array, block by block; one with values that are not finite stays black."""
    colour = "colour" if pixels.shape[3] == 3 else "grey"
    depth = "float" if pixels.dtype.kind == "f" else f"{8 * pixels.dtype.itemsize}-bit"
    mode = colour if pixels.dtype == np.uint8 else Sentence("{depth} {colour}", depth, colour)
    mode = "black and white" if pixels.dtype == bool else mode
    for values in blocks(pixels, block_rows(pixels)):
        is_good = finite_rows(values)
        if not is_good.all():
            values = np.where(is_good[:, None, None, None], values, 0)
        sizes = np.empty((len(values), 2), np.int32)
        sizes[:] = values.shape[1:3]
        fitted = preprocessing.arrays(values)
        if not is_good.all():
            fitted = fitted * is_good[:, None, None, None].astype(np.uint8)
            sizes[~is_good] = 0
        reason = "holds values that are not numbers (NaN or infinity)"
        reasons = dict.fromkeys(np.flatnonzero(~is_good).tolist(), reason)
        taken = np.tile(np.array(UNKNOWN, np.int64), (len(values), 1))
        yield PlanBlock(fitted, array_digests(values), sizes, [mode] * len(values), reasons, {}, taken)
