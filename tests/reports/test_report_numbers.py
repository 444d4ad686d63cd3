"""Numbers as the report writes them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.evaluation import Interval
from pellucid.reports import formatting
from pellucid.reports.formatting import read_score


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
    assert plain(formatting.significant(value)) == shown


@pytest.mark.parametrize(
    ("function", "value", "shown"),
    [
        (formatting.percent, 0.9163, "91.6 %"), (formatting.percent, 0.0413, "4.13 %"),
        (formatting.percent, 0, "0 %"),
        (formatting.percent, 1, "100 %"),
        (formatting.percent, 0.99951, "99.95 %"), (formatting.percent, None, "not measured"),
        (formatting.count, 10000, "10,000"), (formatting.count, None, "not measured"),
        (formatting.seconds, 41.23, "41.2 s"), (formatting.seconds, 197.4, "3 min 17 s"),
        (formatting.seconds, 3725, "1 h 2 min"), (formatting.seconds, None, "not measured"),
        (formatting.milliseconds, 0.5214, "0.521 ms"), (formatting.size, 12, "12 bytes"),
        (formatting.size, 1_143_000, "1.14 MB"), (formatting.size, None, "not measured"),
        (formatting.rough, 284_938, "285 thousand"), (formatting.rough, 9_999, "9,999"),
        (formatting.rough, 1.2e6, "1.20 million"),
        (formatting.probability, 0.9721, "0.972"), (formatting.probability, 1e-5, "< 0.001"),
        (formatting.probability, 0, "0.000"),
        (formatting.extent, (8, 28, 28), "8 \u00d7 28 \u00d7 28"), (formatting.extent, 10, "10"),
        (formatting.extent, None, ""),
        (formatting.tick, 0.0, "0"), (formatting.tick, 0.25, "0.25"), (formatting.tick, 20.0, "20"),
    ],
)  # fmt: skip
def test_units(function: object, value: object, shown: str) -> None:
    assert callable(function)
    assert plain(function(value)) == shown


def test_an_interval_has_the_decimals_of_its_value_and_a_score_without_one_shows_none() -> None:
    score = read_score({"value": 0.9364, "low": 0.9312, "high": 0.9411})
    assert (plain(formatting.scored(score)), plain(formatting.interval(score))) == ("0.936", "[0.931, 0.941]")
    small = read_score({"value": 0.0213, "low": 0.01, "high": 0.03})
    assert plain(formatting.interval(small)) == "[0.0100, 0.0300]"
    assert formatting.interval(read_score(0.9)) == formatting.interval(None) == ""
    assert read_score({}) is read_score(None) is None


@given(st.floats(0, 1))
def test_a_share_below_one_never_reads_as_one(share: float) -> None:
    assert (formatting.scored(Interval(share, share, share)) in ("1.000", "1.00")) <= (share > 0.99999)


@given(st.floats(1e-4, 1e8))
def test_three_digits_are_kept(value: float) -> None:
    shown = float(formatting.significant(value).replace(",", ""))
    assert shown == pytest.approx(value, rel=5.01e-3)


@pytest.mark.parametrize(
    ("value", "shown"), [(0.0, "<\u00a00.001"), (0.0004, "<\u00a00.001"), (0.031, "0.031"), (1.0, "1.000")]
)
def test_a_p_value_is_never_nothing(value, shown):
    assert formatting.p_value(value) == shown
