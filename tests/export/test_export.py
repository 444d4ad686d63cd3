"""`pellucid export` on finished runs: what is written, what is proved, and what is refused."""

import numpy as np
import pytest

from command_line import within
from every_model import classical_model
from pellucid.answering.deciding import Wishes
from pellucid.answering.predict import predict
from pellucid.bundle import load, save
from pellucid.errors import DataError, ModelFileError, StorageError, UsageError
from pellucid.export import needs
from pellucid.export.export import export, metadata_of, serialised
from pellucid.export.held_out import held_out_examples
from pellucid.export.proof import prove
from pellucid.export.reference import by_reference
from pellucid.pipeline.train import train
from pellucid.runtime.exported import ExportedModel, opened
from pellucid.settings import Settings
from small_models import digits, write_digits
from text_models import texts

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

GIVEN = {"epochs": 1, "threads": 1, "baselines": False, "learning_curve": False, "quiet": True}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run on image files larger than the network takes."""
    folder = tmp_path_factory.mktemp("images")
    write_digits(folder, range(500), by_class=True)
    out = tmp_path_factory.mktemp("runs") / "run"
    train(folder, out=out, model="mlp", width=16, image_size="6x7", **GIVEN)
    return out


@pytest.fixture(scope="module")
def text_run(tmp_path_factory):
    table = tmp_path_factory.mktemp("texts") / "numbers.csv"
    rows = zip(texts()[:500], digits()[1][:500].tolist(), strict=True)
    table.write_text("text,label\n" + "".join(f"{text},n{label}\n" for text, label in rows))
    out = tmp_path_factory.mktemp("runs") / "texts"
    train(table, out=out, model="rnn", width=8, **GIVEN)
    return out


def test_a_run_becomes_one_file_that_was_proved_on_its_original_files(run, tmp_path):
    done = within("export", run, "--out", tmp_path / "model.onnx")
    assert done.returncode == 0, done.stderr
    assert "mlp written" in done.stderr
    held_out = held_out_examples(str(run), run / "model").rows
    assert f"On {len(held_out)} held-out images it gave the labels of the model" in done.stderr
    assert "onnx.reference agrees on 4." in done.stderr
    assert [each.name for each in tmp_path.iterdir()] == ["model.onnx"]


def test_a_run_of_texts_too(text_run, tmp_path):
    done = export(str(text_run), tmp_path / "model.onnx")
    assert done.model == "rnn"
    assert done.proof.examples == len(held_out_examples(str(text_run), text_run / "model").rows) > 40
    assert done.proof.difference < 1e-5


def test_the_file_writes_the_rows_of_predict(run, tmp_path):
    from pellucid.runtime.command import main

    export(str(run), tmp_path / "model.onnx")
    write_digits(tmp_path / "new", range(600, 610))
    (tmp_path / "new" / "page.png").write_text("<html></html>")
    wishes = Wishes(max_error=0.2)
    new, ours_file = str(tmp_path / "new"), tmp_path / "ours.csv"
    predict(run, [new], ours_file, Settings(), with_probabilities=True, wishes=wishes)
    place = [str(tmp_path / "model.onnx"), new, "--max-error", "0.2", "--out", str(tmp_path / "theirs.csv")]
    assert main([*place, "--probabilities", "--threads", "1"]) == 0
    ours, theirs = (
        [line.split(",") for line in (tmp_path / name).read_text().splitlines()]
        for name in ("ours.csv", "theirs.csv")
    )
    assert ours[0] == theirs[0]
    assert ours[0][5] == "abstained"
    for our, their in zip(ours[1:], theirs[1:], strict=True):
        assert [our[each] for each in (0, 1, 3, 5)] == [their[each] for each in (0, 1, 3, 5)]
        numbers = [[float(cell or "nan") for cell in (row[2], row[4], *row[6:])] for row in (our, their)]
        np.testing.assert_allclose(numbers[0], numbers[1], atol=1e-5)


def broken(content: bytes, change) -> bytes:
    """A file whose weights were changed."""
    graph = onnx.load_model_from_string(content)
    for weights in graph.graph.initializer:
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype == np.float32 and values.ndim == 2:
            weights.CopyFrom(onnx.numpy_helper.from_array(change(values), weights.name))
    return graph.SerializeToString()


@pytest.mark.parametrize("change", [lambda values: values * 1.2, lambda values: values * np.nan])
def test_a_graph_that_disagrees_is_refused_with_examples(run, change):
    model = load(run)
    metadata = metadata_of(model, "mlp")
    good = serialised(model, metadata)
    bad = broken(good, change)
    examples = held_out_examples(str(run), run / "model")
    with pytest.raises(
        ModelFileError, match=r"onnxruntime disagrees .*\.png: digit \d 0\.\d+.* by the model, digit"
    ):
        prove(model, opened(bad, "bad"), by_reference(good, metadata), examples)
    with pytest.raises(ModelFileError, match=r"onnx\.reference disagrees with the model on \d of 4"):
        prove(model, opened(good, "good"), by_reference(bad, metadata), examples)


def test_a_file_that_prepares_images_otherwise_is_refused(run):
    model = load(run)
    metadata = metadata_of(model, "mlp")
    good = opened(serialised(model, metadata), "good")

    class Darker(type(model.preprocessing)):
        def image_and_warning(self, source):
            pixels, warning = super().image_and_warning(source)
            return pixels // 2, warning

    darker = Darker(**model.preprocessing.to_json())
    other = ExportedModel(type(metadata)(**{**vars(metadata), "preprocessing": darker}), good.session)
    with pytest.raises(ModelFileError, match="disagrees"):
        prove(model, other, good, held_out_examples(str(run), run / "model"))


def test_nothing_is_written_when_the_proof_fails(run, tmp_path, monkeypatch):
    whole = serialised
    monkeypatch.setattr(
        "pellucid.export.export.serialised", lambda *given: broken(whole(*given), lambda values: -values)
    )
    done = within("export", run, "--out", tmp_path / "model.onnx")
    assert done.returncode == 4
    assert done.stderr.splitlines()[-1].startswith("error: export: not written: onnxruntime disagrees")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_proved_or_written_is_refused(run, tmp_path, monkeypatch):
    save(classical_model("svm"), tmp_path / "alone", {})
    with pytest.raises(UsageError, match="no run, so there are no held-out examples"):
        export(str(tmp_path / "alone"), tmp_path / "model.onnx")
    with pytest.raises(UsageError, match=r"model\.html does not end in \.onnx"):
        export(str(run), tmp_path / "model.html")
    with pytest.raises(StorageError, match="its folder does not exist"):
        export(str(run), tmp_path / "nowhere" / "model.onnx")
    monkeypatch.setattr(needs, "_NEEDED", ("onnx", "no_such_module"))
    with pytest.raises(UsageError, match=r"needs no_such_module, which is not installed; pip install"):
        export(str(run), tmp_path / "model.onnx")


def test_data_that_changed_since_is_noticed(tmp_path):
    folder = tmp_path / "images"
    paths = write_digits(folder, range(300), by_class=True)
    train(folder, out=tmp_path / "run", model="mlp", width=8, **GIVEN)
    for path in paths[:150]:
        path.unlink()
    with pytest.raises(DataError, match="no longer the data that the run was made from"):
        export(str(tmp_path / "run"), tmp_path / "model.onnx")
