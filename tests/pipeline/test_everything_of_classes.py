"""Two classes with everything switched on: every entry computed anew, and the same answers everywhere."""

import csv
import json
import re

import numpy as np
import pytest

from command_line import within
from everything import (
    COLUMNS,
    FOLDS,
    LEAST,
    OTHER,
    RARE,
    SEED,
    SHARE_GOOD,
    SHOPS,
    classes,
    rows_of_classes,
    used,
    write_table,
)
from exported_models import look_operators_up_once
from labelled import labelled
from pellucid import load
from pellucid.answering.evaluate import evaluate
from pellucid.arithmetic.draws import Purpose, generator
from pellucid.data import folds, prepare
from pellucid.evaluation import Groups, score, score_slices, worth
from pellucid.evaluation.comparisons import compare_all
from pellucid.evaluation.promises import checked_promise
from pellucid.export.export import export
from pellucid.runtime import load as load_exported
from pellucid.serving import worker
from pellucid.serving.monitoring import WINDOW, DriftWatch
from pellucid.serving.worker import Answering
from pellucid.settings import Settings
from recomputed import Classified, holm_by_hand, scores_of_classes

pytestmark = pytest.mark.core

NAMES = ["bad", "good"]
NEW = {"n": "good", "y": "bad"}
RULES = ("near_copies", "same_words", "reordered", "contained", "quotes", "threads")
OF_WORDS = ["words", "logistic-regression-on-words", "svm-on-words"]


class Reviews(Classified):
    """The run of reviews."""

    def outliers(self):
        texts = self.splits["test"][0]
        draws = generator(self.seed, Purpose.SYNTHETIC_OUTLIERS)
        texts = [texts[place] for place in np.sort(draws.permutation(len(texts)))]
        letters = np.array([letter for text in texts for letter in text[:200]])
        shuffled = ["".join(text[place] for place in draws.permutation(len(text))) for text in texts]
        drawn = ["".join(draws.choice(letters, len(text))) for text in texts]
        return {"shuffled_letters": shuffled, "random_letters": drawn}


def corrected() -> list[dict[str, str]]:
    """The rows that are used, with their labels as they are after all corrections, in the file's order."""
    found = [
        {**row, "label": NEW[row["label"]], "line": str(line)}
        for line, row in enumerate(rows_of_classes(), start=2)
        if row["label"] != RARE
    ]
    for split, count in (("test", 4), ("train", 3)):
        for row in [row for row in found if row["split"] == split][:count]:
            row["label"] = OTHER[row["label"]]
    gone = [[row for row in found if row["split"] == split][10]["line"] for split in SHARE_GOOD]
    return [row for row in found if row["line"] not in gone]


def of_split(name: str) -> list[dict[str, str]]:
    return [row for row in corrected() if row["split"] == name]


def examples_of(name: str) -> tuple[list[str], np.ndarray]:
    rows = of_split(name)
    return [row["text"] for row in rows], np.array([NAMES.index(row["label"]) for row in rows])


def sets_of(name: str) -> np.ndarray:
    """Number of each row's customer, by first appearance."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(row["customer"], len(numbers)) for row in of_split(name)])


@pytest.fixture(scope="module")
def run():
    folder = classes()
    pool, test = examples_of("train"), examples_of("test")
    assert [np.bincount(labels).argmin() for _, labels in (pool, test)] == [1, 0]  # balance is reversed
    found = Reviews(
        folder / "run",
        {"train": pool, "validation": pool, "test": test},
        [["svm", "logistic-regression"], OF_WORDS],
        {"good": LEAST},
        {"validation": sets_of("train"), "test": sets_of("test")},
    )
    found.sources_held_out = [
        f"{folder / 'reviews.csv'}:{row['line']}" for row in (*of_split("train"), *of_split("test"))
    ]
    return found


@pytest.fixture(scope="module")
def parts(run):
    """Rows of the pool that each fold judges: whole customers, none twice."""
    folder = run.folder.parent
    given = {"rename": {"n": "good", "y": "bad"}, "min_examples": 9, **COLUMNS}
    dataset = prepare(
        str(folder / "reviews.csv"), Settings(**given, corrections=str(folder / "corrections.csv"))
    )[0]
    pool = np.sort(np.concatenate([dataset.train, dataset.validation]))
    found = [np.searchsorted(pool, part.test) for part in folds(dataset, FOLDS, SEED)]
    assert sorted(np.concatenate(found)) == [*range(len(pool))]
    of = run.sets["validation"]
    assert not any({*of[part]} & {*np.delete(of, part)} for part in found)
    return found


def test_every_entry_of_metrics_json(run, parts):
    checked, equals = run.checked, run.checked.equals
    equals("format", 2)
    equals("task", "text-classification")
    equals("seed", SEED)
    equals("classes", NAMES)
    equals("threshold", {"good": LEAST})
    check_data(run)
    run.check_models(leaked=np.arange(0))
    run.check_choice()
    equals("giveaways", [])
    run.check_label_issues()
    run.check_findings() if run.metrics["findings"] is not None else equals("findings", None)
    run.check_folds(parts)
    check_slices(run)
    check_corrections(run)
    own = ("majority", "svm", "logistic-regression", "random-forest", "models on words")
    equals("judged_on_folds", dict.fromkeys(own, FOLDS))
    checked.left_out(
        "models/*/train_seconds", "models/*/features", "models/*/configurations*", "label_issues/method",
        "notes*", "learning_curve",
    )  # fmt: skip
    checked.finish()


def check_data(run):
    equals, data = run.checked.equals, run.metrics["data"]
    pool = run.splits["train"][1]
    assert data["train"] + data["validation"] == len(pool)
    equals("data/test", len(run.labels))
    equals("data/rare_classes", {RARE: sum(row["label"] == RARE for row in rows_of_classes())})
    equals("data/skipped", sum(row["label"] == RARE for row in rows_of_classes()) + 2)
    for key in ("duplicates", "near_duplicates", "leaked", "siblings", "test_siblings"):
        equals(f"data/{key}", 0)
    equals("data/siblings_by_rule", {rule: {"sets": 0, "examples": 0} for rule in RULES})
    sizes = np.bincount(run.sets["test"])
    equals("data/groups/test", len(sizes))
    several = {"sets": int((sizes > 1).sum()), "examples": int(sizes[sizes > 1].sum())}
    equals("data/groups/several/test", several)
    sizes = np.bincount(run.sets["validation"])
    groups = data["groups"]
    assert groups["train"] + groups["validation"] == len(sizes)
    assert sum(groups["several"][name]["sets"] for name in ("train", "validation")) == (sizes > 1).sum()
    equals("data/groups/given", True)
    equals("data/groups/matter", True)
    run.checked.left_out("data/train", "data/validation", "data/groups/train", "data/groups/validation")
    run.checked.left_out("data/groups/several/train/*", "data/groups/several/validation/*")
    done = {
        "rows": 10, "relabelled": 7, "left_out": 2, "confirmed": 1, "already_true": 0, "replaced": 0,
        "contradictory": 0, "unmatched": 0,
    }  # fmt: skip
    for key, value in done.items():
        equals(f"data/corrections/{key}", value)
    equals("data/corrections/place", str(run.folder.parent / "corrections.csv"))
    concerned = data["corrections"]["concerned"]
    assert (concerned["train"] + concerned["validation"], concerned["test"]) == (4, 5)
    run.checked.left_out("data/corrections/concerned/*")


def check_slices(run):
    """Scores of the recommended model by shop, with intervals of groups that hold together (Bonferroni)."""
    shops = np.array([row["shop"] for row in of_split("test")])
    said = run.tested[run.metrics["recommended"]]
    decided = run.decide(said)
    expected = score_slices(
        "shop", [*shops], labelled(run.labels), said, run.groups("test"), decided
    ).to_json()
    run.checked.equals("slices", expected)
    values = {each["value"]: each for each in run.metrics["slices"]["values"]}
    assert values.keys() == {*SHOPS}
    for shop, each in values.items():
        assert each["examples"] == (shops == shop).sum()
        assert each["score"]["value"] == pytest.approx((decided == run.labels)[shops == shop].mean())


def check_corrections(run):
    """Both runs by the labels as they are now, on all test examples and without the corrected ones."""
    found, equals = run.metrics["corrections"], run.checked.equals
    first = run.folder.parent / "first"
    with (first / "test.csv").open(encoding="utf-8", newline="") as file:
        before = {row["source"].rpartition(":")[2]: row for row in csv.DictReader(file)}
    lines = [row["line"] for row in of_split("test")]
    then = np.array([NAMES.index(before[line]["predicted"]) for line in lines])
    now, labels = run.decide(run.tested[run.metrics["recommended"]]), run.labels
    equals("corrections/earlier", str(first))
    were_right = np.mean([each["label"] == each["predicted"] for each in before.values()])
    assert (
        f"By the labels as they were it scored {100 * were_right:.1f} %; that this is " in found["words"][2]
    )
    assert f"{100 * (then == labels).mean():.1f} % now" in found["words"][2]
    others = np.arange(len(labels)) >= 4
    p_values = []
    for key, kept in (("all", labels >= 0), ("without_corrected", others)):
        path = f"corrections/{key}"
        right = [each[kept] == labels[kept] for each in (then, now)]
        equals(f"{path}/examples", int(kept.sum()))
        equals(f"{path}/metric", "accuracy")
        equals(f"{path}/models", [str(first), str(run.folder)])
        equals(f"{path}/scores/earlier", float(right[0].mean()))
        equals(f"{path}/scores/later", float(right[1].mean()))
        equals(f"{path}/newly_right", int((right[1] & ~right[0]).sum()))
        equals(f"{path}/newly_wrong", int((right[0] & ~right[1]).sum()))
        groups = run.groups("test", kept)
        both = {str(run.folder): now[kept], str(first): then[kept]}
        (compared,) = compare_all(labels[kept], both, groups, run.seed)
        p_values.append(compared.p_value)
        for name, value in (("a", str(run.folder)), ("b", str(first)), ("p_value", compared.p_value)):
            equals(f"{path}/comparison/{name}", value)
        equals(f"{path}/comparison/accuracy_difference", compared.difference._asdict())
        equals(f"{path}/finding", "chance")
        run.checked.left_out(f"{path}/comparison/verdict")
    for key, adjusted in zip(("all", "without_corrected"), holm_by_hand(p_values), strict=True):
        equals(f"corrections/{key}/comparison/p_value_holm", adjusted)
    equals("corrections/finding", "chance")
    run.checked.left_out("corrections/words/*")


def test_the_other_files(run):
    count = len(run.splits["train"][1])
    run.check_test_file(run.sources_held_out[count:])
    check_matrix(run, (run.folder / "report.html").read_text(encoding="utf-8"))
    ledger = [*used(run.folder)]
    assert [row["label"] for row in ledger] == [row["label"] for row in corrected()]


def check_matrix(run, report: str) -> None:
    """The report's matrix counts what the threshold decides, and every mistake suggests what was answered."""
    decided = run.decide(run.tested[run.metrics["recommended"]])
    counts = np.zeros((2, 2), int)
    np.add.at(counts, (run.labels, decided), 1)
    assert counts.tolist() != np.zeros((2, 2)).tolist()
    cells = re.findall(r'<a id="at-([01])-([01])"[^>]*>(\d+)<', report)
    assert {(int(row), int(column)): int(count) for row, column, count in cells} == {
        (row, column): int(counts[row, column]) for row in (0, 1) for column in (0, 1)
    }


OWN = 0.6  # a threshold of the user's, other than the run's
ERROR = 0.4


@pytest.fixture(scope="module")
def fresh(tmp_path_factory, run):
    """The test rows by their old names, no label corrected, in another file."""
    rows = [row for row in rows_of_classes() if row["split"] == "test" and row["label"] != RARE]
    path = tmp_path_factory.mktemp("fresh") / "reviews.csv"
    write_table(path, rows)
    return path, rows


@pytest.mark.parametrize("threshold", [None, {"good": OWN}])
def test_evaluate_gives_the_same_answers(run, fresh, threshold, tmp_path, monkeypatch):
    """By the run's threshold or the user's, by groups, about the class that was rarer in training.

    Rows that are for training stand before and between those of the test.
    """
    rows, path = fresh[1], tmp_path / "mixed.csv"
    others = [row for row in rows_of_classes() if row["split"] == "train" and row["label"] != RARE][:45]
    write_table(path, [*others[:20], *rows[:31], *others[20:], *rows[31:]])
    columns = {**COLUMNS, "slice_column": "shop", "threshold": threshold, "seed": 8}
    # A test may be known from training; that all of the data is, is asked where there is no test.
    for name, words in (("_known_from_training", "test"), ("_is_own_data", "all")):
        monkeypatch.setattr(f"pellucid.answering.evaluate.{name}", lambda *_, words=words: [words])
    evaluated = evaluate(run.folder, str(path), Settings(**columns), max_error=ERROR)
    found = evaluated.to_json()
    assert evaluated.warnings[-1] == "test"
    labels = np.array([NAMES.index(NEW[row["label"]]) for row in rows])
    said, novelty = run.model.answer([row["text"] for row in rows])
    least = LEAST if threshold is None else OWN
    decided = (said[:, 1] >= least).astype(np.int64)
    numbers: dict[str, int] = {}
    groups = Groups.of_sets(np.array([numbers.setdefault(row["customer"], len(numbers)) for row in rows]))
    by_seed = score(labelled(labels), said, 8, groups, 1, decided).to_json()
    for key, value in scores_of_classes(labels, said, decided, 1).items():
        assert found["test"][key] == pytest.approx({**by_seed[key], "value": value}), key
    assert found["by_groups"]["independent_examples"] == pytest.approx(
        len(rows) / worth(groups, labelled(labels), said).design_effect
    )
    counts = np.zeros((2, 2), int)
    np.add.at(counts, (labels, decided), 1)
    assert found["confusion"] == counts.tolist()
    shops = [row["shop"] for row in rows]
    assert found["slices"] == score_slices("shop", shops, labelled(labels), said, groups, decided).to_json()
    promise = promised(run, least)
    answered = np.where(novelty > 0.95, 0.0, said[np.arange(len(said)), decided]) >= promise
    assert 0 < answered.sum() < len(rows)
    kept = answered.mean(), (decided != labels)[answered].mean()
    by_run = (said[:, 1] >= LEAST).astype(np.int64)
    assert threshold is None or kept[1] != (by_run != labels)[answered].mean()  # or either would do
    assert found["abstention"]["answered"]["value"] == pytest.approx(kept[0])
    assert found["abstention"]["error"]["value"] == pytest.approx(kept[1])


def promised(run, least: float) -> float:
    """Least trust with which the error is kept, by the answers that a threshold gives."""
    judged = []
    for each in (run.model.held_out, run.model.held_out.test):
        decided = (each.said[:, 1] >= least).astype(np.int64)
        said = each.said[np.arange(len(decided)), decided].astype(np.float64)
        judged.append((np.where(each.novelty > 0.95, 0.0, said), decided != each.labels))
    return checked_promise(*judged, ERROR).threshold


@pytest.mark.parametrize("threshold", [None, OWN])
def test_predict_gives_the_same_answers(run, fresh, threshold, tmp_path):
    path, rows = fresh
    given = [] if threshold is None else ["--threshold", f"good={threshold}"]
    out = tmp_path / "answers.csv"
    within.succeed(
        "predict", run.folder, path, "--input-column", "text", "--out", out, "--max-error", ERROR,
        "--probabilities", *given,
    )  # fmt: skip
    with out.open(encoding="utf-8", newline="") as file:
        answers = [*csv.DictReader(file)]
    said, novelty = run.model.answer([row["text"] for row in rows])
    least = threshold or LEAST
    decided = (said[:, 1] >= least).astype(np.int64)
    assert 0 < (decided != said.argmax(axis=1)).sum()  # or the threshold would say nothing
    assert [row["label"] for row in answers] == [NAMES[code] for code in decided]
    if threshold is None:  # and the Python interface
        texts = [row["text"] for row in rows]
        assert [*load(run.folder).predict(texts)] == [NAMES[code] for code in decided]
    trusted = np.where(novelty > 0.95, 0.0, said[np.arange(len(said)), decided])
    abstained = np.array([row["abstained"] == "true" for row in answers])
    limit = promised(run, least)
    is_far = np.abs(trusted - limit) > 1e-6
    np.testing.assert_array_equal(abstained[is_far], (trusted < limit)[is_far])


@pytest.mark.slow
def test_whoever_answers_answers_alike(run, fresh, monkeypatch):
    """An exported file, the watch of a server, and its process."""
    pytest.importorskip("onnxruntime")
    look_operators_up_once()
    path, rows = fresh
    texts = [row["text"] for row in rows]
    said, novelty = run.model.answer(texts)
    decided = [NAMES[code] for code in (said[:, 1] >= LEAST).astype(np.int64)]
    assert decided != [NAMES[code] for code in said.argmax(axis=1)]
    file = path.parent / "model.onnx"
    export(str(run.folder), file)
    exported = load_exported(file)
    assert exported.threshold == {"good": LEAST}
    assert exported.predict(texts) == decided
    np.testing.assert_allclose(exported.predict_proba(texts), said, atol=1e-4)
    shares = exported.metadata.held_out.said[:, 1] >= LEAST
    watch = DriftWatch(exported.metadata)  # a stream whose answers are those of the held-out examples
    rows_of = np.resize(np.random.default_rng(0).permutation(len(shares)), WINDOW)
    watch.add(
        [NAMES[int(each)] for each in shares[rows_of]], exported.metadata.held_out.novelty[rows_of].tolist()
    )
    assert watch.last.alarms == []
    monkeypatch.setattr(worker, "begin_job", lambda seconds=None: None)  # it would limit this process
    answering = Answering(file.read_bytes(), "model")
    counted, content = answering.predict("json", json.dumps({"texts": texts}).encode())
    body = json.loads(content)
    assert (counted["labels"], counted["inputs"]) == (decided, len(texts))
    assert counted["novelty"] == pytest.approx(novelty, abs=0.02)
    answers = body["predictions"] if "predictions" in body else body["answers"]
    assert [each["label"] for each in answers] == decided
    for each, row, foreign in zip(answers, said, novelty, strict=True):
        assert [each["probabilities"][name] for name in NAMES] == pytest.approx(row, abs=1e-4)
        assert each["probability"] == each["probabilities"][each["label"]]
        assert each["novelty"] == pytest.approx(foreign, abs=0.02)
