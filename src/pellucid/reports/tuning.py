"""The page of a study of settings: its verdict, the settings that mattered, and every trial."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.evaluation import Interval
from pellucid.language.sentence import Sentence
from pellucid.reports.facts import noun_of
from pellucid.reports.formatting import read_score, setting, significant
from pellucid.reports.plots import (
    BOTTOM,
    CURVE_BOTTOM,
    CURVE_TOP,
    LEFT,
    SIDE,
    TOP,
    Axis,
    Mark,
    Plot,
    mark,
    round_bounds,
    round_steps,
    spaced,
)
from pellucid.reports.report import environment
from pellucid.settings import METRICS, ROWS, Metric

# Settings of which a plot is shown: those that mattered most.
_PLOTTED = 4
# Of the distance from the best to the middle trial, what the scale shows beyond the middle: a few trials are
# far worse than all others, and would leave no room for these.
_BEYOND = 2.0
_RIGHT = LEFT + SIDE + 30
_COLOUR = 6  # of tuned settings, a number in the style sheet
_DEFAULT_COLOUR = 5  # of the defaults


@dataclass(frozen=True)
class TuningFacts:
    """Everything the page shows.

    `title`: what was learnt from, such as the place of the data; `metrics`: the content of `metrics.json`;
    `settings`: every fixed setting; `versions`: program and library names to versions; `command`: the command
    that made the study; `following`: the command that trains with the settings to take.
    """

    title: str
    metrics: Mapping[str, Any]
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    command: str
    following: str

    @property
    def noun(self) -> str:
        """Noun of one example, such as `image`."""
        return noun_of(self.metrics)

    @property
    def found(self) -> Mapping[str, Any]:
        """The study in `metrics.json`."""
        found: Mapping[str, Any] = self.metrics["tune"]
        return found

    @property
    def measured(self) -> Metric:
        """The score that decides."""
        return METRICS[self.found["metric"]]

    @property
    def complete(self) -> list[Mapping[str, Any]]:
        """The trials that have a score, in their order."""
        return [each for each in self.found["trials"] if each["score"] is not None]

    @property
    def difference(self) -> Interval | None:
        """Difference of the two settings on the test; `None` where the default is the best."""
        return read_score(self.found["judged"].get(f"{self.measured.key}_difference"))


def render_tuning(facts: TuningFacts) -> str:
    """Write the page as HTML, to be encoded as UTF-8; equal facts give equal text.

    Like the report, it is one self-contained file: no script, no request, every foreign text escaped.
    """
    found, names = facts.found, [each["name"] for each in facts.found["space"]]
    rows = {row.name: row for row in ROWS}
    default, tuned = found["settings"]["default"], found["settings"].get("tuned")
    headline, _, lead = str(found["verdict"]).partition(": ")
    content = {
        "headline": headline,
        "lead": lead[0].upper() + lead[1:],
        "names": [(name, rows[name].key.replace("_", " "), rows[name].meaning) for name in names],
        "rows": _rows(facts, names),
        "changes": [
            (rows[name].key.replace("_", " "), _shown(default[name]), _shown((tuned or default)[name]))
            for name in names
        ],
        "trials": trial_plot(facts),
        "plots": [plot for name in _most_important(facts) if (plot := setting_plot(facts, name)) is not None],
        "settings": [
            (name, setting(value), rows[name].meaning if name in rows else "")
            for name, value in facts.settings.items()
            if name not in names
        ],
    }
    return environment().get_template("tuning.html").render(facts=facts, content=content)


def _rows(facts: TuningFacts, names: Sequence[str]) -> list[Mapping[str, Any]]:
    """Trials with their values as shown, best first; those without a score come last."""
    better = facts.measured.better
    found = sorted(
        facts.found["trials"],
        key=lambda each: (each["score"] is None, -better(each["score"] or 0.0), -each["tenths"]),
    )
    return [{**each, "shown": [_shown(each["values"][name]) for name in names]} for each in found]


def _shown(value: Any) -> str:
    """A setting's value; numbers without the zeros that say nothing."""
    return f"{value:g}" if isinstance(value, float) else setting(value)


def _most_important(facts: TuningFacts) -> list[str]:
    """Settings of which plots are shown."""
    names = [*facts.found["importance"], *(each["name"] for each in facts.found["space"])]
    return list(dict.fromkeys(names))[:_PLOTTED]


def _scale(facts: TuningFacts) -> tuple[float, float, bool]:
    """The vertical scale of scores, lowest first, and whether trials lie beyond it."""
    better = facts.measured.better
    merits = sorted((better(each["score"]) for each in facts.complete), reverse=True)
    middle = merits[len(merits) // 2]
    own = better(facts.found["trials"][0]["score"])  # the default, which is never stopped
    worst = max(min(merits), min(own, middle - _BEYOND * max(merits[0] - middle, 1e-9)))
    low, high = sorted((better(merits[0]), better(worst)))
    room = 0.06 * (high - low) or 0.05 * abs(high) or 0.5
    low, high = round_bounds(
        low - room if facts.measured.lowest is None else max(low - room, facts.measured.lowest), high + room
    )
    return low, high, min(merits) < worst


def trial_plot(facts: TuningFacts) -> Plot:
    """Lay out the score of each trial in their order, and the best so far."""
    found, better, words = facts.found, facts.measured.better, facts.measured.words
    low, high, is_cut = _scale(facts)
    last = max(2, max(each["slot"] for each in found["trials"]) + 1)
    at = [(value, f"{value:g}") for value in round_steps(1, last) if float(value).is_integer() and value >= 1]
    across = Axis(1.0, float(last), 1.0, 99.0, at, decimals=2)
    upward = Axis(low, high, CURVE_BOTTOM, CURVE_TOP)
    default = upward.place(found["trials"][0]["score"])
    marks = [mark("line", "reference", x1="0%", x2="100%", y1=default, y2=default)]
    best: float | None = None
    ahead: list[tuple[float, float]] = []
    for each in facts.complete:
        if best is None or better(each["score"]) > better(best):
            best = each["score"]
            ahead.append((each["slot"] + 1.0, best))
    ends = [*ahead[1:], (float(last), ahead[-1][1])]
    for (x, score), (following, after) in zip(ahead, ends, strict=True):
        y, end = upward.place(score), f"{across.place(following):g}%"
        marks.append(mark("line", f"join model-{_COLOUR}", x1=f"{across.place(x):g}%", x2=end, y1=y, y2=y))
        marks.append(mark("line", f"join model-{_COLOUR}", x1=end, x2=end, y1=y, y2=upward.place(after)))
    marks += [
        mark(
            "circle",
            f"dot model-{_COLOUR if each['slot'] else _DEFAULT_COLOUR}",
            cx=f"{across.place(each['slot'] + 1.0):g}%",
            cy=upward.place(each["score"]),
            r=4,
        )
        for each in facts.complete
    ]
    names = {"default recipe": ("quiet direct", default)}
    if len(ahead) > 1:
        names["best so far"] = ("direct", upward.place(ahead[-1][1]))
    heights = spaced([height for _, height in names.values()])
    for (text, (css, _)), height in zip(names.items(), heights, strict=True):
        marks.append(mark("text", css, text, x="100%", dx=8, y=height + 4))
    note = Sentence("{words} on validation", words)
    label = Sentence(
        "{complete} trials: {words} of each on validation, the best {ahead}",
        len(facts.complete),
        words,
        significant(ahead[-1][1]),
    )
    title = "Every trial" if not is_cut else "Every trial; the worst lie on the edge"
    return Plot(title, note, label, "trial", across, upward, marks)


def setting_plot(facts: TuningFacts, name: str) -> Plot | None:
    """Lay out the scores of the trials over the values of one setting; `None` of one value."""
    dimension = next(each for each in facts.found["space"] if each["name"] == name)
    across = _values_axis(dimension)
    if across is None:
        return None
    low, high, _ = _scale(facts)
    upward = Axis(low, high, BOTTOM, TOP)
    places = [(_place(dimension, across, each["values"][name]), each) for each in facts.complete]
    marks: list[Mark] = []
    start = _place(dimension, across, dimension["default"])
    marks.append(mark("line", "reference", x1=start, x2=start, y1=TOP, y2=BOTTOM))
    for x, each in places:
        colour = _COLOUR if each["slot"] else _DEFAULT_COLOUR
        marks.append(mark("circle", f"dot model-{colour}", cx=x, cy=upward.place(each["score"]), r=4))
    key = next(row.key for row in ROWS if row.name == name).replace("_", " ")
    share = facts.found["importance"].get(name)
    mattered = "" if share is None else Sentence("{share:.0f} % of the differences", 100 * share)
    label = Sentence("{words} of {places} trials by {key}", facts.measured.words, len(places), key)
    return Plot(key.capitalize(), mattered, label, key, across, upward, marks, (300, 200))


def _values_axis(dimension: Mapping[str, Any]) -> Axis | None:
    """Axis of a setting's values: a straight or logarithmic scale, or one place for each."""
    if dimension["values"]:
        values = _ordered(dimension)
        if len(values) < 2:
            return None
        at = [(float(place), _shown(value)) for place, value in enumerate(values)]
        return Axis(-0.5, len(values) - 0.5, LEFT, _RIGHT, at)
    low, high, default = dimension["low"], dimension["high"], dimension["default"]
    if not low < high:
        return None
    if not dimension["is_log"]:
        return Axis(low, high, LEFT, _RIGHT)
    ends = {low: -1.0, default: 0.0, high: 1.0}
    return Axis(-1.0, 1.0, LEFT, _RIGHT, [(place, significant(value, 2)) for value, place in ends.items()])


def _ordered(dimension: Mapping[str, Any]) -> Sequence[Any]:
    """Values of a setting, numbers ascending."""
    values = list(dimension["values"])
    are_numbers = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in values)
    return sorted(values) if are_numbers else values


def _place(dimension: Mapping[str, Any], across: Axis, value: Any) -> float:
    """Where a value lies on the axis of its setting."""
    if dimension["values"]:
        return across.place(float(_ordered(dimension).index(value)))
    if not dimension["is_log"]:
        return across.place(value)
    return across.place(
        math.log(value / dimension["default"]) / math.log(dimension["high"] / dimension["default"])
    )
