import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.arithmetic.rounding import decimals, figure, figures, per_cent, percent, rounded, with_minus
from pellucid.evaluation import Interval
from pellucid.evaluation.intervals import points
from pellucid.reports import formatting


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.93561, "0.936"),
        (12.345, "12.3"),
        (1236.0, "1,240"),
        (1245.0, "1,250"),
        (9.996, "10.0"),
        (9.96, "9.96"),
        (0, "0"),
        (-0.5, "-0.500"),
        (1e-9, "1e-09"),
        (0.99961, "0.9996"),
        (0.9995, "0.9995"),
        (float("inf"), "inf"),
    ],
)
def test_three_significant_figures(value, text):
    assert figure(value) == text


@pytest.mark.parametrize(
    ("value", "score", "share"),
    [
        (0.9215, "0.922", "92.2 %"),  # binary: a little less than it says
        (0.9205, "0.921", "92.1 %"),
        (0.8125, "0.813", "81.3 %"),  # binary: exactly half
        (0.5005, "0.501", "50.1 %"),
        (0.99951, "0.9995", "99.95 %"),
        (0.04125, "0.0413", "4.13 %"),
    ],
)
def test_a_score_reads_the_same_wherever_it_stands(value, score, share):
    assert figure(value) == score
    assert formatting.significant(value) == score
    assert formatting.scored(Interval(value, value, value)) == score
    assert percent(value) == share
    assert formatting.percent(value).replace("\u00a0", " ") == share


@given(st.integers(1, 9999))
def test_percentage_and_score_have_the_same_digits(share):
    value = share / 10_000
    assert float(percent(value).removesuffix(" %")) / 100 == pytest.approx(float(figure(value)), rel=1e-9)


def test_zero_has_no_sign_and_thousands_are_parted():
    assert rounded(-0.00001, 2) == "0.00"
    assert rounded(1234567.5, 0) == "1,234,568"


def test_the_largest_labels_are_shown_as_they_are():
    """Labels go up to 1e30, which has more digits than Python's own decimal context keeps."""
    assert (figure(9.99e29), rounded(-1e30, 2), rounded(1e10, 1)) == (
        "9.99e+29",
        "-1e+30",
        "10,000,000,000.0",
    )
    assert (decimals(1e30), decimals(1e-30)) == (0, 32)
    assert (rounded(1e15, 0), rounded(1e15 - 1, 0)) == ("1e+15", "999,999,999,999,999")
    assert (figure(1e9), figure(1e9 - 1), figure(0.0001), figure(0.00009994)) == (
        "1e+09", "1,000,000,000", "0.000100", "9.99e-05",
    )  # fmt: skip
    assert rounded(float("nan"), 2) == "nan"


def test_ends_have_the_places_of_their_value():
    assert [per_cent(end, 0.9364) for end in (0.9364, 0.9312, 0.94)] == ["93.6", "93.1", "94.0"]
    assert (percent(0.0), percent(1.0)) == ("0 %", "100 %")
    assert decimals(0.0213) == 4
    assert (decimals(0), decimals(float("inf"), 4), decimals(0.9), decimals(1)) == (2, 3, 3, 2)
    assert [decimals(value) for value in (0.99949, 0.9999999996, 1 - 1e-12)] == [3, 9, 9]
    assert [per_cent(end, 0.0) for end in (0.0, 0.123)] == ["0", "12"]
    assert [per_cent(end, 1.0) for end in (1.0, 0.5)] == ["100", "50"]
    assert (per_cent(0.5, 1e-9), per_cent(float("nan"), 0.5)) == ("50.0000", "nan")
    assert (per_cent(0.5, 120.0), percent(2.0)) == ("50", "200 %")


def test_minus_signs_are_printed_as_such():
    assert with_minus("-0.5 [-0.7, 0.2]") == "\u22120.5 [\u22120.7, 0.2]"


def test_two_numbers_get_the_digits_that_make_them_differ():
    assert figures(0.2141, 0.25) == ("0.214", "0.250")
    assert figures(0.21379, 0.21412) == ("0.2138", "0.2141")
    assert figures(0.5, 0.5) == ("0.500", "0.500")
    assert figures(float("nan"), 0.5) == ("nan", "0.500")


def test_points_are_rounded_the_same_way():
    assert points(Interval(0.0125, 0.0025, 0.0225)) == "1.3 points [0.3, 2.3]"
