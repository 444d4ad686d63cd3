"""The report, its sections in the order of the argument, and the pages shown before there is one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from pellucid.data import Check, Dataset
from pellucid.data.raw_texts import Texts
from pellucid.reports import (
    error_sections,
    formatting,
    generated_sections,
    model_sections,
    run_sections,
    training_sections,
    trust_sections,
    verdicts,
)
from pellucid.reports.album import Album, Placed, bind
from pellucid.reports.facts import Answered, ReportFacts
from pellucid.reports.formatting import Excerpt, excerpt, shortened, visible
from pellucid.settings import METRICS

# The words of the report that need one line of explanation.

GLOSSARY: Mapping[str, tuple[str, str]] = {
    **{each.setting: (each.words, each.meaning) for each in METRICS.values() if each.target != "image"},
    "interval": (
        "95 % interval",
        "If the test were repeated with new examples of the same kind, intervals made this way would "
        "hold the true value 95 times in 100.",
    ),
    "f1": ("F1", "Harmonic mean of precision and recall; high only when both are."),
    "recall": ("recall", "Of the examples that are of this class, the share that was given its name."),
    "precision": ("precision", "Of the examples given this name, the share that is of this class."),
    "p-value": (
        "p value",
        "How often a difference at least this large would be seen if the two were equally good.",
    ),
    "temperature": (
        "temperature",
        "One number that makes all probabilities milder (above 1) or bolder (below 1) without changing "
        "an answer.",
    ),
    "cross-validation": (
        "cross-validation",
        "Training and scoring again on other splits of the same data, each example being scored once.",
    ),
    "learning-rate": ("learning rate", "Length of the step that training takes down the slope of the loss."),
    "loss": ("loss", "What training makes small: the cost of the probabilities given to wrong classes."),
    "epoch": ("epoch", "One pass over all training examples."),
    "validation": (
        "validation",
        "Examples kept out of the weights' training, used to choose among models and epochs.",
    ),
    "parameters": ("parameters", "Numbers in the model that training, or a rule from the data, sets."),
    "multiply-adds": ("multiply-adds", "Multiplications, each with its addition, for one example."),
    "receptive-field": (
        "receptive field",
        "Height and width in pixels, or number of tokens of a text, that one unit of this layer can see.",
    ),
    "leaked": (
        "leaked",
        "Test examples whose exact content also stands in the training or validation split.",
    ),
    "siblings": (
        "siblings",
        "Examples that belong together though they are no exact copies: near copies, shots of one scene, "
        "quotations of one another, and what is of one thread or one source.",
    ),
    "near-duplicates": (
        "near duplicates",
        "Different examples whose content is almost the same, confirmed pixel by pixel or word by word.",
    ),
}


__all__ = ["SECTIONS", "Section", "render"]


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        key: anchor, and name of the template `page/KEY.html`.
        title: heading, and entry in the page's navigation.
        build: takes the facts and returns what the template needs; `None` leaves the section out.
    """

    key: str
    title: str
    build: Callable[[ReportFacts], Mapping[str, Any] | None]


SECTIONS: tuple[Section, ...] = (
    Section("verdict", "Verdict", verdicts.verdict_section),
    Section("models", "Models compared", model_sections.model_table),
    Section("continual", "Kept and forgotten", model_sections.forgetting),
    Section("errors", "Mistakes", error_sections.mistakes),
    Section("slices", "Where is it worst?", trust_sections.slices_section),
    Section("reliability", "Can its probabilities be believed?", trust_sections.reliability_section),
    Section("novelty", "Can it spot unfamiliar inputs?", trust_sections.novelty_section),
    Section("abstention", "Letting it say \u201cI don\u2019t know\u201d", trust_sections.abstention_section),
    Section("curve", "Would more data help?", trust_sections.curve_section),
    Section("training", "How training went", training_sections.training_section),
    Section("network", "The network", run_sections.network_section),
    Section("data", "The data", run_sections.data_section),
    Section("repeat", "How to repeat it", run_sections.repetition),
)

# Sections of a run that made images.
OF_GENERATORS: tuple[Section, ...] = (
    Section("outcome", "Verdict", generated_sections.outcome),
    Section("samples", "What it makes", generated_sections.samples),
    Section("measures", "What its images are worth", generated_sections.measures),
    Section("reconstructions", "What it keeps of an image", generated_sections.reconstructions),
    Section("latent", "How it arranges images", generated_sections.latent),
    Section("bound", "How likely real images are", generated_sections.bound),
    *(each for each in SECTIONS if each.key in ("training", "network", "data", "repeat")),
)


def render(facts: ReportFacts) -> str:
    """Write the report.

    The page is one self-contained file: no script, no request, every foreign text escaped and its invisible
    characters shown. Equal facts give equal text.

    HTML, to be encoded as UTF-8.
    """
    sections = SECTIONS if facts.generated is None else OF_GENERATORS
    built = [(section, section.build(facts)) for section in sections]
    shown = [(section, content) for section, content in built if content is not None]
    return environment().get_template("report.html").render(facts=facts, sections=shown)


@cache
def environment() -> Environment:
    """Template environment of all pages in `page/`: escaping, the formats of numbers, and the glossary."""
    shared = Environment(
        loader=PackageLoader("pellucid.reports", "page"),
        autoescape=True,
        finalize=visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    shared.filters.update(
        count=formatting.count,
        extent=formatting.extent,
        interval=formatting.interval,
        milliseconds=formatting.milliseconds,
        percent=formatting.percent,
        p_value=formatting.p_value,
        probability=formatting.probability,
        rough=formatting.rough,
        scored=formatting.scored,
        seconds=formatting.seconds,
        shortened=shortened,
        significant=formatting.significant,
        size=formatting.size,
        tick=formatting.tick,
    )
    shared.globals.update(glossary=GLOSSARY)
    return shared


# Pages before there is a report: the data as a dry run sees it, and first mistakes while a run goes on.

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


class ShownExample(NamedTuple):
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
    first: Sequence[ShownExample]
    others: Sequence[ShownExample]


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
        ShownExample(each, None, excerpt(each.shown))
        if isinstance(each.shown, str)
        else ShownExample(each, next(places), None)
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
    shown = {position: _shown_example(dataset, position, places) for position in every}
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


def _shown_example(dataset: Dataset, position: int, places: dict[int, Placed]) -> ShownExample:
    about = About(dataset.sources[position], dataset.label_text(position))
    text = excerpt(dataset.inputs[position]) if isinstance(dataset.inputs, Texts) else None
    return ShownExample(about, places.get(position), text)
