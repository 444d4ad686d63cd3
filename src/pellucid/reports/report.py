"""The report: sections in the order of the argument, each made from the facts and one template."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from pellucid.reports import numbers
from pellucid.reports.facts import ReportFacts
from pellucid.reports.glossary import GLOSSARY
from pellucid.reports.sections import (
    added,
    continual,
    curve,
    data,
    errors,
    generated,
    models,
    network,
    repeat,
    training,
    verdict,
)
from pellucid.reports.sections.trust import abstention, novelty, reliability, slices
from pellucid.reports.text import shortened, visible

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
    Section("verdict", "Verdict", verdict.build),
    Section("models", "Models compared", models.build),
    Section("added", "Did generated images help?", added.build),
    Section("continual", "Kept and forgotten", continual.build),
    Section("errors", "Mistakes", errors.build),
    Section("slices", "Where is it worst?", slices.build),
    Section("reliability", "Can its probabilities be believed?", reliability.build),
    Section("novelty", "Can it spot unfamiliar inputs?", novelty.build),
    Section("abstention", "Letting it say \u201cI don\u2019t know\u201d", abstention.build),
    Section("curve", "Would more data help?", curve.build),
    Section("training", "How training went", training.build),
    Section("network", "The network", network.build),
    Section("data", "The data", data.build),
    Section("repeat", "How to repeat it", repeat.build),
)

# Sections of a run that made images.
OF_GENERATORS: tuple[Section, ...] = (
    Section("outcome", "Verdict", generated.outcome),
    Section("samples", "What it makes", generated.samples),
    Section("measures", "What its images are worth", generated.measures),
    Section("reconstructions", "What it keeps of an image", generated.reconstructions),
    Section("latent", "How it arranges images", generated.latent),
    Section("bound", "How likely real images are", generated.bound),
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
        count=numbers.count,
        extent=numbers.extent,
        interval=numbers.interval,
        milliseconds=numbers.milliseconds,
        percent=numbers.percent,
        p_value=numbers.p_value,
        probability=numbers.probability,
        rough=numbers.rough,
        scored=numbers.scored,
        seconds=numbers.seconds,
        shortened=shortened,
        significant=numbers.significant,
        size=numbers.size,
        tick=numbers.tick,
    )
    shared.globals.update(glossary=GLOSSARY)
    return shared
