"""The report of examples that may have several labels: its figures by hand, its words, and its preview."""

import dataclasses
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import f1_score

from pellucid.data import prepare
from pellucid.pipeline.train import train
from pellucid.reports import Answered, ReportFacts, render
from pellucid.reports.error_sections import (
    ShownExample,
    label_mistakes,
    labels_section,
    mean_labels,
    per_class,
)
from pellucid.reports.facts import LabelIssue, LabelIssues
from pellucid.reports.plots import BOTTOM, counts_plot
from pellucid.reports.report import render_preview
from pellucid.settings import METRICS, Settings
from reports.made_labels import ANSWERS, LABELS, decided, several_facts
from reports.report_page import HOSTILE, Page, drawn, part, with_metrics


@pytest.fixture(scope="module")
def facts(digit_facts: ReportFacts) -> ReportFacts:
    return several_facts(digit_facts)


def test_the_best_constant_answer_is_the_best_of_all_sets_of_labels(facts: ReportFacts) -> None:
    known = LABELS >= 0
    of_sets = [
        f1_score(LABELS[known], np.tile(answer, (len(LABELS), 1))[known])
        for answer in itertools.product((0, 1), repeat=4)
    ]
    assert facts.chance_by(METRICS["micro_f1"]) == pytest.approx(max(of_sets))
    assert facts.chance_by(METRICS["macro_f1"]) is None
    nobody = with_metrics(facts, models={"cnn": {"labels": [{"support": 0, "known": 3}]}})
    assert nobody.chance_by(METRICS["micro_f1"]) == 0


def test_headline_and_scores_are_those_of_the_run(facts: ReportFacts) -> None:
    known, predicted = LABELS >= 0, decided(ANSWERS)
    micro = f1_score(LABELS[known], predicted[known])
    page = part(facts, "verdict")
    right = ((LABELS == predicted) | ~known).all(axis=1).mean()
    assert (micro, right) == (pytest.approx(16 / 20), 4 / 8)
    assert (
        "cnn reaches a micro-F1 of 0.800 on 40 unseen images, with all labels right for 50.0 % of them."
        in (page.text)
    )
    assert "Always answering the most frequent labels of the test would reach" in page.text
    assert "by accuracy" not in page.text
    by_macro = dataclasses.replace(facts, settings={"metric": "macro-f1"})
    assert "reaches a micro-F1 of 0.800" in part(by_macro, "verdict").text
    assert "macro-F1 " in part(by_macro, "verdict").text
    assert "by micro-F1, inconclusive" in part(by_macro, "verdict").text
    models = part(facts, "models")
    assert "always predicting the share of each label in training" in models.text
    assert "all its labels together, would be a coin" in models.text


def test_labels_come_hardest_first_and_those_that_no_example_has_last(facts: ReportFacts) -> None:
    rows = per_class(facts)
    assert [row.name for row in rows] == ["fish", "dog", "cat", "owl"]
    fish, dog, cat, owl = rows
    assert (fish.recall.value, fish.precision, fish.tested) == (0, None, 10)
    assert (dog.recall.value, dog.precision.value, dog.threshold) == (3 / 4, 1, 0.4)
    assert (cat.recall.value, cat.precision.value) == (1, 5 / 6)
    assert (owl.recall, owl.f1, owl.average_precision, owl.bar) == (None, None, None, None)
    page = part(facts, "by-label")
    assert "1 of 4 labels was never found in the test: fish." in page.text
    assert "Never answered: fish, though there are test images that have it." in page.text
    assert "Not tested: owl, which no test image has. Macro-F1 leaves them out." in page.text
    assert "at least its threshold" in page.text
    heads = [text for tag, text in page.texts if tag == "button"]
    assert {"Recall", "Precision", "F1", "Average precision", "Threshold"} <= set(heads)


def test_numbers_and_pairs_of_labels_are_counted_in_truth_and_in_answers(facts: ReportFacts) -> None:
    content = labels_section(facts)
    assert [(each.first, each.second, each.true, each.answered) for each in content["pairs"]] == [
        ("cat", "dog", 15, 15), ("cat", "fish", 10, 0), ("dog", "fish", 5, 0)
    ]  # fmt: skip
    assert content["pairs"][0].by_chance == pytest.approx(25 * 20 / 40)
    assert mean_labels(facts.labels) == (11 / 8, 9 / 8)
    bars = [drawn(content["plot"], css) for css in ("count", "share")]
    tall = [[bar["height"] for bar in each[:-1]] for each in bars]  # the last is that of the key
    assert [len(each) for each in tall] == [4, 3]
    assert tall[0] == pytest.approx([2 * tall[0][3], 2 * tall[0][3], 3 * tall[0][3], tall[0][3]], abs=0.2)
    assert all(bar["y"] + bar["height"] == pytest.approx(BOTTOM) for each in bars for bar in each[:-1])
    assert "In truth" in part(facts, "by-label").text


def test_large_numbers_of_labels_share_the_last_bar() -> None:
    plot = counts_plot({"in truth": [1] * 30}, "title", "note", "across", "label")
    *bars, _ = drawn(plot, "count")
    assert len(bars) == 17
    assert bars[-1]["height"] == pytest.approx(14 * bars[0]["height"], abs=0.8)
    assert plot.across.ticks[-1].label == "16+"
    assert len(drawn(counts_plot({"none": [0]}, "title", "note", "across", "label"), "count")) == 1


def test_mistakes_name_what_was_missed_and_added(facts: ReportFacts) -> None:
    found = label_mistakes(facts)
    assert (found["has"], found["missed"], found["answered"], found["added"]) == (55, 15, 45, 5)
    assert found["rows"] == [("fish", 10, 10, 0, 0), ("cat", 0, 25, 5, 30), ("dog", 5, 20, 0, 15)]
    page = part(facts, "errors")
    assert (
        "Of 55 labels that 40 test images have, it missed 15 (27.3 %); of 45 labels that it answered"
        in page.text
    )
    shown = {each.source: ShownExample(each).marked for each in facts.mistakes}
    assert shown["3.png"] == [("right", "cat"), ("missed", "fish")]
    assert shown["5.png"] == [("added", "cat")]
    assert {int(source[:-4]) % 8 for source in shown} == {3, 4, 5, 6}
    unknown = Answered("x", "7.png", "", "fish", 0.5, None, unknown=["fish"])
    assert ShownExample(unknown).marked == [("unknown", "fish")]
    classes = [each.get("class") for each in page.all("li")]
    assert classes.count("missed") == 15
    assert classes.count("added") == 5
    perfect = dataclasses.replace(facts, mistakes=[])
    assert "Worst mistakes" not in part(perfect, "errors").text


def test_likely_wrong_labels_are_cells(facts: ReportFacts) -> None:
    issue = LabelIssue("a text", "a.csv:1", "train", "cat: absent", "cat: present", 0.9, 0.1, 0.8)
    judged = dataclasses.replace(facts, label_issues=LabelIssues([issue], 1, 32, "By folds.", precision=0.8))
    page = part(judged, "errors")
    assert "1 of 32 labels that images have or lack looks wrong." in page.text
    assert "labelled cat: absent" in page.text
    assert "the other of present and absent" in page.text


def test_a_page_of_labels_speaks_of_no_classes_and_of_every_part(facts: ReportFacts) -> None:
    page = Page(render(facts))
    keys = [each["id"] for each in page.all("section")]
    assert [*keys[:4], *keys[-3:]] == ["verdict", "models", "by-label", "errors", "data", "repeat", "next"]
    assert {"reliability", "training"} <= set(keys)
    sections = page.text.partition("Made by Pellucid")[0]
    assert re.findall(r"\S* ?\bclass(?:es)?\b", sections) == []
    assert "with any of 4 labels" in sections
    assert "Every known label of every test image, present or absent" in sections
    titles = [text for tag, text in page.texts if tag == "figcaption"]
    assert {"Micro-F1 ", "Subset accuracy ", "Loss "} <= set(titles)
    assert "Train subset accuracy" in sections


def test_without_a_test_nothing_is_claimed(digit_facts: ReportFacts) -> None:
    untested = several_facts(digit_facts, known=0)
    assert (labels_section(untested), label_mistakes(untested), untested.tested) == (None, None, 0)
    assert "cnn was trained, and nothing was left to test it on." in Page(render(untested)).text


def test_names_of_labels_are_shown_and_not_obeyed(digit_facts: ReportFacts) -> None:
    names = [name.replace(";", "") for name in HOSTILE]
    for place in range(0, len(names) - 4, 4):
        page = Page(render(several_facts(digit_facts, names[place : place + 4])))
        assert page.all("script") == page.all("img") == page.all("b") == []
        assert not [name for _, found in page.elements for name in found if name.startswith("on")]


def test_the_report_of_a_run_agrees_with_its_verdict(tmp_path: Path) -> None:
    words = {"bird": "wing nest", "water": "river lake", "fast": "quick rapid"}
    draws = np.random.default_rng(0)
    lines = ["text,labels"]
    for row in range(200):
        chosen = [name for name in words if draws.random() < 0.4]
        seen = [draws.choice(words[name].split()) for name in chosen if draws.random() < 0.8]
        lines.append(f"{' '.join(seen)} item {row},{';'.join(chosen)}")
    (tmp_path / "texts.csv").write_text("\n".join(lines))
    run = train(str(tmp_path / "texts.csv"), out=tmp_path / "run", model="svm", unlabelled="none", quiet=True)
    page = Page(run.report.read_text())
    right = run.metrics["models"]["svm"]["test"]["subset_accuracy"]["value"]
    (micro,) = re.findall(r"a micro-F1 of ([0-9.]+) on", run.verdict)
    assert f"svm reaches a micro-F1 of {micro} on 40 unseen texts, with all labels right for" in page.text
    assert f"{100 * right:.1f} % of them." in run.verdict
    assert f"with all labels right for {100 * right:.1f} % of them." in page.text
    assert "Labels with the most mistakes" in page.text


def test_a_preview_shows_the_first_examples_and_the_first_of_every_other_label(tmp_path: Path) -> None:
    lines = ["image,labels"]
    for row in range(60):
        Image.fromarray(np.full((8, 8), 4 * row, np.uint8)).save(tmp_path / f"{row:02}.png")
        lines.append(f"{row:02}.png,{'a;b' if row % 2 else 'a' if row < 30 else 'a;c'}")
    (tmp_path / "all.csv").write_text("\n".join(lines))
    page = Page(render_preview(*prepare(str(tmp_path / "all.csv"), Settings(seed=0))))
    shown = [attributes.get("class") for attributes in page.all("ul")].count("labels")
    assert shown == len(page.all("use")) > 20
    assert "other labels" in page.text
    assert {each.get("class") for each in page.all("li")} <= {"foreign", "right", "sentence", None}
    assert "classes" not in page.text
