"""Answers of a trained generator: new images, and the oddest of a data set."""

import csv
import dataclasses
import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Int64, UInt8
from PIL import Image

from pellucid.answering.incoming import incoming_rows
from pellucid.answering.training_examples import is_data_of
from pellucid.arithmetic.rounding import figure, percent
from pellucid.bundle import Generator, load_any
from pellucid.data import Check, Dataset, Listing, prepare, read_data
from pellucid.data.wording import count_of, quoted, some, visible, wrapped
from pellucid.errors import DataError, StorageError, UsageError
from pellucid.files import write_file, write_folder
from pellucid.novelty import Detector
from pellucid.settings import Settings, likely_meant
from pellucid.tasks import TEXTS

MOST_ON_SHEET = 100
_GAP, _GROUND = 2, 255


def png(image: UInt8[np.ndarray, "height width channels"]) -> bytes:
    """A lossless file, equal for equal pixels."""
    flat = image[..., 0] if image.shape[2] == 1 else image
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(flat)).save(stream, "PNG")
    return stream.getvalue()


def sheet(
    images: UInt8[np.ndarray, "n height width channels"], columns: int | None = None
) -> UInt8[np.ndarray, "sheet_height sheet_width channels"]:
    """One or more images side by side in rows, thin lines between them; by default about as many as rows."""
    count, height, width, channels = images.shape
    across = min(count, columns or math.ceil(math.sqrt(count)))
    down = -(-count // across)
    found = np.full(
        (down * (height + _GAP) - _GAP, across * (width + _GAP) - _GAP, channels), _GROUND, np.uint8
    )
    for place, image in enumerate(images):
        top, left = place // across * (height + _GAP), place % across * (width + _GAP)
        found[top : top + height, left : left + width] = image
    return found


# Make images with a trained generator, as PNG files and one contact sheet.

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


# The oddest images of a data set, by a trained generator that looks at images.
#
# Odd is what lies far from the training images in the last hidden layer of the generator's encoder: the
# detector that lies beside its weights measures the distance from the nearest class, and knows that of images
# which were held out from training. `docs/generators.md` says what it was chosen against.

_LISTED, _SAID, _BLOCK = MOST_ON_SHEET, 10, 1024


class OddImage(NamedTuple):
    """One image among the oddest.

    Attributes:
        source: a path, or `file:row`.
        label: its class, or its number as text; empty without labels.
        split: `train`, `validation` or `test`, as training would have it.
        novelty: 0 to 1, the share of the images held out from training that look less odd.
        distance: from the training images, in usual distances: that of the median held-out image is 1.
    """

    source: str
    label: str
    split: str
    novelty: float
    distance: float


@dataclasses.dataclass(frozen=True)
class Oddities:
    """The oddest images of a data set.

    Attributes:
        run: the generator, as the user named it.
        model: its name.
        images: how many were looked at.
        held_out: images held out from training that they are laid beside.
        rate: share of images like the training data that lie above the threshold by chance.
        above: images above the threshold.
        beyond: images that look odder than every held-out one.
        oddest: the oddest first, at most a hundred.
        pixels: the same, as the generator sees them.
        warnings: sentences about what the figures hide.
    """

    run: str
    model: str
    images: int
    held_out: int
    rate: float
    above: int
    beyond: int
    oddest: tuple[OddImage, ...]
    pixels: UInt8[np.ndarray, "oddest height width channels"]
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The form of `odd` in the JSON of `inspect`."""
        return {
            "run": self.run,
            "model": self.model,
            "score": "distance in the encoder's last hidden layer",
            "images": self.images,
            "held_out": self.held_out,
            "above_threshold": self.above,
            "expected_above_threshold": self.rate * self.images,
            "beyond_held_out": self.beyond,
            "expected_beyond_held_out": self._by_chance,
            "examples": [each._asdict() for each in self.oddest],
            "warnings": list(self.warnings),
        }

    @property
    def _by_chance(self) -> float:
        """Images beyond all held-out ones that are expected where all are alike."""
        return self.images / (self.held_out + 1)

    def lines(self) -> list[str]:
        """Write what was found, then the oddest images, one line each."""
        images, chance = count_of(self.images, "image"), figure(self._by_chance, 2)
        above, rate = figure(self.rate * self.images, 2), percent(1 - self.rate)
        said = [
            f"Oddest images, by the encoder of {self.model} in {self.run}, beside {self.held_out:,} images "
            f"held out from its training: {self.beyond:,} of {images} look odder than all of those, where "
            f"about {chance} would by chance, and {self.above:,} odder than {rate} of them, where about "
            f"{above} would.",
            *self.warnings,
        ]
        heading = "     distance  odder than  image"
        listed = [
            f"{place:>3}  {figure(each.distance):>8}  {self._rank(each):<10}  {visible(_named(each))}"
            for place, each in enumerate(self.oddest[:_SAID], start=1)
        ]
        meaning = "The distance of the median held-out image is 1."
        return [
            *(line for each in said for line in wrapped(visible(each))),
            "",
            heading,
            *listed,
            "",
            meaning,
        ]

    def _rank(self, image: OddImage) -> str:
        """Share of the images held out that look less odd."""
        is_beyond = image.novelty > self.held_out / (self.held_out + 1)
        return "all" if is_beyond else percent(image.novelty)

    def write_sheet(self, path: Path) -> None:
        """Write the oddest images, row by row, as one PNG file.

        Raises: `StorageError` if it cannot be written.
        """
        write_file(path, png(sheet(self.pixels)))


def inspect_odd(
    place: str,
    run: str | Path,
    settings: Settings,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Check, Oddities]:
    """Check data as `inspect` does, and rank its images by how odd a generator finds them.

    Images of any size are fitted as the generator was trained. Labels may be missing, and are not looked at.

    Args:
        place: DATA of images.
        run: run of a generator with an encoder, or its model folder.
        settings: as for `inspect`.
        progress: told the images decoded and the images in all.

    Returns:
        What the check found, and the oddest images.

    Raises:
        UsageError: the model makes no images, cannot look at any, or keeps no detector.
        ModelFileError: there is no model, or a damaged one.
        DataError: the data is refused, or holds texts.
    """
    model = _looking(run)
    settings = dataclasses.replace(settings, model=model.name)  # which does without labels
    listing = read_data(place, settings)
    if listing.input_kind is TEXTS:
        raise DataError(f"{place}: holds texts, and {run} looks at images; give images")
    dataset, check = prepare(listing, settings, progress=progress)
    positions = np.sort(np.concatenate(list(dataset.split_positions.values())))
    return check, _ranked(run, model, place, listing, dataset, positions)


def _looking(run: str | Path) -> Generator:
    """The generator of a run, with its detector.

    Raises: `UsageError` if it is none, has no encoder or keeps no detector.
    """
    model = load_any(run)
    if not isinstance(model, Generator):
        raise UsageError(
            f"--odd: {run}: its model, {model.name}, is no generator; give a run of train --model vae (how "
            "unlike its own training data an image is, the column novelty of pellucid predict says)"
        )
    if model.columns_seen == 0:
        raise UsageError(
            f"--odd: {run}: its model, {model.name}, makes images and has no encoder to look at any; give a "
            "run of train --model vae"
        )
    if model.detector is None:
        raise UsageError(
            f"--odd: {run}: its model, {model.name}, keeps no detector, since it was saved before there were "
            "any, or fewer than 20 images were held out from training; train it again, on more images"
        )
    return model


def _ranked(
    run: str | Path,
    model: Generator,
    place: str,
    listing: Listing,
    dataset: Dataset,
    positions: Int64[np.ndarray, " n"],
) -> Oddities:
    """Ask the detector about all images, and keep the oddest."""
    detector = model.detector
    assert detector is not None  # `_looking` refused others
    found = _signals(model, detector, listing, dataset, positions)
    novelty = detector.novelty_of(found)
    order = np.argsort(-novelty, kind="stable")[:_LISTED]
    splits = {int(row): name for name, rows in dataset.split_positions.items() for row in rows.tolist()}
    usual = max(float(detector.middle[0]), np.finfo(np.float64).tiny)
    oddest = tuple(
        OddImage(
            dataset.sources[row],
            dataset.label_text(row),
            splits[row],
            float(novelty[at]),
            float(found[at, 0] / usual),
        )
        for at, row in zip(order.tolist(), positions[order].tolist(), strict=True)
    )
    return Oddities(
        run=str(run),
        model=model.name,
        images=len(positions),
        held_out=detector.examples,
        rate=detector.rate,
        above=int((novelty > detector.threshold).sum()),
        beyond=int((novelty > detector.examples / (detector.examples + 1)).sum()),
        oddest=oddest,
        pixels=_pixels(model, listing, dataset, positions[order]),
        warnings=_learnt_before(Path(run), place, len(listing)),
    )


def _signals(
    model: Generator,
    detector: Detector,
    listing: Listing,
    dataset: Dataset,
    positions: Int64[np.ndarray, " n"],
) -> Float64[np.ndarray, "n signals"]:
    """Distances of images, read block by block."""
    found = [np.zeros((0, detector.measure.signals))]
    for start in range(0, len(positions), _BLOCK):
        block = _pixels(model, listing, dataset, positions[start : start + _BLOCK])
        found.append(detector.measure.measure(model.seen(block)))
    return np.concatenate(found)


def _pixels(
    model: Generator, listing: Listing, dataset: Dataset, rows: Int64[np.ndarray, " some"]
) -> UInt8[np.ndarray, "some height width channels"]:
    """Images as the generator takes them: as they were decoded where that fits, else decoded for it."""
    if dataset.preprocessing == model.preprocessing and isinstance(dataset.inputs, np.ndarray):
        return np.asarray(dataset.inputs[rows])
    blocks = [block.inputs for block in incoming_rows(model, listing, rows.tolist()).blocks]
    return np.concatenate([np.zeros((0, *model.shape), np.uint8), *blocks])


def _learnt_before(run: Path, place: str, rows: int) -> tuple[str, ...]:
    """A warning where the generator learned from the very images it is asked about."""
    if not is_data_of(run, place, rows):
        return ()
    return (
        f"{run} was trained on {place} itself: odd images among those it learned from look less odd than "
        "they are.",
    )


def _named(image: OddImage) -> str:
    return f"{image.source} ({image.label})" if image.label else image.source
