"""What the report says of several models: the verdict, the table, the pairs and the folds."""

import dataclasses
import re
from importlib.resources import files

import pytest

from pellucid.evaluation import Interval
from pellucid.reports import ReportFacts, model_sections, render, scored_models
from pellucid.reports.generated_sections import verdict_of_generator
from pellucid.reports.model_sections import judge
from pellucid.reports.scored_models import pairings, read_pair
from pellucid.settings import METRICS
from reports.report_page import Page, part, with_metrics
from reports.rich_facts import made_folds


def classes_of_svg(page: Page) -> list[str]:
    return [svg.get("class", "") for svg in page.all("svg")]


@pytest.fixture(scope="module")
def page(rich_facts: ReportFacts) -> Page:
    return Page(render(rich_facts))


def test_verdict_and_table_name_score_leaks_baseline_reason_and_configurations(
    page: Page, rich_facts: ReportFacts
) -> None:
    clean = rich_facts.model["test_without_siblings"]["accuracy"]["value"]
    assert f"cnn classifies {100 * clean:.1f} % of 677 unseen images correctly." in page.text
    assert f"Recommended: cnn. Test accuracy {clean:.3f} [" in page.text
    assert "20 of the 697 test images have a copy or a sibling in training or validation." in page.text
    assert (
        "The score is of the others. On all of the test it is 0.953 [0.934, 0.966], which is too optimistic."
        in (page.text)
    )
    other = rich_facts.metrics["models"]["svm"]["test_without_siblings"]["accuracy"]["value"]
    assert f"The best of the others, svm: accuracy {other:.3f}" in page.text
    assert f"Why this one. {rich_facts.metrics['reason']}" in page.text
    assert "400 fewer" in page.text
    assert "svm was trained on fewer images than there are: 400 of 800." in page.text
    assert "cnn was trained on fewer" not in page.text
    assert "Configurations that were tried" in page.text
    assert "hog, C = 0.1" in page.text
    assert len(re.findall(r"C = 3 chosen0\.930", page.text)) == 5, "one for each model that had a choice"


def test_where_folds_judged_a_model_may_learn_from_the_validation_split_too(rich_facts: ReportFacts) -> None:
    """The count is the one that the terminal has said."""
    text = part(rich_facts, "models", judged_on_folds={"svm": 5}).text
    assert "svm was trained on fewer images than there are: 400 of 1,100." in text


def test_what_is_recommended_is_named_as_what_it_is(rich_facts: ReportFacts) -> None:
    text = part(rich_facts, "verdict", recommended="random-forest").text
    assert "random-forest, a classical model, classifies" in text
    clean = rich_facts.metrics["models"]["cnn"]["test_without_siblings"]["accuracy"]["value"]
    assert f"The network, cnn: accuracy {clean:.3f}" in text
    training = part(rich_facts, "training", recommended="random-forest").text
    assert "This is how cnn was trained, the network; random-forest, which is recommended" in training
    text = part(rich_facts, "verdict", recommended="majority").text
    assert "No trained model is significantly better than always predicting the most frequent class." in text
    assert "Nothing: it predicts the same for every image." in text
    assert "would reach" not in text
    assert judge(with_metrics(rich_facts, recommended="majority"))["trusted"]["shown"] == []
    name = "logistic-regression-on-efficientnet-lite0"
    models = {**rich_facts.metrics["models"], name: rich_facts.metrics["models"]["cnn"]}
    text = part(rich_facts, "verdict", recommended=name, models=models).text
    assert f"EfficientNet-Lite0 features + logistic regression classifies {100 * clean:.1f} %" in text
    assert f"Recommended: {name}." in text
    assert "a classical model" not in text


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("contradiction", "The test contradicts the choice: svm is better there beyond chance."),
        ("disagreement", "Validation and test disagree beyond chance (p = 0.003): accuracy 0.8 on 300."),
    ],
)
def test_what_speaks_against_the_choice_comes_first(rich_facts: ReportFacts, key: str, words: str) -> None:
    text = part(rich_facts, "verdict", **{key: {"words": words}}).text
    assert text.index(words) < text.index("Why this one.") < text.index("Trust it for")
    assert words[:20] not in part(rich_facts, "verdict", **{key: None}).text


def test_the_table_has_the_recommended_model_first_then_by_score_on_a_scale_of_the_good_ones(
    page: Page, rich_facts: ReportFacts
) -> None:
    content = model_sections.model_table(rich_facts)
    assert content is not None
    rows = content["rows"]
    assert [row["is_recommended"] for row in rows] == [True] + 6 * [False]
    values = [row["score"].value for row in rows[1:]]
    assert values == sorted(values, reverse=True)
    assert len({row["colour"] for row in rows}) == 7
    assert content["bounds"] == (0.8, 1.0)
    assert content["off_scale"]
    assert {row["bar"].reference.place for row in rows} == {0}
    words = "The bars run from 0.8 to 1. The dashed line is always predicting the most frequent class, 0.0990"
    assert words in page.text


def test_a_model_that_learned_from_its_judges_says_so(rich_facts: ReportFacts) -> None:
    found = rich_facts.metrics["models"]
    again = {name: {**entry, "trained_again": name == "svm"} for name, entry in found.items()}
    text = part(rich_facts, "models", models=again).text
    assert "svm: trained again at the end, with the 300 images of the validation split as well." in text
    assert "the test scores are those of the model that was kept" in text
    assert "7 models were trained and tested on the same test images" in text


def test_pairs_are_seen_from_the_recommended_model_with_one_word_the_nearest_first(
    rich_facts: ReportFacts,
) -> None:
    found = pairings(rich_facts, rich_facts.metrics["comparisons"])
    assert found is not None
    assert (len(found.first), len(found.rest)) == (6, 15)
    assert {pair.first for pair in found.first} == {"cnn"}
    distances = [abs(pair.difference.value) for pair in found.first if pair.difference]
    assert distances == sorted(distances)
    assert found.first[-1].second == "majority"
    assert found.first[-1].bar is None, "the baseline does not stretch the scale of the others"
    assert all(pair.bar for pair in found.first[:-1])
    facts = with_metrics(rich_facts, recommended="svm")
    comparison = {"a": "cnn", "b": "svm", "accuracy_difference": {"value": 0.2, "low": 0.1, "high": 0.4}}
    found = pairings(facts, [comparison])
    assert found is not None
    pair = found.first[0]
    assert (pair.first, pair.second) == ("svm", "cnn")
    assert pair.difference == Interval(-0.2, -0.4, -0.1)
    assert pair.p_value is None
    assert pairings(facts, []) is None
    assert pairings(facts, None) is None
    difference = {"value": 0.05, "low": 0.02, "high": 0.08}
    pair = {
        "a": "svm", "b": "cnn", "accuracy_difference": difference, "p_value": 0.001, "p_value_holm": 0.002,
        "verdict": "",
    }  # fmt: skip
    found = read_pair(pair, "cnn", METRICS["accuracy"])
    assert (found.first, found.second, found.word) == ("cnn", "svm", "worse")
    assert found.difference == Interval(-0.05, -0.08, -0.02)
    errors = {
        "a": "ridge",
        "b": "mean",
        "root_mean_squared_error_difference": {"value": -0.4},
        "p_value": 0.01,
    }
    measure = METRICS["root_mean_squared_error"]
    assert read_pair(errors, "ridge", measure).word == "better"
    assert read_pair(errors | {"p_value_holm": 0.06}, "ridge", measure).word == "inconclusive"


def test_one_model_alone_says_so_in_one_line(digit_facts: ReportFacts) -> None:
    page = Page(render(digit_facts))
    assert "cnn is the only model that was trained." in page.text
    assert "Recommended:" not in page.text
    assert "compared with each" not in page.text
    assert "The same on" not in page.text


def test_one_model_alone_is_not_called_the_only_one_trained_where_others_were_left_out(
    digit_facts: ReportFacts,
) -> None:
    notes = ["svm: skipped, no time left to test it.", "forest is left out: there was no time to test it."]
    notes.append("Learning curve: skipped, out of time.")
    facts = dataclasses.replace(digit_facts, metrics={**digit_facts.metrics, "notes": notes})
    page = Page(render(facts))
    assert "cnn is the only model that was tested in time; 2 models left out." in page.text


def test_folds_show_each_fold_on_a_scale_and_pairs_with_the_best(page: Page, rich_facts: ReportFacts) -> None:
    found = model_sections.read_folds(rich_facts)
    assert found is not None
    assert [row["name"] for row in found["rows"]] == ["cnn", "svm", "random-forest", "majority"]
    assert all(len(row["dots"]) == 5 for row in found["rows"])
    assert found["bounds"][0] > 0.9, "the baseline does not stretch the scale"
    assert "The same on 5 other splits" in page.text
    assert "880 images to learn from and 220 to score each time" in page.text
    dots = [circle for circle in page.all("circle") if circle.get("class") == "dot"]
    assert len(dots) == 20
    found = model_sections.read_folds(with_metrics(rich_facts, recommended="svm-on-cnn"))
    assert found is not None
    assert len(found["pairs"]) == 3
    assert all("cnn" in (pair.first, pair.second) for pair in found["pairs"])
    assert model_sections.read_folds(with_metrics(rich_facts, folds=None)) is None
    flat = made_folds("accuracy", {"cnn": 0.5})
    flat["models"]["cnn"] = {"scores": [0.5] * 5, "mean": {"value": 0.5, "low": 0.5, "high": 0.5}}
    found = model_sections.read_folds(with_metrics(rich_facts, folds=flat))
    assert found is not None
    assert found["bounds"] == (0.0, 1.0)


def test_a_model_has_one_colour_everywhere(page: Page, rich_facts: ReportFacts) -> None:
    css = files("pellucid.reports").joinpath("page/models.css").read_text(encoding="utf-8")
    for place in {scored_models.colour(name) for name in rich_facts.models}:
        assert f".model-{place} {{ --model: var(--model-{place}); }}" in css
        assert f"bar model-{place}" in classes_of_svg(page)
    assert (
        scored_models.colour("svm-on-lenet")
        == scored_models.colour("svm-on-cnn")
        != scored_models.colour("svm")
    )
    assert scored_models.colour("ridge") == scored_models.colour("logistic-regression")


def test_numbers_speak_of_the_typical_error(number_facts: ReportFacts) -> None:
    page = Page(render(number_facts))
    assert "svm, a classical model, has a mean absolute error of 18.7 on 697 unseen images." in page.text
    assert "Test mean absolute error 18.7" in page.text
    assert "Always predicting the mean would reach 28.9." in page.text
    assert "The network, cnn: root mean squared error 26.7" in page.text
    assert "to within 37.4: nine predictions in ten were at most that far off." in page.text
    assert "Values below 185 or above 427: none was tested." in page.text
    assert "accuracy" not in re.sub(r"accuracy Share of the examples.*", "", page.text)
    assert "reliability" not in [section["id"] for section in page.all("section")]
    assert "below zero svm errs less" in page.text
    assert "sign-flip" in page.text
    assert "McNemar" not in page.text


def test_numbers_that_explain_nothing_are_no_better_than_the_mean(number_facts: ReportFacts) -> None:
    text = part(number_facts, "verdict", recommended="mean").text
    assert "No trained model is significantly better than always predicting the mean." in text
    entry = number_facts.metrics["models"]["svm"]
    weak = {**entry, "test": {**entry["test"], "r2": {"value": 0.01, "low": -0.02, "high": 0.04}}}
    text = part(number_facts, "verdict", models={**number_facts.metrics["models"], "svm": weak}).text
    assert "svm is not significantly better than always predicting the mean." in text
    assert "Nothing yet: the mean alone may do as well." in text
    trained = {"cnn": {"validation": {}, "test": {}}}
    facts = with_metrics(number_facts, models=trained, recommended="cnn", comparisons=[], folds=None)
    page = Page(render(dataclasses.replace(facts, numbers=None, mistakes=[])))
    assert "cnn was trained, and nothing was left to test it on." in page.text


def test_a_generator_no_better_than_its_baseline_says_so_in_the_headline() -> None:
    def verdict(made: float, plain: float) -> str:
        scores = {"vae": made, "gaussian-on-components": plain, "real": 0.976}
        models = {
            name: {"accuracy_trained_on_it": {"value": each, "low": each - 0.02, "high": each + 0.02}}
            for name, each in scores.items()
        }
        return verdict_of_generator(
            {"recommended": "vae", "data": {"test": 500}, "generators": {"models": models}}
        )

    equal = verdict(0.92, 0.92)
    assert equal == (
        "A classifier trained only on images of vae scores 92.0 % on 500 real test images, on as many real "
        "ones 97.6 %, on those of a PCA + Gaussian baseline 92.0 %: no significant gain over it."
    )
    assert verdict(0.92, 0.80).endswith("on those of a PCA + Gaussian baseline 80.0 %.")
    assert verdict(0.80, 0.92).endswith("baseline 92.0 %: significantly worse than it.")


def test_models_of_other_classes_are_not_compared_and_the_headline_is_of_all(rich_facts: ReportFacts) -> None:
    accuracy = {"accuracy": {"value": 0.7, "low": 0.6, "high": 0.8}}
    together = {"test": accuracy, "examples": 697, "new": 500, "old": 197, "model": "cnn"}
    continual = {"missing_classes": ["ant", "bee"], "model": "cnn", "from": "run", "all_classes": together}
    changed = with_metrics(rich_facts, continual=continual, comparisons=[])
    page = Page(render(changed))
    words = (
        "cnn classifies 70.0 % of 697 images of old and new data correctly, but 12 of them are also in its"
    )
    assert words in page.text
    assert "500 images of the new data and 197 images of the old test split, scored together" in page.text
    assert "which lack 2 of them" in page.text
    assert "reached an accuracy" not in page.text  # which no model of fewer classes is held against
    assert "learned from the same images" not in page.text
    alone = {**continual, "all_classes": None}
    page = Page(render(with_metrics(rich_facts, continual=alone, comparisons=[])))
    assert "unseen images of the new data correctly" in page.text
    assert "Not tested: 2 old classes" in page.text


def test_who_was_asked_about_fewer_examples_is_named(rich_facts: ReportFacts) -> None:
    fewer = {"lenet": {"examples": 32, "of": 160, "scores": [0.9, None, None, None, None]}}
    models = {
        name: {**entry, "held_out_examples": 32 if name in ("cnn", "svm") else 160}
        for name, entry in rich_facts.metrics["models"].items()
    }
    folds = {**rich_facts.metrics["folds"], "fewer": fewer}
    text = part(rich_facts, "models", folds=folds, models=models).text
    assert "lenet 32 of 160 images" in text
    assert "lenet was asked about fewer of the images, since judging a model may take as long as" in text
    assert "Before the test cnn and svm were asked about 32 of the 160 held-out images" in text
    assert "Before the test" not in part(rich_facts, "models").text
