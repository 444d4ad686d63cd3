"""Small valid graphs that would take much memory or time: their process is limited, whatever they compute."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from exported_models import content_of, exported
from pellucid.errors import ModelFileError
from pellucid.export.export import rows_at_once
from pellucid.runtime.__main__ import main
from pellucid.runtime.exported import load
from small_models import write_digits

onnx = pytest.importorskip("onnx")

NAME = "cnn, mirrored"
FEW_BYTES = 60_000
LIMITS = {"PELLUCID_MEMORY_GB": "0.2", "PELLUCID_GIGA_MULTIPLY_ADDS": "7"}
MOST_BYTES, MOST_SECONDS = 1 << 30, 6
SIZE = np.array([1 << 31])
IMAGE = np.zeros((1, 8, 8, 1), np.uint8)
make = onnx.helper.make_node


def with_bomb(nodes, constants) -> bytes:
    """An export whose answer waits for the sum of a tensor `bomb`, made from the `pixels` (1, 1, 8, 8)."""
    graph = onnx.load_model_from_string(content_of(NAME))
    inner = graph.graph
    for node in inner.node:
        for place, name in enumerate(node.output):
            if name == "probabilities":
                node.output[place] = "calm"
    inner.node.insert(0, make("Cast", ["images"], ["pixels"], to=onnx.TensorProto.FLOAT))
    inner.node.extend(nodes)
    inner.node.append(make("Cast", ["bomb"], ["numbers"], to=onnx.TensorProto.FLOAT))
    inner.node.append(make("ReduceSum", ["numbers"], ["sum"], keepdims=0))
    inner.node.append(make("Mul", ["sum", "nothing"], ["zero"]))
    inner.node.append(make("Add", ["calm", "zero"], ["probabilities"]))
    constants = {"nothing": np.zeros((), np.float32), **constants}
    inner.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in constants.items())
    return graph.SerializeToString()


def large_where(*nodes, **constants):
    """A tensor of 2³¹ numbers; its `length` comes from operators that are hard to foresee."""
    more = [
        make("ReduceSum", ["pixels", "axes"], ["one"], keepdims=0),
        make("Expand", ["one", "length"], ["bomb"]),
    ]
    return [*nodes, *more], {"unit": np.array([1]), "axes": np.array([1, 2, 3]), "size": SIZE, **constants}


def cast_to_uint16():
    """65,537 becomes 1, by which the length is divided."""
    return large_where(
        make("Cast", ["divisor"], ["cut"], to=onnx.TensorProto.UINT16),
        make("Cast", ["cut"], ["whole"], to=onnx.TensorProto.INT64),
        make("Div", ["size", "whole"], ["length"]),
        divisor=np.array([65537]),
    )


def division_of_fractions():
    return large_where(
        make("Div", ["above", "below"], ["half"]),
        make("Cast", ["half"], ["length"], to=onnx.TensorProto.INT64),
        above=SIZE.astype(np.float32),
        below=np.array([0.5], np.float32),
    )


def whole_numbers_that_wrap():
    """65,536 times itself is 0 in 32 bits."""
    return large_where(
        make("Mul", ["factor", "factor"], ["product"]),
        make("Cast", ["product"], ["wide"], to=onnx.TensorProto.INT64),
        make("Max", ["wide", "unit"], ["divisor"]),
        make("Div", ["size", "divisor"], ["length"]),
        factor=np.array([65536], np.int32),
    )


def outer_product():
    nodes = [
        make("Tile", ["pixels", "times"], ["square"]),
        make("Einsum", ["square", "square"], ["bomb"], equation="abcd,abef->abcdef"),
    ]
    return nodes, {"times": np.array([1, 1, 32, 32])}


def convolution_of_four_axes():
    nodes = [
        make("Reshape", ["pixels", "axes"], ["block"]),
        make("Conv", ["block", "kernel"], ["bomb"], pads=[90] * 8),
    ]
    return nodes, {"axes": np.array([1, 1, 2, 4, 2, 4]), "kernel": np.ones((1, 1, 1, 1, 1, 1), np.float32)}


def recurrent(steps, hidden, layers):
    """Layers whose states are not asked for, only the last."""
    numbers = range(layers)
    nodes = [
        make("ReduceSum", ["pixels"], ["one"], keepdims=0),
        make("Expand", ["one", "steps"], ["sequence"]),
        *(make("LSTM", ["sequence", f"w{n}", "r"], ["", f"last{n}"], hidden_size=hidden) for n in numbers),
        make("Max", [f"last{n}" for n in numbers], ["bomb"]),
    ]
    weights = {f"w{n}": np.full((1, 4 * hidden, 1), n, np.float32) for n in numbers}
    return nodes, {
        "steps": np.array([steps, 1, 1]), "r": np.zeros((1, 4 * hidden, hidden), np.float32), **weights
    }  # fmt: skip


def places_of_maxima():
    nodes = [
        make("Expand", ["pixels", "shape"], ["wide"]),
        make("MaxPool", ["wide"], ["largest", "bomb"], kernel_shape=[1, 1]),
    ]
    return nodes, {"shape": np.array([1 << 20, 1, 8, 8])}


def products_of_whole_numbers():
    """There is no fast code for them."""
    nodes = [
        make("Tile", ["pixels", "times"], ["tiled"]),
        make("Cast", ["tiled"], ["square 0"], to=onnx.TensorProto.INT64),
        *(make("MatMul", [f"square {step}"] * 2, [f"square {step + 1}"]) for step in range(50)),
        make("Identity", ["square 50"], ["bomb"]),
    ]
    return nodes, {"times": np.array([1, 1, 128, 128])}


def large_constant():
    """Computed while the file is opened."""
    nodes = [make("Expand", ["unit", "length"], ["large"]), make("Add", ["large", "pixels"], ["bomb"])]
    return nodes, {"unit": np.ones((1, 1, 8, 8), np.float32), "length": np.array([1 << 24, 1, 8, 8])}


MEMORY = "more than 0.4 GB of memory beside the weights; if you trust it, raise PELLUCID_MEMORY_GB"
TIME = "more than 2 seconds of processor time at once; if you trust it, raise PELLUCID_GIGA_MULTIPLY_ADDS"
BOMBS = {
    "cast to uint16": (cast_to_uint16, MEMORY),
    "division of fractions": (division_of_fractions, MEMORY),
    "32 bits that wrap": (whole_numbers_that_wrap, MEMORY),
    "Einsum": (outer_product, MEMORY),
    "convolution of four axes": (convolution_of_four_axes, MEMORY),
    "LSTM without states": (lambda: recurrent(1 << 23, 32, 1), MEMORY),
    "places of maxima": (places_of_maxima, MEMORY),
    "large constant": (large_constant, MEMORY),
    "long LSTM": (lambda: recurrent(1 << 22, 1, 50), TIME),
    "products of whole numbers": (products_of_whole_numbers, TIME),
}
SCRIPT = """
import json, resource, sys
import numpy as np
from pellucid.errors import ModelFileError
from pellucid.runtime.exported import load
for path in sys.argv[1:]:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        load(path, 1).answer(np.zeros((1, 8, 8, 1), np.uint8))
        said = "answered"
    except ModelFileError as error:
        said = str(error)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)  # the model is gone, and its process with it
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps([said, seconds, after.ru_maxrss * 1024]))
"""


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    """Words, seconds of processor time and bytes of memory of each bomb, under low limits."""
    folder = tmp_path_factory.mktemp("bombs")
    paths = []
    for name, (bomb, _) in BOMBS.items():
        paths.append(folder / f"{name}.onnx")
        paths[-1].write_bytes(with_bomb(*bomb()))
        assert paths[-1].stat().st_size < FEW_BYTES
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, paths)],
        capture_output=True, text=True, env=os.environ | LIMITS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(zip(BOMBS, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_with_the_limit_before_it_takes_more(name, refusals):
    said, seconds, peak = refusals[name]
    assert BOMBS[name][1] in said
    assert peak < MOST_BYTES
    assert 0.05 < seconds < MOST_SECONDS


def test_a_system_that_does_not_limit_memory_is_watched(tmp_path):
    """From a small process: on Linux a child's peak of memory begins at what its parent holds."""
    (tmp_path / "bomb.onnx").write_bytes(with_bomb(*places_of_maxima()))
    setting = "from pellucid.confined import onnx_worker; onnx_worker._PROGRAM = 'unlimited_worker'"
    done = subprocess.run(
        [sys.executable, "-c", f"{setting}\n{SCRIPT}", str(tmp_path / "bomb.onnx")],
        capture_output=True, text=True, check=False,
        env=os.environ | {"PELLUCID_MEMORY_GB": "0.05", "PYTHONPATH": str(Path(__file__).parent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "takes more than 0.1 GB of memory beside the weights" in json.loads(done.stdout)[0]


def test_what_onnxruntime_cannot_compute_is_the_fault_of_the_file(tmp_path, capsys):
    """A shape that only the input decides, and that is no shape then."""
    nodes = [
        make("Cast", ["pixels"], ["lengths"], to=onnx.TensorProto.INT64),
        make("Reshape", ["lengths", "row"], ["shape"]),
        make("Reshape", ["pixels", "shape"], ["bomb"]),
    ]
    (tmp_path / "model.onnx").write_bytes(with_bomb(nodes, {"row": np.array([64])}))
    (image,) = write_digits(tmp_path, [0])
    assert main([str(tmp_path / "model.onnx"), str(image)]) == 4
    assert "model.onnx: onnxruntime cannot compute it: " in capsys.readouterr().err


# The process itself.


@pytest.fixture
def model(tmp_path):
    (tmp_path / "model.onnx").write_bytes(content_of(NAME))
    return load(tmp_path / "model.onnx", 1)


def test_a_process_that_ends_is_started_again(model):
    before = model.answer(IMAGE).said
    np.testing.assert_array_equal(before, exported(NAME).answer(IMAGE).said)
    os.kill(model.session._child._process.pid, signal.SIGSEGV)
    with pytest.raises(ModelFileError, match=r"onnxruntime ended by SIGSEGV, where it may take 2 GB"):
        model.answer(IMAGE)
    np.testing.assert_array_equal(model.answer(IMAGE).said, before)


def test_a_file_that_was_exchanged_meanwhile_is_refused(model, tmp_path):
    model.session._child.close()
    (tmp_path / "model.onnx").write_bytes(content_of(NAME).replace(b"digit 1", b"digit x"))
    with pytest.raises(ModelFileError, match="changed since it was loaded; load it again"):
        model.answer(IMAGE)


def test_a_fork_has_a_process_of_its_own(tmp_path):
    (tmp_path / "model.onnx").write_bytes(content_of(NAME))
    script = """
import os, sys
import numpy as np
from pellucid.runtime import load
model, image = load(sys.argv[1], 1), np.zeros((1, 8, 8, 1), np.uint8)
before = model.answer(image).said
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
assert (model.answer(image).said == before).all()
"""
    done = subprocess.run([sys.executable, "-c", script, tmp_path / "model.onnx"], check=False)
    assert done.returncode == 0


def test_answers_of_another_shape_than_the_file_says_are_refused(model):
    class Short:
        def run(self, outputs, feeds):
            return ([array[:1] for array in arrays] for arrays in model.session.run(outputs, feeds))

    short = dataclasses.replace(model, session=Short())
    with pytest.raises(ModelFileError, match=r"answers 2 inputs in the shapes \[\(1, 10\), \(1,\)\]"):
        short.answer(np.zeros((2, 8, 8, 1), np.uint8))


# Rows at once.


def test_rows_at_once_follow_from_the_tensors_of_one_answer():
    """Tiled pixels take 512 x 512 x 4 bytes, and nothing else takes more than a few hundred."""
    nodes = [
        make("Cast", ["images"], ["pixels"], to=onnx.TensorProto.FLOAT),
        make("Tile", ["pixels", "times"], ["large"]),
        make("ReduceSum", ["large", "axes"], ["numbers"], keepdims=0),
    ]
    helper, kinds = onnx.helper, onnx.TensorProto
    graph = helper.make_graph(
        nodes,
        "answer",
        [helper.make_tensor_value_info("images", kinds.UINT8, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("numbers", kinds.FLOAT, ["batch"])],
        [
            onnx.numpy_helper.from_array(np.array(value), name)
            for name, value in {"times": [1, 1, 64, 64], "axes": [1, 2, 3]}.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    assert rows_at_once(model, exported(NAME).metadata) == 512  # of 953 that fill a gigabyte


def test_fewer_inputs_are_answered_at_once_where_many_take_too_much(monkeypatch):
    inputs, model = np.zeros((100, 8, 8, 1), np.uint8), exported(NAME)
    assert [len(feed["images"]) for feed, _ in model.batches(inputs)] == [100]
    monkeypatch.setenv("PELLUCID_MEMORY_GB", "0.003")
    rows = 3 * model.metadata.rows_at_once // 1000
    assert 1 < rows < 50
    sizes = [len(feed["images"]) for feed, _ in model.batches(inputs)]
    assert sizes[0] == rows
    assert sum(sizes) == 100


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"forms": []},
        {"forms": [[["<f4", [1, 10]]]]},
        {"forms": [[["|O", [1]]]]},
        {"forms": [[["<f4"]]]},
    ],
)
def test_a_process_that_answers_something_else_is_ended(model, monkeypatch, reply):
    model.answer(IMAGE)
    child = model.session._child
    monkeypatch.setattr(child, "receive", lambda: (reply, b"abc"))
    with pytest.raises(ModelFileError, match=r"model\.onnx: its process answers something else"):
        model.answer(IMAGE)
    assert child.is_closed
