"""Checkpoints: the state of training in a folder, whole or not at all, the last two kept."""

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import load, save
from torch import Tensor

from pellucid.errors import StorageError
from pellucid.files import write_folder
from pellucid.regular import open_regular
from pellucid.strict import Anything, Fields, Object, OneOf, Text, read_object, read_sealed, sealed
from pellucid.training.state import State

_FORMAT = 1
_FIELDS: Fields = {
    "format": OneOf((_FORMAT,)),
    "sha256": Text(64, 64),
    "identity": Object(),
    "state": Anything(),  # read by the state itself
}
_KEPT = 2  # where the newest is damaged, the one before it is resumed


def save_checkpoint(folder: Path, state: State, identity: Mapping[str, Any]) -> Path:
    """Write a checkpoint through the save protocol, then drop all but the last two; the folder written.

    `folder` is the run's `checkpoints/` and must exist. `identity` says what the state belongs to (data,
    settings); it is compared when resuming.

    Raises: `DivergedError` if a tensor is not finite; `StorageError` if the disk is full or not writable;
    earlier checkpoints are intact.
    """
    tensors = {name: tensor.detach().contiguous() for name, tensor in state.tensors().items()}
    content = save(tensors)
    document = {
        "format": _FORMAT,
        "sha256": hashlib.sha256(content).hexdigest(),
        "identity": dict(identity),
        "state": state.scalars(),
    }
    description = sealed(document)
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


def load_checkpoint(folder: Path, state: State, total_steps: int | None = None) -> dict[str, Any] | None:
    """Restore the newest intact checkpoint into `state` and return its identity; `None` without one.

    `total_steps` are those of the recipe, beyond which no checkpoint stands.

    Raises: `StorageError` if there are checkpoints and none is intact; the state is then left alone.
    """
    broken = ""
    for path in reversed(_checkpoints(folder)):
        try:
            document, tensors = _read(path)
            state.restore(tensors, document["state"], total_steps)
        except (OSError, ValueError, safetensors.SafetensorError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            broken = broken or f"{path}: this checkpoint cannot be gone on from: {reason}"
            continue
        return dict(document["identity"])
    if broken:
        raise StorageError(f"{broken}; put back what stood there, or start again with --overwrite")
    return None


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Document and tensors of a checkpoint, both under their checksums.

    Raises: `OSError` if a file is missing or no regular one, `ValueError` if one was changed.
    """
    document = read_object("checkpoint", read_sealed(path / "state.json"), _FIELDS)
    with open_regular(path / "state.safetensors") as file:
        content = file.read()
    if hashlib.sha256(content).hexdigest() != document["sha256"]:
        raise ValueError("the checksum of state.safetensors does not match")
    return document, load(content)


def _checkpoints(folder: Path) -> list[Path]:
    """Checkpoints from oldest to newest."""
    return sorted(folder.glob("step-*"))
