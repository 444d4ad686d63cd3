"""Every form of data through both doors: what is listed with its labels is streamed without them, too."""

import gzip
import io
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from PIL import Image

from data.made import read, written
from data.made_layouts import (
    BY_TOOLS,
    DRAWS,
    MADE,
    NAMES,
    ON_DISK,
    class_folders,
    contest,
    idx_folder,
    image,
    save_all,
    table_alone,
)
from made_images import encoded
from pellucid.data import Listing
from pellucid.data.data_files import contents
from pellucid.data.sources.blocks import text_of
from pellucid.data.sources.labelled import read_dataset
from pellucid.data.sources.memory import stream_in_memory
from pellucid.data.sources.places import SOURCES, Form, form_of, open_places
from pellucid.data.sources.source import Row, Stream, rows_of
from pellucid.errors import DataError
from pellucid.estimators import ImageClassifier, TextClassifier
from pellucid.input_kinds import IMAGES, TEXTS
from pellucid.settings import Settings

TEXT = "The review of number"


def glob_of_images(place: Path) -> Path:
    class_folders(place)
    return place / "*" / "*.png"


def one_image(place: Path) -> Path:
    place.mkdir()
    image(0).save(place / "one.png")
    return place / "one.png"


def lines(suffix: str, line: str, header: str = "") -> Callable[[Path], Path]:
    """Twelve rows of text and label in a file of this suffix."""

    def make(place: Path) -> Path:
        rows = [line.format(text=f"{TEXT} {row}.", label=NAMES[row % 2]) for row in range(12)]
        content = "".join(each + "\n" for each in ([header] if header else []) + rows)
        path = place.with_name(place.name + suffix)
        path.write_bytes(gzip.compress(content.encode()) if suffix.endswith(".gz") else content.encode())
        return path

    return make


def fast_text_folder(place: Path) -> Path:
    place.mkdir()
    made = lines(".txt", "__label__{label} {text}")(place)
    return shutil.copy(made, place / "train.txt").parent  # type: ignore[no-any-return]


def pairs_of_lines(place: Path) -> Path:
    place.mkdir()
    (place / "mapping.txt").write_text("0\tcat\n1\tdog\n")
    (place / "train_text.txt").write_text("".join(f"{TEXT} {row}.\n" for row in range(12)))
    (place / "train_labels.txt").write_text("".join(f"{row % 2}\n" for row in range(12)))
    return place


def npz(place: Path, **more: np.ndarray) -> Path:
    path = place.with_suffix(".npz")
    np.savez(path, x_train=DRAWS.integers(0, 256, (12, 8, 8)).astype(np.uint8), **more)
    return path


def json_array(place: Path) -> Path:
    rows = ",".join(f'{{"text": "{TEXT} {row}.", "label": "{NAMES[row % 2]}"}}' for row in range(12))
    return written(place.with_suffix(".json"), f"[{rows}]")


def workbook(place: Path) -> Path:
    import openpyxl

    book = openpyxl.Workbook()
    for row in [("text", "label"), *((f"{TEXT} {row}.", NAMES[row % 2]) for row in range(12))]:
        book.active.append(row)
    book.save(place.with_suffix(".xlsx"))
    return place.with_suffix(".xlsx")


def feather(place: Path) -> Path:
    path = place.with_suffix(".feather")
    made = {"text": [f"{TEXT} {row}." for row in range(12)], "label": [NAMES[row % 2] for row in range(12)]}
    pd.DataFrame(made).to_feather(path)
    return path


def shards_in_a_folder(place: Path) -> Path:
    return Path(shutil.copytree(MADE / "shards", place / "inner"))


def notes_beside_archives(place: Path) -> Path:
    place.mkdir()
    (place / "README.txt").write_text("Where these mails are from.")
    return shutil.copy(MADE / "mails.tar", place / "mails.tar").parent  # type: ignore[no-any-return]


JSON = '{{"text": "{text}", "label": "{label}"}}'

# Each makes labelled data in a place, and returns what is named.
LABELLED: dict[str, Callable[[Path], Path]] = {
    **{name: make for name, (make, _) in ON_DISK.items() if name != "contest"},
    "contest by its table": lambda place: contest(place) / "train.csv",
    "csv": lines(".csv", '"{text}",{label}', "text,label"),
    "semicolons": lines(".csv", "'{text}';{label}", "text;label"),
    "tsv": lines(".tsv", "{text}\t{label}", "text\tlabel"),
    "json lines": lines(".jsonl", JSON),
    "json lines packed": lines(".jsonl.gz", JSON),
    "json": json_array,
    "xlsx": workbook,
    "feather": feather,
    "Arrow with a footer": lambda place: feather(place).rename(place.with_suffix(".arrow")),
    "fastText": lines(".txt", "__label__{label} {text}"),
    "fastText in a folder": fast_text_folder,
    "labelled lines": lines(".txt", "{label}\t{text}"),
    "pairs of lines": pairs_of_lines,
    "npz": lambda place: npz(place, y_train=np.arange(12) % 2),
    "shards in a folder": shards_in_a_folder,
    "archives beside notes": notes_beside_archives,
    "sample": lambda place: Path("sample:spam"),
    **{name: lambda place, made=made: MADE / made for name, (made, _) in BY_TOOLS.items()},  # type: ignore[misc]
}

# Trees that are read in archives as on the disk.
PACKED = ("class folders", "text folders", "IDX", "table alone", "pairs of lines", "imagefolder")


def streamed(place: Path | str, listing: Listing) -> Stream:
    kind = IMAGES if listing.texts is None else TEXTS
    return open_places([str(place)], Settings(), kind)


def content_of(row: Row) -> object:
    """What a row holds, comparable."""
    assert not row.error
    if isinstance(row.content, np.ndarray):
        return row.content.tobytes()
    if isinstance(row.content, Path) and row.content.suffix != ".txt":
        return row.content.read_bytes()
    return row.content if isinstance(row.content, bytes) else text_of(row, None)[0]


def require_both(place: Path | str) -> None:
    """The stream has the rows of the listing, in whatever order, from anywhere, and knows how many."""
    listing = read(place)
    rows = list(streamed(place, listing))
    given = [content_of(row) for row in rows]
    given = [each if listing.texts is None or isinstance(each, str) else str(each, "utf-8") for each in given]  # type: ignore[arg-type]
    expected = [content_of(row) for row in rows_of(listing, range(len(listing)))]
    assert not Counter(expected) - Counter(given)
    assert len(rows) - len(listing) == (4 if place == MADE / "texts" else 0)  # texts without a label
    count = streamed(place, listing).count()
    assert count in (len(rows), None)
    if count is not None:
        assert [row.name for row in streamed(place, listing).rows(3)] == [row.name for row in rows[3:]]
    assert len({row.name for row in rows}) == len(rows)


@pytest.mark.parametrize("name", LABELLED)
def test_what_trains_is_answered(name: str, tmp_path: Path) -> None:
    require_both(LABELLED[name](tmp_path / "made"))


@pytest.mark.parametrize("form", ["zip", "tar", "gztar"])
@pytest.mark.parametrize("name", PACKED)
def test_what_trains_in_an_archive_is_answered(name: str, form: str, tmp_path: Path) -> None:
    LABELLED[name](tmp_path / "made")
    require_both(shutil.make_archive(str(tmp_path / "packed"), form, tmp_path, "made"))


class Pairs(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """A data set of PyTorch."""

    def __init__(self, inputs: Sequence[object]) -> None:
        self._inputs = inputs

    def __len__(self) -> int:
        return len(self._inputs)

    def __getitem__(self, at: int) -> tuple[object, str]:
        return self._inputs[at], NAMES[at % 2]


class OfHub:
    """What is used of a data set of Hugging Face."""

    __module__ = "datasets.arrow_dataset"
    features: Mapping[str, object] = {}

    def __init__(self, rows: pa.Table) -> None:
        self._rows = rows

    def with_format(self, form: str) -> "OfHub":
        return self

    def select_columns(self, names: list[str]) -> "OfHub":
        return OfHub(self._rows.select(names))

    def __len__(self) -> int:
        return self._rows.num_rows

    def __getitem__(self, some: slice) -> pa.Table:
        return self._rows.slice(some.start or 0, (some.stop or 0) - (some.start or 0))


WORDS = [f"{('good', 'bad')[row % 2]} film of number {row}" for row in range(24)]
PIXELS = np.stack([np.asarray(image(row % 2)) for row in range(24)])
LABELS = [NAMES[row % 2] for row in range(24)]
HUB_TEXTS = OfHub(pa.table({"text": WORDS, "label": LABELS}))
HUB_IMAGES = OfHub(
    pa.table({"image": [{"bytes": encoded(each), "path": None} for each in PIXELS], "label": LABELS})
)

# Data in memory that brings its labels, and what it holds.
IN_MEMORY: dict[str, tuple[object, Sequence[object]]] = {
    "texts of PyTorch": (Pairs(WORDS), WORDS),
    "images of PyTorch": (Pairs(PIXELS), PIXELS),
    "texts of Hugging Face": (HUB_TEXTS, WORDS),
    "images of Hugging Face": (HUB_IMAGES, PIXELS),
    "splits of PyTorch": ({"train": Pairs(WORDS[:14]), "test": Pairs(WORDS[14:])}, WORDS),
    "splits of Hugging Face": ({"train": HUB_TEXTS, "test": HUB_TEXTS}, WORDS + WORDS),
}


@pytest.mark.parametrize("name", IN_MEMORY)
def test_what_trains_in_memory_is_answered(name: str) -> None:
    data, _ = IN_MEMORY[name]
    listing = read_dataset(data, Settings())
    rows = list(stream_in_memory(data, Settings(task=listing.input_kind.task)))
    expected = list(rows_of(listing, range(len(listing))))
    assert [content_of(row) for row in rows] == [content_of(row) for row in expected]
    assert [row.name for row in rows] == list(listing.sources)


@pytest.mark.parametrize("name", IN_MEMORY)
def test_an_estimator_answers_what_it_learns_from(name: str) -> None:
    data, inputs = IN_MEMORY[name]
    made = TextClassifier if isinstance(inputs[0], str) else ImageClassifier
    fitted = made(model="logistic-regression").fit(data)
    assert fitted.predict(data).tolist() == fitted.predict(inputs).tolist()
    assert fitted.predict(data).tolist()[:14] == LABELS[:14]


def test_lines_of_a_pipe_are_those_of_a_table(tmp_path: Path) -> None:
    pipe = io.BytesIO("".join(f"{each}\n" for each in WORDS).encode())
    rows = list(open_places(["-"], Settings(), TEXTS, stdin=pipe))  # type: ignore[arg-type]
    pd.DataFrame({"text": WORDS, "label": LABELS}).to_csv(tmp_path / "x.csv", index=False)
    assert [content_of(row) for row in rows] == list(read(tmp_path / "x.csv").texts or ())


def unlabelled_idx(place: Path) -> Path:
    for labels in idx_folder(place).glob("*labels*"):
        labels.unlink()
    return place


def npy(place: Path) -> Path:
    np.save(place.with_suffix(".npy"), DRAWS.integers(0, 256, (12, 8, 8, 3)).astype(np.uint8))
    return place.with_suffix(".npy")


def unlabelled_table_packed(place: Path) -> Path:
    text = table_alone(place) / "reviews.csv"
    text.write_text("text\n" + "".join(f"{TEXT} {row}.\n" for row in range(12)))
    return Path(shutil.make_archive(str(place), "zip", place))


def unlabelled_lines(place: Path) -> Path:
    (pairs_of_lines(place) / "test_text.txt").write_text(f"{TEXT} 12.\n\n{TEXT} 14.\n\n\n")
    return place


@pytest.mark.parametrize(
    ("make", "count"),
    [
        (unlabelled_idx, 18),
        (npz, 12),
        (npy, 12),
        (glob_of_images, 12),
        (one_image, 1),
        (unlabelled_table_packed, 12),
        (unlabelled_lines, 15),
        (lambda place: Path(shutil.make_archive(str(place), "tar", unlabelled_lines(place))), 15),
        (lambda place: save_all(place, 12) and place, 12),
    ],
)
def test_rows_need_no_labels(make: Callable[[Path], Path], count: int, tmp_path: Path) -> None:
    place = make(tmp_path / "made")
    are_texts = make in (unlabelled_table_packed, unlabelled_lines) or place.suffix == ".tar"
    kind = TEXTS if are_texts else IMAGES
    stream = open_places([str(place)], Settings(), kind)
    assert stream.count() == count
    rows = list(stream)
    assert len(rows) == count
    assert not any(row.error for row in rows)


@pytest.mark.parametrize("make", [unlabelled_idx, npz, npy, lambda place: save_all(place, 12) and place])
def test_what_needs_no_labels_generates(make: Callable[[Path], Path], tmp_path: Path) -> None:
    place = make(tmp_path / "made")
    listing = read(place, model="vae")
    assert set(listing.labels) == {""}
    assert len(listing) == open_places([str(place)], Settings(), IMAGES).count()
    with pytest.raises(DataError, match=r"labels|class folder|x_train"):
        read(place)


def test_forms_without_labels_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"has no labels; give an \.npz file of x_train and y_train"):
        read(npy(tmp_path / "made"))
    with pytest.raises(DataError, match="standard input can be read only once, and training reads its data"):
        read("-")
    with pytest.raises(DataError, match="not a form of DATA"):
        read(one_image(tmp_path / "one"))


def test_every_form_is_tried() -> None:
    names = {"sample:fashion", "x.npz", "x.npy", "x.csv", "x.zip", "x*.csv", "x.png"}
    assert {form_of(name) for name in names} | {Form.FOLDER, Form.IDX} == set(SOURCES) == set(Form)


def test_an_image_that_a_table_does_not_name_clearly_is_a_bad_row(tmp_path: Path) -> None:
    place = contest(tmp_path / "made") / "train.csv"
    place.write_text(place.read_text().replace("a003", "a999"))
    rows = list(open_places([str(place)], Settings(), IMAGES))
    assert [row.error for row in rows if row.error] == ["no such image, or more than one (a999)"]
    assert len(rows) == 12
    assert Image.open(io.BytesIO(next(contents([rows[0].content])).read_bytes())).size == (8, 8)  # type: ignore[arg-type,list-item,union-attr]
