"""The part of the report on what a network that went on has kept."""

import copy
import dataclasses

import pytest

from pellucid.reports import render
from pellucid.reports.model_sections import MOST_SHOWN, forgetting

SCORE = {"value": 0.874, "low": 0.855, "high": 0.890}
FOUND = {
    "from": "<b>old run</b>",
    "model": "cnn",
    "old_classes": ["a", "<i>b</i>"],
    "reasons": ["The network rehearses <u>10</u> images.", "It was taught with a learning rate of 0.002."],
    "seen_before": None,
    "not_measured": [],
    "forgetting_of_recommended": None,
    "forgetting": {
        "model": "cnn",
        "data": ["old.npz"],
        "examples": 1418,
        "left_out": 0,
        "before": {"accuracy": SCORE, "log_loss": {"value": 0.36, "low": 0.32, "high": 0.4}},
        "after": {
            "accuracy": {**SCORE, "value": 0.861},
            "log_loss": {"value": 0.46, "low": 0.4, "high": 0.5},
        },
        "accuracy_difference": {"value": -0.013, "low": -0.025, "high": -0.001},
        "p_value": 0.034,
        "classes": [
            {"class": "<i>b</i>", "examples": 195, "before": 1.0, "after": 0.826, "p_value_holm": 0.001},
            {"class": "a", "examples": 200, "before": 0.86, "after": 0.85, "p_value_holm": 0.7},
        ],
        "sentence": "cnn has forgotten something: of 1,418 old test images it classifies 86.1 % correctly.",
    },
}


@pytest.fixture
def part_of(digit_facts):
    """A function that renders the part for what a run has found."""

    def part_of(found, facts=digit_facts):
        page = render(dataclasses.replace(facts, metrics={**facts.metrics, "continual": found}))
        start = page.index('<section id="continual"')
        return page[start : page.index("</section>", start)]

    return part_of


def changed(**given):
    found = copy.deepcopy(FOUND)
    found["forgetting"] = {**found["forgetting"], **given}
    return found


def test_the_sentence_comes_first_and_a_fresh_network_has_none(digit_facts, part_of):
    assert forgetting(digit_facts) is None
    assert 'id="continual"' not in render(digit_facts)
    part = part_of(FOUND)
    assert part.index("cnn has forgotten something") < part.index("Old test accuracy") < part.index("0.861")
    assert "86.1\u00a0% correctly" in part
    for words in (
        "0.874",
        "\u22120.013",
        "Old test log loss",
        "1,418",
        "old test split, which neither learned from",
    ):
        assert words in part


def test_classes_are_in_order_real_losses_marked_and_foreign_texts_escaped(part_of):
    part = part_of(FOUND)
    assert part.index("&lt;i&gt;b&lt;/i&gt;") < part.index(">a<")
    assert part.count('<span class="note">lost</span>') == 1
    assert "82.6" in part
    assert "&lt;b&gt;old run&lt;/b&gt;" in part
    assert "&lt;u&gt;10&lt;/u&gt;" in part
    assert "<i>b" not in part
    assert ", from 3 data sets" in part_of(changed(data=["a", "b", "c"]))
    of_another = {"sentence": "svm, the recommended model, learned from the new data alone: 20 % correctly."}
    assert "svm, the recommended model" in part_of({**FOUND, "forgetting_of_recommended": of_another})


def test_many_classes_are_folded_away(part_of):
    rows = [
        {"class": f"class {row:02}", "examples": 9, "before": 1.0, "after": 0.5, "p_value_holm": 1.0}
        for row in range(25)
    ]
    part = part_of(changed(classes=rows))
    assert f"The {MOST_SHOWN} that lost most, of" in part
    assert "All 25 old classes" in part
    assert part.count("class 24") == 1
    assert part.count("class 03") == 2


@pytest.mark.parametrize(
    ("left_out", "words"), [(1, "image that is also in"), (7, "images that are also in ")]
)
def test_what_was_left_out_is_told(part_of, left_out, words):
    assert "Left out:" not in part_of(FOUND)
    assert words in part_of(changed(left_out=left_out)).replace("</span> old test", " old test")


def test_what_was_not_measured_known_before_or_a_number(part_of, number_facts):
    part = part_of({**FOUND, "forgetting": None, "not_measured": ["old.npz has changed since"]})
    assert "Forgetting was not measured." in part
    assert "old.npz has changed since." in part
    assert "<table" not in part
    seen = {"test": 12, "validation": 1, "test_without": {"accuracy": SCORE}}
    part = part_of({**FOUND, "seen_before": seen})
    assert "Known before the test" in part
    assert "Without those of the test, its accuracy is" in part
    assert "Without those" not in part_of({**FOUND, "seen_before": {**seen, "test_without": None}})
    error = {"value": 9.2, "low": 8.1, "high": 10.4}
    scores = {"root_mean_squared_error": error, "mean_absolute_error": error, "r2": SCORE}
    found = changed(before=scores, after=scores, classes=[], root_mean_squared_error_difference=error)
    part = part_of(found, number_facts)
    assert "Old test root mean squared error" in part
    assert "less is better" in part
    assert "Class by class" not in part
