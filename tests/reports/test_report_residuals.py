"""Answers in numbers: what is said of their errors, and where the marks of the plots go."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.reports import ReportFacts, render
from pellucid.reports.error_sections import residuals
from pellucid.reports.plots import SCATTER_BOTTOM as BOTTOM
from pellucid.reports.plots import SCATTER_LEFT as LEFT
from pellucid.reports.plots import SCATTER_RIGHT as RIGHT
from pellucid.reports.plots import SCATTER_TOP as TOP
from pellucid.reports.plots import Plot
from reports.report_page import drawn, part


def measured(rows: np.ndarray) -> Mapping[str, Any]:
    found = residuals(rows, "image")
    assert found is not None
    return found


def marks(plot: Plot) -> list[tuple[float, float]]:
    return [
        (float(x), float(y))
        for path in drawn(plot, "marks")
        for x, y in re.findall(r"M([-\d.]+) ([-\d.]+)h0", path["d"])
    ]


def test_figures_by_hand_of_four_of_one_and_of_none() -> None:
    found = measured(np.array([[0.0, 1.0], [10.0, 8.0], [20.0, 23.0], [30.0, 30.0]]))
    assert (found["examples"], found["left_out"], found["worst"]) == (4, 0, 3.0)
    assert found["half_within"] == 1.5
    assert found["mean"].value == 0.5
    spread = 1.96 * np.std([1, -2, 3, 0], ddof=1) / 2
    assert (found["mean"].low, found["mean"].high) == pytest.approx((0.5 - spread, 0.5 + spread))
    assert not found["has_bias"]
    assert not found["is_thinned"]
    true = np.linspace(0, 1, 50)
    assert measured(np.stack([true, true + 0.1 + 0.01 * np.sin(90 * true)], axis=1))["has_bias"]
    assert measured(np.array([[2.0, 2.0]]))["worst"] == 0
    assert residuals(np.zeros((0, 2)), "image") is None
    found = measured(np.array([[1.0, np.nan], [np.inf, 1.0], [1.0, 2.0]]))
    assert (found["examples"], found["left_out"]) == (1, 2)
    assert residuals(np.full((3, 2), np.nan), "image") is None


def test_marks_lie_by_the_line_and_deepen_with_their_number() -> None:
    plot = measured(np.array([[0.0, 0.0], [5.0, 9.0], [10.0, 10.0]]))["plots"][0]
    low_x, low_y, high_x, high_y = (drawn(plot, "truth")[0][key] for key in ("x1", "y1", "x2", "y2"))
    assert (low_x, low_y, high_x, high_y) == (LEFT, BOTTOM, RIGHT, TOP)
    height = {x: low_y + (high_y - low_y) * (x - low_x) / (high_x - low_x) for x, _ in marks(plot)}
    (_, first), (middle, above), (_, last) = sorted(marks(plot))
    ends = sorted(height)
    assert first == pytest.approx(height[ends[0]], abs=0.2)
    assert last == pytest.approx(height[ends[2]], abs=0.2)
    assert above < height[middle] - 10
    rows = np.concatenate([np.zeros((600, 2)), [[10.0, 10.0]], [[0.0, 10.0]] * 3])
    classes = [each["class"] for each in drawn(measured(rows)["plots"][0], "marks")]
    assert classes == ["marks depth-1", "marks depth-2", "marks depth-5"]


@given(st.integers(0, 2**32 - 1), st.sampled_from([3, 500, 501, 10_000]))
def test_marks_stay_in_the_plot_are_bounded_and_lose_no_place(seed: int, count: int) -> None:
    draws = np.random.default_rng(seed)
    true = draws.normal(size=count) * 10.0 ** draws.integers(-8, 9)
    rows = np.stack([true, true + draws.standard_cauchy(count) * true.std()], axis=1)
    found = measured(rows)
    for plot in found["plots"][:2]:
        places = np.array(marks(plot))
        assert ((places[:, 0] >= LEFT - 2) & (places[:, 0] <= RIGHT + 2)).all()
        assert ((places[:, 1] >= TOP - 2) & (places[:, 1] <= BOTTOM + 2)).all()
        assert len(places) <= 3000
        assert len({tuple(place) for place in places.tolist()}) == len(places)
    # Every answer, outliers too, has a mark at most half a step away.
    plot = found["plots"][0]
    wanted = np.stack([plot.across.places(rows[:, 0]), plot.upward.places(rows[:, 1])], axis=1)
    outer = wanted[np.argsort(-np.abs(rows[:, 1] - rows[:, 0]))[:20]]
    gaps = np.abs(outer[:, None] - np.array(marks(plot))).max(axis=2).min(axis=1)
    assert (gaps <= 2.06).all()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_the_histogram_holds_every_residual_with_zero_at_an_edge(off: list[float]) -> None:
    histogram = measured(np.stack([np.zeros(len(off)), np.array(off)], axis=1))["plots"][2]
    bars, zero = drawn(histogram, "share"), drawn(histogram, "truth")[0]["x1"]
    assert bars
    assert all(bar["width"] > 0 and bar["height"] >= 1 for bar in bars)
    assert all(bar["x"] >= zero - 0.2 or bar["x"] + bar["width"] <= zero + 0.2 for bar in bars)
    assert len(bars) <= 45


@pytest.mark.parametrize(
    ("scale", "title"),
    [(1.0, "answer"), (3e7, "answer, \u00d7\u00a010⁷"), (4e-6, "answer, \u00d7\u00a010⁻⁶")],
)
def test_axes_leave_out_powers_of_ten(scale: float, title: str) -> None:
    plot = measured(np.array([[0.0, 0.1], [1.0, 1.0]]) * scale)["plots"][1]
    assert plot.x_label == title
    assert all(len(tick.label) <= 5 for tick in plot.across.ticks)


def test_the_page_of_numbers_stays_small(number_facts: ReportFacts) -> None:
    assert number_facts.numbers is not None
    page = part(number_facts, "errors")
    off = np.abs(number_facts.numbers[:, 1] - number_facts.numbers[:, 0])
    assert f"the worst is {off.max():.3g} off" in page.text.replace("\u00a0", " ")
    plots = [each["aria-label"].split(":")[0] for each in page.all("svg") if each.get("role") == "img"]
    assert {"Answer against truth", "Residual against answer", "Spread of the residuals"} <= set(plots)
    assert "Largest errors" in page.text
    assert "Confusion matrix" not in page.text
    worst = number_facts.mistakes[0]
    side = "much" if float(worst.predicted) > float(worst.label) else "little"
    assert re.search(rf"predicted {worst.predicted} is {worst.label} [\d.,]+ too {side} ", page.text)
    draws = np.random.default_rng(0)
    true = draws.normal(size=10_000)
    rows = np.stack([true, true + draws.normal(size=10_000)], axis=1)
    many = dataclasses.replace(number_facts, numbers=rows)
    assert len(render(many)) - len(render(number_facts)) < 100_000
