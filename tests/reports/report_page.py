"""A page as its elements and text, for tests."""

import dataclasses
from html.parser import HTMLParser
from typing import Any

from pellucid.reports import ReportFacts
from pellucid.reports.by_target import SECTIONS
from pellucid.reports.plots import Plot
from pellucid.reports.report import environment, words_of

VOID = {"meta", "link", "img", "wbr", "input"}
SHAPES = {"line", "rect", "path", "circle", "use", "image"}

# Names that a page shows and does not obey.
HOSTILE = [
    "<script>document.title = 'owned'</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "</title><svg/onload=alert(1)>",
    "--><b>bold</b><!--",
    "{{ 7 * 7 }} {% raw %}",
    "javascript:alert(1)",
    "&lt;b&gt;&#x27;",
    "=cmd|' /C calc'!A0",
    "photo\u202egpj.exe",
    "nul\x00 bell\x07 tab\t line\nend",
    "zero\u200bwidth\ufeff",
    "lone surrogate \ud800",
    "👩\u200d👩\u200d👧 🏴\u200d☠️",
    "مرحبا بالعالم",
    "Z\u0337\u031ba\u0338l\u0335g\u0336o",
    "long" * 100,
]


class Page(HTMLParser):
    """Collects what a browser would build, and refuses unbalanced markup."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SHAPES, f"<{tag}/> is no empty element"
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        joined = "".join(data for tag, data in self.texts if tag != "style")
        return " ".join(joined.split())


def drawn(plot: Plot, css: str, model: str = "") -> list[dict[str, Any]]:
    """Attributes of a plot's marks of a class of the style sheet, perhaps of one model."""
    found = [(str(each.attributes["class"]).split(), dict(each.attributes)) for each in plot.marks]
    return [
        attributes for (first, *rest), attributes in found if first == css and (not model or model in rest)
    ]


def with_metrics(facts: ReportFacts, **changes: Any) -> ReportFacts:
    return dataclasses.replace(facts, metrics={**facts.metrics, **changes})


def part(facts: ReportFacts, key: str, **metrics: Any) -> Page:
    """One section of the report, perhaps with other metrics; empty where it is left out."""
    facts = with_metrics(facts, **metrics)
    section = next((each for each in SECTIONS[facts.target] if each.key == key), None)
    if section is None:
        return Page("")
    content = section.build(facts)
    template = environment().from_string(
        '{% set headline = facts.score(facts.target.headline) %}{% import "macros.html" as m %}'
        '{% if content is not none %}{% include section.key ~ ".html" %}{% endif %}'
    )
    words = words_of(environment(), facts.target)
    return Page(template.render(facts=facts, words=words, section=section, content=content))
