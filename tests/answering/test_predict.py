import io
import os
import threading
import tracemalloc
import zipfile

import numpy as np
import pytest
from PIL import Image

import pellucid
from command_line import rows_of
from models_with_detectors import with_detector
from number_models import classical_model, number_model
from pellucid.answering.decisions import PredictOptions
from pellucid.answering.predict import Listener, predict
from pellucid.bundle import save
from pellucid.errors import DataError, ModelFileError, StorageError
from pellucid.settings import Settings
from small_models import CLASSES, digits, trained_model, write_digits

PIXELS, LABELS = digits()


@pytest.fixture(scope="module")
def run(saved_run):
    return saved_run(trained_model())


def ask(run, inputs, tmp_path, *, settings=None, **more):
    """Predict into a CSV file and read it back."""
    out = tmp_path / "answers.csv"
    done = predict(run, [str(each) for each in inputs], out, settings or Settings(), **more)
    return done, rows_of(out)


def expected_labels(indices):
    return [CLASSES[best] for best in trained_model().predict_proba(PIXELS[indices]).argmax(axis=1)]


def test_files_are_labelled_in_the_order_given(run, tmp_path):
    paths = write_digits(tmp_path / "images", range(5))[::-1]
    done, rows = ask(run, paths, tmp_path)
    assert list(rows[0]) == ["input", "label", "probability", "error", "novelty"]
    assert [row["input"] for row in rows] == [str(path) for path in paths]
    assert [row["label"] for row in rows] == expected_labels([4, 3, 2, 1, 0])
    assert [row["error"] for row in rows] == [""] * 5
    assert (done.labelled, done.unreadable, done.warnings) == (5, 0, ())


def test_how_unlike_the_training_data_each_input_is(tmp_path):
    model = with_detector(trained_model(), train=1000, validation=300)
    save(model, tmp_path / "model", {})
    paths = write_digits(tmp_path / "images", range(1400, 1430))
    (tmp_path / "images" / "0000.png").write_bytes(b"")
    done, rows = ask(tmp_path / "model", [tmp_path / "images"], tmp_path)
    assert rows[0]["novelty"] == ""
    said = model.answer(PIXELS[1400:1430]).novelty
    np.testing.assert_allclose([float(row["novelty"]) for row in rows[1:]], said, atol=2e-6)
    assert (len(paths), done.novelty, done.expected) == (30, (said > 0.95).sum(), 0.05)
    assert done.drift.examples == 30
    few, _ = ask(tmp_path / "model", paths[:5], tmp_path)
    assert few.drift is None


def test_a_model_without_a_detector_leaves_the_column_empty(run, tmp_path):
    done, rows = ask(run, write_digits(tmp_path / "images", range(25)), tmp_path)
    assert {row["novelty"] for row in rows} == {""}
    assert (done.novelty, done.drift) == (None, None)


def test_probabilities_of_every_class(run, tmp_path):
    paths = write_digits(tmp_path / "images", range(300))
    _, rows = ask(run, paths, tmp_path, options=PredictOptions(probabilities=True))
    assert list(rows[0]) == ["input", "label", "probability", "error", "novelty", *CLASSES]
    found = np.array([[float(row[name]) for name in CLASSES] for row in rows])
    assert np.allclose(found, trained_model().predict_proba(PIXELS[:300]), atol=1e-7)
    assert [float(row["probability"]) for row in rows] == found.max(axis=1).tolist()


@pytest.mark.parametrize("ending", ["", "/"])
def test_a_folder_is_walked_and_its_path_joined(run, tmp_path, monkeypatch, ending):
    monkeypatch.chdir(tmp_path)
    write_digits(tmp_path / "images" / "b", range(0, 2))
    write_digits(tmp_path / "images" / "a" / "deep", range(2, 4))
    (tmp_path / "images" / "notes.txt").write_text("not an image")
    done, rows = ask(run, [f"./images{ending}"], tmp_path)
    assert [row["input"] for row in rows] == [
        "./images/a/deep/0002.png", "./images/a/deep/0003.png", "./images/b/0000.png",
        "./images/b/0001.png",
    ]  # fmt: skip
    assert done.warnings == (f"./images{ending}: 1 file left out, being no images by their names",)


def test_a_table_names_its_rows(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_digits(tmp_path / "images", range(3))
    (tmp_path / "secret.png").write_bytes((tmp_path / "images" / "0000.png").read_bytes())
    (tmp_path / "images" / "table.csv").write_text(
        "image,comment\n0002.png,fine\nmissing.png,gone\n../secret.png,outside\n,empty\n0000.png,fine\n"
    )
    done, rows = ask(run, ["images/table.csv", "images/0001.png"], tmp_path)
    assert [row["input"] for row in rows] == [
        *(f"images/table.csv:{row}" for row in (2, 3, 4, 5, 6)), "images/0001.png",
    ]  # fmt: skip
    assert [row["error"] for row in rows] == [
        "", "no such file (missing.png)", "the path leaves the table's folder; give an absolute path",
        "no path of an image in this row", "", "",
    ]  # fmt: skip
    assert [row["label"] for row in rows] == [
        *expected_labels([2]), "", "", "", *expected_labels([0, 1]),
    ]  # fmt: skip
    assert (done.labelled, done.unreadable) == (3, 3)
    assert "images/table.csv: images from column 'image'" in done.warnings


def test_arrays_are_labelled_too(run, tmp_path):
    np.savez(
        tmp_path / "some.npz", x_train=PIXELS[:4], y_train=LABELS[:4], x_test=PIXELS[4:6], y_test=LABELS[4:6]
    )
    _, rows = ask(run, [tmp_path / "some.npz"], tmp_path)
    assert [row["label"] for row in rows] == expected_labels(range(6))


BAD = {
    "empty": (b"", "empty file (zero bytes)"),
    "html": (b"<!DOCTYPE html><html><body>404</body></html>", "not an image (HTML)"),
    "text": (b"just words", "not an image (text)"),
}


def test_bad_images_get_a_row_and_the_run_goes_on(run, tmp_path):
    good = write_digits(tmp_path / "images", range(2))
    Image.effect_noise((64, 64), 100).save(tmp_path / "images" / "noise.png")
    content = (tmp_path / "images" / "noise.png").read_bytes()
    (tmp_path / "images" / "noise.png").write_bytes(content[: len(content) // 2])
    for name, (bytes_of_it, _) in BAD.items():
        (tmp_path / "images" / f"{name}.png").write_bytes(bytes_of_it)
    done, rows = ask(run, [tmp_path / "images"], tmp_path, options=PredictOptions(probabilities=True))
    by_name = {os.path.basename(row["input"]): row for row in rows}
    assert (done.labelled, done.unreadable) == (2, 4)
    for name, (_, reason) in BAD.items():
        row = by_name[f"{name}.png"]
        assert row["error"] == reason
        assert all(value == "" for column, value in row.items() if column not in ("input", "error"))
    assert "truncated" in by_name["noise.png"]["error"]
    assert [by_name[path.name]["label"] for path in good] == expected_labels([0, 1])


def test_standard_input_globs_and_archives(run, tmp_path, monkeypatch):
    paths = write_digits(tmp_path / "images", range(5))
    with zipfile.ZipFile(tmp_path / "some.zip", "w") as archive:
        for path in paths[:2]:
            archive.write(path, f"in/{path.name}")
    piped = io.TextIOWrapper(io.BytesIO(f"{paths[4]}\nmissing.png\n".encode()))
    monkeypatch.setattr("sys.stdin", piped)
    glob = f"{tmp_path}/images/000[23].png"
    done, rows = ask(run, [tmp_path / "some.zip", glob, "-"], tmp_path)
    assert [row["input"] for row in rows] == [
        f"{tmp_path}/some.zip/in/0000.png", f"{tmp_path}/some.zip/in/0001.png", *map(str, paths[2:]),
        "missing.png",
    ]  # fmt: skip
    assert [row["label"] for row in rows] == [*expected_labels(range(5)), ""]
    assert rows[5]["error"] == "no such file"
    assert (done.labelled, done.unreadable) == (5, 1)


def test_what_fails_while_blocks_are_made_ready_is_raised(run, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("from the thread")

    monkeypatch.setattr("pellucid.answering.incoming.fit_inputs", fail)
    before = threading.active_count()
    with pytest.raises(RuntimeError, match="from the thread"):
        ask(run, write_digits(tmp_path / "images", range(3)), tmp_path)
    assert threading.active_count() == before


def test_a_name_that_is_no_unicode(run, tmp_path):
    raw = os.fsencode(tmp_path) + b"/caf\xe9.png"
    os.rename(write_digits(tmp_path, range(1))[0], raw)
    _, rows = ask(run, [os.fsdecode(raw)], tmp_path)
    assert rows[0]["input"].endswith("caf\\xe9.png")
    assert rows[0]["error"] == ""


@pytest.mark.parametrize("order", [0, 1])
def test_a_missing_input_is_refused_before_any_work(order, run, tmp_path):
    good = write_digits(tmp_path, range(1))[0]
    inputs = [good, tmp_path / "nowhere.png"][:: 1 if order == 0 else -1]
    with pytest.raises(DataError, match=r"nowhere\.png: no such file or folder"):
        ask(run, inputs, tmp_path)
    assert not (tmp_path / "answers.csv").exists()


def test_a_folder_in_the_place_of_the_answers(run, tmp_path):
    (tmp_path / "answers.csv").mkdir()
    with pytest.raises(StorageError, match="not a regular file"):
        ask(run, write_digits(tmp_path / "images", range(1)), tmp_path)


def test_progress_counts_every_image(run, tmp_path):
    seen = []
    paths = write_digits(tmp_path / "images", range(1100))
    ask(run, paths, tmp_path, listener=Listener(progress=lambda done, total: seen.append((done, total))))
    assert seen == [(1024, 1100), (1100, 1100)]


def test_memory_does_not_grow_with_the_number_of_images(run, tmp_path):
    """Two thousand images more may take as much more as their names do."""
    image = write_digits(tmp_path, range(1))[0]

    def peak(count):
        table = tmp_path / f"{count}.csv"
        table.write_text("image\n" + f"{image}\n" * count)
        tracemalloc.start()
        predict(run, [str(table)], tmp_path / "out.parquet", Settings())
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    peak(300)
    few, many = peak(300), peak(2300)
    assert many - few < 2000 * 1500


def write_animation(path, seed):
    first = Image.fromarray(PIXELS[seed].squeeze())
    first.save(path, save_all=True, append_images=[Image.effect_noise(first.size, 90) for _ in "ab"])


def test_many_animations_do_not_flood_the_terminal(run, tmp_path):
    (tmp_path / "images").mkdir()
    for number in range(14):
        write_animation(tmp_path / "images" / f"{number:02d}.gif", number)
    done, _ = ask(run, [tmp_path / "images"], tmp_path)
    assert len(done.warnings) == 11
    assert done.warnings[-1] == "and 4 more such images"


@pytest.mark.parametrize("name", ["majority", "svm"])
def test_classical_models_label_too(name, tmp_path):
    model = classical_model(name)
    save(model, tmp_path / "model", {})
    paths = write_digits(tmp_path / "images", range(600, 660))
    _, rows = ask(tmp_path / "model", paths, tmp_path, options=PredictOptions(probabilities=True))
    expected = model.predict_proba(PIXELS[600:660])
    assert [row["label"] for row in rows] == [model.classes[best] for best in expected.argmax(axis=1)]
    found = np.array([[float(row[name]) for name in model.classes] for row in rows])
    np.testing.assert_allclose(found, expected, rtol=5e-7)


@pytest.mark.parametrize("name", ["ridge", "mlp"])
def test_numbers_stand_in_the_column_of_labels(name, tmp_path):
    model = number_model(name)
    save(model, tmp_path / "model", {})
    paths = write_digits(tmp_path / "images", range(600, 605))
    (tmp_path / "images" / "bad.png").write_bytes(b"")
    done, rows = ask(tmp_path / "model", [*paths, tmp_path / "images" / "bad.png"], tmp_path)
    assert list(rows[0]) == ["input", "label", "probability", "error", "novelty"]
    assert [float(row["label"]) for row in rows[:5]] == pytest.approx(model.predict_values(PIXELS[600:605]))
    assert [row["probability"] for row in rows] == [""] * 6
    assert rows[5]["label"] == ""
    assert rows[5]["error"] == "empty file (zero bytes)"
    assert (done.labelled, done.unreadable) == (5, 1)


def test_a_model_of_feature_vectors_is_refused(tmp_path):
    rows = PIXELS[:50].reshape(50, -1).astype(np.float32)
    pellucid.ImageRegressor(model="ridge", threads=1).fit(rows, LABELS[:50]).save(tmp_path / "model")
    paths = write_digits(tmp_path / "images", range(1))
    with pytest.raises(ModelFileError, match="takes feature vectors, not images"):
        ask(tmp_path / "model", paths, tmp_path)
