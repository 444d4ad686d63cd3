"""Real pictures and folders of them, made by Pillow where a test needs them."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


def scene(height: int = 24, width: int = 32, seed: int = 0) -> np.ndarray:
    """A smooth colour picture with a bright corner, unlike itself in every orientation."""
    rows, columns = np.mgrid[0:height, 0:width]
    picture = np.stack([rows * 200 // height, columns * 200 // width, (rows + columns) * 2 + seed], axis=2)
    picture[: height // 4, : width // 4] = 250
    return picture.astype(np.uint8)


def encoded(pixels: np.ndarray | Image.Image, form: str = "PNG", **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.fixture
def class_folders(tmp_path: Path) -> Path:
    """Three pictures in each of two class folders."""
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(3):
            content = encoded(scene(seed=10 * index + len(name) + ord(name[0])))
            (tmp_path / "photos" / name / f"{index}.png").write_bytes(content)
    return tmp_path / "photos"


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache; yields the folder of entries."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield tmp_path / "cache" / "pellucid" / "pictures"


@pytest.fixture
def write_table(class_folders: Path) -> Callable[[str, bytes | str], Path]:
    """Writes a table into the parent of the class folders."""

    def write(name: str, content: bytes | str) -> Path:
        path = class_folders.parent / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write
