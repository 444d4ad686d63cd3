"""Pages before there is a report: the data as a dry run sees it, and first mistakes while a run goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pellucid.data import Check, Dataset
from pellucid.data.texts.store import Texts
from pellucid.reports.facts import Answered
from pellucid.reports.images import Album, Placed, bind
from pellucid.reports.report import environment
from pellucid.reports.text import Excerpt, excerpt

# Examples of each split, in the order of the data; after them the first of each class not among them.
SHOWN = 10


class About(NamedTuple):
    """Facts about an example.

    Attributes:
        source: where it stands.
        label: name of its class, or its number.
    """

    source: str
    label: str


class Shown(NamedTuple):
    """An example on the page.

    Attributes:
        about: its place and label, and what a model predicted.
        image: where its image is drawn; `None` of a text.
        text: its beginning; `None` of an image.
    """

    about: About | Answered
    image: Placed | None
    text: Excerpt | None


@dataclass(frozen=True)
class Part:
    """A split on the page.

    Attributes:
        name: of the split.
        count: its examples.
        first: the first of them.
        others: the first of each further class, at most as many.
    """

    name: str
    count: int
    first: Sequence[Shown]
    others: Sequence[Shown]


@dataclass(frozen=True)
class FirstMistakes:
    """Mistakes of the best model so far, on validation.

    Attributes:
        place: of the data.
        noun: of one example, such as `image`.
        model: its name.
        asked: validation examples.
        wrong: those that it classified wrongly.
        worst: of these the surest, which are shown.
    """

    place: str
    noun: str
    model: str
    asked: int
    wrong: int
    worst: Sequence[Answered]


def render_first_mistakes(found: FirstMistakes) -> str:
    """Write the page as `render_preview` does."""
    album = bind([each.shown for each in found.worst if not isinstance(each.shown, str)])
    places = iter(album.places)
    shown = [
        Shown(each, None, excerpt(each.shown))
        if isinstance(each.shown, str)
        else Shown(each, next(places), None)
        for each in found.worst
    ]
    content = {
        "place": found.place,
        "noun": found.noun,
        "model": found.model,
        "asked": found.asked,
        "wrong": found.wrong,
        "shown": shown,
        "images": album,
    }
    return environment().get_template("first_mistakes.html").render(content=content)


def render_preview(dataset: Dataset, check: Check) -> str:
    """Write the page: one self-contained file, no script, every foreign text escaped.

    HTML, to be encoded as UTF-8.
    """
    chosen = {name: _chosen(dataset, positions) for name, positions in dataset.split_positions.items()}
    every = [position for first, others in chosen.values() for position in (*first, *others)]
    album, places = _album(dataset, every)
    shown = {position: _shown(dataset, position, places) for position in every}
    parts = [
        Part(
            name,
            len(dataset.split_positions[name]),
            [shown[position] for position in first],
            [shown[position] for position in others],
        )
        for name, (first, others) in chosen.items()
    ]
    content = {
        "parts": [part for part in parts if part.count],
        "images": album,
        "sentences": check.sentences(),
        "fitted": None if dataset.preprocessing is None else dataset.preprocessing,
        "noun": dataset.noun,
        "place": check.place,
    }
    return environment().get_template("preview.html").render(content=content)


def _chosen(dataset: Dataset, positions: np.ndarray) -> tuple[list[int], list[int]]:
    """The first examples of a split, and the first of each class that is not among them."""
    first = positions[:SHOWN].tolist()
    if not dataset.classes:
        return first, []
    labels = dataset.labels[positions]
    codes, at = np.unique(labels, return_index=True)
    seen = set(labels[:SHOWN].tolist())
    others = [int(positions[place]) for code, place in zip(codes, at, strict=True) if int(code) not in seen]
    return first, others[:SHOWN]


def _album(dataset: Dataset, every: Sequence[int]) -> tuple[Album, dict[int, Placed]]:
    """Images of all examples that are shown."""
    if isinstance(dataset.inputs, Texts):
        return bind([]), {}
    album = bind([np.asarray(dataset.inputs[position]) for position in every])
    return album, dict(zip(every, album.places, strict=True))


def _shown(dataset: Dataset, position: int, places: dict[int, Placed]) -> Shown:
    about = About(dataset.sources[position], dataset.label_text(position))
    text = excerpt(dataset.inputs[position]) if isinstance(dataset.inputs, Texts) else None
    return Shown(about, places.get(position), text)
