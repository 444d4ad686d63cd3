"""The report's section on abstention: promises, the curve, and what is there without any."""

import dataclasses

import numpy as np
import pytest

from pellucid.arithmetic.rounding import percent
from pellucid.evaluation import wilson
from pellucid.evaluation.promises import checked_promise, error_curve, kept_on, promise
from pellucid.reports import AbstentionFacts, ReportFacts
from pellucid.reports import trust_sections as section
from pellucid.reports.formatting import percent as shown_percent
from pellucid.reports.plots import CURVE_BOTTOM, CURVE_TOP, error_plot
from reports.report_page import Page, drawn, part


def judged(examples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Trust, and answers that are wrong as often as it says."""
    draws = np.random.default_rng(seed)
    trusted = 0.85 + 0.15 * draws.random(examples)
    return trusted, draws.random(examples) > trusted


def page_of(facts: ReportFacts, abstention: AbstentionFacts | None) -> Page:
    return part(dataclasses.replace(facts, abstention=abstention), "abstention")


def test_the_share_answered_and_the_error_come_first_and_the_plot_in_words(digit_facts: ReportFacts) -> None:
    on_test, held_out = judged(800, seed=1), judged(900)
    made = {each: checked_promise(held_out, on_test, each) for each in (0.05, 0.1)}
    page = page_of(digit_facts, AbstentionFacts(error_curve(*on_test), 900, {0.01: None, **made}))
    kept = kept_on(made[0.05].threshold, *on_test)
    assert kept.error is not None
    assert (
        f"With predict --max-error 0.05 it answers {percent(kept.answered.value)} of the test images,"
        in page.text
    )
    assert f"and {percent(kept.error.value)} of these answers are wrong" in page.text
    assert "was chosen on 900 held-out and 800 test images together" in page.text
    assert "1 %cannot be promised: it takes at least 299 unseen images" in page.text
    assert "what the table says of the test is no independent check" in page.text
    assert "does not hold under distribution shift" in page.text
    assert "drift voids" not in page.text
    untested = {0.05: promise(*held_out, 0.05)}
    page = page_of(digit_facts, AbstentionFacts(error_curve(*on_test), 900, untested))
    assert ", and not checked on a test." in page.text
    assert "of the held-out images; of all its answers" in page.text
    curve = error_curve(*judged(800))
    page = page_of(digit_facts, AbstentionFacts(curve, 0, {}))
    (image,) = [part for part in page.all("div") if part.get("class") == "chart-body"]
    assert image["role"] == "img"
    assert image["aria-label"].count(" answered, ") == len(curve)
    assert "; 100\u00a0% answered, " in image["aria-label"]
    assert "Without held-out examples nothing can be promised of its answers" in page.text


def test_marks_are_at_the_share_and_the_error() -> None:
    curve = error_curve(*judged(800))
    plot = error_plot(curve, 6, "title", "note", "label")
    assert plot is not None
    places, bars = drawn(plot, "point"), drawn(plot, "whisker")
    across = [float(each["cx"].rstrip("%")) for each in places]
    assert across == pytest.approx([100 * each.share for each in curve], abs=0.051)
    for place, bar in zip(places, bars, strict=True):
        assert CURVE_TOP <= bar["y1"] <= place["cy"] <= bar["y2"] <= CURVE_BOTTOM
    assert [tick.label for tick in plot.across.ticks] == [f"{share}\u00a0%" for share in (0, 25, 50, 75, 100)]
    assert [each.text for each in plot.marks if each.text] == [f"all: {shown_percent(curve[-1].error.value)}"]
    assert error_plot(curve[-1:], 0, "title", "note", "label") is None
    plot = error_plot(error_curve(np.linspace(0.5, 1, 40), np.zeros(40, bool)), 6, "title", "note", "label")
    assert plot is not None
    assert {each["cy"] for each in drawn(plot, "point")} == {CURVE_BOTTOM}


@pytest.mark.parametrize(
    ("wrong", "examples", "said"),
    [
        (0.5, 400, "at most 5 % of its answers are wrong cannot be proved for any threshold"),
        (0.0, 40, "There are too few unseen examples to promise that at most 5"),
    ],
)
def test_what_cannot_be_promised(digit_facts: ReportFacts, wrong: float, examples: int, said: str) -> None:
    trusted = np.linspace(0.5, 1, examples)
    is_wrong = np.arange(examples) % 2 < 2 * wrong
    made = checked_promise((trusted, is_wrong), (trusted, is_wrong), 0.05)
    promises = {0.05: made if examples > 59 else None}
    assert (
        said in page_of(digit_facts, AbstentionFacts(error_curve(trusted, is_wrong), examples, promises)).text
    )


def test_what_is_refuted_trusted_alike_or_not_tested(
    digit_facts: ReportFacts, number_facts: ReportFacts
) -> None:
    held_out = (np.linspace(0.5, 1, 200), np.zeros(200, bool))
    on_test = (np.linspace(0.5, 1, 200), np.arange(200) % 5 == 0)
    facts = AbstentionFacts(error_curve(*on_test), 200, {0.05: checked_promise(held_out, on_test, 0.05)})
    page = page_of(digit_facts, facts)
    assert "not promised: on the test 20.0 % [15.0, 26.1] of the answers are wrong" in page.text
    assert "At --max-error 0.05 nothing is promised: the test refutes it" in page.text
    curve = error_curve(np.full(50, 0.7), np.arange(50) < 10)
    page = page_of(digit_facts, AbstentionFacts(curve, 0, {}))
    assert "It trusts all its answers alike" in page.text
    assert not [part for part in page.all("div") if part.get("class") == "chart-body"]
    assert curve[0].error == wilson(10, 50)
    assert section.abstention_section(number_facts) is None
    assert section.abstention_section(dataclasses.replace(digit_facts, abstention=None)) is None
    assert (
        section.abstention_section(dataclasses.replace(digit_facts, abstention=AbstentionFacts((), 0, {})))
        is None
    )
