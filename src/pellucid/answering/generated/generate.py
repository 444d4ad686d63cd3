"""Make images with a trained generator, as PNG files and one contact sheet."""

import csv
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from pellucid.answering.generated.sheets import MOST_ON_SHEET, png, sheet
from pellucid.bundle import Generator, load_any
from pellucid.data.wording import quoted, some
from pellucid.errors import StorageError, UsageError
from pellucid.files import write_folder
from pellucid.settings import likely_meant

MOST_IMAGES = 100_000
SHEET, LABELS = "contact-sheet.png", "labels.csv"
_MOST_COLUMNS = 16


class Generated(NamedTuple):
    """Outcome of generating.

    Attributes:
        model: what made the images.
        images: how many.
        sheet: path of the contact sheet.
    """

    model: str
    images: int
    sheet: Path


def generate(
    run: str | Path, count: int, out: Path, class_name: str | None = None, seed: int = 0
) -> Generated:
    """Make images of the size trained on; the same seed gives the same bytes.

    `out` gets `00001.png` and so on, a contact sheet of the first hundred and, where there are classes, the
    table `labels.csv`, which every command takes as DATA. Without `class_name` the classes take turns.

    Raises: `ModelFileError` if there is no model, or a damaged one; `UsageError` if it makes no images, does
    not know the class, or the count is out of bounds; `StorageError` if `out` holds something or cannot be
    written.
    """
    model = load_any(run)
    if not isinstance(model, Generator):
        raise UsageError(
            f"{run}: its model, {model.name}, makes no images; train one that does with --model vae"
        )
    if not 1 <= count <= MOST_IMAGES:
        raise UsageError(f"--count: {count:,} is outside 1 to {MOST_IMAGES:,}")
    if seed < 0:
        raise UsageError(f"--seed: {seed} is below 0")
    labels = _labels(model, count, class_name, run)
    _require_free(out)
    images = model.sample(labels, seed)
    width = max(5, len(str(count)))
    names = [f"{number:0{width}d}.png" for number in range(1, count + 1)]
    files = {name: png(image) for name, image in zip(names, images, strict=True)}
    if model.classes:
        files[LABELS] = _table(names, [model.classes[code] for code in labels.tolist()])
    columns = len(model.classes) if class_name is None and 1 < len(model.classes) <= _MOST_COLUMNS else None
    files[SHEET] = png(sheet(images[:MOST_ON_SHEET], columns))
    write_folder(out, files)
    return Generated(model.name, count, out / SHEET)


def _labels(
    model: Generator, count: int, class_name: str | None, run: str | Path
) -> Int64[np.ndarray, " count"]:
    """Class of each image.

    Raises: `UsageError` if the model does not know the class.
    """
    if class_name is None:
        return model.turns(count)
    if not model.classes:
        raise UsageError(f"--class: {run} was trained without labels and knows no classes; leave --class out")
    if class_name not in model.classes:
        known = some([quoted(name) for name in model.classes], 20)
        hint = likely_meant(class_name, model.classes)
        raise UsageError(f"--class: {quoted(class_name)} is not known{hint}; choose one of {known}")
    return np.full(count, model.classes.index(class_name), np.int64)


def _require_free(out: Path) -> None:
    """Refuse a place where something stands.

    Raises: `StorageError` naming it.
    """
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() or out.is_symlink():
        raise StorageError(f"{out}: stands there and is no empty folder; choose another --out")


def _table(names: list[str], labels: list[str]) -> bytes:
    """Files and their classes, as a table of DATA."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([("image", "label"), *zip(names, labels, strict=True)])
    return stream.getvalue().encode()
