"""ONNX files of others: refused before onnxruntime sees them, and nothing outside the file is read."""

import os

import numpy as np
import pytest

from exported_models import EVERY, content_of
from pellucid.bundle import HeldOut
from pellucid.confined.onnx_files import require_plain
from pellucid.errors import ModelFileError
from pellucid.export.export import metadata_of
from pellucid.runtime.exported import load, opened
from pellucid.runtime.metadata import Metadata
from pellucid.targets import MULTILABEL, Labels
from small_models import LABELS, states

onnx = pytest.importorskip("onnx")

NAME = "cnn, mirrored"


def changed(change) -> bytes:
    graph = onnx.load_model_from_string(content_of(NAME))
    change(graph)
    return graph.SerializeToString()


def outside(graph) -> None:
    first = graph.graph.initializer[0]
    first.ClearField("raw_data")
    first.data_location = onnx.TensorProto.EXTERNAL
    first.external_data.add(key="location", value="../../secret")


def hidden_outside(graph) -> None:
    constant = onnx.helper.make_node(
        "Constant", [], ["secret"], value=onnx.numpy_helper.from_array(np.zeros(3))
    )
    constant.attribute[0].t.external_data.add(key="location", value="/etc/passwd")
    graph.graph.node.insert(0, constant)


def loop(graph) -> None:
    body = onnx.helper.make_graph([], "body", [], [])
    graph.graph.node.append(onnx.helper.make_node("Loop", [], ["x"], body=body))


def another_domain(graph) -> None:
    graph.graph.node.append(onnx.helper.make_node("Relu", ["x"], ["y"], domain="com.evil"))


def a_function(graph) -> None:
    graph.functions.append(onnx.helper.make_function("", "Relu", ["x"], ["y"], [], []))


def hollow(graph) -> None:
    """A constant that announces a terabyte."""
    graph.graph.initializer[0].dims[:] = [1 << 20, 1 << 18]


def unknown_operator(graph) -> None:
    graph.graph.node.append(onnx.helper.make_node("RandomNormal", [], ["x"], shape=[1 << 40]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (outside, "data in another file"),
        (hidden_outside, "data in another file"),
        (loop, "Loop|graph inside"),
        (another_domain, "operators of 'com.evil'"),
        (a_function, "functions"),
        (hollow, "onnxruntime refuses it"),
        (unknown_operator, "the operator 'RandomNormal'"),
    ],
)
def test_what_no_export_contains_is_refused(change, reason):
    with pytest.raises(ModelFileError, match=rf"hostile\.onnx: .*({reason})"):
        opened(changed(change), "hostile.onnx")


def test_a_second_graph_is_refused():
    """Readers of protocol buffers join it to the first."""
    with pytest.raises(ModelFileError, match="more than one graph"):
        opened(content_of(NAME) * 2, "hostile")


def test_a_file_cut_short_or_damaged_is_refused_at_every_place():
    content = content_of(NAME)
    for end in (0, 1, 10, 100, len(content) // 2, len(content) - 1):
        with pytest.raises(ModelFileError, match=r"cut\.onnx: "):
            opened(content[:end], "cut.onnx")
    draws, refused = np.random.default_rng(0), 0
    for _ in range(200):
        damaged = bytearray(content)
        damaged[draws.integers(len(content))] ^= int(draws.integers(1, 256))
        try:
            require_plain(bytes(damaged))
        except ValueError:
            refused += 1  # any other error would end the test
    assert 0 < refused < 200


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("format", "2", "no model that Pellucid exported"),
        ("format", "3", "no model that Pellucid exported"),
        ("classes", '["a"]', "of 1 classes"),
        ("classes", '["a", "a"]', "is there twice"),
        (
            "preprocessing",
            '{"height": 9, "width": 8, "channels": 1, "low": 0, "high": 255}',
            "metadata makes",
        ),
        ("details", "{}", "missing keys"),
        ("details", "[" * 100_000, "nested too deeply"),
        ("rows_at_once", "0", "rows_at_once: 0 is no whole number from 1 to 4096"),
        ("rows_at_once", "1000000", "rows_at_once: 1000000 is no whole number from 1 to 4096"),
    ],
)
def test_metadata_that_contradict_the_graph_are_refused(key, value, reason):
    def change(graph):
        for each in graph.metadata_props:
            if each.key == key:
                each.value = value

    with pytest.raises(ModelFileError, match=rf"refused: .*{reason}"):
        opened(changed(change), "hostile.onnx")


def of_labels(**changes: str | None) -> dict[str, str]:
    """Metadata of a model of several labels with held-out answers, some of them changed or left out."""
    held_out = HeldOut.of(Labels(states()[:100], LABELS, MULTILABEL), np.full((100, 4), 0.25), None)
    model = EVERY["cnn of labels"]().with_held_out(held_out)
    stated = metadata_of(model, "cnn").to_properties() | changes
    return {key: value for key, value in stated.items() if value is not None}


def test_several_labels_are_never_taken_for_classes_nor_classes_for_labels():
    found = of_labels()
    assert (found["format"], found["target"]) == ("2", "labels")
    read = Metadata.from_properties(found)
    assert read.to_properties() == found
    assert read.target is MULTILABEL
    assert (read.held_out.labels == states()[:100]).all()
    assert read.threshold == {"odd": 0.4, "large": 0.7}
    alone = {"held_out": None, "threshold": None}
    for changes in (
        {"target": None},
        {"target": "class"},
        {"format": "1"},
        {"format": "1", **alone},
        {"target": None, **alone},
    ):
        with pytest.raises(ValueError, match="no model that Pellucid exported, or of another format"):
            Metadata.from_properties(of_labels(**changes))
    with pytest.raises(ValueError, match="held_out: of one label each where there may be several"):
        Metadata.from_properties(of_labels(format="1", target=None, threshold=None))
    with pytest.raises(ValueError, match="'threshold' is not an object of classes"):
        Metadata.from_properties(of_labels(threshold='{"even": 0.5}'))


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(ModelFileError, match="not a regular file"):
        load(tmp_path / "pipe.onnx")
    with pytest.raises(ModelFileError, match="no such file"):
        load(tmp_path / "none.onnx")
    (tmp_path / "pickle.onnx").write_bytes(b"\x80\x04\x95abc")
    with pytest.raises(ModelFileError, match="refused"):
        load(tmp_path / "pickle.onnx")
