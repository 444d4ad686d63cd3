"""Several labels with everything switched on: `evaluate` and `predict` beside formulas of the answers.

Some labels of some rows are unknown, rows come in groups, and thresholds are the run's and the user's.
"""

import csv

import numpy as np
import pytest

import made_once
import pellucid
from command_line import within
from everything import SHARED, write_table
from pellucid.answering.evaluate import evaluate
from pellucid.bundle import load
from pellucid.settings import Settings

pytestmark = pytest.mark.core

NAMES = ["kind", "late", "rude"]
TELLING = {"kind": ("lovely", "sound"), "late": ("week", "waited"), "rude": ("shouted", "awful")}
SHARES = {"train": (0.2, 0.6, 0.3), "test": (0.7, 0.3, 0.5)}
COLUMNS = {
    "input_column": "text", "label_column": ",".join(NAMES), "split_column": "split",
    "group_column": "customer", "unlabelled": "unknown", "target": "labels",
}  # fmt: skip
LEAST = {"late": 0.37}


def rows_of_labels() -> list[dict[str, str]]:
    """Reviews by customers of one or two, each with any of three labels, of which some are unknown."""
    draws, found = np.random.default_rng(6), []
    for split, customers in (("train", 170), ("test", 70)):
        for customer in range(customers):
            for _ in range(1 + customer % 2):
                states = draws.random(3) < SHARES[split]
                words = [*draws.choice(SHARED, 5), f"number{draws.integers(10**6)}"]
                for name, is_present in zip(NAMES, states, strict=True):
                    if is_present != (draws.random() < 0.07):
                        words.append(draws.choice(TELLING[name]))
                cells = ["" if draws.random() < 0.25 else str(int(each)) for each in states]
                if customer % 30 == 0:
                    cells = ["", "", ""]  # nobody has looked
                found.append({
                    "text": " ".join(draws.permutation(words)), **dict(zip(NAMES, cells, strict=True)),
                    "split": split, "customer": f"{split} {customer}",
                })  # fmt: skip
    return found


def _make(folder):
    write_table(folder / "reviews.csv", rows_of_labels())
    pellucid.train(
        folder / "reviews.csv", out=folder / "run", model="logistic-regression", folds=0, threads=1,
        quiet=True, learning_curve=False, threshold="late=0.37", seed=5, **COLUMNS,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run():
    return made_once.made("everything-labels", _make) / "run"


@pytest.fixture(scope="module")
def asked(run):
    """The model, what it says of the test rows, their states (-1 where unknown), and the rows."""
    rows = [row for row in rows_of_labels() if row["split"] == "test" and any(row[name] for name in NAMES)]
    states = np.array([[-1 if row[name] == "" else int(row[name]) for name in NAMES] for row in rows])
    model = load(run / "model")
    assert {**model.threshold, **LEAST} == model.threshold
    said, novelty = model.answer([row["text"] for row in rows])
    return model, said, novelty, states, rows


def decided_by(model, said, own):
    least = np.array([{**model.threshold, **(own or {})}.get(name, 0.5) for name in NAMES])
    return (said >= least).astype(int)


@pytest.mark.parametrize("own", [None, {"rude": 0.95}])
def test_evaluate_counts_known_labels_by_the_users_thresholds_and_the_models(run, asked, own):
    model, said, _, states, rows = asked
    place = run.parent / "reviews.csv"
    found = evaluate(run, str(place), Settings(**COLUMNS, threshold=own)).to_json()
    assert found["data"]["examples"] == len(rows)
    decided, known = decided_by(model, said, own), states >= 0
    if own:
        assert (decided != decided_by(model, said, None)).any()
    hits = ((decided == 1) & (states == 1)).sum(axis=0)
    answered, present = ((decided == 1) & known).sum(axis=0), (states == 1).sum(axis=0)
    assert found["test"]["micro_f1"]["value"] == pytest.approx(2 * hits.sum() / (answered + present).sum())
    assert found["test"]["macro_f1"]["value"] == pytest.approx((2 * hits / (answered + present)).mean())
    wrong = ((decided != states) & known).any(axis=1)
    assert found["test"]["subset_accuracy"]["value"] == pytest.approx(1 - wrong.mean())
    for place, each in enumerate(found["labels"]):
        assert each["label"] == NAMES[place]
        assert each["support"] == present[place]
        assert each["precision"]["value"] == pytest.approx(hits[place] / answered[place])
        assert each["recall"]["value"] == pytest.approx(hits[place] / present[place])
    assert found["by_groups"]["groups"] == len({row["customer"] for row in rows})


def test_evaluate_does_not_count_a_label_that_the_data_has_no_column_for(run, asked):
    model, said, _, states, rows = asked
    given = {**COLUMNS, "label_column": "late,rude"}
    found = evaluate(run, str(run.parent / "reviews.csv"), Settings(**given)).to_json()
    some = (states[:, 1:] >= 0).any(axis=1)
    known = (states >= 0) & (np.arange(3) > 0)
    wrong = ((decided_by(model, said, None) != states) & known).any(axis=1)[some]
    assert found["data"]["examples"] == some.sum() < len(rows)
    assert found["test"]["subset_accuracy"]["value"] == pytest.approx(1 - wrong.mean())
    assert [each["support"] for each in found["labels"]] == [0, *(states[:, 1:] == 1).sum(axis=0)]


def test_predict_answers_by_the_users_threshold_of_a_label_and_the_models_of_others(run, asked, tmp_path):
    model, said, _, _, rows = asked
    out, table = tmp_path / "answers.csv", tmp_path / "new.csv"
    write_table(table, [{"text": row["text"]} for row in rows])
    within.succeed("predict", run, table, "--out", out, "--threshold", "rude=0.95")
    with out.open(encoding="utf-8", newline="") as file:
        answers = [row["label"] for row in csv.DictReader(file)]
    decided = decided_by(model, said, {"rude": 0.95})
    expected = [";".join(name for name, each in zip(NAMES, row, strict=True) if each) for row in decided]
    assert answers == expected
