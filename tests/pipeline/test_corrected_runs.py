"""Runs on corrected labels: real digits and e-mails, put right by what the first run showed."""

import csv
import json
import shutil

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pellucid
from command_line import within
from pellucid.data import Dataset, read_data
from pellucid.data.corrections import Correction, CorrectionsFile
from pellucid.errors import DataError, UsageError
from pellucid.pipeline.judging.corrected import _compared, _Earlier, model_digits
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION

QUICK = {"model": "logistic-regression", "learning_curve": False, "threads": 1, "quiet": True}


def ledger_of(run):
    return {
        row["source"]: row for row in map(json.loads, (run.folder / "data.jsonl").read_text().splitlines())
    }


def put_right(path, run, true):
    """Correct, as somebody who knows, what the run takes for wrong; how many of its findings were wrong."""
    table, ledger, model = CorrectionsFile(path), ledger_of(run), model_digits(run.folder)
    were_wrong = 0
    for each in run.metrics["label_issues"]["examples"]:
        source, label = each["source"], true[each["source"]]
        were_wrong += label != each["label"]
        action = "label" if label != each["label"] else "right"
        given = {"was": each["label"], "content": ledger[source]["content"], "model": model}
        table.append(Correction(source, label, action, run=str(run.folder), **given))
    return were_wrong


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Digits of which a twentieth are labelled wrong by chance: folder, data, what is true, and which are."""
    folder = tmp_path_factory.mktemp("digits")
    found, draws = load_digits(), np.random.default_rng(0)
    labels, wrong = found.target.copy(), draws.permutation(len(found.target))[:90]
    labels[wrong] = (labels[wrong] + draws.integers(1, 10, 90)) % 10
    np.savez(folder / "d.npz", x_train=(found.images * 15.9).astype(np.uint8), y_train=labels)
    true = {
        f"{folder}/d.npz:x_train:{row + 1}": str(label) for row, label in enumerate(found.target.tolist())
    }
    first = pellucid.train(folder / "d.npz", out=folder / "first", **QUICK)
    return folder, true, first


def test_what_the_report_showed_puts_labels_right_and_the_run_says_what_that_changed(digits, capsys):
    folder, true, first = digits
    path = folder / "corrections.csv"
    were_wrong = put_right(path, first, true)
    assert were_wrong >= 36  # of 40 that are shown
    second = pellucid.train(
        folder / "d.npz", out=folder / "second", corrections=path, **{**QUICK, "quiet": False}
    )
    before, after = ledger_of(first), ledger_of(second)
    assert {source: row["split"] for source, row in before.items()} == {
        source: row["split"] for source, row in after.items()
    }
    wrong = [sum(row["label"] != true[source] for source, row in rows.items()) for rows in (before, after)]
    assert wrong == [90, 90 - were_wrong]
    counts = second.metrics["data"]["corrections"]
    assert counts["relabelled"] == were_wrong
    of_test = counts["concerned"]["test"]
    assert of_test > 5
    scores = [
        each.metrics["models"]["logistic-regression"]["test"]["accuracy"]["value"] for each in (first, second)
    ]
    assert scores[1] > scores[0] + 0.03
    found = second.metrics["corrections"]
    assert found["earlier"] == str(first.folder)
    assert found["all"]["scores"]["later"] == pytest.approx(scores[1])
    assert found["all"]["examples"] == second.metrics["data"]["test"]
    assert found["without_corrected"]["examples"] == found["all"]["examples"] - of_test
    said = " ".join(capsys.readouterr().err.split())
    assert f"{of_test} corrections concern the test split" in said
    assert f"{of_test} labels of the test were corrected where mistakes of {first.folder} were shown" in said
    assert f"pellucid compare {first.folder} {second.folder} {folder / 'd.npz'} --corrections {path}" in said
    with (second.folder / "applied.csv").open(newline="") as file:
        assert [row["outcome"] for row in csv.DictReader(file)].count("relabelled") == were_wrong
    report = second.report.read_text(encoding="utf-8")
    assert "Did the corrections help?" in report
    # The next report goes on from these corrections.
    data = json.loads(report.split('id="corrections-data">')[1].split("</script>")[0])
    assert data["earlier"].count("\n") == 40
    # The same comparison, by the command that was printed.
    done = within.succeed(
        "compare", first.folder, second.folder, folder / "d.npz", "--corrections", path, "--json"
    )
    again = json.loads(done.stdout)
    assert again["comparison"]["scores"] == pytest.approx(found["all"]["scores"])
    for key in ("newly_right", "newly_wrong", "examples"):
        assert again["comparison"][key] == found["all"][key]


def test_corrections_of_a_pattern_make_the_model_better_beyond_chance(tmp_path):
    found, draws = load_digits(), np.random.default_rng(1)
    labels = found.target.copy()
    for true, given in ((9, 4), (3, 8), (1, 7)):  # as somebody who takes one for another
        rows = draws.permutation(np.flatnonzero(labels == true))
        labels[rows[: int(0.45 * len(rows))]] = given
    place = tmp_path / "d.npz"
    np.savez(place, x_train=(found.images * 15.9).astype(np.uint8), y_train=labels)
    first = pellucid.train(place, out=tmp_path / "first", **QUICK)
    table = CorrectionsFile(tmp_path / "corrections.csv")
    for row in np.flatnonzero(labels != found.target).tolist():
        given = {"run": str(first.folder), "model": model_digits(first.folder)}
        source = f"{place}:x_train:{row + 1}"
        table.append(Correction(source, str(found.target[row]), was=str(labels[row]), **given))
    second = pellucid.train(place, out=tmp_path / "second", corrections=table.path, **QUICK)
    judged = second.metrics["corrections"]
    assert judged["finding"] == "better"
    assert judged["words"][0] == "The corrections helped."
    assert judged["all"]["comparison"]["p_value_holm"] < 0.001
    assert judged["all"]["newly_right"] > 3 * judged["all"]["newly_wrong"]
    assert judged["without_corrected"]["finding"] == "better"


@pytest.mark.slow
def test_e_mails_with_wrong_labels_are_put_right(tmp_path):
    listing = read_data("sample:spam", Settings())
    draws = np.random.default_rng(0)
    texts, labels = list(listing.texts), list(listing.labels)
    chosen = draws.permutation(len(texts))[:1200]
    wrong = set(chosen[:60].tolist())
    classes = sorted(set(labels))
    place, true = tmp_path / "mails.csv", {}
    with place.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for at, row in enumerate(chosen.tolist()):
            true[at] = labels[row]
            given = classes[1 - classes.index(labels[row])] if row in wrong else labels[row]
            rows.writerow([texts[row], given])
    first = pellucid.train(place, out=tmp_path / "first", **QUICK)
    sources = read_data(str(place), Settings()).sources
    by_source = {source: true[at] for at, source in enumerate(sources)}
    were_wrong = put_right(tmp_path / "corrections.csv", first, by_source)
    shown = len(first.metrics["label_issues"]["examples"])
    assert were_wrong > 0.75 * shown
    assert were_wrong >= 20
    # A row in front moves every other one down; by their contents they are found all the same.
    lines = place.read_text(encoding="utf-8").split("\n", 1)
    place.write_text("\n".join([lines[0], f"an e-mail that was not there before,{classes[0]}", lines[1]]))
    second = pellucid.train(place, out=tmp_path / "second", corrections=tmp_path / "corrections.csv", **QUICK)
    assert second.metrics["data"]["corrections"]["relabelled"] == were_wrong
    assert second.metrics["corrections"]["earlier"] == str(first.folder)
    # The splits are others now, so the test examples of both are those that both had set aside.
    both = [
        {row["content"] for row in ledger_of(run).values() if row["split"] == "test"}
        for run in (first, second)
    ]
    assert second.metrics["corrections"]["all"]["examples"] == len(both[0] & both[1])


def test_without_the_earlier_run_it_says_so(digits, tmp_path):
    folder, _, _ = digits
    table = CorrectionsFile(tmp_path / "corrections.csv")
    source = f"{folder}/d.npz:x_train:1"
    table.append(Correction(source, action="leave-out", run="runs/gone", model=f"x{'0' * 16}"))
    run = pellucid.train(folder / "d.npz", out=tmp_path / "run", corrections=table.path, **QUICK)
    assert run.metrics["corrections"] == {
        "earlier": None,
        "words": [
            "The run runs/gone in which the mistakes were found is not here, so it is not known whether the "
            "corrections helped."
        ],
    }


def test_corrections_are_refused_before_anything_begins(digits, tmp_path):
    folder, _, _ = digits
    bad = tmp_path / "corrections.csv"
    bad.write_text("input,action\na.png,burn\n")
    with pytest.raises(DataError, match="row 2: action 'burn'"):
        pellucid.train(folder / "d.npz", out=tmp_path / "run", corrections=bad, **QUICK)
    bad.write_text("input,label\nnobody.png,1\n")
    with pytest.raises(DataError, match=r"1 of 1 correction does not fit .*d.npz"):
        pellucid.train(folder / "d.npz", out=tmp_path / "run", corrections=bad, **QUICK)
    assert not (tmp_path / "run").exists()
    done = within(
        "train", folder / "d.npz", "--out", tmp_path / "run", "--corrections", tmp_path / "none.csv"
    )
    assert done.returncode == 3
    assert done.stderr.startswith(f"error: --corrections {tmp_path / 'none.csv'}: no such file")


def test_a_table_that_overwriting_would_remove_is_refused(digits, tmp_path):
    folder, _, first = digits
    own = tmp_path / "run"
    shutil.copytree(first.folder, own)
    (own / "applied.csv").write_text("input,label\na.png,1\n")
    with pytest.raises(
        UsageError, match=r"applied.csv: overwrite=True removes it; copy it to another place first"
    ):
        pellucid.train(folder / "d.npz", out=own, overwrite=True, corrections=own / "applied.csv", **QUICK)
    assert (own / "applied.csv").exists()


def test_both_runs_are_compared_on_the_examples_that_both_tested():
    """Answers of the earlier run are about some of the test examples, two of which were corrected."""
    test = np.array([3, 4, 7, 9, 10, 12])
    labels = np.zeros(13, np.int64)
    labels[test] = [0, 1, 1, 0, 1, 0]
    dataset = Dataset(
        np.zeros((13, 2), np.float32), labels, np.arange(3), np.arange(0), ("a", "b"), None, test=test,
        together=np.arange(13), target=CLASSIFICATION,
    )  # fmt: skip
    then = _Earlier(np.array([1, 3, 4, 5]), ["b", "b", "a", "a"], 0.5)
    now = np.array([1, 1, 0, 0, 1, 1])
    every, others = _compared(dataset, then, now, np.array([False, True, True, False]), 0, ("old", "new"))
    # True b a b a: b b a a before, b a b b now.
    assert (every.scores, every.examples) == ((2 / 4, 3 / 4), 4)
    assert (every.newly_right.tolist(), every.newly_wrong.tolist()) == ([1, 2], [3])
    assert (others.scores, others.examples) == ((1.0, 1 / 2), 2)
