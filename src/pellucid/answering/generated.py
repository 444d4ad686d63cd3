"""Images of a trained generator: new ones, and the oddest of a data set."""

import csv
import dataclasses
import io
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8
from PIL import Image

from pellucid.answering.incoming import incoming_rows
from pellucid.answering.training_examples import is_data_of, split_rule_of_run
from pellucid.arithmetic.rounding import figure, percent
from pellucid.bundle import Generator, load_any
from pellucid.data import Check, Dataset, Listing, prepare, read_data
from pellucid.data.split_rules import SPLIT_RULE
from pellucid.data.wording import count_of, filled, quoted, some, visible, width, wrapped
from pellucid.errors import DataError, StorageError, UsageError
from pellucid.input_kinds import TEXTS
from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence
from pellucid.safety.files import write_file, write_folder
from pellucid.settings import Settings, likely_meant

MOST_IMAGES = 100_000
MOST_ON_SHEET = 100
_GAP = 2  # pixels between two images
_GROUND = 255  # white
_SHEET = "contact-sheet.png"
_LABELS = "labels.csv"
_MOST_COLUMNS = 16
_LISTED = 10  # oddest images in the terminal
_BLOCK = 1024  # images measured at a time


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
    whole = np.full(
        (down * (height + _GAP) - _GAP, across * (width + _GAP) - _GAP, channels), _GROUND, np.uint8
    )
    for place, image in enumerate(images):
        top, left = place // across * (height + _GAP), place % across * (width + _GAP)
        whole[top : top + height, left : left + width] = image
    return whole


class Generated(NamedTuple):
    """Outcome of generating: the model's name, how many images it made, and the path of their sheet."""

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
            "{run}: its model, {name}, makes no images; train one that does with --model vae", run, model.name
        )
    if not 1 <= count <= MOST_IMAGES:
        raise UsageError("--count: {count:,} is outside 1 to {MOST_IMAGES:,}", count, MOST_IMAGES)
    if seed < 0:
        raise UsageError("--seed: {seed} is below 0", seed)
    labels = _labels(model, count, class_name, run)
    is_empty_folder = out.is_dir() and not any(out.iterdir())
    if not is_empty_folder and (out.exists() or out.is_symlink()):
        raise StorageError("{out}: already exists and is not an empty folder; choose another --out", out)
    images = model.sample(labels, seed)
    width = max(5, len(str(count)))
    names = [f"{number:0{width}d}.png" for number in range(1, count + 1)]
    files = {name: png(image) for name, image in zip(names, images, strict=True)}
    if model.classes:
        stream = io.StringIO()
        rows = zip(names, [model.classes[code] for code in labels.tolist()], strict=True)
        csv.writer(stream, lineterminator="\n").writerows([("image", "label"), *rows])
        files[_LABELS] = stream.getvalue().encode()
    columns = len(model.classes) if class_name is None and 1 < len(model.classes) <= _MOST_COLUMNS else None
    files[_SHEET] = png(sheet(images[:MOST_ON_SHEET], columns))
    write_folder(out, files)
    return Generated(model.name, count, out / _SHEET)


def _labels(
    model: Generator, count: int, class_name: str | None, run: str | Path
) -> Int64[np.ndarray, " count"]:
    """Class of each image.

    Raises: `UsageError` if the model does not know the class.
    """
    if class_name is None:
        return model.turns(count)
    if not model.classes:
        raise UsageError(
            "--class: {run} was trained without labels and knows no classes; leave --class out", run
        )
    if class_name not in model.classes:
        known = some([quoted(name) for name in model.classes], 20)
        hint = likely_meant(class_name, model.classes)
        raise UsageError(
            "--class: {class_name} is not known{hint}; choose one of {known}", quoted(class_name), hint, known
        )
    return np.full(count, model.classes.index(class_name), np.int64)


# The oddest images of a data set, by a trained generator with an encoder.
#
# Odd is what lies far from the training images in the last hidden layer of the encoder: the detector that is
# saved with the generator measures the distance from the nearest class, and knows that of images which were
# held out from training. `docs/generators.md` has the measurements it was chosen by.


class OddImage(NamedTuple):
    """One image among the oddest."""

    source: str  # a path, or `file:row`
    label: str  # its class, or its number as text; empty without labels
    split: str  # `train`, `validation` or `test`, as training would have it
    novelty: float  # 0 to 1, the share of the images held out from training that look less odd
    distance: float  # from the training images, where that of the median held-out image is 1


@dataclasses.dataclass(frozen=True)
class Oddities:
    """The oddest images of a data set."""

    run: str  # the generator, as the user named it
    model: str  # its name
    images: int  # how many were ranked
    held_out: int  # images held out from training that they are compared with
    rate: float  # share of images like the training data that lie above the threshold by chance
    above: int  # images above the threshold
    beyond: int  # images that look odder than every held-out one
    oddest: tuple[OddImage, ...]  # the oddest first, at most a hundred
    pixels: UInt8[np.ndarray, "oddest height width channels"]  # the same, as the generator takes them
    warnings: tuple[str, ...] = ()  # sentences about what the figures hide

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
            "expected_beyond_held_out": self.images / (self.held_out + 1),
            "examples": [each._asdict() for each in self.oddest],
            "warnings": list(self.warnings),
        }

    def lines(self) -> list[str]:
        """Write what was found, then the oddest images, one line each."""
        images, chance = count_of(self.images, "image"), figure(self.images / (self.held_out + 1), 2)
        above, rate = figure(self.rate * self.images, 2), percent(1 - self.rate)
        sentences = [
            Sentence(
                "Oddest images, by the encoder of {model} in {run}, beside {held_out:,} images "
                "held out from its training: {beyond:,} of {images} look odder than all of those, where "
                "about {chance} would by chance, and {above:,} odder than {rate} of them, where about "
                "{above2} would.",
                self.model,
                self.run,
                self.held_out,
                self.beyond,
                images,
                chance,
                self.above,
                rate,
                above,
            ),
            *self.warnings,
        ]
        listed, odder = [], translated("odder than")
        for place, each in enumerate(self.oddest[:_LISTED], start=1):
            is_beyond = each.novelty > self.held_out / (self.held_out + 1)
            rank = filled(translated("all") if is_beyond else percent(each.novelty), -width(odder))
            name = visible(f"{each.source} ({each.label})" if each.label else each.source)
            listed.append(f"{place:>3}  {figure(each.distance):>8}  {rank}  {name}")
        return [
            *(line for each in sentences for line in wrapped(visible(each))),
            "",
            f"     {filled(translated('distance'), 8)}  {odder}  {translated('image')}",
            *listed,
            "",
            "The distance of the median held-out image is 1.",
        ]

    def write_sheet(self, path: Path) -> None:
        """Write the oddest images, row by row, as one PNG file.

        Raises: `StorageError` if it cannot be written.
        """
        write_file(path, png(sheet(self.pixels)))


def inspect_odd(
    place: str,
    run: str | Path,
    settings: Settings,
) -> tuple[Check, Oddities]:
    """Check data as `inspect` does, and rank its images by how odd a generator finds them.

    Images of any size are fitted as the generator was trained. Labels may be missing, and are ignored.

    Args:
        place: DATA of images.
        run: run of a generator with an encoder, or its model folder.
        settings: as for `inspect`.

    Returns:
        What the check found, and the oddest images.

    Raises:
        UsageError: the model makes no images, has no encoder, or keeps no detector.
        ModelFileError: there is no model, or a damaged one.
        DataError: the data is refused, or holds texts.
    """
    model = load_any(run)
    reason = ""
    if not isinstance(model, Generator):
        reason = (
            "is no generator; give a run of train --model vae (how unlike its own training data an image is, "
            "the column novelty of pellucid predict says)"
        )
    elif model.columns_seen == 0:
        reason = "makes images and has no encoder to rank any by; give a run of train --model vae"
    elif model.detector is None:
        reason = (
            "keeps no detector, since it was saved before there were any, or fewer than 20 images were held "
            "out from training; train it again, on more images"
        )
    if reason or not isinstance(model, Generator):
        raise UsageError("--odd: {run}: its model, {name}, {reason}", run, model.name, reason)
    settings = dataclasses.replace(settings, model=model.name)  # which does without labels
    listing = read_data(place, settings)
    if listing.input_kind is TEXTS:
        raise DataError("{place}: holds texts, and {run} ranks images; give images", place, run)
    rule = split_rule_of_run(Path(run)) if is_data_of(Path(run), place, len(listing)) else SPLIT_RULE
    dataset, check = prepare(listing, settings, split_rule=rule)
    return check, _ranked(run, model, place, listing, dataset)


def _ranked(run: str | Path, model: Generator, place: str, listing: Listing, dataset: Dataset) -> Oddities:
    """Measure all images by the detector, block by block, and keep the oddest."""
    detector = model.detector
    assert detector is not None  # `inspect_odd` refused others

    def pixels(rows: Int64[np.ndarray, " some"]) -> UInt8[np.ndarray, "some height width channels"]:
        """Images as the generator takes them: as they were decoded where that fits, else decoded for it."""
        if dataset.preprocessing == model.preprocessing and isinstance(dataset.inputs, np.ndarray):
            return np.asarray(dataset.inputs[rows])
        blocks = [block.inputs for block in incoming_rows(model, listing, rows.tolist()).blocks]
        return np.concatenate([np.zeros((0, *model.shape), np.uint8), *blocks])

    positions = np.sort(np.concatenate(list(dataset.split_positions.values())))
    signals = np.concatenate(
        [
            np.zeros((0, detector.measure.signals)),
            *(
                detector.measure.measure(model.seen(pixels(positions[start : start + _BLOCK])))
                for start in range(0, len(positions), _BLOCK)
            ),
        ]
    )
    novelty = detector.novelty_of(signals)
    order = np.argsort(-novelty, kind="stable")[:MOST_ON_SHEET]
    splits = {int(row): name for name, rows in dataset.split_positions.items() for row in rows.tolist()}
    usual = max(float(detector.middle[0]), np.finfo(np.float64).tiny)
    warnings: tuple[str, ...] = ()
    if is_data_of(Path(run), place, len(listing)):
        warnings = (
            Sentence(
                "{run} was trained on {place} itself: odd images among those it learned from look less "
                "odd than they are.",
                Path(run),
                place,
            ),
        )
    return Oddities(
        run=str(run),
        model=model.name,
        images=len(positions),
        held_out=detector.examples,
        rate=detector.rate,
        above=int((novelty > detector.threshold).sum()),
        beyond=int((novelty > detector.examples / (detector.examples + 1)).sum()),
        oddest=tuple(
            OddImage(
                dataset.names[row],
                dataset.label_text(row),
                splits[row],
                float(novelty[at]),
                float(signals[at, 0] / usual),
            )
            for at, row in zip(order.tolist(), positions[order].tolist(), strict=True)
        ),
        pixels=pixels(positions[order]),
        warnings=warnings,
    )
