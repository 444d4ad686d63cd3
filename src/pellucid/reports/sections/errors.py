"""Mistakes of the recommended model: opened cells, worst, uncertain, and likely label errors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.reports.facts import Answered, LabelIssue, ReportFacts
from pellucid.reports.images import Album, Placed, bind
from pellucid.reports.numbers import finite
from pellucid.reports.plots import confusion
from pellucid.reports.plots.residuals import residuals
from pellucid.reports.text import Excerpt, excerpt

WORST_SHOWN, WORST_TEXTS_SHOWN = 12, 6


@dataclass(frozen=True)
class Shown:
    """An example with its image or text.

    Attributes:
        about: what is known of it.
        image: where it stands in the page's album; `None` for a text.
        text: the part of a text that is shown; `None` for an image.
    """

    about: Answered | LabelIssue
    image: Placed | None = None
    text: Excerpt | None = None

    @property
    def off(self) -> float | None:
        """Answer minus truth, for numbers; `None` where either is no number."""
        if not isinstance(self.about, Answered):
            return None
        try:
            return finite(float(self.about.predicted) - float(self.about.label))
        except ValueError:
            return None


@dataclass(frozen=True)
class Opened:
    """A cell of the confusion matrix with its examples.

    Attributes:
        pair: the cell.
        shown: its examples, the surest answers first.
    """

    pair: confusion.Pair
    shown: Sequence[Shown]


def build(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show where the answers are wrong, with images or texts.

    Content of `page/errors.html`; `None` where nothing was tested and no labels were judged.
    """
    if facts.numbers is not None:
        return _numbers(facts)
    if not facts.tested and facts.label_issues is None:
        return None
    pairs = confusion.opened(facts)
    label_issues = () if facts.label_issues is None else facts.label_issues.shown
    album, (worst, uncertain, mislabelled, *cells) = _shown(
        facts.mistakes, facts.uncertain, label_issues, *(pair.examples for pair in pairs)
    )
    wrong = facts.confusion - np.diag(np.diag(facts.confusion))
    return {
        "is_regression": False,
        "matrix": confusion.matrix(facts),
        "steps": (*confusion.STEPS, 1.0),
        "pairs": confusion.most_confused(facts),
        "pair_count": int(np.count_nonzero(wrong)),
        "wrong": int(wrong.sum()),
        "tested": facts.tested,
        "per_class": confusion.per_class(facts) if facts.tested else (),
        "opened": [Opened(pair, shown) for pair, shown in zip(pairs, cells, strict=True)],
        "worst": worst,
        "uncertain": uncertain,
        "label_issues": facts.label_issues,
        "mislabelled": mislabelled,
        "first": WORST_TEXTS_SHOWN if facts.noun == "text" else WORST_SHOWN,
        "album": album,
    }


def _numbers(facts: ReportFacts) -> Mapping[str, Any] | None:
    if facts.numbers is None or len(facts.numbers) == 0:
        return None
    album, (worst,) = _shown(facts.mistakes)
    return {
        "is_regression": True,
        "residuals": residuals(facts.numbers, facts.noun),
        "tested": len(facts.numbers),
        "worst": worst,
        "first": WORST_TEXTS_SHOWN if facts.noun == "text" else WORST_SHOWN,
        "album": album,
    }


def _shown(*groups: Sequence[Answered] | Sequence[LabelIssue]) -> tuple[Album, list[list[Shown]]]:
    """Bind the images of all groups into one album, and cut texts to what the page can show.

    The album, and the groups with the places of their images or the parts of their texts.
    """
    album = bind([each.shown for group in groups for each in group if not isinstance(each.shown, str)])
    places = iter(album.places)

    def shown(each: Answered | LabelIssue) -> Shown:
        if isinstance(each.shown, str):
            return Shown(each, text=excerpt(each.shown))
        return Shown(each, image=next(places))

    return album, [[shown(each) for each in group] for group in groups]
