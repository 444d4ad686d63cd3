"""Checkpoints: the state of training in a folder, whole or not at all, the last two kept."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load, save

from pellucid.errors import StorageError
from pellucid.files import sha256, write_folder
from pellucid.training.state import State

_FORMAT = 1
_KEPT = 2  # where the newest is damaged, the one before it is resumed


def save_checkpoint(folder: Path, state: State, identity: Mapping[str, Any]) -> Path:
    """Write a checkpoint through the save protocol, then drop all but the last two.

    Args:
        folder: the run's `checkpoints/`; must exist.
        state: what to save.
        identity: what the state belongs to (data, settings); compared when resuming.

    Returns:
        The folder written.

    Raises:
        DivergedError: a tensor is not finite.
        StorageError: the disk is full or not writable; earlier checkpoints are intact.
    """
    tensors = {name: tensor.detach().contiguous() for name, tensor in state.tensors().items()}
    content = save(tensors)
    document = {
        "format": _FORMAT,
        "sha256": hashlib.sha256(content).hexdigest(),
        "identity": dict(identity),
        "state": state.scalars(),
    }
    description = (json.dumps(document, indent=1, allow_nan=False) + "\n").encode()
    path = folder / f"step-{state.step:09d}"
    try:
        write_folder(path, {"state.safetensors": content, "state.json": description})
    except StorageError as error:
        kept = _checkpoints(folder)
        last = f"the last good checkpoint is {kept[-1].name}" if kept else "no checkpoint was made yet"
        raise StorageError(f"{error}; {last}") from error
    for old in _checkpoints(folder)[:-_KEPT]:
        shutil.rmtree(old)
    return path


def load_checkpoint(folder: Path, state: State) -> dict[str, Any] | None:
    """Restore the newest intact checkpoint into `state` and return its identity; `None` without one."""
    for path in reversed(_checkpoints(folder)):
        document = _read(path)
        if document is not None:
            state.restore(load((path / "state.safetensors").read_bytes()), document["state"])
            return dict(document["identity"])
    return None


def _read(path: Path) -> dict[str, Any] | None:
    """Document of an intact checkpoint, or `None` when a file is missing or damaged."""
    try:
        document = json.loads((path / "state.json").read_text())
        intact = document["format"] == _FORMAT and sha256(path / "state.safetensors") == document["sha256"]
    except (OSError, ValueError, KeyError):
        return None
    return dict(document) if intact else None


def _checkpoints(folder: Path) -> list[Path]:
    """Checkpoints from oldest to newest."""
    return sorted(folder.glob("step-*"))
