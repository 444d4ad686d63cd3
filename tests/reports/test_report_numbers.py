"""Numbers as the report writes them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.reports import numbers
from pellucid.reports.numbers import Score


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u2212", "-")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0.00"), (0.04123, "0.0412"), (0.9355, "0.936"), (12.34, "12.3"), (1234.5, "1,230"),
        (99.96, "100"), (0.9995, "0.9995"), (-0.5, "-0.500"), (1.234e-5, "1.23·10⁻⁵"), (2.5e12, "2.50·10¹²"),
        (None, "not measured"), (math.nan, "not measured"), (math.inf, "not measured"), ("x", "not measured"),
    ],
)  # fmt: skip
def test_significant(value: object, shown: str) -> None:
    assert plain(numbers.significant(value)) == shown


@pytest.mark.parametrize(
    ("function", "value", "shown"),
    [
        (numbers.percent, 0.9163, "91.6 %"), (numbers.percent, 0.0413, "4.13 %"), (numbers.percent, 0, "0 %"),
        (numbers.percent, 1, "100 %"),
        (numbers.percent, 0.99951, "99.95 %"), (numbers.percent, None, "not measured"),
        (numbers.count, 10000, "10,000"), (numbers.count, None, "not measured"),
        (numbers.seconds, 41.23, "41.2 s"), (numbers.seconds, 197.4, "3 min 17 s"),
        (numbers.seconds, 3725, "1 h 2 min"), (numbers.seconds, None, "not measured"),
        (numbers.milliseconds, 0.5214, "0.521 ms"), (numbers.size, 12, "12 bytes"),
        (numbers.size, 1_143_000, "1.14 MB"), (numbers.size, None, "not measured"),
        (numbers.rough, 284_938, "285 thousand"), (numbers.rough, 9_999, "9,999"),
        (numbers.rough, 1.2e6, "1.20 million"),
        (numbers.probability, 0.9721, "0.972"), (numbers.probability, 1e-5, "< 0.001"),
        (numbers.probability, 0, "0.000"),
        (numbers.extent, (8, 28, 28), "8 \u00d7 28 \u00d7 28"), (numbers.extent, 10, "10"),
        (numbers.extent, None, ""),
        (numbers.tick, 0.0, "0"), (numbers.tick, 0.25, "0.25"), (numbers.tick, 20.0, "20"),
    ],
)  # fmt: skip
def test_units(function: object, value: object, shown: str) -> None:
    assert callable(function)
    assert plain(function(value)) == shown


def test_an_interval_has_the_decimals_of_its_value() -> None:
    score = Score.read({"value": 0.9364, "low": 0.9312, "high": 0.9411})
    assert plain(numbers.scored(score)) == "0.936"
    assert plain(numbers.interval(score)) == "[0.931, 0.941]"
    assert (
        plain(numbers.interval(Score.read({"value": 0.0213, "low": 0.01, "high": 0.03})))
        == "[0.0100, 0.0300]"
    )


def test_a_score_without_an_interval_shows_none() -> None:
    assert numbers.interval(Score.read(0.9)) == ""
    assert numbers.interval(None) == ""
    assert Score.read({}) is None
    assert Score.read(None) is None


@given(st.floats(0, 1))
def test_a_share_below_one_never_reads_as_one(share: float) -> None:
    assert (numbers.scored(Score(share, share, share)) in ("1.000", "1.00")) <= (share > 0.99999)


@given(st.floats(1e-4, 1e8))
def test_three_digits_are_kept(value: float) -> None:
    shown = float(numbers.significant(value).replace(",", ""))
    assert shown == pytest.approx(value, rel=5.01e-3)


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "<\u00a00.001"), (0.0004, "<\u00a00.001"), (0.031, "0.031"), (1.0, "1.000")]
)
def test_a_p_value_is_never_nothing(value, shown):
    assert numbers.p_value(value) == shown
