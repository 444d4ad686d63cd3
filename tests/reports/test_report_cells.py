"""Cells that open, galleries, likely label errors: which images stand where on the page."""

import base64
import dataclasses
import re
import time
from collections.abc import Sequence

import numpy as np
import pytest

from pellucid.arithmetic.rounding import percent
from pellucid.reports import Answered, ReportFacts, render
from pellucid.reports.error_sections import opened
from pellucid.reports.facts import LabelIssue, LabelIssues
from pellucid.reports.formatting import probability
from reports.report_page import Page, part


class Galleries(Page):
    """A page whose images are known by the element with an identifier, or heading, they stand under."""

    def __init__(self, html: str) -> None:
        self.place: list[str] = []
        self.drawn: dict[str, list[str]] = {}
        self.sources: dict[str, list[str]] = {}
        super().__init__(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        identifier = dict(attrs).get("id") or ""
        if tag == "h3":
            self.place = [identifier]
        if identifier.startswith("cell-") and tag == "div":
            self.place = [identifier]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_startendtag(tag, attrs)
        if tag == "use":
            self.drawn.setdefault(self.place[0], []).append((dict(attrs)["href"] or "")[1:])

    def handle_data(self, data: str) -> None:
        super().handle_data(data)
        paragraphs = [attributes for tag, attributes in self.elements if tag == "p"]
        if self.open[-2:] == ["p", "bdi"] and paragraphs[-1].get("class") == "source":
            self.sources.setdefault(self.place[0], []).append(data)


@pytest.fixture(scope="module")
def page(digit_facts: ReportFacts) -> Galleries:
    return Galleries(render(digit_facts))


def _stored(page: Page) -> dict[str, bytes]:
    """Keys of stored images to their content."""
    return {
        each["id"]: base64.b64decode(each["href"].removeprefix("data:image/png;base64,"))
        for each in page.all("image")
    }


def test_every_cell_with_examples_opens_to_exactly_its_examples_and_says_so(
    page: Page, digit_facts: ReportFacts
) -> None:
    cells = opened(digit_facts)
    assert len(cells) > 20
    shown = {key: found for key, found in page.sources.items() if key.startswith("cell-")}
    assert shown == {f"cell-{cell.key}": [each.source for each in cell.examples] for cell in cells}
    links = {link.get("id"): link["href"] for link in page.all("a") if link.get("id", "").startswith("at-")}
    assert links == {f"at-{cell.key}": f"#cell-{cell.key}" for cell in cells}
    for cell in cells:
        expected = {(each.label, each.predicted) for each in (*digit_facts.cells, *digit_facts.mistakes)}
        assert (cell.true, cell.predicted) in expected
        assert {(each.label, each.predicted) for each in cell.examples} == {(cell.true, cell.predicted)}
    rules = "".join(text for tag, text in page.texts if tag == "style")
    assert ".cell { display: none;" in rules
    assert ".cell:target { display: block; }" in rules
    groups = [part for part in page.all("div") if part.get("class") == "cell"]
    assert all(
        part["role"] == "group" and part["aria-labelledby"] == f"{part['id']}-title" for part in groups
    )
    assert all(f":root:has(#{part['id']}:target)" in rules for part in groups)
    cells = (each for each in opened(digit_facts) if not each.is_right and len(each.examples) < each.count)
    wrong = next(cells)
    assert (
        f"{wrong.true} predicted as {wrong.predicted} {wrong.count} images, "
        f"{percent(wrong.share)} of the class; the {len(wrong.examples)} predicted with the most confidence."
        in page.text
    )
    assert "digit 3 classified correctly" in page.text


def test_galleries_show_every_content_once_where_it_belongs_with_a_description(
    page: Page, digit_facts: ReportFacts
) -> None:
    assert digit_facts.label_issues is not None
    assert page.sources["mistakes"] == [each.source for each in digit_facts.mistakes]
    assert page.sources["uncertain"] == [each.source for each in digit_facts.uncertain]
    assert page.sources["labels"] == [each.source for each in digit_facts.label_issues.shown]
    assert "28 more of the worst mistakes" in page.text
    assert "12 more of the most uncertain" in page.text
    assert digit_facts.label_issues is not None
    stored = _stored(page)
    shown = [*digit_facts.mistakes, *digit_facts.uncertain, *digit_facts.label_issues.shown]
    shown += [each for cell in opened(digit_facts) for each in cell.examples]
    assert len(set(stored.values())) == len(stored) == len({each.shown.tobytes() for each in shown})
    assert sum(map(len, page.drawn.values())) == len(shown)
    assert {key for keys in page.drawn.values() for key in keys} == set(stored)
    # The first mistake also stands in its cell and among the suspected labels: drawn from one image.
    first = page.drawn["mistakes"][0]
    places = digit_facts.classes.index
    worst = digit_facts.mistakes[0]
    assert first in page.drawn[f"cell-{places(worst.label)}-{places(worst.predicted)}"]
    assert page.drawn["labels"][0] == first
    images = [each for each in page.all("svg") if each.get("class", "").startswith("frame")]
    assert all(each["role"] == "img" and each["aria-label"] for each in images)
    first = digit_facts.mistakes[0]
    assert f"{first.label}, predicted as {first.predicted}" in [each["aria-label"] for each in images]
    assert len(page.all("use")) == len(images)


def test_label_issues_come_with_what_is_expected_of_them_both_probabilities_split_and_source(
    page: Page, digit_facts: ReportFacts
) -> None:
    assert digit_facts.label_issues is not None
    first = digit_facts.label_issues.shown[0]
    assert "23 of 1,797 labels look wrong." in page.text
    assert "An estimated 19 of them are wrong; the others are unusual images" in page.text
    assert "cnn judged the images kept from training, none of which it had learnt from." in page.text
    said = [" ".join(probability(each).split()) for each in (first.probability_of_label, first.probability)]
    assert (
        f"labelled {first.label} {said[0]} looks like {first.suggested} {said[1]} test: {first.source}"
        in page.text
    )
    assert {"href": "data.jsonl"} in page.all("a")


def test_label_issues_are_shown_where_nothing_was_tested_and_none_are_said(digit_facts: ReportFacts) -> None:
    none = LabelIssues([], 0, 900, "They were judged by cnn.")
    text = part(dataclasses.replace(digit_facts, label_issues=none), "errors").text
    assert "Checked the labels of 900 images: none looks wrong to the models that judged them." in text
    assert "They were judged by cnn." in text
    assert (
        "Likely label errors" not in part(dataclasses.replace(digit_facts, label_issues=None), "errors").text
    )
    nothing: dict[str, object] = dict.fromkeys(("mistakes", "cells", "uncertain"), ())
    untested = dataclasses.replace(digit_facts, confusion=np.zeros((0, 0), np.int64), **nothing)
    page = part(untested, "errors")
    assert "Nothing was left to test it on, so its mistakes are not known." in page.text
    assert "Likely label errors" in page.text
    assert not [table for table in page.all("table") if table.get("class", "").startswith("matrix")]


def _large(base: ReportFacts, images: Sequence[np.ndarray], classes: int) -> ReportFacts:
    """Facts of a run with as many examples as a report may hold."""
    names = [f"class {k:03}" for k in range(classes)]
    matrix = np.full((classes, classes), 1) + 80 * np.eye(classes, dtype=np.int64)
    take = iter(images)

    def answered(count: int) -> list[Answered]:
        return [
            Answered(
                next(take), f"photos/some class/image-{k:05}.jpg", names[k % classes],
                names[(k + 1 + k // classes) % classes], 0.9 - k / 1000, 0.05,
            )
            for k in range(count)
        ]  # fmt: skip

    mistakes, cells, uncertain = answered(40), answered(300), answered(24)
    label_issues = [
        LabelIssue(next(take), f"photos/{k}.jpg", "train", names[0], names[1], 0.9, 0.1, 0.9)
        for k in range(40)
    ]
    return dataclasses.replace(
        base, metrics={**base.metrics, "classes": names}, confusion=matrix, mistakes=mistakes, cells=cells,
        uncertain=uncertain, label_issues=LabelIssues(label_issues, 90, 9000, "By folds.", precision=0.9),
    )  # fmt: skip


@pytest.mark.parametrize(("classes", "side", "channels"), [(10, 28, 1), (100, 96, 3)], ids=str)
def test_a_full_report_stays_under_three_megabytes_and_two_seconds(
    digit_facts: ReportFacts, classes: int, side: int, channels: int
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (404, side, side, channels), np.uint8)
    facts = _large(digit_facts, noise, classes)
    began = time.process_time()
    html = render(facts)
    assert time.process_time() - began < 2
    assert len(html.encode()) < 3_000_000
    reduced = re.search(r"reduced to (\d+) pixels", html)
    assert (reduced is not None) == (side > 28)
    assert len(Page(html).all("image")) == (404 if classes <= 20 else len(_shown_places(facts)))


def _shown_places(facts: ReportFacts) -> set[bytes]:
    """Contents that a report without a matrix shows."""
    assert facts.label_issues is not None
    shown = [*facts.mistakes, *facts.uncertain, *facts.label_issues.shown]
    shown += [each for cell in opened(facts) for each in cell.examples]
    return {each.shown.tobytes() for each in shown}
