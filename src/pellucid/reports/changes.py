"""The page of two runs on the same data: is the later one better, and what is newly right or wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import UInt8

from pellucid.language.sentence import Sentence
from pellucid.reports.album import Album, bind
from pellucid.reports.error_sections import ShownExample
from pellucid.reports.facts import Answered
from pellucid.reports.formatting import excerpt, read_score
from pellucid.reports.report import environment

# Examples of each kind that the page shows.
MOST_SHOWN = 40
FIRST = 12


@dataclass(frozen=True)
class Change:
    """An example that two runs label differently.

    `shown`: an image with one or three channels, or the text; `source`: path or `file:row`; `label`: its
    label; `answers`: what the earlier and the later run answer; `probabilities`: of these, 0 to 1, `None` of
    numbers.
    """

    shown: UInt8[np.ndarray, "height width channels"] | str
    source: str
    label: str
    answers: tuple[str, str]
    probabilities: tuple[float | None, float | None]


@dataclass(frozen=True)
class ChangesFacts:
    """Everything the page shows.

    `title`: place of the data; `found`: the document of `compare --json`; `groups`: what changed in words,
    with its number and the examples that are shown; `command`: the command that made the page.
    """

    title: str
    noun: str
    found: Mapping[str, Any]
    warnings: Sequence[str]
    groups: Sequence[tuple[str, int, Sequence[Change]]]
    versions: Mapping[str, str]
    command: str


def render_changes(facts: ChangesFacts) -> str:
    """Write the page as HTML, to be encoded as UTF-8; equal facts give equal text.

    It is one self-contained file: no script, no request, every foreign text escaped.
    """
    album, shown = _shown([each for _, _, group in facts.groups for each in group])
    groups, at = [], 0
    for name, number, group in facts.groups:
        groups.append((name, number, shown[at : at + len(group)]))
        at += len(group)
    later = facts.found["runs"][1]
    headline = {
        "better": Sentence("{later} is better beyond chance", later),
        "worse": Sentence("{later} is worse beyond chance", later),
        "chance": "The difference could be chance",
    }[facts.found["comparison"]["finding"]]
    compared = [
        (words, entry, read_score(_difference(entry)))
        for words, entry in (
            ("corrected" if facts.found["uncorrected"] else "of the data", facts.found["comparison"]),
            ("as they are in the data", facts.found["uncorrected"]),
        )
        if entry is not None
    ]
    content = {"headline": headline, "compared": compared, "groups": groups, "album": album, "first": FIRST}
    return environment().get_template("changes.html").render(facts=facts, content=content)


def _difference(entry: Mapping[str, Any]) -> Any:
    comparison: Mapping[str, Any] = entry["comparison"]
    return next(value for key, value in comparison.items() if key.endswith("_difference"))


def _shown(every: Sequence[Change]) -> tuple[Album, list[tuple[ShownExample, Change]]]:
    """Each example with its image in the page's album, or the beginning of its text."""
    album = bind([each.shown for each in every if not isinstance(each.shown, str)])
    places = iter(album.places)
    found = []
    for each in every:
        about = Answered(each.shown, each.source, each.label, each.answers[1], None, None)
        is_text = isinstance(each.shown, str)
        text = excerpt(each.shown) if isinstance(each.shown, str) else None
        found.append((ShownExample(about, None if is_text else next(places), text), each))
    return album, found
