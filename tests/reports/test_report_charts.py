"""The reliability diagram, the learning curve, and what the page says beside them."""

import dataclasses

import pytest

from pellucid.evaluation import CurvePoint, Interval, LearningCurve, Reliability, ReliabilityBin
from pellucid.reports import CalibrationFacts, ReportFacts
from pellucid.reports import trust_sections as section
from pellucid.reports.by_target import SECTIONS
from pellucid.reports.plots import CURVE_BOTTOM, CURVE_TOP, SIDE, SQUARE_LEFT, SQUARE_TOP, reliability_plot
from pellucid.reports.plots import curve_plot as curve_plot_of
from reports.report_page import drawn, part

WORDS = ("title", "note", "label")


def curve_plot(curves):
    return curve_plot_of(curves, {name: place for place, name in enumerate(curves)}, *WORDS)


def binned(*accuracies: float, error: Interval) -> Reliability:
    """Bins at confidences 0.5 and 0.9, ten and ninety examples in them."""
    bins = [
        ReliabilityBin(0.4, 0.6, 10, 0.5, Interval(accuracies[0], 0.2, 0.8)),
        ReliabilityBin(0.8, 1.0, 90, 0.9, Interval(accuracies[1], 0.7, 1.0)),
    ]
    return Reliability(tuple(bins), error)


def calibrated(facts: ReportFacts, temperature: float, after: Reliability) -> str:
    before = binned(0.3, 0.7, error=Interval(0.2, 0.15, 0.25))
    changed = dataclasses.replace(facts, calibration=CalibrationFacts(temperature, before, after))
    return part(changed, "reliability").text


def test_marks_of_the_reliability_diagram_stand_where_the_shares_are() -> None:
    plot = reliability_plot(binned(0.5, 0.9, error=Interval(0, 0, 0)), *WORDS)
    first, second = drawn(plot, "point")
    low, high = drawn(plot, "whisker")
    assert (first["cx"], first["cy"]) == (SQUARE_LEFT + SIDE / 2, SQUARE_TOP + SIDE / 2)
    assert (second["cx"] - SQUARE_LEFT) / SIDE == pytest.approx(0.9)
    assert high["y1"] == SQUARE_TOP
    assert low["y1"] < first["cy"] < low["y2"]
    few, many = (each["height"] for each in drawn(plot, "count"))
    assert many == pytest.approx(9 * few, abs=0.5)


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (binned(0.5, 0.9, error=Interval(0.01, 0.0, 0.03)), "Yes, as far as this test shows"),
        (binned(0.4, 0.88, error=Interval(0.03, 0.01, 0.05)), "Roughly: it is slightly overconfident"),
        (binned(0.6, 0.92, error=Interval(0.03, 0.01, 0.05)), "it is slightly underconfident"),
        (binned(0.4, 0.8, error=Interval(0.1, 0.05, 0.15)), "No: it is overconfident"),
        (binned(0.6, 1.0, error=Interval(0.1, 0.05, 0.15)), "Not quite: it is underconfident"),
    ],
)
def test_whether_probabilities_can_be_believed(
    digit_facts: ReportFacts, after: Reliability, said: str
) -> None:
    assert said in calibrated(digit_facts, 1.4, after)


def test_the_temperature_is_explained_where_there_is_a_test_and_classes(
    digit_facts: ReportFacts, number_facts: ReportFacts
) -> None:
    after = binned(0.5, 0.9, error=Interval(0.01, 0.0, 0.03))
    hot, cold, none = (calibrated(digit_facts, temperature, after) for temperature in (1.4, 0.7, 1.0))
    assert "is 1.40: as trained it was overconfident" in hot
    assert "0.0100 [0.0000, 0.0300]; it was 0.200 [0.150, 0.250] before its temperature was set" in hot
    assert "is 0.700: as trained it was underconfident" in cold
    assert "so its probabilities were left as they were" in none
    assert "As trained at temperature 1" in none
    assert "larger with it than without" not in hot
    worse = calibrated(digit_facts, 1.4, binned(0.4, 0.6, error=Interval(0.3, 0.25, 0.35)))
    assert "On the test images the distance is larger with it than without" in worse
    assert "Before at temperature 1" not in none
    empty = CalibrationFacts(1.0, Reliability((), Interval(0, 0, 0)), Reliability((), Interval(0, 0, 0)))
    for nothing in (dataclasses.replace(digit_facts, calibration=each) for each in (empty, None)):
        assert section.reliability_section(nothing, ("confidence", "accuracy")) is None
    assert "reliability" not in [each.key for each in SECTIONS[number_facts.target]]


def points(*pairs: tuple[int, float]) -> tuple[CurvePoint, ...]:
    return tuple(CurvePoint(size, Interval(score, score - 0.1, score + 0.1)) for size, score in pairs)


def test_the_curve_runs_over_the_logarithm_of_the_examples() -> None:
    plot = curve_plot(
        {"cnn": points((100, 0.5), (200, 0.6), (400, 0.8)), "svm": points((100, 0.4), (200, 0.5))}
    )
    assert plot is not None
    places, bars = drawn(plot, "point", "model-0"), drawn(plot, "whisker", "model-0")
    assert [each["cx"] for each in places] == ["0%", "50%", "100%"]
    assert places[0]["cy"] > places[1]["cy"] > places[2]["cy"]
    for place, bar in zip(places, bars, strict=True):
        assert CURVE_TOP <= bar["y1"] < place["cy"] < bar["y2"] <= CURVE_BOTTOM
    cnn, svm = drawn(plot, "direct")
    assert "text-anchor" not in cnn
    assert svm["text-anchor"] == "middle"
    others = drawn(plot, "whisker", "model-1")
    assert svm["y"] < others[-1]["y1"]
    assert bars[0]["transform"] != others[0]["transform"]
    assert [tick.label for tick in plot.across.ticks] == ["100", "200", "400"]


def test_labels_too_close_are_left_out_or_moved_and_one_size_is_no_curve() -> None:
    plot = curve_plot({"cnn": points((100, 0.5), (390, 0.6), (400, 0.8))})
    assert plot is not None
    assert [tick.label for tick in plot.across.ticks] == ["100", "400"]  # the largest always
    plot = curve_plot({"cnn": points((10, 0.5), (20, 0.6)), "svm": points((10, 0.5), (20, 0.601))})
    assert plot is not None
    first, second = (each["y"] for each in drawn(plot, "direct"))
    assert abs(first - second) >= 14
    assert curve_plot({"cnn": points((100, 0.5))}) is curve_plot({}) is curve_plot({"cnn": ()}) is None


def test_the_outlook_is_first_and_every_point_in_a_table(
    rich_facts: ReportFacts, digit_facts: ReportFacts
) -> None:
    page, curve = part(rich_facts, "curve"), rich_facts.learning_curve
    assert curve is not None
    assert curve.outlook in page.text
    (image,) = [each for each in page.all("div") if each.get("class") == "chart-body"]
    assert image["role"] == "img"
    assert "cnn with 800 examples 0.963 [" in image["aria-label"]
    assert "svm1000.820 [" in page.text
    below = part(rich_facts, "curve", recommended="svm-on-cnn").text
    assert "The outlook is that of cnn, on which svm-on-cnn is built." in below
    short = LearningCurve("accuracy", {"cnn": points((100, 0.5))}, "cnn", "It cannot be told.", None)
    page = part(dataclasses.replace(digit_facts, learning_curve=short), "curve")
    assert "It cannot be told." in page.text
    assert not [each for each in page.all("div") if each.get("class") == "chart-body"]
