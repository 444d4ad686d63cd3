"""The pool: every example that may be labelled, what is shown of it, and its key in the table."""

import dataclasses
import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64

from pellucid.data.images.decoding import read_content, shown_image
from pellucid.data.raw_texts import Texts
from pellucid.data.sources.blocks import text_of
from pellucid.data.sources.places import Form, form_of, open_places
from pellucid.data.sources.source import Row
from pellucid.data.tables import columns
from pellucid.data.tables.table_files import open_table
from pellucid.data.wording import count_of
from pellucid.errors import DataError
from pellucid.input_kinds import IMAGES, TEXTS, InputKind
from pellucid.labelling.features import Progress, features_apart
from pellucid.labelling.selection import audit_sample, random_order
from pellucid.language.sentence import Sentence
from pellucid.safety.isolation import current
from pellucid.settings import Settings

# Examples that are compared with one another, drawn at random; of the others only random ones are asked.
# Features of so many images take a backbone some two minutes on two cores, and those of texts seconds.
_MOST_IMAGES = 5_000
_MOST_TEXTS = 20_000
# Longest side of an image as it is shown, and characters of a text.
_SHOWN_SIDE = 1_024  # pixels
_SHOWN_CHARACTERS = 20_000  # of a text


class Compared(NamedTuple):
    """Examples that have features; what selects among them and what is trained goes by their places here."""

    positions: Int64[np.ndarray, " compared"]  # in the pool, ascending
    features: Float32[np.ndarray, "compared features"]
    first: Int64[
        np.ndarray, " pool"
    ]  # for each example of the pool the first it is a near copy of, or itself
    unreadable: frozenset[int]  # positions in the pool


@dataclasses.dataclass(frozen=True, eq=False)
class Pool:
    """Examples by position; keys are what the table of labels knows them by."""

    place: str  # FOLDER or TABLE as it was given
    kind: InputKind
    keys: Sequence[str]  # paths as the table has them, or names of files and rows of texts
    sources: Sequence[Path]  # of images; nothing of texts
    texts: Texts  # nothing of images
    warnings: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def places(self) -> dict[str, int]:
        """Position of each key."""
        return {key: at for at, key in enumerate(self.keys)}

    def text(self, position: int) -> str:
        """A text as it is shown: a very long one without its end."""
        text = self.texts[position]
        if len(text) <= _SHOWN_CHARACTERS:
            return text
        left_out = len(text) - _SHOWN_CHARACTERS
        return Sentence(
            "{text}\n\n[... {left_out}]", text[:_SHOWN_CHARACTERS], count_of(left_out, "more character")
        )

    def image(self, position: int) -> tuple[bytes, str]:
        """An image as it is shown, decoded and saved anew, with its media type.

        Raises: `DataError` with the reason why it cannot be read.
        """
        return shown_image(read_content(self.sources[position]), _SHOWN_SIDE)

    def compare(self, seed: int, progress: Progress | None = None) -> Compared:
        """Compute the features of examples drawn at random, all of them where there are not too many.

        Raises: `DataError` if no image can be read.
        """
        most = _MOST_TEXTS if self.kind is TEXTS else _MOST_IMAGES
        positions = np.union1d(audit_sample(len(self), seed), random_order(len(self), seed)[:most])
        first = np.arange(len(self), dtype=np.int64)
        if self.kind is TEXTS:
            texts = self.texts if len(positions) == len(self) else Texts.of(self.texts[positions])
            found = features_apart(texts)
        else:
            is_isolated = current() is not None
            sources = [self.sources[at] for at in positions.tolist()]
            found = features_apart(sources, progress, is_isolated=is_isolated)
        first[positions] = positions[found.first]
        readable = found.is_readable
        return Compared(
            positions[readable], found.rows[readable], first, frozenset(positions[~readable].tolist())
        )


def read_pool(place: str, out: Path, settings: Settings) -> Pool:
    """List the images or texts of a folder or table; none is decoded.

    Raises: `DataError` if there is neither, fewer than two examples, or images that the table of labels could
    not name.
    """
    kind = _kind_of(place, settings)
    opened = open_places([place], settings, kind)
    if kind is TEXTS:
        names, texts, wrong = _texts(opened, settings.encoding)
        # The same however the place is spelt: `reviews.csv:7`, or the path within a folder.
        before = place if os.path.isdir(place) else os.path.dirname(place)
        keys: Sequence[str] = [name.removeprefix(before).lstrip(os.sep) for name in names]
        sources: Sequence[Path] = ()
    else:
        keys, sources, wrong = _images(opened, out.parent)
        texts = []
    warnings = list(opened.warnings)
    if wrong:
        warnings.append(
            Sentence(
                "{place}: {wrong} left out, such as {wrong2}",
                place,
                count_of(len(wrong), kind.noun),
                wrong[0],
            )
        )
    if len(keys) < 2:
        raise DataError(
            "{place}: {keys} to label; give a folder or table of more", place, count_of(len(keys), kind.noun)
        )
    return Pool(place, kind, keys, sources, Texts.of(texts), tuple(warnings))


def _kind_of(place: str, settings: Settings) -> InputKind:
    """Images or texts, by the settings or by what is there: where both are, images."""
    if settings.task != "auto":
        return TEXTS if settings.task == "text" else IMAGES
    if form_of(place) is Form.TABLE and os.path.isfile(place):
        table = open_table(Path(place), place, settings)
        if table.images:
            return IMAGES
        chosen = columns.choose_input(table, Path(place).parent, settings)
        return IMAGES if chosen.holds == columns.IMAGES else TEXTS
    try:
        open_places([place], settings, IMAGES)
    except DataError as no_images:
        try:
            open_places([place], settings, TEXTS)
        except DataError:
            raise no_images from None
        return TEXTS
    return IMAGES


def _texts(inputs: Iterable[Row], encoding: str | None) -> tuple[list[str], list[str], list[str]]:
    """Names and texts of those that can be read, and what is wrong with others."""
    keys: list[str] = []
    texts: list[str] = []
    wrong: list[str] = []
    for each in inputs:
        text, reason = text_of(each, encoding)
        if reason:
            wrong.append(Sentence("{name}: {reason}", each.name, reason))
        else:
            keys.append(each.name)
            texts.append(text)
    return keys, texts, wrong


def _images(inputs: Iterable[Row], folder: Path) -> tuple[list[str], list[Path], list[str]]:
    """Keys and paths of images that are files; a table of labels can name no others."""
    real = os.path.join(os.path.realpath(folder), "")
    keys: list[str] = []
    sources: list[Path] = []
    wrong: list[str] = []
    for each in inputs:
        if not isinstance(each.content, Path) and not each.error:
            raise DataError(
                "{name}: images in archives, arrays and cells of tables have no path that a table of "
                "labels could name; unpack them into a folder first",
                each.name,
            )
        if each.error or not isinstance(each.content, Path):
            wrong.append(Sentence("{name}: {error}", each.name, each.error))
            continue
        absolute = os.path.realpath(each.content)
        is_below = absolute.startswith(real)
        keys.append(absolute.removeprefix(real) if is_below else absolute)
        sources.append(each.content)
    return keys, sources, wrong
