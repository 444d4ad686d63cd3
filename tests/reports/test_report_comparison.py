"""The page of a comparison: variants from the best to the worst, and every other one seen from the best."""

import re
from itertools import combinations

import pytest

from pellucid.language.sentence import Sentence
from pellucid.reports.comparison import ComparisonFacts, render_comparison
from pellucid.settings import METRICS, NUMBER_METRIC, Metric
from reports.report_page import Page

MEANS = {"v4": 0.5, "v2": 0.25, "v7": 0.875, "v5": 0.625, "v1": 0.125, "v6": 0.75, "v3": 0.375}
"""Means of seven variants, numbered by them and given in another order."""


def compared(measure: Metric, best: str) -> ComparisonFacts:
    """Facts of the seven, two trainings each; every interval reaches 0.1 down and 0.2 up."""

    def around(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 0.1, "high": value + 0.2}

    variants = {
        name: {
            "settings": {"depth": place},
            "scores": [{"seed": 0, "fold": fold, measure.key: mean} for fold in (1, 2)],
            "mean": around(mean),
            "train_seconds": 1.0,
            "steps": 10,
            "parameters": 20,
        }
        for place, (name, mean) in enumerate(MEANS.items())
    }
    pairs = [
        {
            "a": a,
            "b": b,
            f"{measure.key}_difference": around(MEANS[a] - MEANS[b]),
            "p_value_holm": 0.04,
            "verdict": f"{a} beside {b}",
        }
        for a, b in combinations(MEANS, 2)
    ]
    found = {
        "metric": measure.key,
        "larger_is_better": not measure.is_error,
        "best": best,
        "verdict": Sentence(
            "{best} is best: {level} over {trainings:,} trainings, better beyond chance than {others}.",
            best,
            Sentence("mean {words} {interval}", measure.words, "0.875 [0.775, 0.975]"),
            2,
            "v4",
        ),
        "variants": variants,
        "comparisons": pairs,
        **{"seeds": [0], "folds": 2, "trainings": 2, "train": 100, "judged": 50, "set_aside": 10},
    }
    task = "image-regression" if measure.is_error else "image-classification"
    return ComparisonFacts("digits.npz", {"task": task, "compare": found}, {}, {}, "pellucid compare")


def rows_of(html: str) -> list[str]:
    """The rows of the table of variants, without the heading, as HTML."""
    body = re.search("<tbody.*?</tbody>", html, re.DOTALL)
    assert body is not None
    return re.findall("<tr .*?</tr>", body[0], re.DOTALL)


def text_of(row: str) -> str:
    return Page(row).text.replace("\u2212", "-")


@pytest.mark.parametrize(
    ("measure", "order"),
    [
        (METRICS["accuracy"], ["v7", "v6", "v5", "v4", "v3", "v2", "v1"]),
        (NUMBER_METRIC, ["v1", "v2", "v3", "v4", "v5", "v6", "v7"]),
    ],
)
def test_variants_stand_from_the_best_to_the_worst_with_a_dot_for_each_training(
    measure: Metric, order: list[str]
) -> None:
    rows = rows_of(render_comparison(compared(measure, order[0])))
    assert [text_of(row).split()[0] for row in rows] == order
    assert ['class="chosen"' in row for row in rows] == [True] + [False] * 6
    assert [row.count('class="dot"') for row in rows] == [2] * 7


@pytest.mark.parametrize("measure", [METRICS["accuracy"], NUMBER_METRIC])
def test_a_pair_is_turned_with_its_interval_where_the_best_is_named_second(measure: Metric) -> None:
    """v7 is second beside v4: 0.5 less 0.875 is -0.375 [-0.475, -0.175], and turned 0.375 [0.175, 0.475]."""
    rows = rows_of(render_comparison(compared(measure, "v7")))
    found = {text_of(row).split()[0]: text_of(row) for row in rows}
    wanted = {
        "v4": "0.375 [0.175, 0.475] v4 beside v7 ",
        "v2": "0.625 [0.425, 0.725] v2 beside v7 ",
        "v5": "0.250 [0.150, 0.450] v7 beside v5 ",
        "v1": "0.750 [0.650, 0.950] v7 beside v1 ",
        "v6": "0.125 [0.025, 0.325] v7 beside v6 ",
        "v3": "0.500 [0.400, 0.700] v7 beside v3 ",
    }
    for name, words in wanted.items():
        assert words in found[name]
    assert "beside" not in found["v7"]


@pytest.mark.parametrize(
    ("better", "headline"),
    [
        (["v1", "v2", "v3", "v4", "v5", "v6"], "v7 is significantly better than the others."),
        (["v1", "v4"], "v7 has the best mean, but the lead over some others could be chance."),
        ([], "No variant is significantly better than the others."),
    ],
)
def test_the_headline_says_whom_the_best_beats(better: list[str], headline: str) -> None:
    facts = compared(METRICS["accuracy"], "v7")
    for pair in facts.metrics["compare"]["comparisons"]:
        (other,) = {pair["a"], pair["b"]} - {"v7"} if "v7" in (pair["a"], pair["b"]) else {None}
        if other is not None:
            word = f"v7 is better than {other}" if other in better else f"v7 and {other}: too few trainings"
            pair["verdict"] = word
    page = render_comparison(facts)
    assert headline in Page(page).text
    assert page.count("the best is significantly better") == len(better)
