"""Giveaways that are planted are found, and nothing is said of what is content or order."""

import math
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.made import images_of, listing_of, listing_of_texts, made_texts, with_numbers
from pellucid.data import Check, prepare
from pellucid.data.giveaway_content import recall_at
from pellucid.data.giveaway_features import _exif_of
from pellucid.data.giveaways import Giveaway, _log_factorials, _log_tail
from pellucid.settings import Settings

LABELS = ["a", "b", "c"] * 80


def checked(listing, **settings: object) -> Check:
    return prepare(listing, Settings(groups=False, **settings))[1]  # type: ignore[arg-type]


def found(check: Check) -> dict[str, Giveaway]:
    return {each.kind: each for each in check.giveaways.found}


def texts_with(change, share: float = 1.0) -> Check:
    """Random texts, of which those of class `a`, or a share of them, are changed."""
    draw = np.random.default_rng(1)
    texts = [
        change(text) if label == "a" and draw.random() < share else text
        for text, label in zip(made_texts(len(LABELS)), LABELS, strict=True)
    ]
    return checked(listing_of_texts(texts, LABELS))


def test_a_first_word_is_named_with_its_figures():
    check = texts_with(lambda text: f"Intermediate {text}")
    (one,) = check.giveaways.found
    assert (one.kind, one.value, one.label) == ("first word", "'Intermediate'", "a")
    assert (one.precision, one.recall, one.ignore) == (1.0, 1.0, "token:Intermediate")
    assert one.marked == check.counts["train"][0]
    assert len(one.test_with) == check.counts["test"][0]
    assert len(one.test_without) == sum(check.counts["test"][1:])
    assert "Giveaway of class 'a': first word 'Intermediate', in 100%" in "\n".join(check.sentences())
    assert check.to_json()["giveaways"]["found"][0]["feature"] == "first word 'Intermediate'"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda text: f"{text} zeta", "last word"),
        (lambda text: f"from the archive\n{text}", "first word"),
        (lambda text: f"{text[:20]}\nsent from afar\n{text[20:]}", "line"),
        (lambda text: text.replace(" ", "\u00a0", 1), "invisible character"),
        (str.upper, "use of capitals"),
        (lambda text: text[:30], "exact length"),
        (lambda text: text.translate({code: 0x3B0 + code - 96 for code in range(97, 123)}), "script"),
    ],
)
def test_forms_of_texts_are_found(change, kind):
    check = texts_with(change, share=0.8)
    kinds = {name for each in check.giveaways.found for name in (each.kind, *each.also) if each.label == "a"}
    assert kind in kinds


def test_nothing_is_found_in_texts_of_chance():
    check = texts_with(str)
    assert check.giveaways.found == ()
    assert any(each.startswith("Giveaways: none among") for each in check.sentences())


def test_words_that_are_content_are_none():
    draw = np.random.default_rng(0)
    topics = {"a": "goal ice puck team", "b": "orbit moon rocket star", "c": "bread oven flour salt"}
    texts = [
        " ".join(draw.permutation([*topics[label].split(), *text.split()[:12]]))
        for text, label in zip(made_texts(len(LABELS)), LABELS, strict=True)
    ]
    assert checked(listing_of_texts(texts, LABELS)).giveaways.found == ()


def test_rules_are_of_the_training_split_alone():
    texts = made_texts(len(LABELS))
    splits = ["train"] * 160 + ["test"] * 80
    texts = [
        f"Intermediate {text}" if label == "a" and split == "test" else text
        for text, label, split in zip(texts, LABELS, splits, strict=True)
    ]
    listing = replace(listing_of_texts(texts, LABELS), splits=splits)
    assert checked(listing).giveaways.found == ()


def test_numbers_and_labels_are_not_searched():
    listing = with_numbers(listing_of_texts(made_texts(60), [str(n) for n in range(60)]), np.arange(60.0))
    check = checked(listing)
    assert check.giveaways.kinds == ()
    assert not any("iveaway" in each for each in check.sentences())


def planted_images(change) -> np.ndarray:
    pixels = images_of(len(LABELS), side=24, seed=3)
    for place in range(0, len(LABELS), 3):
        change(pixels[place])
    return pixels


def mark(image: np.ndarray) -> None:
    image[-4:, :4, 0] = np.arange(16).reshape(4, 4) * 15


def frame(image: np.ndarray) -> None:
    image[[0, 1, -2, -1]] = 200
    image[:, [0, 1, -2, -1]] = 200


def darker(image: np.ndarray) -> None:
    image[:] = image // 3


@pytest.mark.parametrize(
    ("change", "kind", "ignore"),
    [
        (mark, "mark in a corner, bottom-left", "corner:bottom-left:25%"),
        (frame, "flat border", "border:10%"),
        (darker, "brightest grey", ""),
    ],
)
def test_forms_of_images_are_found(change, kind, ignore):
    check = checked(listing_of(LABELS, pixels=planted_images(change)))
    one = next(each for each in check.giveaways.found if kind in (each.kind, *each.also))
    assert (one.label, one.ignore) == ("a", ignore)
    assert one.precision >= 0.95
    assert {each.label for each in check.giveaways.found} == {"a"}


@pytest.mark.parametrize("change", [mark, frame])
def test_what_is_ignored_as_advised_is_no_longer_found(change):
    listing = listing_of(LABELS, pixels=planted_images(change))
    (one,) = checked(listing).giveaways.found
    assert checked(listing, ignore=one.ignore).giveaways.found == ()


def test_images_of_chance_and_a_common_background_are_none():
    assert checked(listing_of(LABELS, pixels=planted_images(lambda image: None))).giveaways.found == ()

    def on_black(image: np.ndarray) -> None:
        image[[0, 1, -2, -1]] = 0

    pixels = planted_images(lambda image: None)
    for image in pixels:
        on_black(image)
    assert checked(listing_of(LABELS, pixels=pixels)).giveaways.found == ()


def written_table(path: Path, column, order=lambda rows: rows) -> Path:
    rows = [
        f"{text},{label},{column(label, place)}\n"
        for place, (text, label) in enumerate(zip(made_texts(len(LABELS)), LABELS, strict=True))
    ]
    path.write_text("text,label,batch\n" + "".join(order(rows)))
    return path


def test_a_column_is_named_and_a_second_column_of_labels_is_not(tmp_path):
    batch = written_table(tmp_path / "one.csv", lambda label, place: "three" if label == "b" else place % 2)
    one = found(checked(str(batch)))["column batch"]
    assert (one.value, one.label, one.nature) == ("'three'", "b", "outside")
    assert "Models do not get it" in one.remedy()
    twin = written_table(tmp_path / "two.csv", lambda label, place: f"class {label}")
    assert checked(str(twin)).giveaways.found == ()


def test_row_order_is_named_unless_everything_is_sorted(tmp_path):
    def first_a(rows: list[str]) -> list[str]:
        return sorted(rows, key=lambda row: ",a," not in row)

    path = written_table(tmp_path / "one.csv", lambda label, place: "x", first_a)
    assert found(checked(str(path)))["row order"].label == "a"
    path = written_table(
        tmp_path / "two.csv",
        lambda label, place: "x",
        lambda rows: sorted(rows, key=lambda row: row.split(",")[1]),
    )
    assert checked(str(path)).giveaways.found == ()


def write_images(folder: Path, saved) -> Path:
    pixels = images_of(120, side=16)
    for place, image in enumerate(pixels):
        label = "ab"[place % 2]
        (folder / label).mkdir(parents=True, exist_ok=True)
        saved(Image.fromarray(image[..., 0]), folder / label, place, label == "a" and place % 10 < 8)
    return folder


def software(image: Image.Image, folder: Path, place: int, changed: bool) -> None:
    exif = Image.Exif()
    if changed:
        exif[0x0131] = "Scanner 4"
    image.save(folder / f"{place}.jpg", exif=exif)


def old_file(image: Image.Image, folder: Path, place: int, changed: bool) -> None:
    path = folder / f"{place}.jpg"
    image.save(path)
    os.utime(path, (1_500_000_000 + place if changed else 1_600_000_000 + place,) * 2)


def named(image: Image.Image, folder: Path, place: int, changed: bool) -> None:
    image.save(folder / (f"scan_{place}.jpg" if changed else f"{place}.jpg"))


def larger(image: Image.Image, folder: Path, place: int, changed: bool) -> None:
    (image.resize((20, 18)) if changed else image).save(folder / f"{place}.jpg")


@pytest.mark.parametrize(
    ("saved", "kind"),
    [
        (software, "software (EXIF)"),
        (old_file, "file timestamp"),
        (named, "file name"),
        (larger, "dimensions"),
    ],
)
def test_what_files_say_is_found(tmp_path, saved, kind):
    check = checked(str(write_images(tmp_path / "data", saved)))
    kinds = {name for each in check.giveaways.found for name in (each.kind, *each.also) if each.label == "a"}
    assert kind in kinds


def test_a_name_that_is_the_class_is_none(tmp_path):
    def named_so(image: Image.Image, folder: Path, place: int, changed: bool) -> None:
        image.save(folder / f"{folder.name}{place}.jpg")

    assert "file name" not in found(checked(str(write_images(tmp_path / "data", named_so))))


def test_headers_of_any_bytes_are_read_within_bounds(tmp_path):
    draw = np.random.default_rng(0)
    path = tmp_path / "one.jpg"
    exif = Image.Exif()
    exif[0x0110] = "Model"
    Image.new("RGB", (8, 8)).save(path, exif=exif)
    content = bytearray(path.read_bytes())
    assert _exif_of(path).camera == "Model"  # type: ignore[union-attr]
    for _ in range(300):
        broken = bytearray(content)
        for place in draw.integers(2, len(broken), 8).tolist():
            broken[place] = int(draw.integers(0, 256))
        path.write_bytes(bytes(broken[: int(draw.integers(4, len(broken)))]))
        _exif_of(path)


@pytest.mark.parametrize(("hits", "marked", "size", "n"), [(3, 4, 5, 12), (5, 5, 5, 20), (1, 3, 4, 9)])
def test_the_chance_is_hypergeometric(hits, marked, size, n):
    exact = sum(
        math.comb(size, k) * math.comb(n - size, marked - k) for k in range(hits, min(marked, size) + 1)
    ) / math.comb(n, marked)
    assert math.exp(_log_tail(hits, marked, size, _log_factorials(n))) == pytest.approx(exact)


def test_recall_is_that_of_the_largest_threshold_that_is_precise():
    scores = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    assert recall_at(scores, np.array([True, True, False, True, True])) == 0.5
    assert recall_at(scores, np.array([False, True, True, True, True])) == 0.0
