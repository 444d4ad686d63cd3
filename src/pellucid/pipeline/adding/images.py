"""Generated images for classes with few examples: which, how many, and by whom.

The rule: a class with fewer training images than the median class lacks so many to the median; `share` of
what it lacks, rounded, is filled with generated images. With a share of 1 no class stays below the median.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8

from pellucid.bundle import Generator, load_any, model_folder
from pellucid.data import Dataset
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import UsageError
from pellucid.pipeline.adding.seen import require_unseen
from pellucid.pipeline.run.context import RunContext
from pellucid.settings import Settings
from pellucid.tasks import CLASSIFICATION, IMAGES

DEFAULT_SHARE = 0.3
_KEY = "added_generated"
_FLAG = "--add-generated"


@dataclass(frozen=True, eq=False)
class Added:
    """Generated images that a classifier learns from beside real ones.

    Attributes:
        run: whose generator made them, as the user named it.
        model: name of the generator.
        digest: SHA-256 of its description, which holds those of all its files.
        share: of what a class lacks to the median.
        median: training images of the median class.
        counts: how many were made, by class.
        images: fitted as the data is.
        labels: class of each.
    """

    run: str
    model: str
    digest: str
    share: float
    median: int
    counts: dict[str, int]
    images: UInt8[np.ndarray, "added height width channels"]
    labels: Int64[np.ndarray, " added"]

    def to_json(self) -> dict[str, Any]:
        """The form of `added_generated` in `config.json`."""
        return {
            "from": self.run,
            "generator": self.model,
            "sha256": self.digest,
            "share": self.share,
            "median": self.median,
            "images": self.counts,
        }

    @property
    def sentence(self) -> str:
        """Name what is added, for people."""
        classes = some([f"{quoted(name)} ({number:,})" for name, number in self.counts.items()], 5)
        return (
            f"{count_of(len(self.images), 'image')} made by {self.model} of {self.run} "
            f"{'is' if len(self.images) == 1 else 'are'} added to the training images of a second network: "
            f"{100 * self.share:g} % of what classes lack to the median of {self.median:,} images, {classes}"
        )


def require_room(settings: Settings, out: Path) -> None:
    """Refuse what generated images cannot go with, before anything in the run's folder is touched.

    Raises: `UsageError` naming what to leave out.
    """
    if settings.add_generated is None:
        return
    if settings.from_ is not None:
        raise UsageError(f"{_FLAG}: trains a second network afresh, and --from continues one; leave one out")
    if settings.builds_on_backbone:
        raise UsageError(
            f"{_FLAG}: trains a network of its own twice, and --backbone builds on one; leave one of them out"
        )
    if settings.folds:
        raise UsageError(
            f"{_FLAG}: the generator has seen images that folds would judge by; leave --folds out, and the "
            "validation split judges"
        )
    source, target = os.path.realpath(settings.add_generated), os.path.realpath(out)
    if os.path.commonpath([source, target]) == target:
        raise UsageError(f"--out: {out} holds the generator and would be written over; choose another --out")


def images_to_add(place: str, context: RunContext) -> Added | None:
    """Make the images that a second network will learn from; `None` where none were asked for.

    The same run and seed give the same images. `place` is DATA.

    Raises: `UsageError` if the data have no classes of images, the generator does not know them,
    may have learned from images of this run's validation or test split, or no class lacks any;
    `ModelFileError` if there is no generator, or a damaged one.
    """
    settings, dataset = context.settings, context.dataset
    run = settings.add_generated
    if run is None:
        if settings.share is not None:
            raise UsageError("--share: belongs to --add-generated RUN; give it, or leave this out")
        return None
    _require_classes_of_images(dataset)
    model = _generator(run, dataset)
    share = DEFAULT_SHARE if settings.share is None else settings.share
    wanted, median = lacking(dataset.labels[dataset.train], len(dataset.classes), share)
    if not wanted.any():
        raise UsageError(
            f"{_FLAG}: no class lacks images: the median class has {median:,} to train on, and "
            f"{100 * share:g} % of what others lack to that is nothing; leave it out, or raise --share"
        )
    require_unseen(run, place, context)
    added = _made(run, model, dataset, (wanted, median, share), settings.seed)
    _require_same(added, context)
    context.stages.paragraph(added.sentence)
    return added


def lacking(
    labels: Int64[np.ndarray, " train"], classes: int, share: float
) -> tuple[Int64[np.ndarray, " classes"], int]:
    """Number of images to make of each class, and the median number of training images of a class."""
    counts = np.bincount(labels, minlength=classes)
    median = int(np.median(counts))
    return np.floor(share * np.maximum(median - counts, 0) + 0.5).astype(np.int64), median


def _require_classes_of_images(dataset: Dataset) -> None:
    """Refuse data that generated images cannot fill.

    Raises: `UsageError` saying why.
    """
    if dataset.input_kind is not IMAGES:
        raise UsageError(f"{_FLAG}: adds images, and these are {dataset.noun}s; leave it out")
    if dataset.target is not CLASSIFICATION:
        raise UsageError(f"{_FLAG}: fills classes, and these labels are numbers; leave it out")


def _generator(run: str, dataset: Dataset) -> Generator:
    """The generator of a run, which knows the classes of the data.

    Raises: `UsageError` if it makes no images, or none of some class.
    """
    model = load_any(run)
    if not isinstance(model, Generator):
        raise UsageError(
            f"{_FLAG}: {run}: its model, {model.name}, makes no images; give a run of train --model vae"
        )
    unknown = [name for name in dataset.classes if name not in model.classes]
    if unknown:
        knows = some([quoted(name) for name in model.classes], 10) if model.classes else "none"
        raise UsageError(
            f"{_FLAG}: {run} was not trained on the class {quoted(unknown[0])} of this data; it knows "
            f"{knows}; give a generator that was trained on the same classes"
        )
    return model


def _made(
    run: str, model: Generator, dataset: Dataset, rule: tuple[np.ndarray, int, float], seed: int
) -> Added:
    """Make the images, class by class."""
    wanted, median, share = rule
    labels = np.repeat(np.arange(len(wanted)), wanted)
    codes = np.array([model.classes.index(name) for name in dataset.classes], np.int64)
    assert dataset.preprocessing is not None  # the data are images
    return Added(
        run=run,
        model=model.name,
        digest=hashlib.sha256((model_folder(run) / "model.json").read_bytes()).hexdigest(),
        share=share,
        median=median,
        counts={name: int(wanted[code]) for code, name in enumerate(dataset.classes) if wanted[code]},
        images=dataset.preprocessing.arrays(model.sample(codes[labels], seed)),
        labels=labels,
    )


def _require_same(added: Added, context: RunContext) -> None:
    """Enter what is added into the journal, and refuse to resume with another generator.

    Raises: `UsageError` if it differs from that of the run being resumed.
    """
    now = added.to_json()
    if context.journal.decided(_KEY, lambda: now) != now:
        raise UsageError(
            f"--resume: the generator of {added.run} is another than when the run was started; restore it, "
            "or start again with --overwrite"
        )
