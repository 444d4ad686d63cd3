"""Snapshots: what a generator makes of the same noise, as a sheet after some of the epochs."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from pellucid.files import make_folder, write_file
from pellucid.training.state import State

_MOST = 8
_NAME = "epoch-{:04d}.png"

Images = UInt8[np.ndarray, "count height width channels"]


class Snapshots:
    """Writer of a sheet after each of some epochs: images side by side.

    Equal trainings write equal files, also where one of them was resumed.

    Args:
        folder: for the sheets; made when it is needed.
        make: makes the images, in evaluation mode.
        epochs: of the whole training.
    """

    def __init__(self, folder: Path, make: Callable[[], Images], epochs: int) -> None:
        self.folder = folder
        self.make = make
        self.epochs = frozenset(np.linspace(1, epochs, min(_MOST, epochs)).round().astype(int).tolist())

    def after_step(self, state: State) -> None:
        """No work: sheets are per epoch."""

    def after_epoch(self, state: State) -> None:
        """Write the sheet of this epoch, if it is to have one."""
        epoch = len(state.history)
        if epoch not in self.epochs:
            return
        images = np.concatenate(list(self.make()), axis=1)
        content = io.BytesIO()
        Image.fromarray(images[..., 0] if images.shape[2] == 1 else images).save(content, "PNG")
        make_folder(self.folder)
        write_file(self.folder / _NAME.format(epoch), content.getvalue())


def read_snapshots(folder: Path, shape: tuple[int, int, int]) -> dict[int, list[np.ndarray]]:
    """Images of every sheet in a folder by epoch; `shape` is height, width and channels of one image."""
    height, width, channels = shape
    found = {}
    for path in sorted(folder.glob("epoch-*.png")):
        with Image.open(path) as sheet:
            pixels = np.asarray(sheet).reshape(height, -1, channels)
        images = np.split(pixels, range(width, pixels.shape[1], width), axis=1)
        found[int(path.stem.removeprefix("epoch-"))] = images
    return found
