"""Features of examples: alike for like examples, computed once, the same from a process of their own."""

import contextlib
import io

import numpy as np
import pytest
from PIL import Image

from labelling.served import write_images, write_texts
from pellucid.data.raw_texts import Texts
from pellucid.errors import DataError
from pellucid.labelling import features
from pellucid.labelling.features import features_apart, features_of_images, features_of_texts
from pellucid.labelling.pool import read_pool
from pellucid.labelling.selection import audit_sample
from pellucid.safety.isolation import isolated
from pellucid.settings import Settings


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def paths(folder):
    return sorted(folder.rglob("*.png"))


def alike(rows, one, other):
    """Cosine of two rows."""
    return float(rows[one] @ rows[other] / np.linalg.norm(rows[one]) / np.linalg.norm(rows[other]))


def test_texts_of_one_thing_are_alike_and_copies_are_found(tmp_path) -> None:
    write_texts(tmp_path / "texts.csv", 60)
    lines = (tmp_path / "texts.csv").read_text().splitlines()[1:]
    found = features_of_texts(Texts.of([*lines, lines[0].upper()]))
    assert found.is_readable.all()
    assert found.first.tolist() == [*range(60), 0]
    np.testing.assert_allclose((found.rows**2).mean(axis=1), 1, rtol=1e-5)  # every row has the same length
    same = np.mean([alike(found.rows, 0, other) for other in range(2, 60, 2)])
    different = np.mean([alike(found.rows, 0, other) for other in range(1, 60, 2)])
    assert same > different + 0.05


@pytest.mark.parametrize("texts", [["same", "same"], ["a", "b"], ["one two", "three four", "five six"]])
def test_few_texts(texts: list[str]) -> None:
    found = features_of_texts(Texts.of(texts))
    assert len(found.rows) == len(texts)
    assert np.isfinite(found.rows).all()


def test_images_copies_and_broken_ones(tmp_path) -> None:
    write_images(tmp_path / "in", 12)
    (tmp_path / "in" / "z.png").write_bytes(b"\x89PNG nothing")
    Image.open(paths(tmp_path / "in")[0]).save(tmp_path / "in" / "y.png", compress_level=1)
    sources, seen = paths(tmp_path / "in"), []
    found = features_of_images(sources, lambda done, of_all: seen.append((done, of_all)))
    assert seen[-1] == (14, 14)
    assert [path.name for path, is_one in zip(sources, found.is_readable, strict=True) if not is_one] == [
        "z.png"
    ]
    copy = next(at for at, path in enumerate(sources) if path.name == "y.png")
    original = sources.index(next(path for path in sources if path.name == "001.png"))
    assert found.first[copy] == found.first[original] or found.first[copy] != copy
    with pytest.raises(DataError, match="no image can be read; give others"):
        features_of_images([tmp_path / "in" / "z.png"])


def test_they_are_computed_once(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path / "in", 12)
    sources = paths(tmp_path / "in")
    first = features_of_images(sources)
    monkeypatch.setattr(features, "_extractor", None)  # nothing is computed again
    again = features_of_images(sources)
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    (kept,) = (tmp_path / "cache" / "pellucid" / "labelling").iterdir()
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    kept.write_bytes(kept.read_bytes()[:-100])  # a damaged one is computed again
    assert np.array_equal(features_of_images(sources).rows, first.rows)
    sources[0].write_bytes(sources[1].read_bytes())
    assert not np.array_equal(features_of_images(sources).rows, first.rows)


@pytest.mark.slow
def test_a_process_of_their_own_gives_the_same(tmp_path) -> None:
    write_images(tmp_path / "in", 12)
    write_texts(tmp_path / "texts.csv", 30)
    texts = Texts.of((tmp_path / "texts.csv").read_text().splitlines()[1:])
    assert np.array_equal(features_apart(texts).rows, features_of_texts(texts).rows)
    seen = []
    found = features_apart(paths(tmp_path / "in"), lambda *each: seen.append(each), is_isolated=True)
    assert seen == [(12, 12)]
    assert np.array_equal(found.rows, features_of_images(paths(tmp_path / "in")).rows)
    (tmp_path / "broken.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match="no image can be read; give others"):
        features_apart([tmp_path / "broken.png"])


def test_of_many_some_are_compared_the_audit_among_them(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.labelling.pool._MOST_TEXTS", 20)
    write_texts(tmp_path / "texts.csv", 100)
    pool = read_pool(str(tmp_path / "texts.csv"), tmp_path / "labels.csv", Settings())
    found = pool.compare(3)
    assert set(audit_sample(100, 3).tolist()) <= set(found.positions.tolist())
    assert 20 <= len(found.positions) <= 40
    assert len(found.features) == len(found.positions)
    assert found.first.tolist() == list(range(100))


def test_large_images_are_shown_small_and_upright(tmp_path) -> None:
    image = Image.new("RGB", (3000, 1500), "red")
    exif = image.getexif()
    exif[0x0112] = 6  # lies on its side
    image.save(tmp_path / "a.jpg", exif=exif)
    Image.new("L", (20, 10)).save(tmp_path / "b.png")
    pool = read_pool(str(tmp_path), tmp_path / "labels.csv", Settings())
    for room in (None, isolated()):
        with room or contextlib.nullcontext():
            shown = [pool.image(at) for at in range(2)]
        sizes = [Image.open(io.BytesIO(content)).size for content, _ in shown]
        assert sizes == [(512, 1024), (20, 10)]
        assert [kind for _, kind in shown] == ["image/jpeg", "image/png"]
