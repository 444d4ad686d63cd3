"""`predict` and `evaluate` with models of texts."""

import csv
import json

import numpy as np
import pytest

from command_line import rows_of
from labelled import labelled
from pellucid.answering.decisions import PredictOptions
from pellucid.answering.evaluate import evaluate
from pellucid.answering.explain import explain
from pellucid.answering.predict import Listener, predict
from pellucid.bundle import save
from pellucid.errors import DataError, UsageError
from pellucid.evaluation import score
from pellucid.settings import Settings
from small_models import CLASSES, digits, trained_model
from text_models import text_model, texts, trained_text_model

TEXTS, LABELS = texts(), digits()[1]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder, model = tmp_path_factory.mktemp("run"), trained_text_model("bag")
    save(model, folder / "model", {})
    return folder, model


def write_table(path, indices, names=("text", "label")):
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(names)
        rows.writerows((TEXTS[index], CLASSES[LABELS[index]]) for index in indices)
    return path


def ask(run, inputs, tmp_path, **more):
    out = tmp_path / "answers.csv"
    done = predict(run, [str(each) for each in inputs], out, Settings(), **more)
    return done, rows_of(out)


def named(model, indices):
    return [CLASSES[best] for best in model.predict_proba([TEXTS[index] for index in indices]).argmax(axis=1)]


def test_what_cannot_be_counted_is_for_reading_to_report(run, tmp_path):
    table = write_table(tmp_path / "table.csv", range(20))
    table.write_text(table.read_text() + "\n".join(["one more,x"] * 12_000) + "\na,b,c\n")
    totals = set()
    listener = Listener(progress=lambda done, total: totals.add(total))
    with pytest.raises(DataError, match="has 3 fields, the first row 2"):
        ask(run[0], [table], tmp_path, listener=listener)
    assert totals == {None}


def test_rows_of_a_table_in_their_order(run, tmp_path):
    folder, model = run
    table = write_table(tmp_path / "table.csv", range(1000, 1300))
    done, rows = ask(folder, [table], tmp_path, options=PredictOptions(probabilities=True))
    assert [row["input"] for row in rows] == [f"{table}:{number}" for number in range(2, 302)]
    assert [row["label"] for row in rows] == named(model, range(1000, 1300))
    found = np.array([[float(row[name]) for name in CLASSES] for row in rows])
    assert np.allclose(found, model.predict_proba(TEXTS[1000:1300]), atol=1e-6)
    assert (done.noun, done.labelled, done.unreadable) == ("text", 300, 0)


def test_a_file_and_a_folder_with_sub_folders(run, tmp_path):
    folder, model = run
    (tmp_path / "texts" / "deep").mkdir(parents=True)
    paths = [tmp_path / "texts" / "deep" / "0.txt", tmp_path / "texts" / "1.txt"]
    for index, path in enumerate(paths):
        path.write_text(TEXTS[index], encoding="utf-8")
    _, rows = ask(folder, [tmp_path / "texts", paths[0]], tmp_path)
    by_name = {row["input"]: row["label"] for row in rows}
    assert [row["input"] for row in rows][-1] == str(paths[0])
    assert [by_name[str(path)] for path in paths] == named(model, [0, 1])


def test_one_bad_text_is_a_row_and_never_a_stop(run, tmp_path):
    folder, model = run
    (tmp_path / "table.csv").write_text(f"text\n{TEXTS[0]}\n   \n{TEXTS[1]}\n", encoding="utf-8")
    done, rows = ask(folder, [tmp_path / "table.csv"], tmp_path, options=PredictOptions(probabilities=True))
    assert (done.labelled, done.unreadable) == (2, 1)
    assert [row["label"] for row in rows] == [named(model, [0])[0], "", named(model, [1])[0]]
    assert rows[1]["error"]
    assert {rows[1][name] for name in CLASSES} == {""}


def test_numbers(tmp_path):
    model = text_model("bag", ())
    save(model, tmp_path / "model", {})
    table = write_table(tmp_path / "table.csv", range(20))
    _, rows = ask(tmp_path / "model", [table], tmp_path)
    expected = model.predict_values(TEXTS[:20])
    assert np.allclose([float(row["label"]) for row in rows], expected, rtol=1e-5)
    assert {row["probability"] for row in rows} == {""}
    with pytest.raises(UsageError, match=r"--probabilities: .* predicts numbers"):
        ask(tmp_path / "model", [table], tmp_path, options=PredictOptions(probabilities=True))


def test_labelled_texts_are_scored(run, tmp_path):
    folder, model = run
    table = write_table(tmp_path / "table.csv", range(1000, 1400))
    done = evaluate(folder, str(table), Settings())
    expected = score(labelled(LABELS[1000:1400]), model.predict_proba(TEXTS[1000:1400])).to_json()
    document = json.loads(json.dumps(done.to_json()))
    assert document["task"] == "text-classification"
    assert document["test"]["accuracy"] == expected["accuracy"]
    assert document["test"]["log_loss"]["value"] == pytest.approx(expected["log_loss"]["value"], rel=1e-5)
    assert "all rows: 400 texts, 0 skipped" in done.to_text()


def test_texts_that_cannot_be_used_are_named_or_left_out(run, tmp_path):
    lines = [f"{TEXTS[index]},{CLASSES[LABELS[index]]}" for index in range(20)]
    (tmp_path / "table.csv").write_text("\n".join(["text,label", *lines, ",digit 0"]), encoding="utf-8")
    with pytest.raises(DataError, match=r"1 texts cannot be read; .*--skip-bad\n.*table.csv:22"):
        evaluate(run[0], str(tmp_path / "table.csv"), Settings())
    done = evaluate(run[0], str(tmp_path / "table.csv"), Settings(skip_bad=True))
    assert (done.scores.examples, done.skipped) == (20, 1)


def test_the_model_says_what_the_data_must_hold(run, tmp_path):
    with pytest.raises(
        DataError, match="holds no texts, which are what the model takes; give labelled texts"
    ):
        evaluate(run[0], "sample:fashion", Settings())
    save(trained_model(), tmp_path / "model", {})
    table = write_table(tmp_path / "table.csv", range(20))
    with pytest.raises(DataError, match=r"table\.csv"):
        evaluate(tmp_path / "model", str(table), Settings())


def test_a_run_that_recommends_a_model_which_looks_at_nothing_says_so(run, tmp_path):
    copy = tmp_path / "run"
    copy.mkdir()
    save(run[1], copy / "model", {})
    table = write_table(tmp_path / "table.csv", range(4))
    for recommended, expected in (("majority", True), ("svm", False)):
        (copy / "metrics.json").write_text(json.dumps({"recommended": recommended}), encoding="utf-8")
        done, _ = ask(copy, [table], tmp_path)
        said = [warning for warning in done.warnings if "gives every text the same answer" in warning]
        assert bool(said) is expected


@pytest.mark.parametrize(
    ("place", "examples", "expected"), [("own", 20, True), ("own", 21, False), ("other", 20, False)]
)
def test_scores_on_what_a_run_learnt_from_come_with_a_warning(place, examples, expected, run, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    save(run[1], folder / "model", {})
    table = write_table(tmp_path / "own.csv", range(20))
    data = {"place": str(tmp_path / f"{place}.csv"), "train": examples, "validation": 0, "test": 0}
    (folder / "config.json").write_text(json.dumps({"data": data}), encoding="utf-8")
    said = [each for each in evaluate(folder, str(table), Settings()).warnings if "too good" in each]
    assert bool(said) is expected


def test_typed_texts_come_behind_the_inputs(run, tmp_path):
    folder, model = run
    table = write_table(tmp_path / "data.csv", [5])
    done, rows = ask(folder, [table], tmp_path, typed=[TEXTS[7], " "])
    assert [row["input"] for row in rows] == [f"{table}:2", "text:1", "text:2"]
    assert [row["label"] for row in rows[:2]] == named(model, [5, 7])
    assert rows[2]["error"] == "holds no text"
    assert (done.labelled, done.unreadable) == (2, 1)
    with pytest.raises(UsageError, match="nothing to label"):
        ask(folder, [], tmp_path)


def test_a_typed_text_is_explained(run, tmp_path):
    folder, model = run
    done = explain(folder, None, tmp_path / "page.html", Settings(), typed=TEXTS[7])
    assert done.explanation.headline.split(" says ")[1].startswith(named(model, [7])[0])
    assert "typed text" in (tmp_path / "page.html").read_text(encoding="utf-8")
    for place, typed in ((None, None), ("x.txt", "x")):
        with pytest.raises(UsageError, match="either a file or row, or --text"):
            explain(folder, place, tmp_path / "page.html", Settings(), typed=typed)
    with pytest.raises(DataError, match="--text: holds no text"):
        explain(folder, None, tmp_path / "page.html", Settings(), typed=" ")
