"""Chapters of Learn have the same parts, measured figures, and links that open at layers that exist."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import write_reference

from pellucid.insight.opened_networks import open_network
from pellucid.networks import InputFacts, build, design
from pellucid.settings import Settings

ROOT = write_reference.ROOT
CHAPTERS = sorted((ROOT / "docs" / "learn").glob("[0-9]*.md"))
SCRIPT = ROOT / "examples" / "learn" / "networks.py"
PARTS = [
    "The idea",
    "In a picture",
    "The formula",
    "Try it",
    "On the explain page",
    "By hand",
    "What was measured",
    "A question",
]
# Networks of the gallery whose layers are known before anything is trained.
NETWORKS = {
    "explain-lenet": Settings(model="lenet", batch_norm=False),
    "explain-cnn": Settings(model="cnn", preset="quick"),
    "explain-perceptron": Settings(model="mlp"),
}
# Layers behind the network's own: calibration, and probabilities of ten classes.
BEHIND = {"temperature": (10,), "probabilities": (10,)}
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.stem)


def parts_of(chapter: Path) -> dict[str, str]:
    """Text of each part of a chapter, by its heading."""
    _, *pieces = re.split(r"^## (.*)$", chapter.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(pieces[::2], pieces[1::2], strict=True))


@pytest.fixture(scope="module")
def shapes() -> dict[str, dict[str, tuple[int, ...]]]:
    """Shape of every layer's value in the networks of the gallery, by page and name."""
    found = {}
    for page, settings in NETWORKS.items():
        network = build(design(settings.model, settings, InputFacts((1, 28, 28), 10, 9000))).eval()
        opened = open_network(network, np.zeros((1, 1, 28, 28), np.float32))
        found[page] = {line.name: opened.value(line.name).shape for line in opened.lines} | BEHIND
    return found


def test_there_are_chapters() -> None:
    assert len(CHAPTERS) >= 6


@each_chapter
def test_a_chapter_has_every_part_in_order(chapter: Path) -> None:
    parts = parts_of(chapter)
    # Before its question the last chapter also compares and ships.
    assert [part for part in parts if part not in ("Compare honestly", "Ship it")] == PARTS
    assert len(re.findall(r"[.?!](?=\s)", parts["The idea"] + "\n")) == 5
    for picture in re.findall(r"!\[[^\]]+\]\(([^)]+)\)", parts["In a picture"]):
        assert (chapter.parent / picture).read_text(encoding="utf-8").startswith("<svg")
    assert "\n| Symbol | Meaning |" in parts["The formula"]
    assert "```sh\n" in parts["Try it"]
    assert "\nassert " in parts["By hand"] or "    assert " in parts["By hand"]
    assert "../textbook.md#" in parts["What was measured"] or ".md#" in parts["What was measured"]
    assert re.search(r"<details>\n<summary>.*</summary>\n\n.*\n\n</details>", parts["A question"], re.DOTALL)


@each_chapter
def test_links_into_the_gallery_open_at_units_that_exist(
    chapter: Path, shapes: dict[str, dict[str, tuple[int, ...]]]
) -> None:
    links = re.findall(
        r'<a href="\.\./gallery/([\w-]+)\.html(?:#([^"]*))?">', chapter.read_text(encoding="utf-8")
    )
    assert links
    for page, fragment in links:
        view, layer, unit = [*fragment.split("/"), "", ""][:3]
        if page not in shapes or not layer:
            continue
        assert view in ("forward", "backward")
        assert layer in shapes[page], f"{page}: no layer {layer}"
        if not unit:
            continue  # the page opens the unit whose number is largest
        index = tuple(map(int, unit.split(",")))
        shape = shapes[page][layer]
        assert len(index) == len(shape)
        assert all(at < size for at, size in zip(index, shape, strict=True)), f"{page}: {layer} is {shape}"


def test_figures_of_the_chapters_are_those_of_the_record() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_everything_can_be_drawn_and_measured_anew(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--seeds", "1", "--epochs", "1", "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    for picture in (ROOT / "docs" / "images" / "learn").glob("*.svg"):
        own = tmp_path / "docs" / "images" / "learn" / picture.name
        assert not own.exists() or own.read_text(encoding="utf-8").startswith("<svg")
    assert len(list((tmp_path / "docs" / "images" / "learn").glob("*.svg"))) == 6
    assert (tmp_path / "docs" / "learn" / "networks.json").is_file()
