"""Real images and folders of them, made by Pillow where a test needs them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from made_images import context, encoded


@pytest.fixture
def class_folders(tmp_path: Path) -> Path:
    """Three images in each of two class folders."""
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(3):
            content = encoded(context(seed=10 * index + len(name) + ord(name[0])))
            (tmp_path / "photos" / name / f"{index}.png").write_bytes(content)
    return tmp_path / "photos"


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache; the folder that will hold its entries."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pellucid" / "images"


@pytest.fixture
def write_table(class_folders: Path) -> Callable[[str, bytes | str], Path]:
    """Writes a table into the parent of the class folders."""

    def write(name: str, content: bytes | str) -> Path:
        path = class_folders.parent / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write
