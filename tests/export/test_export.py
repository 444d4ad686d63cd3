"""`pellucid export` on finished runs: what is written, what is proved, and what is refused."""

import csv
import dataclasses

import numpy as np
import pytest

from command_line import within
from every_model import MODELS, classical_model
from models_with_detectors import with_detector
from pellucid.answering.decisions import PredictOptions
from pellucid.answering.predict import predict
from pellucid.bundle import Answers, load, save
from pellucid.errors import DataError, ModelFileError, StorageError, UsageError
from pellucid.export import export as exporting
from pellucid.export.export import by_reference, export, metadata_of
from pellucid.export.proof import DisagreeingError, compare, held_out_examples, prove
from pellucid.pipeline.train import train
from pellucid.runtime.exported import ExportedModel, opened
from pellucid.settings import Settings
from pellucid.targets import MULTILABEL
from small_models import LABELS, digits, states, write_digits
from text_models import texts

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

GIVEN = {"epochs": 1, "threads": 1, "baselines": False, "learning_curve": False, "quiet": True}


@pytest.fixture(scope="module")
def run(run_on_digits):
    """A run on image files larger than the network takes."""
    return run_on_digits(500, width=16, image_size="6x7", baselines=False)


@pytest.fixture(scope="module")
def text_run(tmp_path_factory):
    table = tmp_path_factory.mktemp("texts") / "numbers.csv"
    rows = zip(texts()[:500], digits()[1][:500].tolist(), strict=True)
    table.write_text("text,label\n" + "".join(f"{text},n{label}\n" for text, label in rows))
    out = tmp_path_factory.mktemp("runs") / "texts"
    train(table, out=out, model="rnn", width=8, **GIVEN)
    return out


@pytest.fixture(scope="module")
def label_run(tmp_path_factory):
    """A run on texts that may have several labels."""
    table = tmp_path_factory.mktemp("labels") / "digits.csv"
    rows = zip(texts()[:500], MULTILABEL.texts(states()[:500], LABELS), strict=True)
    table.write_text("text,labels\n" + "".join(f"{text},{labels}\n" for text, labels in rows))
    out = tmp_path_factory.mktemp("runs") / "labels"
    given = {"target": "labels", "unlabelled": "none", "threads": 1, "learning_curve": False, "quiet": True}
    train(table, out=out, model="logistic-regression", **given)
    return out


@pytest.fixture(scope="module")
def exports(run, text_run, label_run, tmp_path_factory):
    """A folder with the files of all runs, `images.onnx` by the command, and what either export said."""
    folder = tmp_path_factory.mktemp("exports")
    done = within.succeed("export", run, "--out", folder / "images.onnx")
    export(str(label_run), folder / "labels.onnx")
    return folder, done.stderr, export(str(text_run), folder / "texts.onnx")


def test_a_run_becomes_one_file_that_was_proved_on_its_original_files(run, text_run, exports):
    folder, said, of_texts = exports
    held_out = held_out_examples(str(run), run / "model").rows
    assert "mlp written" in said
    assert f"On {len(held_out)} held-out images it gave the labels of the model" in said
    assert "onnx.reference agrees on 4." in said
    assert sorted(each.name for each in folder.iterdir()) == ["images.onnx", "labels.onnx", "texts.onnx"]
    assert of_texts.model == "rnn"
    assert of_texts.proof.examples == len(held_out_examples(str(text_run), text_run / "model").rows) > 40
    assert of_texts.proof.difference < 1e-5


EVERY_OPTION = ("costs", "max_error", "sets")


def costs_of(classes, folder):
    """Costs that make the first class dear to miss, so that other answers are given."""
    rows = [["", *classes]]
    for true in classes:
        rows.append(
            [true, *("0" if each == true else "9" if true == classes[0] else "1" for each in classes)]
        )
    (folder / "costs.csv").write_text("".join(",".join(row) + "\n" for row in rows))
    return folder / "costs.csv"


def new_inputs(kind, folder):
    """Inputs of a kind, one of which cannot be read."""
    if kind == "images":
        write_digits(folder / "new", range(600, 640))
        (folder / "new" / "page.png").write_text("<html></html>")
        return folder / "new"
    (folder / "new.csv").write_text("text\n" + "".join(f"{text}\n" for text in (*texts()[600:640], "  ")))
    return folder / "new.csv"


@pytest.mark.parametrize(
    ("kind", "asked"),
    [
        *((kind, asked) for kind in ("images", "texts") for asked in (("max_error", "sets"), EVERY_OPTION)),
        ("labels", ("max_error",)),
    ],
)
def test_the_file_writes_the_rows_of_predict(run, text_run, label_run, exports, tmp_path, kind, asked):
    from pellucid.runtime.__main__ import main

    folder = {"images": run, "texts": text_run, "labels": label_run}[kind]
    given = {"max_error": 0.9, "sets": 0.85, "costs": costs_of(load(folder).classes, tmp_path)}
    options = {name: given[name] for name in asked}
    new, ours_file = str(new_inputs(kind, tmp_path)), tmp_path / "ours.csv"
    predict(folder, [new], ours_file, Settings(), options=PredictOptions(**options, probabilities=True))
    words = [str(exports[0] / f"{kind}.onnx"), new, "--out", str(tmp_path / "theirs.csv"), "--probabilities"]
    words += [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    assert main([*words, "--threads", "1"]) == 0
    (our_header, *ours), (their_header, *theirs) = (
        list(csv.reader((tmp_path / name).read_text().splitlines())) for name in ("ours.csv", "theirs.csv")
    )
    assert our_header == their_header
    assert ("abstained" in our_header, "set" in our_header) == (True, kind != "labels")
    if kind == "labels":
        assert our_header[-len(LABELS) :] == sorted(LABELS)
        assert {";" in row[our_header.index("label")] for row in ours} == {True, False}
    assert len(ours) == len(theirs) >= 40
    assert "false" in {row[our_header.index("abstained")] for row in ours}
    exact = {"input", "label", "error", "abstained", "set"}
    for our, their in zip(ours, theirs, strict=True):
        for name, cell, other in zip(our_header, our, their, strict=True):
            if name in exact:
                assert cell == other
            else:
                assert float(cell or "nan") == pytest.approx(float(other or "nan"), abs=1e-5, nan_ok=True)


def test_promises_that_the_file_cannot_keep_are_refused(exports, tmp_path, capsys):
    from pellucid.runtime.__main__ import main

    words = [str(exports[0] / "images.onnx"), str(new_inputs("images", tmp_path))]
    for more, reason in (
        (["--max-error", "0.0001"], "0.0001 cannot be promised: it takes"),
        (["--sets", "1.5"], "1.5 does not lie between 0 and 1"),
        (["--costs", str(tmp_path / "none.csv")], "no such file"),
    ):
        assert main([*words, *more]) == 2
        assert reason in capsys.readouterr().err


def broken(content: bytes, change) -> bytes:
    """A file whose weights were changed."""
    graph = onnx.load_model_from_string(content)
    for weights in graph.graph.initializer:
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype == np.float32 and values.ndim == 2:
            weights.CopyFrom(onnx.numpy_helper.from_array(change(values), weights.name))
    return graph.SerializeToString()


@pytest.fixture(scope="module")
def proved(run, exports):
    """The model of the run, its metadata, the content of its file, and held-out examples."""
    model, content = load(run), (exports[0] / "images.onnx").read_bytes()
    return model, metadata_of(model, "mlp"), content, held_out_examples(str(run), run / "model")


@pytest.mark.parametrize("change", [lambda values: values * 1.2, lambda values: values * np.nan])
def test_a_graph_that_disagrees_is_refused_with_examples(proved, change):
    model, metadata, good, examples = proved
    bad = broken(good, change)
    with pytest.raises(
        ModelFileError, match=r"onnxruntime disagrees .*\.png: digit \d 0\.\d+.* by the model, digit"
    ):
        prove(model, opened(bad, "bad"), by_reference(good, metadata), examples)
    with pytest.raises(ModelFileError, match=r"onnx\.reference disagrees with the model on \d of 4"):
        prove(model, opened(good, "good"), by_reference(bad, metadata), examples)


def test_a_file_that_prepares_images_otherwise_is_refused(proved):
    model, metadata, content, examples = proved
    good = opened(content, "good")

    class Darker(type(model.preprocessing)):
        def image_and_warning(self, source, *more):
            pixels, warning = super().image_and_warning(source, *more)
            return pixels // 2, warning

    darker = Darker(**model.preprocessing.to_json())
    other = ExportedModel(dataclasses.replace(metadata, preprocessing=darker), good.session)
    with pytest.raises(ModelFileError, match="disagrees"):
        prove(model, other, good, examples)


def test_nothing_is_written_when_the_proof_fails(run, tmp_path, monkeypatch):
    whole = exporting.finished
    monkeypatch.setattr(exporting, "finished", lambda *given: broken(whole(*given), lambda values: -values))
    done = within("export", run, "--out", tmp_path / "model.onnx")
    assert done.returncode == 4
    assert done.stderr.splitlines()[-1].startswith("error: export: not written: onnxruntime disagrees")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_proved_or_written_is_refused(run, tmp_path, monkeypatch):
    save(classical_model("svm"), tmp_path / "alone", {})
    with pytest.raises(UsageError, match="no run, so there are no held-out examples"):
        export(str(tmp_path / "alone"), tmp_path / "model.onnx")
    with pytest.raises(UsageError, match=r"model\.html does not end in \.onnx; .*\.html for a page"):
        export(str(run), tmp_path / "model.html")
    with pytest.raises(StorageError, match="its folder does not exist"):
        export(str(run), tmp_path / "nowhere" / "model.onnx")
    monkeypatch.setattr(exporting, "NEEDED", ("onnx", "no_such_module"))
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


def test_labels_may_differ_only_where_a_threshold_is_met_within_a_tie():
    """The threshold of `odd` is 0.4, of `large` 0.7; probabilities of both engines lie around them."""
    model = MODELS["cnn of labels"]()

    def answers(odd, large=0.1):
        return Answers(np.array([[odd, 0.1, 0.1, large]]), None)

    assert compare(model, ["one"], answers(0.400004), answers(0.399998), "the file") == pytest.approx(6e-6)
    with pytest.raises(DisagreeingError, match=r"one: odd 0\.2916\d by .*, none 0\.4374\d by"):
        compare(model, ["one"], answers(0.40002), answers(0.39998), "the file")
    compare(model, ["one"], answers(0.5, 0.70002), answers(0.5, 0.70008), "the file")
    with pytest.raises(DisagreeingError, match=r"one: odd;large .* by the model, odd .* by the"):
        compare(model, ["one"], answers(0.5, 0.70002), answers(0.5, 0.69999), "the file")


def test_the_threshold_of_one_of_two_classes_decides_what_is_another_label():
    model = MODELS["cnn"]().for_data(threshold={"b": 0.2})
    model.classes = ("a", "b")

    def answers(b):
        return Answers(np.array([[1 - b, b]]), None)

    compare(model, ["one"], answers(0.200004), answers(0.199998), "the file")
    with pytest.raises(DisagreeingError, match=r"one: b 0\.20002 by the model, a 0\.80002 by the file"):
        compare(model, ["one"], answers(0.20002), answers(0.19998), "the file")


@pytest.mark.parametrize("name", ["cnn of numbers", "svm"])
def test_answers_that_are_no_numbers_are_not_those_of_the_model(name):
    """Of one example in eight the file says nothing: no difference is found, and it is not the same."""
    model = with_detector(MODELS[name]())
    ours = model.answer(digits()[0][:8])
    names = [f"{row}.png" for row in range(8)]
    assert compare(model, names, ours, ours, "the file") == 0.0
    said = ours.said.copy()
    said[5] = np.nan
    with pytest.raises(ModelFileError, match=r"the file disagrees with the model on 1 of 8 .*5\.png"):
        compare(model, names, ours, ours._replace(said=said), "the file")
