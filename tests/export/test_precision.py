"""Exports of less precision: written where they are worth it, refused with the figures where they are not."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from exported_models import EVERY, content_of
from pellucid.bundle import HeldOut, load
from pellucid.errors import ModelFileError
from pellucid.export import proof as judging
from pellucid.export.by_target import scored
from pellucid.export.export import _with_promises, export, metadata_of
from pellucid.export.proof import HeldOutExamples, Labelled, halved, judge, labelled, thresholds_of
from pellucid.input_kinds import VALUES
from pellucid.runtime.exported import opened
from pellucid.runtime.metadata import Metadata
from pellucid.targets import CLASSIFICATION, MULTILABEL, REGRESSION, Labels
from small_models import digits

onnx = pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def run(run_on_digits):
    """A run of a network wide enough that its weights are most of the file."""
    return run_on_digits(600, width=256, image_size="8x8", baselines=False)


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "at_most"), [("fp16", 0.7), ("int8", 0.8)])
def test_a_smaller_file_that_answers_as_well_is_written(run, tmp_path, monkeypatch, precision, at_most):
    monkeypatch.setattr(judging, "_timed", lambda *given: ((1.0, 1.0), False))  # not this machine's mood
    said: list[str] = []
    done = export(str(run), tmp_path / "model.onnx", None, said.append, precision)
    judged = done.judged
    assert judged is not None
    assert done.bytes == (tmp_path / "model.onnx").stat().st_size
    assert judged.less.bytes < at_most * judged.full.bytes
    assert judged.same >= 0.97 * judged.examples
    assert any(line.startswith(precision) for line in said)
    # What it promises is made from its own answers about the examples that it was proved on.
    exported = opened((tmp_path / "model.onnx").read_bytes(), "model", 1)
    assert exported.held_out is not None
    assert len(exported.held_out) == judged.examples
    assert (exported.held_out.labels == exported.held_out.said.argmax(axis=1)).mean() == judged.less.score
    inputs = digits()[0][700:740]
    difference = np.abs(exported.answer(inputs).said - load(run).answer(inputs).said).max()
    assert difference < (0.003 if precision == "fp16" else 0.2)


@pytest.mark.slow
def test_what_is_not_worth_it_is_refused_with_the_figures(run, tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "_timed", lambda *given: ((1.0, 1.5), True))
    said: list[str] = []
    with pytest.raises(
        ModelFileError, match=r"in fp16 it is slower: .* MB .* 1\.500 ms where it takes 1\.000"
    ):
        export(str(run), tmp_path / "model.onnx", None, said.append, "fp16")
    assert [line[:4] for line in said[-4:-1]] == ["    ", "fp32", "fp16"]
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_larger_or_worse_beyond_chance_is_refused():
    good = content_of("mlp of vectors, of numbers")
    graph = onnx.load_model_from_string(good)
    for weights in graph.graph.initializer:
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype == np.float32 and values.ndim == 2:
            weights.CopyFrom(onnx.numpy_helper.from_array(values * 3, weights.name))
    graph.doc_string = "x" * 1000
    bad = graph.SerializeToString()
    rows = digits()[0].reshape(-1, 64)[:200].astype(np.float32)
    labels = opened(good, "good", 1).answer(rows).said + np.linspace(-0.01, 0.01, 200)
    judged, answers = judge("int8", good, bad, Labelled(rows, Labels(labels, (), REGRESSION)))
    assert judged.reasons[-1] == "it is less accurate beyond chance"
    assert "it is not smaller" in judged.reasons
    assert judged.less.score == pytest.approx(np.sqrt(((answers.said - labels) ** 2).mean()))
    assert "RMSE" in judged.table("image")[0]


def test_both_files_are_judged_by_what_the_threshold_decides(monkeypatch):
    """By the most probable class the smaller file would be the better one."""
    labels = Labels(np.array([1, 1, 0, 1, 0]), ("a", "b"), CLASSIFICATION)

    def opened_as(of_b):
        said = np.stack([1 - np.array(of_b), of_b], axis=1)
        answers = SimpleNamespace(said=said, novelty=None)
        return SimpleNamespace(
            target=CLASSIFICATION, classes=labels.names, threshold={"b": 0.3}, computed=lambda _: answers
        )

    files = {"fp32": opened_as([0.4, 0.35, 0.1, 0.45, 0.2]), "int8": opened_as([0.6, 0.2, 0.1, 0.55, 0.32])}
    monkeypatch.setattr(judging, "opened", lambda content, precision, threads: files[precision])
    monkeypatch.setattr(judging, "_timed", lambda *_: ((2.0, 1.5), False))
    judged, _ = judge("int8", b"full", b"less", Labelled(np.zeros((5, 2)), labels))
    assert (judged.full.score, judged.less.score, judged.same) == (1.0, 3 / 5, 3)
    assert (judged.full.milliseconds, judged.less.milliseconds) == (2.0, 1.5)


def test_labels_are_those_of_the_examples_that_can_be_read(monkeypatch):
    blocks = [
        SimpleNamespace(inputs=np.array([[2.0]]), errors=["", "broken"]),
        SimpleNamespace(inputs=np.array([[6.0], [8.0]]), errors=["", ""]),
    ]
    monkeypatch.setattr(judging, "incoming_rows", lambda *_: SimpleNamespace(blocks=iter(blocks)))
    monkeypatch.setattr(judging, "labels_for", lambda model, listing, rows: rows)
    found = labelled(None, HeldOutExamples(None, [2, 4, 6, 8]))
    assert (found.labels, found.inputs.ravel().tolist()) == ([2, 6, 8], [2, 6, 8])


def test_accuracy_is_compared_by_the_examples_that_set_the_files_apart():
    answers = np.array([0] * 90 + [1] * 10)
    labels = np.zeros(100, np.int64)
    all_right = np.zeros(100, np.int64)
    known = Labels(labels, ("a", "b"), CLASSIFICATION)
    found = scored(known, all_right, answers)
    assert (found.full, found.less) == (1.0, 0.9)
    assert found.p_value == pytest.approx(2 / 2**10)
    assert found.is_worse
    assert not scored(known, answers, all_right).is_worse


def test_several_labels_are_compared_by_f1_of_those_that_are_known():
    """Of 40 examples with label 0, and label 1 unknown, the second file answers label 0 for 30 alone."""
    labels = np.tile(np.array([[1, -1]], np.int8), (40, 1))
    ours = np.tile(np.array([[1, 1]], np.int8), (40, 1))
    theirs = ours.copy()
    theirs[:10, 0] = 0
    known = Labels(labels, ("a", "b"), MULTILABEL)
    found = scored(known, ours, theirs)
    assert (found.full, found.less) == (1.0, pytest.approx(2 * 30 / (30 + 40)))
    assert found.p_value == pytest.approx(2 / 2**10, abs=1e-3)
    assert found.is_worse
    assert not scored(known, theirs, ours).is_worse


def test_halves_keep_what_does_not_fit_into_them():
    graph = onnx.load_model_from_string(content_of("cnn, mirrored"))
    large = next(each for each in graph.graph.initializer if onnx.numpy_helper.to_array(each).size >= 256)
    name, values = large.name, onnx.numpy_helper.to_array(large) * 1e9
    large.CopyFrom(onnx.numpy_helper.from_array(values, name))
    found = {each.name: each.data_type for each in halved(graph).graph.initializer}
    assert found[name] == onnx.TensorProto.FLOAT
    assert onnx.TensorProto.FLOAT16 in found.values()


def test_a_reader_of_the_file_needs_nothing_else(run):
    model = EVERY["cnn, mirrored"]()
    halves = halved(onnx.load_model_from_string(content_of("cnn, mirrored")))
    onnx.checker.check_model(halves, full_check=True)
    opened_again = opened(halves.SerializeToString(), "halves", 1)
    assert opened_again.metadata.classes == metadata_of(model, "cnn").classes


def test_a_file_promises_by_its_own_answers():
    """Those of less precision are less sure here, so that the thresholds of the whole file would not hold."""
    draws = np.random.default_rng(7)
    codes = draws.integers(0, 2, 400)
    labels = Labels(codes, ("a", "b"), CLASSIFICATION)

    def stated(wrong):
        sure = draws.uniform(0.55, 1.0, 400)
        said = np.where(draws.random(400) < wrong * (1.2 - sure), 1 - codes, codes)
        return np.where(np.eye(2)[said] == 1, sure[:, None], 1 - sure[:, None])

    held_out = HeldOut.of(labels, stated(0.1), None)
    whole = Metadata("m", "0", VALUES, ("a", "b"), CLASSIFICATION, 1.0, None, (), None, (), held_out=held_out)
    whole = dataclasses.replace(whole, abstention=thresholds_of(whole, held_out))
    answers = SimpleNamespace(said=stated(0.5), novelty=None)
    found = _with_promises(whole, labels, answers)
    assert found.held_out.said.tolist() == answers.said.astype(np.float32).tolist()
    assert found.abstention == thresholds_of(found, found.held_out) != whole.abstention
