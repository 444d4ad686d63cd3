"""Layouts in which benchmarks are published: read right, or asked about."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.made import read, require_refused
from pellucid.data import read_data
from pellucid.errors import UsageError
from pellucid.settings import Settings

MAIL = read_data("sample:spam", Settings())
TEXTS = [
    " ".join(text.split())[:120] for text in [*list(MAIL.texts or ())[:20], *list(MAIL.texts or ())[-20:]]
]
LABELS = [*MAIL.labels[:20], *MAIL.labels[-20:]]
CODES = [str(sorted(set(LABELS)).index(label)) for label in LABELS]


def write_lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def pair(folder: Path, start: str, rows: slice, labels: list[str] = CODES) -> None:
    write_lines(folder / f"{start}_text.txt", TEXTS[rows])
    write_lines(folder / f"{start}_labels.txt", labels[rows])


@pytest.fixture
def tweets(tmp_path: Path) -> Path:
    folder = tmp_path / "spam"
    pair(folder, "train", slice(0, 40, 2))
    pair(folder, "val", slice(1, 40, 4))
    pair(folder, "test", slice(3, 40, 4))
    write_lines(folder / "mapping.txt", ["0\tham", "1\tspam"])
    return folder


# --- one folder of content beside notes


@pytest.mark.parametrize("form", ["folder", "zip", "gztar"])
def test_a_folder_beside_notes_is_the_data(form: str, tweets: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(tweets, whole / "spam")
    for name in ("README.md", "LICENSE", "CITATION.cff", ".DS_Store", "__MACOSX/x"):
        write_lines(whole / name, ["about it"])
    place = whole if form == "folder" else Path(shutil.make_archive(str(tmp_path / "packed"), form, whole))
    listing = read(place)
    assert sorted(zip(listing.texts or (), listing.labels, strict=True)) == sorted(
        zip(TEXTS, LABELS, strict=True)
    )
    inner = f"{place}/spam"
    said = "holds nothing but 'CITATION.cff', 'LICENSE', 'README.md' and a folder"
    assert listing.warnings[0] == f"{place}: {said}, so {inner} was read"


def test_what_is_no_note_is_no_reason_to_look_further(tmp_path: Path) -> None:
    (tmp_path / "photos" / "a").mkdir(parents=True)
    for name in ("photos/a/1.png", "2.png"):
        Image.new("L", (4, 4)).save(tmp_path / name)
    assert set(read(tmp_path, class_depth=1).labels) == {"photos"}


# --- texts and labels line by line


def test_lines_of_labels_belong_to_lines_of_texts(tweets: Path) -> None:
    listing = read(tweets)
    assert listing.form == "texts and labels"
    assert [listing.splits.count(split) for split in ("train", "validation", "test")] == [20, 10, 10]
    assert list(listing.texts or ())[:20] == TEXTS[::2]
    assert listing.labels[:20] == LABELS[::2]
    assert listing.sources[3] == f"{tweets}/train_text.txt:4"
    assert listing.warnings == (
        f"{tweets}: texts and labels line by line, each pair of files being a table; 3 tables (1 of train, "
        "1 of test, 1 of validation, by the names of the files)",
        f"{tweets}: classes named by 'mapping.txt'",
    )


def test_pairs_without_splits_or_names(tmp_path: Path) -> None:
    pair(tmp_path, "all", slice(None), LABELS)
    write_lines(tmp_path / "mapping.txt", ["0\tham", "1\tspam"])
    listing = read(tmp_path)
    assert listing.labels == LABELS
    assert set(listing.splits) == {""}
    assert not any("mapping.txt" in said for said in listing.warnings)
    write_lines(tmp_path / "more_text.txt", TEXTS)
    assert read(tmp_path).warnings[-1] == f"{tmp_path}: 'more_text.txt' left out, having no labels"


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("train_labels.txt", lambda lines: lines[:-2], r"labels.txt: 18 lines, but 20 lines in .*train_text"),
        ("train_labels.txt", lambda lines: [*lines, "1"], r"21 lines, but 20 lines in .*text.txt; line i"),
        ("test_text.txt", lambda lines: lines[:4], r"labels.txt: 10 lines, but 4 lines in .*test_text"),
        ("train_labels.txt", lambda lines: [*lines[:6], " ", *lines[7:]], r"labels.txt: line 7 is empty"),
        ("train_labels.txt", lambda lines: [], r"labels.txt: 0 lines, but 20 lines in .*train_text"),
    ],
    ids=lambda value: "",
)  # fmt: skip
def test_lines_that_do_not_fit_are_refused(name: str, change, reason: str, tweets: Path) -> None:  # type: ignore[no-untyped-def]
    lines = (tweets / name).read_text(encoding="utf-8").splitlines()
    write_lines(tweets / name, change(lines))
    require_refused(tweets, reason)


def test_lines_that_are_blank_in_both(tweets: Path) -> None:
    for blank in ("text", "labels"):
        with open(tweets / f"train_{blank}.txt", "a", encoding="utf-8") as file:
            file.write("\n" * (1 if blank == "text" else 3))
    assert read(tweets).splits.count("train") == 20
    for name in ("train_text.txt", "train_labels.txt"):
        lines = (tweets / name).read_text(encoding="utf-8").splitlines()
        write_lines(tweets / name, [*lines[:4], "", *lines[4:]])
    require_refused(tweets, r"labels.txt: line 5 is empty; give the label of line 5 of .*train_text.txt")


def test_pairs_that_are_no_one_data_set_are_refused(tweets: Path, tmp_path: Path) -> None:
    shutil.copytree(tweets, tmp_path / "both/one")
    shutil.copytree(tweets, tmp_path / "both/two")
    require_refused(tmp_path / "both", r"several data sets, 'one', 'two'; give the folder of one")
    (tweets / "test_text.txt").unlink()
    require_refused(tweets, r"'test_labels.txt' without the texts, which are expected in 'test_text.txt'")


def test_a_label_that_the_mapping_does_not_name_is_said(tweets: Path) -> None:
    write_lines(tweets / "mapping.txt", ["0\tham", "2\tspam"])
    listing = read(tweets)
    assert set(listing.labels) == {"0", "1"}
    assert listing.warnings[-1].endswith(
        "'mapping.txt' has names for 2 numbers and none for label '1', so it is not used"
    )


def test_the_encoding_of_each_file_is_found(tweets: Path) -> None:
    (tweets / "val_text.txt").write_text("".join(f"{each}\n" for each in TEXTS[1::4]), encoding="utf-16")
    listing = read(tweets)
    assert TEXTS[1] in list(listing.texts or ())
    assert f"{tweets}/val_text.txt: read as UTF-16" in listing.warnings
    (tweets / "val_text.txt").write_bytes(b"a\xff\n" * 10)
    require_refused(tweets, r"val_text.txt: row 1, byte 1: not UTF-8")


# --- pairs in JSON


def test_lists_of_pairs_are_rows(tmp_path: Path) -> None:
    path, rows = tmp_path / "t.json", list(zip(TEXTS, LABELS, strict=True))
    path.write_text(json.dumps(rows))
    listing = read(path)
    assert list(listing.texts or ()) == TEXTS
    assert listing.labels == LABELS
    path.write_text(json.dumps([[label, text] for text, label in rows]))
    assert read(path).labels == LABELS
    write_lines(tmp_path / "t.jsonl", list(map(json.dumps, rows)))
    assert read(tmp_path / "t.jsonl").labels == LABELS


def test_lists_of_pairs_under_names_of_splits(tmp_path: Path) -> None:
    path, rows = tmp_path / "t.json", list(zip(TEXTS, LABELS, strict=True))
    document = {"train": rows[::2], "val": rows[1::4], "test": rows[3::4], "oos_test": [["odd", "oos"]] * 7}
    path.write_text(json.dumps(document))
    listing = read(path)
    assert [listing.splits.count(split) for split in ("train", "validation", "test")] == [20, 10, 10]
    assert listing.labels[:20] == LABELS[::2]
    assert listing.warnings[0].startswith(f"{path}: 'oos_test' (7) left out, being out of scope")
    path.write_text(json.dumps({"train": rows[::2], "more": rows[1::4]}))
    require_refused(path, r"column 'split' holds 'more'")


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([["a", "b"], ["c"]], "row 2 is not a list of 2 values, as the first is; fix the row"),
        ([["a"], ["b"]], "row 1 is not an object"),
        ([{"text": "a", "label": "b"}, ["c", "d"]], "row 2 is not an object"),
    ],
)
def test_rows_of_different_forms_are_refused(rows: list[object], reason: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps(rows))
    require_refused(tmp_path / "t.json", reason)


# --- names of classes beside tables


def tables(folder: Path, labels: list[str]) -> None:
    for split, rows in (("train", slice(0, 40, 2)), ("test", slice(1, 40, 2))):
        lines = [
            f'"{text.replace(chr(34), chr(39))}",{label}' for text, label in zip(TEXTS, labels, strict=True)
        ]
        write_lines(folder / f"{split}.csv", ["text,category", *lines[rows]])


@pytest.mark.parametrize("names", [["ham", "spam"], {"0": "ham", "1": "spam"}, {"ham": 0, "spam": 1}])
def test_numbers_are_named_by_a_file_beside_the_tables(names: object, tmp_path: Path) -> None:
    tables(tmp_path, CODES)
    (tmp_path / "categories.json").write_text(json.dumps(names))
    assert read(tmp_path).labels == [*LABELS[::2], *LABELS[1::2]]
    assert read(tmp_path).warnings[-1] == f"{tmp_path}: classes named by 'categories.json'"
    assert read(tmp_path / "test.csv").labels == LABELS[1::2]
    assert set(read(tmp_path / "test.csv", target="number").labels) == {"0", "1"}
    tables(tmp_path, LABELS)  # which are names already
    for place in (tmp_path, tmp_path / "train.csv"):
        assert set(read(place).labels) == {"ham", "spam"}
        assert not any("categories" in warning for warning in read(place).warnings)


def test_what_names_no_classes_is_a_table_as_before(tmp_path: Path) -> None:
    tables(tmp_path, CODES)
    for document in ([{"text": "a", "label": "b"}], ["ham", "ham"]):
        (tmp_path / "categories.json").write_text(json.dumps(document))
        require_refused(tmp_path, r"'categories.json' beside tables of splits")
        assert set(read(tmp_path / "train.csv").labels) == {"0", "1"}


# --- deeper class folders


@pytest.fixture
def characters(tmp_path: Path) -> Path:
    draws = np.random.default_rng(0)
    for alphabet in ("Greek", "Latin"):
        for letter in ("character01", "character02"):
            (tmp_path / "omni" / alphabet / letter).mkdir(parents=True)
            for row in range(3):
                pixels = draws.integers(0, 255, (6, 6)).astype(np.uint8)
                Image.fromarray(pixels).save(tmp_path / "omni" / alphabet / letter / f"{row}.png")
    return tmp_path / "omni"


@pytest.mark.parametrize("is_packed", [False, True])
def test_folders_in_class_folders_are_asked_about(is_packed: bool, characters: Path, tmp_path: Path) -> None:
    place = Path(shutil.make_archive(str(tmp_path / "p"), "zip", characters)) if is_packed else characters
    require_refused(
        place,
        "--class-depth 1: 2 classes such as 'Greek', or --class-depth 2: 4 classes such as 'Greek/char",
    )
    assert set(read(place, class_depth=1).labels) == {"Greek", "Latin"}
    labels = read(place, class_depth=2).labels
    assert labels == sorted(labels)
    assert set(labels) == {f"{a}/character0{n}" for a in ("Greek", "Latin") for n in (1, 2)}
    require_refused(place, "12 files in fewer folders than --class-depth 3 asks for", class_depth=3)


def test_split_folders_of_deeper_class_folders(characters: Path, tmp_path: Path) -> None:
    for split in ("train", "test"):
        shutil.copytree(characters, tmp_path / "d" / split)
    require_refused(
        tmp_path / "d", r"train: class folders hold folders of images; which .*--class-depth 2: 4"
    )
    listing = read(tmp_path / "d", class_depth=2)
    assert listing.splits.count("test") == 12
    assert "Latin/character02" in listing.labels


def test_a_depth_of_folders_without_class_folders_is_refused(tweets: Path) -> None:
    with pytest.raises(
        UsageError, match=r"--class-depth: belongs to class folders, but .* texts and labels; leave"
    ):
        read(tweets, class_depth=2)
    with pytest.raises(UsageError, match="--class-depth: takes labels from folders, but --label-from-name"):
        Settings(class_depth=2, label_from_name="{label}_*")


# --- columns


@pytest.mark.parametrize("name", ["userId", "tweet.user.id", "USER ID"])
def test_columns_of_ids_are_neither_texts_nor_labels(name: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    quoted = [text.replace('"', "'") for text in TEXTS]
    rows = [
        f'{"u" * 200}{at // 2},"{text}",{label}'
        for at, (text, label) in enumerate(zip(quoted, LABELS, strict=True))
    ]
    write_lines(path, [f"{name},wording,mood", *rows])
    listing = read(path)
    assert listing.labels == LABELS
    assert list(listing.columns_of_sources) == [name]
    assert f"perhaps groups in column '{name}' (--group-column '{name}' keeps" in listing.warnings[-1]
    write_lines(path, [f"{name},wording", *(row.rpartition(",")[0] for row in rows)])
    require_refused(path, f"no column of labels; '{name}' is named as one of identifiers")


def test_texts_that_a_table_without_a_header_leaves_out_are_said(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    quoted = [text.replace('"', "'") for text in TEXTS]
    rows = [
        f'{code},"{text[:30]} {at}","{text}"'
        for at, (code, text) in enumerate(zip(CODES, quoted, strict=True))
    ]
    rows[-1] = rows[-1].replace(rows[-1].split('"')[1], rows[0].split('"')[1])  # one title is there twice
    write_lines(path, rows)
    said = read(path).warnings[-2 if "numbers" in read(path).warnings[-1] else -1]
    assert "texts from column 'column 3'" in said
    assert said.endswith(
        "; left out: 'column 2' (texts); --input-column 'column 2,column 3' reads the texts as one"
    )
    both = read(path, input_column="column 2,column 3")
    assert both.joined_columns == ("column 2", "column 3")
    assert "left out" not in " ".join(both.warnings)
