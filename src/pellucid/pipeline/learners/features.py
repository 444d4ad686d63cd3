"""Features that several models share: every example passes once, however many of them look at it."""

import contextlib
import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
from jaxtyping import Float32, Int64

from pellucid.budgets import MEMORY
from pellucid.bundle import Model
from pellucid.bundle.models.classical import ClassicalModel
from pellucid.classical.features.texts import weights_at_hand
from pellucid.data.texts.store import Texts
from pellucid.files import make_folder, write_file
from pellucid.strict import read_sealed, read_sealed_bytes, sealed, write_sealed_bytes

_BLOCK, _AT_ONCE = 512, 4096


def rows_at_hand(
    model: Model, inputs: Any, positions: Int64[np.ndarray, " some"]
) -> scipy.sparse.csr_array | None:
    """Features that a classical model sees of texts whose n-grams were counted when it learned.

    `None` of other inputs and models, and of texts that were not counted.
    """
    if not isinstance(model, ClassicalModel) or model.tfidf is None or not isinstance(inputs, Texts):
        return None
    return weights_at_hand(model.tfidf, inputs, positions)


class FeatureTable:
    """Rows of a shared body by position in the data set, each computed once, when it is first asked for.

    Args:
        examples: of the data set.
        look: passes examples at some positions through the body.
    """

    def __init__(
        self,
        examples: int,
        look: Callable[[Int64[np.ndarray, " some"]], Float32[np.ndarray, "some values"]],
    ) -> None:
        self._look = look
        self._place = np.full(examples, -1, np.int64)
        self._rows: np.ndarray | None = None
        self._computed, self.seconds = 0, 0.0

    @property
    def seconds_an_example(self) -> float:
        """Seconds that one example took to pass the body, on the mean."""
        return self.seconds / max(1, self._computed)

    def of(self, positions: Int64[np.ndarray, " asked"]) -> Float32[np.ndarray, "asked values"]:
        """Rows, one each, of one or more examples, by their positions in the data set.

        Those not asked about before pass the body now, in the order given.
        """
        missing = positions[self._place[positions] < 0]
        if len(missing):
            self._compute(missing)
        assert self._rows is not None  # one position at least was asked about
        found: np.ndarray = self._rows[self._place[positions]]
        return found

    def _compute(self, missing: Int64[np.ndarray, " missing"]) -> None:
        began = time.perf_counter()
        found = [self._look(missing[at : at + _AT_ONCE]) for at in range(0, len(missing), _AT_ONCE)]
        self.seconds += time.perf_counter() - began
        self._place[missing] = self._computed + np.arange(len(missing))
        self._computed += len(missing)
        self._rows = np.concatenate(found if self._rows is None else [self._rows, *found])


@dataclass(frozen=True, eq=False)
class Features:
    """Rows of features of some examples.

    Attributes:
        rows: in the order of `positions`.
        positions: ascending positions of the examples in the data set.
        seconds_an_example: that one example took to pass the body, on the mean; 0 where all stood there from
            before a kill.
    """

    rows: Float32[np.ndarray, "some features"]
    positions: Int64[np.ndarray, " some"]
    seconds_an_example: float = 0.0

    def of(self, positions: Int64[np.ndarray, " asked"]) -> Float32[np.ndarray, "asked features"]:
        """Rows, one each, of examples whose features were computed."""
        found: np.ndarray = self.rows[np.searchsorted(self.positions, positions)]
        return found


def compute_features(
    ask: Callable[[Int64[np.ndarray, " block"]], Float32[np.ndarray, "block features"]],
    positions: Int64[np.ndarray, " some"],
    folder: Path,
    identity: str,
    progress: Callable[[int, int], None] | None = None,
) -> Features:
    """Compute the features that are not there yet, and give all, of ascending positions, one at least.

    Blocks are the same however often the work was broken off, so that a resumed run has the same rows.
    Finished ones are kept in `folder`, which is made where it is missing; those of another `identity`, that
    of the network and the data, are computed anew. `progress` is told the examples done and the examples in
    all.

    Raises: `StorageError` if the disk is full or not writable; finished blocks stay.
    """
    make_folder(folder)
    description = folder / "features.json"
    known = {"identity": identity, "examples": len(positions), "block": _BLOCK}
    if _read(description) != known:
        for old in folder.glob("block-*.npy"):
            old.unlink()
        write_file(description, sealed(known))
    blocks, seconds, computed = [], 0.0, 0
    for start in range(0, len(positions), _BLOCK):
        path = folder / f"block-{start // _BLOCK:06d}.npy"
        some = positions[start : start + _BLOCK]
        rows = _block(path, len(some))
        if rows is None:
            began = time.perf_counter()
            rows = ask(some)
            seconds, computed = seconds + time.perf_counter() - began, computed + len(some)
            content = io.BytesIO()
            np.save(content, rows)
            write_sealed_bytes(path, content.getvalue())
        blocks.append(rows)
        if progress is not None:
            progress(start + len(some), len(positions))
    return Features(np.concatenate(blocks), positions, seconds / max(1, computed))


def _read(path: Path) -> object:
    """Content of a JSON file, or `None`."""
    with contextlib.suppress(OSError, ValueError):
        return read_sealed(path)
    return None


def _block(path: Path, count: int) -> np.ndarray | None:
    """A finished block, or `None`."""
    with contextlib.suppress(OSError, ValueError, EOFError):
        rows = np.load(io.BytesIO(read_sealed_bytes(path, MEMORY.value())), allow_pickle=False)
        if rows.dtype == np.float32 and rows.ndim == 2 and len(rows) == count:
            return np.asarray(rows)
    return None
