import json

import numpy as np
import pytest

from labelled import labelled
from number_models import ink, number_model, write_ink
from pellucid.answering.evaluate import evaluate
from pellucid.bundle import save
from pellucid.errors import DataError
from pellucid.evaluation import score
from pellucid.settings import Settings
from small_models import CLASSES, digits, trained_model, write_digits

PIXELS, LABELS = digits()


@pytest.fixture(scope="module")
def run(saved_run):
    return saved_run(trained_model())


def expected(indices):
    """Scores straight from the model, without files."""
    return score(labelled(LABELS[indices]), trained_model().predict_proba(PIXELS[indices])).to_json()


def test_class_folders_are_scored_whole(run, tmp_path):
    write_digits(tmp_path / "data", range(1000, 1400), by_class=True)
    done = evaluate(run, str(tmp_path / "data"), Settings())
    assert done.rows == "all rows"
    assert done.scores.examples == 400
    for name, interval in done.scores.to_json().items():
        assert interval["value"] == pytest.approx(expected(range(1000, 1400))[name]["value"], abs=1e-6)


def test_of_split_folders_the_test_split_is_scored(run, tmp_path):
    write_digits(tmp_path / "data" / "train", range(0, 50), by_class=True)
    write_digits(tmp_path / "data" / "test", range(1000, 1100), by_class=True)
    done = evaluate(run, str(tmp_path / "data"), Settings())
    assert (done.rows, done.scores.examples) == ("test split", 100)
    assert done.scores["accuracy"].value == expected(range(1000, 1100))["accuracy"]["value"]


def test_a_table_with_columns_of_ones_own(run, tmp_path):
    write_digits(tmp_path, range(1000, 1040))
    rows = [f"{index:04}.png,{CLASSES[LABELS[index]]},{'ab'[index % 2]}" for index in range(1000, 1040)]
    (tmp_path / "table.csv").write_text("\n".join(["where,what,else", *rows]))
    settings = Settings(input_column="where", label_column="what")
    done = evaluate(run, str(tmp_path / "table.csv"), settings)
    assert done.scores.examples == 40
    assert done.scores["accuracy"].value == expected(range(1000, 1040))["accuracy"]["value"]
    assert done.warnings
    assert done.to_json()["warnings"] == list(done.warnings)


def test_classes_that_the_model_does_not_know(run, tmp_path):
    write_digits(tmp_path / "data", range(40), by_class=True)
    (tmp_path / "data" / CLASSES[3]).rename(tmp_path / "data" / "three")
    (tmp_path / "data" / CLASSES[4]).rename(tmp_path / "data" / "four")
    with pytest.raises(
        DataError, match=r"data: the model does not know classes 'four', 'three'; it knows 'digit 0', "
    ):
        evaluate(run, str(tmp_path / "data"), Settings())


def test_unreadable_images_are_all_named(run, tmp_path):
    paths = write_digits(tmp_path / "data", range(60), by_class=True)
    paths[5].write_bytes(b"")
    paths[50].write_bytes(b"<html>")
    with pytest.raises(DataError, match=r"data: 2 images cannot be read; .*--skip-bad") as caught:
        evaluate(run, str(tmp_path / "data"), Settings())
    for path, reason in ((paths[5], "empty file (zero bytes)"), (paths[50], "not an image (HTML)")):
        assert f"{path}: {reason}" in str(caught.value)


def test_unreadable_images_can_be_left_out(run, tmp_path):
    paths = write_digits(tmp_path / "data", range(1000, 1060), by_class=True)
    paths[5].write_bytes(b"")
    done = evaluate(run, str(tmp_path / "data"), Settings(skip_bad=True))
    assert (done.skipped, done.scores.examples) == (1, 59)
    assert done.to_json()["data"]["skipped"] == 1
    kept = [index for index in range(1000, 1060) if index != 1005]
    assert done.scores["accuracy"].value == expected(kept)["accuracy"]["value"]


def test_nothing_but_unreadable_images(run, tmp_path):
    for path in write_digits(tmp_path / "data", range(3), by_class=True):
        path.write_bytes(b"")
    with pytest.raises(DataError, match=r"no image can be read; the first is .*0000\.png: empty file"):
        evaluate(run, str(tmp_path / "data"), Settings(skip_bad=True))


def test_the_document(run, tmp_path):
    write_digits(tmp_path / "data", range(1000, 1100), by_class=True)
    done = evaluate(run, str(tmp_path / "data"), Settings())
    document = json.loads(json.dumps(done.to_json(), allow_nan=False))
    assert list(document) == [
        "format",
        "task",
        "run",
        "data",
        "classes",
        "test",
        "drift",
        "warnings",
        "confusion",
    ]
    assert document["data"] == {
        "place": str(tmp_path / "data"), "rows": "all rows", "examples": 100, "skipped": 0,
    }  # fmt: skip
    assert document["classes"] == list(CLASSES)
    assert document["test"] == done.scores.to_json()
    assert np.sum(document["confusion"]) == 100


def test_the_text_fits_80_columns_and_states_what_was_scored(run, tmp_path):
    write_digits(tmp_path / "data", range(1000, 1300), by_class=True)
    done = evaluate(run, str(tmp_path / "data"), Settings())
    text = done.to_text()
    assert "Scored  all rows: 300 images, 0 skipped" in text
    accuracy = done.scores["accuracy"]
    shown = f"{accuracy.value:.3f}   [{accuracy.low:.3f}, {accuracy.high:.3f}]"
    assert shown in text
    assert "Predicted" in text
    mistakes = done.scores.confusion - np.diag(np.diag(done.scores.confusion))
    label, said = np.unravel_index(mistakes.argmax(), mistakes.shape)
    first = text.splitlines()[-min(5, np.count_nonzero(mistakes))]
    assert first.split() == [*CLASSES[label].split(), *CLASSES[said].split(), str(mistakes.max())]
    assert all(len(line) <= 80 for line in text.splitlines()[1:])


def test_hostile_names_cannot_reach_the_terminal(run, tmp_path):
    write_digits(tmp_path / "data", range(1000, 1300), by_class=True)
    done = evaluate(run, str(tmp_path / "data"), Settings())
    hostile = tuple(f"\x1b[31m{'long' * 20}\n{number}" for number in range(10))
    text = type(done)(**{**vars(done), "classes": hostile, "place": "a\x1bb"}).to_text()
    assert "\x1b" not in text
    assert "?[31mlong" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_progress_counts_every_image(run, tmp_path, monkeypatch):
    monkeypatch.setattr("pellucid.data.sources.blocks._MOST_IN_BLOCK", 256)
    write_digits(tmp_path / "data", range(300), by_class=True)
    seen = []
    evaluate(run, str(tmp_path / "data"), Settings(), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(256, 300), (300, 300)]


@pytest.fixture(scope="module")
def numbers_run(saved_run):
    return saved_run(number_model("ridge"))


@pytest.mark.parametrize("name", ["ridge", "mlp"])
def test_numbers_are_scored(name, tmp_path):
    model = number_model(name)
    save(model, tmp_path / "model", {})
    done = evaluate(tmp_path / "model", str(write_ink(tmp_path / "data", range(1000, 1100))), Settings())
    expected = score(labelled(ink()[1000:1100]), model.predict_values(PIXELS[1000:1100])).to_json()
    assert list(expected) == ["mean_absolute_error", "root_mean_squared_error", "r2"]
    for score_name, interval in done.scores.to_json().items():
        assert interval["low"] <= interval["value"] <= interval["high"]
        assert interval["value"] == pytest.approx(expected[score_name]["value"], rel=1e-5, abs=1e-6)
    assert not any("--target" in warning for warning in done.warnings)


def test_few_whole_numbers_are_numbers_to_a_model_of_numbers(numbers_run, tmp_path):
    """Folders of classes are numbers where their names are; the rule for training does not count here."""
    pixels = PIXELS[1000:1050]
    np.savez(tmp_path / "data.npz", x_train=pixels, y_train=ink()[1000:1050].round().astype(int))
    done = evaluate(numbers_run, str(tmp_path / "data.npz"), Settings())
    assert done.scores["root_mean_squared_error"].value < 5
    assert done.warnings == ()


def test_labels_that_are_no_numbers_are_named_with_their_rows(numbers_run, tmp_path):
    table = write_ink(tmp_path / "data", range(1000, 1040))
    lines = table.read_text().splitlines()
    lines[4], lines[9] = "1003.png,dark", "1008.png,nan"
    table.write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"not every label is one: 'dark' at .*ink\.csv:5, 'nan' at .*:10; "):
        evaluate(numbers_run, str(table), Settings())


def test_numbers_mean_nothing_to_a_classifier(run, tmp_path):
    table = write_ink(tmp_path / "data", range(1000, 1040))
    with pytest.raises(
        DataError, match=r"labels are numbers with fractions, such as .* predicts classes: 'dig"
    ):
        evaluate(run, str(table), Settings())


def test_the_document_of_numbers(numbers_run, tmp_path):
    done = evaluate(numbers_run, str(write_ink(tmp_path, range(1000, 1100))), Settings())
    document = json.loads(json.dumps(done.to_json(), allow_nan=False))
    assert list(document) == ["format", "task", "run", "data", "classes", "test", "drift", "warnings"]
    assert document["task"] == "image-regression"
    assert document["classes"] == []
    assert document["test"] == done.scores.to_json()
