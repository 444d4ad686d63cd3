"""Every entry of a small run of texts of two classes, computed anew from its saved models and the data."""

import csv
import json
import math

import numpy as np
import pytest
from scipy.stats import binom, fisher_exact

import pellucid
from command_line import within
from pellucid.arithmetic.draws import Purpose, generator
from pellucid.export.export import export, metadata_of
from pellucid.runtime import load
from recomputed import Classified, Recomputed, wilson_interval

pytestmark = pytest.mark.core

TINY = {"model": "bag", "width": 8, "epochs": 3, "threads": 1, "quiet": True}
SIZES = {"train": 220, "validation": 120, "test": 140}
NAMES = ["bad", "good"]
KNOWN = {"bad": ("awful", "late", "broken", "rude"), "good": ("lovely", "quick", "sound", "kind")}
SHARED = ("the", "parcel", "came", "and", "its", "box", "was", "here", "again", "so", "we", "called", "them")
SHOPS = ("north", "south", "east")
LEAST = 0.6


def reviews() -> list[dict[str, str]]:
    """Reviews that mostly speak as their label says, of three shops, in the order of their splits."""
    draws, rows = np.random.default_rng(1), []
    for split, count in SIZES.items():
        for _ in range(count):
            label = NAMES[int(draws.random() < 0.65)]
            shop = SHOPS[int(draws.integers(3))]
            other = NAMES[1 - NAMES.index(label)]
            telling = KNOWN[other if draws.random() < (0.15 if shop == "east" else 0.05) else label]
            words = [*draws.choice(SHARED, 7), *draws.choice(telling, 2), f"number{draws.integers(10**6)}"]
            rows.append({
                "text": " ".join(draws.permutation(words)), "label": label, "split": split, "shop": shop
            })  # fmt: skip
    return rows


class Reviews(Classified):
    """A run of reviews."""

    again = ("logistic-regression", "svm")

    def outliers(self):
        texts = self.splits["test"][0]
        draws = generator(self.seed, Purpose.SYNTHETIC_OUTLIERS)
        texts = [texts[place] for place in np.sort(draws.permutation(len(texts)))]
        letters = np.array([letter for text in texts for letter in text[:200]])
        shuffled = ["".join(text[place] for place in draws.permutation(len(text))) for text in texts]
        drawn = ["".join(draws.choice(letters, len(text))) for text in texts]
        return {"shuffled_letters": shuffled, "random_letters": drawn}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder, rows = tmp_path_factory.mktemp("texts"), reviews()
    with (folder / "reviews.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    given = {
        "input_column": "text", "label_column": "label", "split_column": "split", "slice_column": "shop",
        "threshold": f"good={LEAST}",
    }  # fmt: skip
    made = pellucid.train(folder / "reviews.csv", out=folder / "run", folds=0, **given, **TINY)
    splits = {
        name: (
            [row["text"] for row in rows if row["split"] == name],
            np.array([NAMES.index(row["label"]) for row in rows if row["split"] == name]),
        )
        for name in SIZES
    }
    alike = [["svm", "logistic-regression"], ["bag", "logistic-regression-on-bag", "svm-on-bag"]]
    found = Reviews(made.folder, splits, alike, {"good": LEAST})
    first = SIZES["train"] + 2  # below the head of the table
    held_out = range(first, first + SIZES["validation"] + SIZES["test"])
    found.sources_held_out = [f"{folder / 'reviews.csv'}:{line}" for line in held_out]
    return found


def check_slices(run, checked: Recomputed) -> None:
    """Scores of the recommended model by shop, with intervals that hold together (Bonferroni)."""
    shops = np.array([row["shop"] for row in reviews() if row["split"] == "test"])
    hits = run.decide(run.tested[run.metrics["recommended"]]) == run.labels
    expected = []
    for shop in SHOPS:
        of_shop = hits[shops == shop]
        interval = wilson_interval(int(of_shop.sum()), len(of_shop), missed=0.05 / len(SHOPS))
        is_worse = interval["high"] < hits.mean()
        expected.append((interval["value"], shop, len(of_shop), interval, is_worse))
    for place, (_, shop, examples, interval, is_worse) in enumerate(sorted(expected)):
        path = f"slices/values/{place}"
        checked.equals(f"{path}/value", shop)
        checked.equals(f"{path}/examples", examples)
        checked.equals(f"{path}/score", interval, rel=1e-6)
        checked.equals(f"{path}/worse_than_all", is_worse)
    checked.equals("slices/column", "shop")
    checked.equals("slices/metric", "accuracy")
    checked.equals("slices/intervals", "bonferroni")
    checked.equals("slices/pooled", None)
    checked.equals("slices/left_out", {"values": 0, "examples": 0})


def check_coverage(run, checked: Recomputed) -> None:
    """Words of the test texts, and those that no training text holds."""
    known = {word for text in run.splits["train"][0] for word in text.split()}
    words = [word for text in run.splits["test"][0] for word in text.split()]
    unknown = sum(word not in known for word in words)
    found = {"texts": SIZES["test"], "ids": len(words), "unknown": unknown, "cut": 0}
    checked.equals("text/test_coverage", found)
    (encoder,) = run.models["bag"].encoders
    checked.equals("text/vocabulary", encoder.vocabulary)
    checked.equals("text/length", encoder.length)
    checked.left_out("text/encoder", "text/reasons/*")


RULES = ("near_copies", "same_words", "reordered", "contained", "quotes", "threads")


def test_every_entry_of_metrics_json(run):
    checked, equals = run.checked, run.checked.equals
    equals("format", 2)
    equals("task", "text-classification")
    equals("seed", 0)
    equals("classes", NAMES)
    equals("threshold", {"good": LEAST})
    for name, count in SIZES.items():
        equals(f"data/{name}", count)
    for key in ("skipped", "duplicates", "near_duplicates", "leaked", "siblings", "test_siblings"):
        equals(f"data/{key}", 0)
    nothing = {"sets": 0, "examples": 0}
    equals("data/siblings_by_rule", dict.fromkeys(RULES, nothing))
    run.check_models(leaked=np.arange(0))
    run.check_choice()
    equals("giveaways", [])
    run.check_label_issues()
    run.check_curve()
    run.check_findings()
    check_slices(run, checked)
    check_coverage(run, checked)
    equals("judged_on_folds", None)
    equals("folds", None)
    checked.left_out(
        "models/*/train_seconds",
        "models/*/features",
        "models/*/configurations*",
        "label_issues/method",
        "label_issues/judges/1/*",  # of models trained anew for each fold of the training examples
    )
    checked.finish()


def test_the_other_files(run):
    run.check_test_file(run.sources_held_out[SIZES["validation"] :])


def trust(kept):
    """Trust in each kept answer, 0 for an input that looks foreign, and whether the answer is wrong."""
    decided = np.where(kept.said[:, 1] >= LEAST, 1, 0)
    of_answer = kept.said[np.arange(len(decided)), decided].astype(np.float64)
    return np.where(kept.novelty > 0.95, 0.0, of_answer), decided != kept.labels


def threshold_of(trusted, is_wrong, error):
    """Least trust of the last set whose error is proved small, of two sequences where examples suffice."""
    count, found = len(trusted), [math.inf]
    order = np.argsort(-trusted, kind="stable")
    sequences = [(math.ceil(count / 4), 0.05)]
    if math.ceil(count / 10) >= math.ceil(math.log(0.01) / math.log1p(-error)):
        sequences = [(math.ceil(count / 4), 0.04), (math.ceil(count / 10), 0.01)]
    for first, level in sequences:
        least = math.ceil(math.log(level) / math.log1p(-error))
        for size in range(max(least, first), count + 1):
            if binom.cdf(int(is_wrong[order[:size]].sum()), size, error) > level:
                break
            if trusted[order[size - 1]] > 0:
                found.append(float(trusted[order[size - 1]]))
    return min(found)


def fewer(first, second, threshold):
    """P-value of fewer errors among the answered of the first than among those of the second."""
    table = [[is_wrong[trusted >= threshold].sum(), (~is_wrong)[trusted >= threshold].sum()]
             for trusted, is_wrong in (first, second)]  # fmt: skip
    return fisher_exact(table, "less").pvalue


def promised(model, error):
    """Threshold by held-out and test examples together, whose errors are alike."""
    held_out, of_test = trust(model.held_out), trust(model.held_out.test)
    both = [np.concatenate(each) for each in zip(held_out, of_test, strict=True)]
    assert len(np.unique(both[0][both[0] > 0])) == (both[0] > 0).sum()  # no two alike
    found = threshold_of(*both, error)
    if math.isinf(found):
        return None
    assert fewer(held_out, of_test, found) > 0.1
    assert fewer(of_test, held_out, found) > 0.01
    return found


def test_promises_of_predict(run, tmp_path):
    """Abstention and sets by the examples that the recommended model keeps beside its weights."""
    model, table = run.model, run.folder.parent / "reviews.csv"
    error = next(each for each in (0.1, 0.2, 0.3) if promised(model, each) is not None)
    threshold = promised(model, error)
    out = tmp_path / "answers.csv"
    within.succeed(
        "predict", run.folder, table, "--input-column", "text", "--max-error", error, "--sets", "0.9",
        "--out", out, "--probabilities",
    )  # fmt: skip
    with out.open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    said, novelty = model.answer([row["text"] for row in reviews()])
    answers = np.where(said[:, 1] >= LEAST, 1, 0)
    assert [row["label"] for row in rows] == [NAMES[code] for code in answers]
    of_answer = np.where(novelty > 0.95, 0, said[np.arange(len(said)), answers])
    is_far = np.abs(of_answer - threshold) > 1e-6
    abstained = np.array([row["abstained"] == "true" for row in rows])
    np.testing.assert_array_equal(abstained[is_far], (of_answer < threshold)[is_far])
    assert 0 < abstained.sum() < len(rows)
    kept, count = model.held_out, SIZES["validation"]
    cutoff = np.sort(kept.said[np.arange(count), kept.labels])[count - math.ceil((count + 1) * 0.9 - 1e-9)]
    tested = kept.test.said >= cutoff
    tested[np.arange(len(tested)), np.where(kept.test.said[:, 1] >= LEAST, 1, 0)] = True
    covered = int(tested[np.arange(len(tested)), kept.test.labels].sum())
    assert binom.cdf(covered, len(tested), 0.9) > 0.05  # else it would be widened
    is_in = said.astype(np.float32) >= cutoff
    is_in[np.arange(len(said)), answers] = True
    expected = [{NAMES[code] for code in np.flatnonzero(each)} for each in is_in]
    assert [{*json.loads(row["set"])} for row in rows] == expected
    assert {len(each) for each in expected} == {1, 2}


def test_thresholds_of_an_exported_file(run):
    """Those that the examples beside the weights prove."""
    expected = []
    for error in (0.01, 0.02, 0.05, 0.1, 0.2):
        if SIZES["validation"] + SIZES["test"] >= math.ceil(math.log(0.05) / math.log1p(-error)):
            expected.append((error, promised(run.model, error)))
    found = metadata_of(run.model, "reviews").abstention
    assert [each[0] for each in found] == [error for error, _ in expected]
    for (_, least), (_, threshold) in zip(found, expected, strict=True):
        assert least == (threshold if threshold is None else pytest.approx(threshold))
    assert any(threshold is not None for _, threshold in expected)


@pytest.mark.slow
def test_an_exported_file(run, tmp_path):
    """Metadata, and the answers about more texts than are encoded at once."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from exported_models import look_operators_up_once

    look_operators_up_once()
    export(str(run.folder), tmp_path / "model.onnx")
    exported = load(tmp_path / "model.onnx")
    assert exported.metadata.abstention == metadata_of(run.model, "reviews").abstention
    assert exported.threshold == {"good": LEAST}
    words, draws = [*SHARED, *KNOWN["bad"], *KNOWN["good"]], np.random.default_rng(3)
    texts = [" ".join(draws.choice(words, draws.integers(1, 9))) for _ in range(4300)]
    said, novelty = exported.answer(texts)
    by_model, novelty_by_model = run.model.answer(texts)
    np.testing.assert_allclose(said, by_model, atol=1e-4)
    assert np.abs(novelty - novelty_by_model).max() < 0.02
