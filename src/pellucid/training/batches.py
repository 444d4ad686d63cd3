"""Batches: examples of each step and how they are varied in it, functions of (seed, step) alone."""

import io
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int8, Int64, Shaped
from scipy.sparse import csr_matrix
from torch import Tensor

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.data.images.augmentation import augmented_batch, mix
from pellucid.encoding.encoder import PADDING, UNKNOWN, Tokens
from pellucid.errors import StorageError
from pellucid.input_kinds import IMAGES, TEXTS, VALUES, InputKind, InputName
from pellucid.targets import Target
from pellucid.training.recipe import Recipe, batches_per_epoch

# Bytes of inputs from which on only those of a window are shuffled. It is no property of the machine, so that
# the order, and with it the trained weights, are the same whatever memory there is.
LARGE = 1 << 31
_WINDOW = 1 << 29  # bytes of inputs that are shuffled together
# Bytes of inputs beside each other that come into the same window: much more than a disk reads while it looks
# for them, and few enough that a window has hundreds of blocks, so that its classes are mixed even where the
# inputs are in the order of their classes.
_BLOCK = 1 << 21


class FilePlace(NamedTuple):
    """Where the bytes of an array lie in a file that is mapped into memory."""

    path: Path
    offset: int


def place_in_file(array: np.ndarray) -> FilePlace | None:
    """Where an array lies in a file; `None` where it is no part of one in one piece."""
    root = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    if not isinstance(root, np.memmap) or root.filename is None or not array.flags.c_contiguous:
        return None
    path = Path(root.filename)
    begin = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    return FilePlace(path.absolute(), root.offset + begin) if array.size and path.exists() else None


def shuffled_windows(
    positions: Int64[np.ndarray, " n"], inputs: np.ndarray | None, draws: np.random.Generator
) -> list[Int64[np.ndarray, " _"]]:
    """Ascending positions in random order, cut into windows; a single one unless the inputs are `LARGE`.

    A window holds blocks of neighbouring positions, drawn from everywhere, and all of its positions are
    shuffled together. So an epoch reads each block once, and needs memory for two windows.
    """
    if inputs is None or inputs.nbytes <= LARGE:
        return [draws.permutation(positions)]
    per_block = max(1, _BLOCK // inputs[:1].nbytes)
    blocks = draws.permutation(np.arange(0, len(positions), per_block))
    windows = np.split(blocks, range(_WINDOW // _BLOCK, len(blocks), _WINDOW // _BLOCK))
    return [
        draws.permutation(np.concatenate([positions[start : start + per_block] for start in starts.tolist()]))
        for starts in windows
    ]


class ReadAhead:
    """Inputs of the batches of an epoch, each window read while batches are taken from the one before.

    What is mapped into memory would be read by the system around each place that is asked for, many times as
    much as is needed, and that would push out what has been read already.
    """

    def __init__(self, inputs: np.ndarray, windows: Sequence[Int64[np.ndarray, " _"]]) -> None:
        self._inputs, self._windows = inputs, windows
        self._ends = np.cumsum([len(window) for window in windows])
        self._place = None if len(windows) == 1 else place_in_file(inputs)
        self._readers: dict[int, _Reader] = {}

    def rows(
        self, indices: Int64[np.ndarray, " batch"], start: int
    ) -> tuple[Shaped[np.ndarray, "m ..."], Int64[np.ndarray, " batch"]]:
        """An array that contains the inputs at `indices`, and their places in it.

        `start` is the place of the first of them in the order of the epoch.

        Raises: `StorageError` if the file of the inputs cannot be read.
        """
        if self._place is None:
            return self._inputs, indices
        first, last = np.searchsorted(self._ends, [start, start + len(indices) - 1], side="right").tolist()
        for number in [each for each in self._readers if each < first]:
            del self._readers[number]
        for number in range(first, min(last + 2, len(self._windows))):
            if number not in self._readers:
                self._readers[number] = _Reader(self._inputs, self._place, np.sort(self._windows[number]))
        if first == last:
            return self._readers[first].found(indices)
        cuts = (self._ends[first:last] - start).tolist()
        parts = enumerate(np.split(indices, cuts), start=first)
        found = [self._readers[number].found(some) for number, some in parts]
        return np.concatenate([rows[places] for rows, places in found]), np.arange(len(indices))


class _Reader(threading.Thread):
    """Reads the rows at ascending positions into memory, beside whoever started it."""

    def __init__(self, inputs: np.ndarray, place: FilePlace, positions: Int64[np.ndarray, " window"]) -> None:
        super().__init__(daemon=True)
        self._positions, self._place = positions, place
        self._rows = np.empty((len(positions), *inputs.shape[1:]), inputs.dtype)
        self._failed: OSError | None = None
        self.start()

    def found(
        self, indices: Int64[np.ndarray, " some"]
    ) -> tuple[Shaped[np.ndarray, "window ..."], Int64[np.ndarray, " some"]]:
        """All rows, once they have been read, and the places of some of them."""
        self.join()
        if self._failed is not None:
            reason = (self._failed.strerror or str(self._failed)).lower()
            raise StorageError("{path}: cannot be read: {reason}", self._place.path, reason) from self._failed
        return self._rows, np.searchsorted(self._positions, indices)

    def run(self) -> None:
        """Read one stretch of the file after the other."""
        size = self._rows[:1].nbytes
        # Rows in between that belong to other splits are read with them, where they are few.
        borders = np.flatnonzero(np.diff(self._positions) > max(1, _BLOCK // size)) + 1
        pieces = [0, *borders.tolist(), len(self._positions)]
        most = max(1, 4 * _BLOCK // size)
        room = np.empty((most, *self._rows.shape[1:]), self._rows.dtype)
        try:
            with self._place.path.open("rb", buffering=0) as file:
                for start, end in pairwise(pieces):
                    while start < end:
                        begin = int(self._positions[start])
                        stop = int(np.searchsorted(self._positions[:end], begin + most))
                        count = int(self._positions[stop - 1]) + 1 - begin
                        file.seek(self._place.offset + begin * size)
                        _fill(file, room[:count].reshape(-1).view(np.uint8).data)
                        self._rows[start:stop] = room[self._positions[start:stop] - begin]
                        start = stop
        except OSError as error:
            self._failed = error


def _fill(file: io.FileIO, room: memoryview) -> None:
    """Read as many bytes as there is room for.

    Raises: `OSError` if the file has fewer.
    """
    while room:
        count = file.readinto(room)
        if not count:
            raise OSError("the file is shorter than when it was opened")
        room = room[count:]


# Batches whose texts are sorted together: more would save little padding, fewer would mix lengths better.
CHUNK = 64
_MULTIPLE = 8  # what the length of a batch of texts is rounded up to
# Examples that are scored at once.
ROWS = 500
# Ids, padding included, that are scored at once: their embeddings take some tens of megabytes.
IDS = 65_536


def batches_by_length(
    order: Int64[np.ndarray, " texts"],
    lengths: Int64[np.ndarray, " texts"],
    size: int,
    count: int,
    draws: np.random.Generator,
) -> list[Int64[np.ndarray, " batch"]]:
    """Cut texts into batches of similar length, in random order; positions of each.

    `order` has positions of the training split in random order, `lengths` the number of ids of each of them.
    Of `count` batches of `size` texts the last one holds what the others leave; `draws` order them. The texts
    are sorted inside chunks of `CHUNK` batches, equally long ones in random order. A last batch of another
    size is left as it was drawn: sorted, it would hold the longest texts in every epoch.
    """
    full = count if len(order) == count * size else count - 1
    whole = full * size
    chunk = np.arange(whole) // (CHUNK * size)
    by_length = order[:whole][np.lexsort((lengths[:whole], chunk))].reshape(full, size)
    batches = list(by_length[draws.permutation(full)])
    return batches if full == count else [*batches, order[whole:]]


def blocks_by_length(lengths: Int64[np.ndarray, " texts"]) -> list[Int64[np.ndarray, " block"]]:
    """Blocks of texts of similar length: up to `ROWS` texts, and up to `IDS` ids unless a text has more."""
    order = np.argsort(lengths, kind="stable")
    blocks: list[np.ndarray] = []
    start = 0
    while start < len(order):
        widths = np.maximum(lengths[order[start : start + ROWS]], 1)
        cells = widths * np.arange(1, len(widths) + 1)
        end = start + max(1, int(np.searchsorted(cells, IDS, side="right")))
        blocks.append(order[start:end])
        start = end
    return blocks


@dataclass(frozen=True)
class Examples:
    """Inputs, labels and split that training sees."""

    # uint8 images (n, height, width, channels), float32 features (n, features) or the token ids of n
    # texts
    inputs: np.ndarray | Tokens
    # int64 class of each, float64 number to predict, or int8 states of its labels (n, classes)
    labels: np.ndarray
    train: np.ndarray  # ascending positions of the training split
    validation: np.ndarray  # ascending positions of the validation split; may be empty
    classes: int  # number of classes; 0 where numbers are predicted, or images without labels are made
    target: Target  # what is learnt
    names: tuple[str, ...] = ()  # of the classes, where weights by class are asked for
    # of each example in the loss; None where all weigh the same
    weights: Float64[np.ndarray, " n"] | None = None

    @property
    def input_kind(self) -> InputKind:
        """Kind of the inputs."""
        if isinstance(self.inputs, Tokens):
            return TEXTS
        return IMAGES if self.inputs.ndim == IMAGES.axes else VALUES

    @property
    def takes(self) -> InputName:
        """Name of the kind of the inputs."""
        return self.input_kind.name


class Mixed(NamedTuple):
    """Second label of each image of which a part comes from another one."""

    labels: Int64[Tensor, " batch"]  # class of that other image
    shares: Float[Tensor, " batch"]  # part of the pixels that come from it, 0 to 1
    weights: Float[Tensor, " batch"]  # of that other image in the loss


class Batch(NamedTuple):
    """Examples of one step."""

    # raw pixel values, features or token ids
    inputs: Float[Tensor, "batch ..."] | Int64[Tensor, "batch longest"]
    # class of each, number to predict, or states of its labels
    labels: Int64[Tensor, " batch"] | Float64[Tensor, " batch"] | Int8[Tensor, "batch classes"]
    indices: np.ndarray  # their positions in the data set, for messages
    mixed: Mixed | None = None  # second labels; None where each example has one
    weights: Float[Tensor, " batch"] | None = None  # of each in the loss; None where all weigh the same
    number: int = 0  # of the batch, over all epochs

    def part(self, examples: slice) -> "Batch":
        """Some of the examples."""
        mixed = self.mixed
        own = None if mixed is None else Mixed(*(each[examples] for each in mixed))
        weights = None if self.weights is None else self.weights[examples]
        inputs, labels, indices = self.inputs[examples], self.labels[examples], self.indices[examples]
        return Batch(inputs, labels, indices, own, weights, self.number)


class _Epoch(NamedTuple):
    """Batches of an epoch, and what reads them before they are needed."""

    number: int
    cut: list[Int64[np.ndarray, " batch"]]  # positions of each batch
    ahead: ReadAhead | None  # none of texts, whose ids are in memory


class Batches:
    """Training split cut into batches, in an order drawn anew for each epoch."""

    def __init__(self, examples: Examples, recipe: Recipe) -> None:
        self.examples = examples
        self.recipe = recipe
        self._latest: _Epoch | None = None

    @property
    def per_epoch(self) -> int:
        """Batches in one pass over the training split."""
        return batches_per_epoch(len(self.examples.train), self.recipe.batch_size)

    @cached_property
    def _mirror_bits(self) -> np.ndarray:
        draws = generator(self.recipe.seed, Purpose.MIRROR)
        return draws.integers(0, 2, size=len(self.examples.labels), dtype=np.int8)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Batches of one epoch, counted from 0, ready for the network; the first `start` are left out.

        An image mirrored in one epoch is shown as it is in the next, and the other way round
        (Jordan, "94% on CIFAR-10 in 3.29 seconds", 2024, section 3.6). Texts of similar length
        are in one batch.
        """
        drawn = self._drawn(epoch)
        for position in range(start, self.per_epoch):
            yield self._batch(drawn, position)

    def typical(self, count: int) -> Iterator[Batch]:
        """Up to `count` batches that are typical, for measuring how long a step takes.

        They are the first of the first epoch; for texts, batches from its narrowest to its widest in equal
        steps, again and again where there are few.
        """
        drawn = self._drawn(0)
        numbers = np.arange(len(drawn.cut))[:count]
        if isinstance(self.examples.inputs, Tokens):
            lengths = self.examples.inputs.lengths
            by_width = np.argsort([lengths[indices].max() for indices in drawn.cut])
            chosen = np.linspace(0, len(drawn.cut) - 1, 2 * count + 1)[1::2].round().astype(np.int64)
            numbers = by_width[chosen]
        for number in numbers.tolist():
            yield self._batch(drawn, number)

    def numbered(self, number: int) -> Batch:
        """One batch by its number over all epochs; the fastest in ascending order."""
        epoch, position = divmod(number, self.per_epoch)
        return self._batch(self._drawn(epoch), position)

    def _drawn(self, epoch: int) -> _Epoch:
        """An epoch cut into batches; the one asked for last is kept."""
        if self._latest is None or self._latest.number != epoch:
            self._latest = self._cut(epoch)
        return self._latest

    def _cut(self, epoch: int) -> _Epoch:
        """Draw the order of an epoch and cut it into batches."""
        draws, inputs = generator(self.recipe.seed, Purpose.ORDER, epoch), self.examples.inputs
        rows, size = None if isinstance(inputs, Tokens) else inputs, self.recipe.batch_size
        windows = shuffled_windows(self.examples.train, rows, draws)
        order = np.concatenate(windows)
        if isinstance(inputs, Tokens):
            cut = batches_by_length(order, inputs.lengths[order], size, self.per_epoch, draws)
        else:
            cut = np.split(order, [size * position for position in range(1, self.per_epoch)])
        return _Epoch(epoch, cut, None if rows is None else ReadAhead(rows, windows))

    def _batch(self, drawn: _Epoch, position: int) -> Batch:
        epoch, indices = drawn.number, drawn.cut[position]
        number = epoch * self.per_epoch + position
        augmentation = self.recipe.augmentation
        labels = torch.from_numpy(self.examples.labels[indices])
        weights = self.examples.weights
        inputs, places = self.examples.inputs, indices
        if not isinstance(inputs, Tokens) and drawn.ahead is not None:
            inputs, places = drawn.ahead.rows(indices, position * self.recipe.batch_size)
        own = None if weights is None else torch.from_numpy(weights[indices].astype(np.float32))
        if isinstance(inputs, Tokens):
            ids = to_tensor(inputs, indices)
            if self.recipe.word_dropout:  # so that no text hangs on a single word
                chances = generator(self.recipe.seed, Purpose.WORDS, number).random(
                    ids.shape, dtype=np.float32
                )
                dropped = torch.from_numpy(chances < self.recipe.word_dropout)
                ids.masked_fill_(dropped & (ids != PADDING), UNKNOWN)
            return Batch(ids, labels, indices, weights=own, number=number)
        if augmentation.is_off:
            return Batch(to_tensor(inputs, places), labels, indices, weights=own, number=number)
        mirrored = (self._mirror_bits[indices] + epoch % 2) % 2 == 1
        draws = generator(self.recipe.seed, Purpose.AUGMENTATION, number)
        images = augmented_batch(inputs, places, mirrored & augmentation.mirror, augmentation, draws)
        mixed = None
        if augmentation.mix > 0:
            shares = torch.from_numpy(mix(images, augmentation.mix, draws))
            mixed = Mixed(labels.roll(1), shares, torch.ones_like(shares) if own is None else own.roll(1))
        return Batch(as_stored(images, slice(None)).float(), labels, indices, mixed, own, number)


def to_tensor(
    inputs: np.ndarray | Tokens, positions: Int64[np.ndarray, " batch"]
) -> Float[Tensor, "batch ..."] | Int64[Tensor, "batch longest"]:
    """`Examples.inputs` at the given positions, in the order wanted, as the network takes them.

    Images are float32 (batch, channels, height, width) laid out channels-last, features float32 (batch,
    features), texts int64 ids (batch, longest), filled up at the end with `PADDING` to the longest of them,
    rounded up to a multiple of 8.
    """
    stored = as_stored(inputs, positions)
    return stored if isinstance(inputs, Tokens) else stored.float()


def as_stored(
    inputs: np.ndarray | Tokens, positions: Int64[np.ndarray, " batch"] | slice
) -> Shaped[Tensor, "batch ..."]:
    """Inputs as `to_tensor` lays them out, but images still as uint8 (batch, channels, height, width)."""
    if isinstance(inputs, Tokens):
        assert not isinstance(positions, slice)
        return torch.from_numpy(inputs.padded(positions, _MULTIPLE))
    if inputs.ndim == 2:
        return torch.from_numpy(np.ascontiguousarray(inputs[positions], dtype=np.float32))
    return torch.from_numpy(np.ascontiguousarray(inputs[positions])).permute(0, 3, 1, 2)


_IDS = 4_000_000  # counted at once, so that memory does not grow with the data


def text_frequencies(tokens: Tokens, positions: Int64[np.ndarray, " texts"]) -> Int64[np.ndarray, " ids"]:
    """For each id of the vocabulary the number of texts at `positions` that hold it, repeats not counted."""
    counts = np.zeros(tokens.vocabulary, np.int64)
    ends = np.cumsum(tokens.lengths[positions])
    blocks = np.split(positions, np.searchsorted(ends, np.arange(_IDS, int(ends[-1:].sum()), _IDS)))
    for block in blocks:
        lengths = tokens.lengths[block]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        ids = tokens.ids[np.repeat(tokens.offsets[block] - offsets[:-1], lengths) + np.arange(offsets[-1])]
        shape = (len(block), tokens.vocabulary)
        by_id = csr_matrix((np.ones(len(ids), np.int8), ids, offsets), shape=shape).tocsc()
        # Texts are in order below each id, so that repeats of an id in one are side by side.
        is_first = np.concatenate([[True], by_id.indices[1:] != by_id.indices[:-1]])[: len(ids)]
        starts = by_id.indptr[:-1]
        is_first[starts[starts < by_id.indptr[1:]]] = True
        seen = np.concatenate([[0], np.cumsum(is_first)])
        counts += np.diff(seen[by_id.indptr])
    return counts
