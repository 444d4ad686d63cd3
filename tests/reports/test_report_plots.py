"""Where the marks of plots go."""

import pytest

from pellucid.evaluation import Interval
from pellucid.reports.plots import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Series,
    line_plot,
    round_bounds,
    round_steps,
    ruler,
)
from pellucid.reports.report import environment
from reports.report_page import drawn

AXES = ("Accuracy", "by epoch", "share correct", (0, 1), (0.1, "chance"))


def test_corners_of_the_data_are_corners_of_the_plot() -> None:
    plot = line_plot([Series("validation", "main", [1, 11], [0, 1])], *AXES)
    assert plot is not None
    assert drawn(plot, "line")[0]["d"] == f"M{LEFT:g},{BOTTOM:g} L{RIGHT:g},{TOP:g}"
    assert (drawn(plot, "end")[0]["cx"], drawn(plot, "end")[0]["cy"]) == (RIGHT, TOP)
    (reference,) = drawn(plot, "reference")
    assert reference["y1"] == reference["y2"] == pytest.approx(BOTTOM - 0.1 * (BOTTOM - TOP), abs=0.05)
    assert [tick.label for tick in plot.upward.ticks] == ["0", "0.2", "0.4", "0.6", "0.8", "1"]


def test_close_labels_gaps_single_points_zeros_and_nothing() -> None:
    close = line_plot([Series(str(k), "main", [1, 2], [0.5, 0.5 + k / 1000]) for k in range(2)], *AXES)
    assert close is not None
    first, second = (float(each["y"]) for each in drawn(close, "label"))
    assert abs(first - second) >= 14
    plot = line_plot([Series("a", "main", [1, 2, 3], [None, 0.5, None])], *AXES)
    assert plot is not None
    assert drawn(plot, "line")[0]["d"].count("L") == 0
    assert LEFT < drawn(plot, "end")[0]["cx"] < RIGHT
    zeros = line_plot([Series("a", "main", [1, 2], [0, 0])], "t", "d", "y")
    assert zeros is not None
    assert (drawn(zeros, "end")[0]["cx"], drawn(zeros, "end")[0]["cy"]) == (RIGHT, BOTTOM)
    assert line_plot([Series("a", "main", [1, 2], [None, None])], *AXES) is line_plot([], *AXES) is None


@pytest.mark.parametrize(
    ("low", "high", "steps", "bounds"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1], (0, 1)),
        (0, 7, [0, 2, 4, 6], (0, 8)),
        (0.83, 0.91, [0.84, 0.86, 0.88, 0.9], (0.82, 0.92)),
        (22.1, 36.9, [25, 30, 35], (20, 40)),
        (0.931, 0.968, [0.94, 0.95, 0.96], (0.93, 0.97)),
    ],
)
def test_round_steps_and_bounds(
    low: float, high: float, steps: list[float], bounds: tuple[float, float]
) -> None:
    assert round_steps(low, high) == pytest.approx(steps)
    assert round_bounds(low, high) == pytest.approx(bounds)
    assert round_bounds(3, 3)[0] < 3 < round_bounds(3, 3)[1]


def test_a_ruler_places_the_interval_and_stays_on_its_scale() -> None:
    laid = ruler(Interval(0.95, 0.9, 1.2), (0.8, 1.0), (0.1, "chance"))
    assert (laid.low, laid.value, laid.high) == pytest.approx((50, 75, 100))
    assert laid.reference is not None
    assert laid.reference.place == 0


@pytest.mark.parametrize(("place", "anchor"), [(0.4, "start"), (0.5, "end"), (0.571, "end"), (0.9, "end")])
def test_the_label_of_a_reference_stays_inside_a_narrow_page(place, anchor):
    laid = ruler(Interval(0.95, 0.9, 1.0), reference=(place, "largest class alone"))
    page = environment().from_string('{% import "plots.html" as plots %}{{ plots.scale(laid, "0.95") }}')
    assert f'text-anchor="{anchor}">largest class alone</text>' in page.render(laid=laid)
