"""Every entry of a small run that predicts numbers, of groups, computed anew from its models and the data."""

import csv
import json
import time
from itertools import combinations

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

import pellucid
from labelled import labelled
from pellucid.arithmetic.draws import Purpose, generator
from pellucid.bundle import AverageModel, load_any
from pellucid.evaluation import Groups, recommend, score, worth
from pellucid.evaluation.comparisons import compare_numbers
from pellucid.evaluation.recommendation import chosen_weights, cross_fitted_average
from recomputed import Recomputed, holm_by_hand, wilson_interval

pytestmark = pytest.mark.core

TINY = {"model": "bag", "width": 8, "epochs": 4, "threads": 1, "quiet": True}
SIZES = {"train": 220, "validation": 110, "test": 120}
GOOD, BAD = ("lovely", "quick", "sound", "kind"), ("awful", "late", "broken", "rude")
SHARED = ("the", "parcel", "came", "and", "its", "box", "was", "here", "again", "so", "we", "called")


def reviews():
    """Reviews with a grade by their words, by customers who each grade in their own way."""
    draws, rows = np.random.default_rng(2), []
    for split, count in SIZES.items():
        for row in range(count):
            customer = f"{split} {row // 3}"
            if row % 3 == 0:
                mood = draws.normal()
            good = int(draws.integers(5))
            words = [*draws.choice(SHARED, 6), *draws.choice(GOOD, good), *draws.choice(BAD, 4 - good)]
            words.append(f"number{draws.integers(10**6)}")
            grade = 10 + 2.0 * good + mood + draws.normal() * 0.5
            rows.append({
                "text": " ".join(draws.permutation(words)), "grade": f"{grade:.3f}", "split": split,
                "customer": customer,
            })  # fmt: skip
    return rows


class Run:
    """A finished run, and what its saved models say of the data, asked here anew."""

    def __init__(self, folder, rows):
        self.folder = folder
        self.metrics = json.loads((folder / "metrics.json").read_text())
        self.checked = Recomputed(self.metrics)
        self.seed = self.metrics["seed"]
        self.models = {name: load_any(folder / "models" / name) for name in self.metrics["models"]}
        self.inputs, self.labels, self.groups = {}, {}, {}
        for name in SIZES:
            of_split = [row for row in rows if row["split"] == name]
            self.inputs[name] = [row["text"] for row in of_split]
            self.labels[name] = np.array([float(row["grade"]) for row in of_split])
            self.groups[name] = Groups.of_sets(np.arange(len(of_split)) // 3)
        self.tested = {name: each.answer(self.inputs["test"]).said for name, each in self.models.items()}
        self.held_out = {name: self._held_out(name) for name in self.models}

    def is_trained_again(self, name):
        return self.metrics["models"][name]["trained_again"]

    def _held_out(self, name):
        model = self.models[name]
        if self.is_trained_again(name):  # the model that answered is not kept
            return model.held_out.said
        if isinstance(model, AverageModel):
            others = [each for each in self.models if each not in ("average", "mean")]
            said = [self._held_out(each) for each in others]
            weights = chosen_weights(labelled(self.labels["validation"]), said)
            expected = {each: int(weight) for each, weight in zip(others, weights, strict=True) if weight}
            assert {each.name: each.weight for each in model.members} == expected
            return cross_fitted_average(labelled(self.labels["validation"]), said, self.seed)
        return model.answer(self.inputs["validation"]).said


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder, rows = tmp_path_factory.mktemp("numbers"), reviews()
    with (folder / "grades.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    given = {
        "input_column": "text", "label_column": "grade", "split_column": "split",
        "group_column": "customer", "target": "number", "folds": 0,
    }  # fmt: skip
    return Run(pellucid.train(folder / "grades.csv", out=folder / "run", **given, **TINY).folder, rows)


def errors(labels, said):
    """Scores of numbers by scikit-learn."""
    return {
        "mean_absolute_error": mean_absolute_error(labels, said),
        "root_mean_squared_error": root_mean_squared_error(labels, said),
        "r2": r2_score(labels, said),
    }


def outliers(run):
    """Texts unlike the training data, made of those of the test."""
    texts = run.inputs["test"]
    draws = generator(run.seed, Purpose.SYNTHETIC_OUTLIERS)
    texts = [texts[place] for place in np.sort(draws.permutation(len(texts)))]
    letters = np.array([letter for text in texts for letter in text[:200]])
    shuffled = ["".join(text[place] for place in draws.permutation(len(text))) for text in texts]
    return {
        "shuffled_letters": shuffled,
        "random_letters": ["".join(draws.choice(letters, len(text))) for text in texts],
    }


def check_novelty(run, name, path):
    equals, model = run.checked.equals, run.models[name]
    if model.columns_seen == 0:
        equals(f"{path}/novelty", None)
        return
    novelty = model.answer(run.inputs["test"]).novelty
    equals(f"{path}/novelty/threshold", 0.95)
    equals(f"{path}/novelty/stated_rate", 0.05)
    equals(f"{path}/novelty/detector", type(model.detector.measure).__name__.lower())
    equals(f"{path}/novelty/validation_examples", SIZES["validation"])
    alarms = wilson_interval(int((novelty > 0.95).sum()), len(novelty))
    equals(f"{path}/novelty/false_alarm_rate", alarms, rel=1e-6)
    equals(f"{path}/novelty/synthetic_outliers", len(novelty))
    for kind, foreign in outliers(run).items():
        of_foreign = model.answer(foreign).novelty[:, None]
        area = float(((of_foreign > novelty) + 0.5 * (of_foreign == novelty)).mean())
        equals(f"{path}/novelty/area_under_roc/{kind}", area, abs=1e-6)


def check_model(run, name):
    equals, model, path = run.checked.equals, run.models[name], f"models/{name}"
    labels, said, groups = run.labels["test"], run.tested[name], run.groups["test"]
    again = [each["name"] for each in run.metrics["models"][name].get("members", [{"name": name}])]
    is_more = any(run.is_trained_again(each) for each in again)
    of_validation = errors(run.labels["validation"], run.held_out[name])
    equals(f"{path}/validation", of_validation, rel=1e-9, abs=1e-9)
    by_seed = score(labelled(labels), said, run.seed, groups).to_json()
    for key, value in errors(labels, said).items():
        equals(f"{path}/test/{key}", {**by_seed[key], "value": value}, rel=1e-9, abs=1e-9)
    found = worth(groups, labelled(labels), said)
    of_groups = {
        "groups": len(set(groups.of.tolist())),
        "examples": SIZES["test"],
        "correlation": found.correlation,
        "design_effect": found.design_effect,
        "independent_examples": SIZES["test"] / found.design_effect,
    }
    for key, value in of_groups.items():
        equals(f"{path}/by_groups/{key}", value)
    equals(f"{path}/test_without_leaked", None)
    equals(f"{path}/test_without_siblings", None)
    equals(f"{path}/train_examples", SIZES["train"] + is_more * SIZES["validation"])
    equals(f"{path}/held_out_examples", SIZES["validation"])
    equals(f"{path}/saw_fewer", False)
    equals(f"{path}/trained_again", name in ("ridge", "svm"))
    equals(f"{path}/parameters", model.parameters)
    files = [each for each in (run.folder / "models" / name).rglob("*") if each.is_file()]
    equals(f"{path}/bytes", sum(each.stat().st_size for each in files))
    began = time.perf_counter()
    model.answer(run.inputs["test"])
    own = 1000 * (time.perf_counter() - began) / SIZES["test"]
    run.checked.within(f"{path}/milliseconds_per_example", own / 50 - 5e-5, 50 * own + 20)
    equals(f"{path}/calibration", None)
    if isinstance(model, AverageModel):
        equals(f"{path}/members", [{"name": each.name, "weight": each.weight} for each in model.members])
    check_novelty(run, name, path)
    np.testing.assert_allclose(model.held_out.said, run.held_out[name])
    np.testing.assert_allclose(model.held_out.test.said, said)
    np.testing.assert_array_equal(model.held_out.test.labels, labels)


def check_choice(run):
    equals, labels = run.checked.equals, run.labels["test"]
    alike = [["svm", "logistic-regression", "ridge"], ["bag", "ridge-on-bag", "svm-on-bag"]]
    found = recommend(labelled(run.labels["validation"]), run.held_out, None, run.seed, alike)
    equals("recommended", found.name)
    assert run.metrics["reason"].startswith(found.reason.removesuffix("."))
    order = [found.name, *[name for name in [*run.tested][::-1] if name != found.name]]
    root = {name: root_mean_squared_error(labels, run.tested[name]) for name in order}
    answers = {name: run.tested[name] for name in order}
    by_seed = compare_numbers(labels, answers, run.groups["test"], run.seed)
    adjusted = holm_by_hand([each.p_value for each in by_seed])
    pairs = [*combinations(order, 2)]
    for place, ((a, b), each, of_all) in enumerate(zip(pairs, by_seed, adjusted, strict=True)):
        path = f"comparisons/{place}"
        equals(f"{path}/a", a)
        equals(f"{path}/b", b)
        difference = {**each.difference._asdict(), "value": float(root[a] - root[b])}
        equals(f"{path}/root_mean_squared_error_difference", difference, rel=1e-6, abs=1e-9)
        equals(f"{path}/p_value", each.p_value)
        equals(f"{path}/p_value_holm", of_all)
        equals(f"{path}/verdict", each.verdict)


def check_curve(run):
    curve = run.metrics["learning_curve"]
    run.checked.equals("learning_curve/metric", "root_mean_squared_error")
    for name, points in curve["curves"].items():
        last = f"learning_curve/curves/{name}/{len(points) - 1}"
        run.checked.equals(f"{last}/examples", SIZES["train"])
        value = root_mean_squared_error(run.labels["validation"], run.held_out[name])
        run.checked.equals(f"{last}/value", value, rel=1e-6)
        for place, each in enumerate(points):
            assert each["low"] < each["value"] < each["high"]
            run.checked.left_out(f"learning_curve/curves/{name}/{place}/*")
    run.checked.left_out("learning_curve/model", "learning_curve/outlook", "learning_curve/would_help")


def test_every_entry_of_metrics_json(run):
    equals = run.checked.equals
    equals("format", 2)
    equals("task", "text-regression")
    equals("seed", 0)
    equals("classes", [])
    for name, count in SIZES.items():
        equals(f"data/{name}", count)
    for key in ("skipped", "duplicates", "near_duplicates", "leaked", "siblings", "test_siblings"):
        equals(f"data/{key}", 0)
    for name in run.models:
        check_model(run, name)
    check_choice(run)
    check_curve(run)
    for key in ("contradiction", "disagreement", "label_issues", "judged_on_folds", "folds"):
        equals(key, None)
    equals("giveaways", [])
    equals("headline", {"part": "test", "examples": SIZES["test"], "known": 0, "tested": SIZES["test"]})
    equals("text/test_coverage/texts", SIZES["test"])
    run.checked.left_out(
        "reason", "models/*/train_seconds", "models/*/features", "models/*/configurations*",
        "models/*/by_groups/words", "text/*", "findings*", "data/*",
    )  # fmt: skip
    run.checked.finish()


def test_the_table_of_answers(run):
    with (run.folder / "test.csv").open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    said, novelty = run.models[run.metrics["recommended"]].answer(run.inputs["test"])
    np.testing.assert_allclose([float(row["predicted"]) for row in rows], said)
    np.testing.assert_allclose([float(row["label"]) for row in rows], run.labels["test"])
    if novelty is not None:
        np.testing.assert_allclose([float(row["novelty"]) for row in rows], novelty, atol=1e-6)
