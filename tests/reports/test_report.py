"""The report as a page: its order, what it says, and that it stands alone."""

import dataclasses
import itertools
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from pellucid.arithmetic.rounding import percent
from pellucid.reports import ReportFacts, render
from pellucid.reports.by_target import SECTIONS
from reports.report_page import Page, part


@pytest.fixture(scope="module")
def page(digit_facts: ReportFacts) -> Page:
    return Page(render(digit_facts))


LEFT_OUT = ("by-label", "corrected", "giveaways")  # of several labels, of corrected ones, and where searched


def test_sections_follow_the_argument(rich_facts: ReportFacts) -> None:
    page = Page(render(rich_facts))
    keys = [section.key for section in SECTIONS[rich_facts.target] if section.key not in LEFT_OUT]
    assert [section["id"] for section in page.all("section")] == keys
    links = [link["href"] for link in page.all("a")]
    assert [f"#{key}" for key in keys] == links[1 : 1 + len(keys)]


def test_landmarks_headings_identifiers_and_tables(page: Page) -> None:
    assert page.all("html") == [{"lang": "en"}]
    assert [len(page.all(tag)) for tag in ("main", "header", "footer", "title")] == [1] * 4
    assert page.all("nav")[0]["aria-label"]
    assert page.all("a")[0] == {"class": "skip", "href": "#main"}
    assert page.all("main")[0]["id"] == "main"
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert (levels[0], levels.count(1)) == (1, 1)
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(names) == len(set(names))
    wanted = [link["href"][1:] for link in page.all("a") if link["href"].startswith("#")]
    for attribute in ("aria-labelledby", "aria-describedby", "popovertarget"):
        wanted += [attributes[attribute] for _, attributes in page.elements if attribute in attributes]
    assert set(wanted) <= set(names)
    assert len(page.all("table")) >= 6
    assert all(header.get("scope") in ("row", "col") for header in page.all("th"))
    regions = [part for part in page.all("div") if part.get("class") == "scroll"]
    assert len(regions) == len(page.all("table"))
    assert all(
        part["role"] == "region" and part["tabindex"] == "0" and part["aria-label"] for part in regions
    )
    assert len({part["aria-label"] for part in regions}) == len(regions)


def test_nothing_is_fetched_and_nothing_runs(page: Page, digit_facts: ReportFacts) -> None:
    assert "script" not in {tag for tag, _ in page.elements}
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    policy = next(meta for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy["content"].startswith("default-src 'none'; img-src data:;")
    html = render(digit_facts)
    assert html == render(digit_facts)
    assert not re.search(r"https?://|@import|url\(", html)
    targets = {link["href"] for link in page.all("a") if not link["href"].startswith("#")}
    assert targets == {"data.jsonl", "metrics.json", "history.jsonl", "config.json"}


def test_the_verdict_is_one_sentence_with_the_score_and_its_interval(
    page: Page, digit_facts: ReportFacts
) -> None:
    right, tested = int(np.trace(digit_facts.confusion)), digit_facts.tested
    assert f"cnn classifies {percent(right / tested)} of {tested} unseen images correctly." in page.text
    score = digit_facts.metrics["models"]["cnn"]["test"]["accuracy"]
    shown = f"{score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"
    assert f"Test accuracy {shown}." in page.text
    assert "!" not in page.text
    for shown in ("41.2 s", "1.14 MB", "0.521 ms", "162 parameters", "Throughput: 3,510 images/s"):
        assert shown in page.text


@pytest.mark.parametrize(
    ("missing", "gone"),
    [
        ({"history": [], "layers": []}, {"training", "network"}),
        (
            dict.fromkeys(("calibration", "abstention", "learning_curve")),
            {"reliability", "abstention", "curve"},
        ),
        ({"check": None, "mistakes": [], "settings": {}, "versions": {}}, set()),
    ],
)
def test_parts_that_do_not_exist_are_left_out(
    rich_facts: ReportFacts, missing: dict[str, object], gone: set[str]
) -> None:
    page = Page(render(dataclasses.replace(rich_facts, **missing)))
    shown = [each.key for each in SECTIONS[rich_facts.target] if each.key not in {*gone, *LEFT_OUT}]
    assert [section["id"] for section in page.all("section")] == shown
    assert not {link["href"] for link in page.all("a")} & {f"#{key}" for key in gone}


def with_detector(facts: ReportFacts, **changes: object) -> ReportFacts:
    """The same run, its recommended model's detector changed; `None` where it has none."""
    name = facts.recommended
    entry = facts.metrics["models"][name]
    novelty = {**entry["novelty"], **changes} if changes else None
    models = {**facts.metrics["models"], name: {**entry, "novelty": novelty}}
    return dataclasses.replace(facts, metrics={**facts.metrics, "models": models})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"stated_rate": 0.05},
            (
                "Only in part: it ranks synthetic outliers above test images in ",
                "74.2 %",
                "5.74 % (95 % interval 4.26 % to 7.69 %) were flagged (expected false-alarm rate 5 %).",
            ),
        ),
        ({"stated_rate": 0.01}, ("false-alarm rate 1 %): more false alarms than expected",)),
        ({"stated_rate": 0.2}, ("false-alarm rate 20 %): fewer false alarms than expected.",)),
        (
            {"area_under_roc": {"noise": 0.99, "inverted": 1.0}},
            ("Probably: it ranks synthetic outliers above test images in 99 to 100 % of pairs (AUROC).",),
        ),
        (
            {"area_under_roc": {"noise": 0.9}, "detector": "neighbours"},
            (
                "Mostly: it ranks synthetic outliers above test images in 90 % of",
                "such as the order of words",
            ),
        ),
    ],
)
def test_how_well_foreign_inputs_are_flagged(
    rich_facts: ReportFacts, changes: dict[str, object], words: tuple[str, ...]
) -> None:
    text = part(with_detector(rich_facts, **changes), "novelty").text
    text = text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert [each for each in words if each not in text] == []


def test_the_verdict_names_a_detector_where_there_is_one(rich_facts: ReportFacts) -> None:
    with_one, without = part(rich_facts, "verdict").text, with_detector(rich_facts)
    words = "it always predicts one of its classes. predict flags most of them in its novelty column, not"
    assert words in with_one
    assert "nothing here measures that" not in with_one
    assert "and nothing here measures that." in part(without, "verdict").text
    assert part(without, "novelty").elements == []


def test_without_a_test_split_nothing_is_claimed(digit_facts: ReportFacts) -> None:
    models = {"cnn": {"validation": {"accuracy": 0.9}, "test": {}, "test_without_leaked": None}}
    metrics = {**digit_facts.metrics, "models": models}
    nothing = np.zeros((10, 10), np.int64)
    untested = dataclasses.replace(
        digit_facts,
        metrics=metrics,
        confusion=nothing,
        mistakes=[],
        cells=[],
        uncertain=[],
        label_issues=None,
    )
    page = Page(render(untested))
    assert "cnn was trained, and nothing was left to test it on." in page.text
    assert "in not measured; it takes not measured on disk" in page.text
    assert "errors" not in [section["id"] for section in page.all("section")]


def test_a_history_without_finite_numbers_or_very_long(digit_facts: ReportFacts) -> None:
    history = [{**line, "validation_loss": float("nan"), "train_loss": None} for line in digit_facts.history]
    page = Page(render(dataclasses.replace(digit_facts, history=history)))
    assert "nan" not in page.text.lower().split()
    plots = [plot.get("aria-label", "").split(":")[0] for plot in page.all("svg")]
    assert {"Accuracy", "Learning rate"} <= set(plots)
    assert "Loss" not in plots
    history = [{**digit_facts.history[0], "epoch": epoch} for epoch in range(1, 10_001)]
    html = render(dataclasses.replace(digit_facts, history=history))
    assert "200 of 10,000 epochs" in Page(html).text
    assert ">10,000</th>" in html
    assert len(html.encode()) < 500_000


def test_guessing_leaks_and_siblings_are_in_the_verdict(
    digit_facts: ReportFacts, named_facts: Callable[[Sequence[str]], ReportFacts], rich_facts: ReportFacts
) -> None:
    score = {"value": 0.12, "low": 0.08, "high": 0.17}
    models = {"cnn": {**digit_facts.metrics["models"]["cnn"], "test": {"accuracy": score}}}
    text = part(digit_facts, "verdict", models=models).text
    assert "cnn is not significantly better than always predicting the most frequent class." in text
    assert "Nothing yet" in text
    facts = named_facts(["cat", "dog", "owl"])
    models = {"cnn": dict(facts.metrics["models"]["cnn"])}
    models["cnn"]["test_without_leaked"] = {"accuracy": {"value": 0.7, "low": 0.6, "high": 0.78}}
    text = part(facts, "verdict", models=models).text
    data = facts.metrics["data"]
    assert f"classifies 70.0 % of {data['test'] - 3} unseen images correctly." in text
    assert "Test accuracy 0.700 [0.600, 0.780]." in text
    assert f"3 of the {data['test']} test images have a copy or a sibling in training or validation." in text
    assert "Accuracy without siblings" in part(rich_facts, "models").text


def test_a_test_that_is_known_from_training_has_the_held_out_score_as_headline(
    digit_facts: ReportFacts,
) -> None:
    counts = digit_facts.metrics["data"]
    data = {**counts, "leaked": counts["test"] - 19}
    scores = {"accuracy": {"value": 0.81, "low": 0.75, "high": 0.86}}
    held_out = {"examples": 300, "most_frequent": 0.12, "scores": scores}
    models = {"cnn": {**digit_facts.metrics["models"]["cnn"], "held_out": held_out}}
    text = part(digit_facts, "verdict", models=models, data=data).text
    assert "classifies 81.0 % of 300 held-out images correctly." in text
    assert "Held-out accuracy 0.810 [0.750, 0.860]." in text
    assert "Always predicting the most frequent class would reach 0.120" in text
    assert "The test therefore says nothing on new images" in text
    assert "unseen" not in text
    assert "scored once" not in text
    nothing = {"cnn": {**digit_facts.metrics["models"]["cnn"], "held_out": None}}
    text = part(digit_facts, "verdict", models=nothing, data=data).text
    assert "nothing else was held out from training" in text


def test_related_examples_are_in_one_table_with_whose_split_it_is(rich_facts: ReportFacts) -> None:
    assert rich_facts.check is not None
    found = dict(rich_facts.check.to_json())

    def text_with(related: list[dict[str, object]], own_splits: bool) -> str:
        given = {**found, "related": related, "own_splits": own_splits}
        check = SimpleNamespace(sentences=lambda: [], to_json=lambda: given)
        return part(dataclasses.replace(rich_facts, check=check), "data").text

    text = text_with([{"kind": "near duplicates", "examples": 296, "sets": 121, "in_test": 58}], True)
    assert re.search(r"near duplicates\s*296\s*121\s*58\b", text)
    assert re.search(r"Splits\s*yours, kept as they are", text)
    assert "related images may lie on both sides" in text
    found["searched"] = [
        {"kind": kind, "is_searched": True, "left": ""} for kind in ("exact copies", "near_turned_copies")
    ]
    text = text_with([], False)
    assert re.search(r"Splits\s*made here", text)
    assert re.search(r"exact copies\s*0\s*0\s*0\b", text)
    assert re.search(r"near turned copies\s*0\s*0\s*0\b", text)


def test_what_was_not_searched_has_no_counts(rich_facts: ReportFacts) -> None:
    found = dict(rich_facts.check.to_json())
    searched = [
        {"kind": "exact copies", "is_searched": True, "left": ""},
        {"kind": "turned_copies", "is_searched": True, "left": "3 images without detail"},
        {"kind": "bursts", "is_searched": False, "left": "--no-groups"},
    ]
    check = SimpleNamespace(
        sentences=lambda: [], to_json=lambda: {**found, "related": [], "searched": searched}
    )
    text = part(dataclasses.replace(rich_facts, check=check), "data").text
    assert re.search(r"turned copies\s*0\s*0\s*0\s*3 images without detail", text)
    assert re.search(r"bursts\s*--no-groups", text)


def test_values_of_a_column_are_worst_first_with_what_is_beyond_chance(rich_facts: ReportFacts) -> None:
    values = [dict(each) for each in rich_facts.metrics["slices"]["values"]]
    values[0]["worse_than_all"] = True
    text = part(rich_facts, "slices", slices={**rich_facts.metrics["slices"], "values": values}).text
    places = [text.index(f"{each['value']} {each['score']['value']:.3f}") for each in values]
    assert places == sorted(places)
    worse = sum(each["worse_than_all"] for each in values)
    table = text[: text.index("The dashed line is the score of all")]
    assert table.count("not significantly worse") == len(values) - worse
    assert re.search(rf"For {worse} of {len(values)} parts by\s+hand", text)
    assert "(Bonferroni)" in text


@pytest.mark.parametrize("classes", [1, 20])
def test_few_classes_get_a_matrix(named_facts: Callable[[Sequence[str]], ReportFacts], classes: int) -> None:
    page = part(named_facts([f"class {k}" for k in range(classes)]), "errors")
    matrix = [table for table in page.all("table") if table.get("class", "").startswith("matrix")]
    assert len(matrix) == 1
    cells = [cell for cell in page.all("td") if re.match(r"s\d", cell.get("class", ""))]
    assert len(cells) == classes**2


@pytest.mark.parametrize("classes", [21, 1000])
def test_many_classes_get_a_list_of_pairs(
    named_facts: Callable[[Sequence[str]], ReportFacts], classes: int
) -> None:
    facts = named_facts([f"class {k:04}" for k in range(classes)])
    facts = dataclasses.replace(facts, layers=[], check=None, settings={}, versions={})
    html = render(facts)
    page = Page(html)
    assert not [table for table in page.all("table") if table.get("class", "").startswith("matrix")]
    assert f"the {min(30, classes - 1)} commonest of {classes - 1:,} kinds of mistake" in page.text
    assert f"All {classes:,} classes, hardest first" in page.text
    assert len(html.encode()) < 3_000_000


@pytest.mark.slow
def test_rendering_loads_neither_torch_nor_a_learner_nor_a_plotting_library() -> None:
    code = (
        "import sys, pellucid.reports.report;"
        "print(sorted({'torch', 'sklearn', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
