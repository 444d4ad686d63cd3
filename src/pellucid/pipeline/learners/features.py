"""What a frozen network says of the examples, computed once and kept in blocks: a kill costs one of them."""

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int64

from pellucid.files import make_folder, write_file, write_json

_BLOCK = 512


@dataclass(frozen=True, eq=False)
class Features:
    """Rows of features of some examples.

    Attributes:
        rows: in the order of `positions`.
        positions: ascending positions of the examples in the data set.
    """

    rows: Float32[np.ndarray, "some features"]
    positions: Int64[np.ndarray, " some"]

    def of(self, positions: Int64[np.ndarray, " asked"]) -> Float32[np.ndarray, "asked features"]:
        """Rows of examples.

        Args:
            positions: in the data set; features of each were computed.

        Returns:
            One row for each.
        """
        found: np.ndarray = self.rows[np.searchsorted(self.positions, positions)]
        return found


def compute_features(
    ask: Callable[[Int64[np.ndarray, " block"]], Float32[np.ndarray, "block features"]],
    positions: Int64[np.ndarray, " some"],
    folder: Path,
    identity: str,
    progress: Callable[[int, int], None] | None = None,
) -> Features:
    """Compute the features that are not there yet.

    Blocks are the same however often the work was broken off, so that a resumed run has the same rows.

    Args:
        ask: features of the examples at some positions.
        positions: ascending, at least one.
        folder: where finished blocks are kept; made where it is missing.
        identity: of the network and the data; blocks of another are computed anew.
        progress: told the examples done and the examples in all.

    Returns:
        All features.

    Raises:
        StorageError: the disk is full or not writable; finished blocks stay.
    """
    make_folder(folder)
    description = folder / "features.json"
    known = {"identity": identity, "examples": len(positions), "block": _BLOCK}
    if _read(description) != known:
        for old in folder.glob("block-*.npy"):
            old.unlink()
        write_json(description, known)
    blocks = []
    for start in range(0, len(positions), _BLOCK):
        path = folder / f"block-{start // _BLOCK:06d}.npy"
        some = positions[start : start + _BLOCK]
        rows = _block(path, len(some))
        if rows is None:
            rows = ask(some)
            content = io.BytesIO()
            np.save(content, rows)
            write_file(path, content.getvalue())
        blocks.append(rows)
        if progress is not None:
            progress(start + len(some), len(positions))
    return Features(np.concatenate(blocks), positions)


def _read(path: Path) -> object:
    """What stands in a JSON file, or `None`."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads(path.read_text(encoding="utf-8"))
    return None


def _block(path: Path, count: int) -> np.ndarray | None:
    """A finished block, or `None`."""
    with contextlib.suppress(OSError, ValueError, EOFError):
        rows = np.load(path, allow_pickle=False)
        if rows.dtype == np.float32 and rows.ndim == 2 and len(rows) == count:
            return np.asarray(rows)
    return None
