"""Small valid graphs that would take much memory or time: refused when they are loaded, with the figure."""

import resource

import numpy as np
import pytest

from exported_models import QUICK, content_of, exported
from pellucid.errors import ModelFileError
from pellucid.runtime.exported import opened
from pellucid.runtime.onnx_costs import cost_of
from pellucid.runtime.onnx_files import SIZES, Tensor, read_graph

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

NAME = "cnn, mirrored"
FEW_BYTES = 60_000
"""More than none of the bombs takes."""


def with_bomb(nodes, constants) -> bytes:
    """An export whose answer waits for the sum of a tensor `bomb`, made from the `pixels` (1, 1, 8, 8)."""
    graph = onnx.load_model_from_string(content_of(NAME))
    inner = graph.graph
    for node in inner.node:
        for place, name in enumerate(node.output):
            if name == "probabilities":
                node.output[place] = "calm"
    make = onnx.helper.make_node
    inner.node.insert(0, make("Cast", ["images"], ["pixels"], to=onnx.TensorProto.FLOAT))
    inner.node.extend(nodes)
    inner.node.append(make("ReduceSum", ["bomb"], ["sum"], keepdims=0))
    inner.node.append(make("Mul", ["sum", "nothing"], ["zero"]))
    inner.node.append(make("Add", ["calm", "zero"], ["probabilities"]))
    constants = {"nothing": np.zeros((), np.float32), **constants}
    inner.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in constants.items())
    return graph.SerializeToString()


def shape(*lengths):
    return np.array(lengths, np.int64)


def expanded(size):
    node = onnx.helper.make_node("Expand", ["pixels", "shape"], ["bomb"])
    return [node], {"shape": shape(size, 1, 8, 8)}


def padded(size):
    node = onnx.helper.make_node("Pad", ["pixels", "pads"], ["bomb"])
    return [node], {"pads": shape(0, 0, 0, 0, 0, 0, size, size)}


def wide_convolution(size):
    node = onnx.helper.make_node("Conv", ["pixels", "kernel"], ["bomb"], pads=[size, size, size, size])
    return [node], {"kernel": np.ones((4, 1, 3, 3), np.float32)}


def doubled(size):
    """Each step lays a tensor beside itself."""
    nodes, name = [], "pixels"
    for step in range(size):
        following = "bomb" if step == size - 1 else f"step {step}"
        nodes.append(onnx.helper.make_node("Concat", [name, name], [following], axis=3))
        name = following
    return nodes, {}


def tiled(size):
    node = onnx.helper.make_node("Tile", ["pixels", "times"], ["bomb"])
    return [node], {"times": shape(1, 1, size, size)}


def folded(size):
    """Made of constants alone, so that it is computed while the file is opened."""
    nodes = [
        onnx.helper.make_node("Expand", ["one", "shape"], ["large"]),
        onnx.helper.make_node("Add", ["large", "pixels"], ["bomb"]),
    ]
    return nodes, {"one": np.ones((1, 1, 8, 8), np.float32), "shape": shape(size, 1, 8, 8)}


def counted(size):
    nodes = [
        onnx.helper.make_node("Range", ["start", "end", "step"], ["numbers"]),
        onnx.helper.make_node("Cast", ["numbers"], ["bomb"], to=onnx.TensorProto.FLOAT),
    ]
    return nodes, {"start": np.array(0), "end": np.array(size), "step": np.array(1)}


def multiplied(size):
    """The same square of weights again and again: little memory, much time."""
    nodes = [onnx.helper.make_node("Tile", ["pixels", "times"], ["square 0"])]
    for step in range(size):
        following = "bomb" if step == size - 1 else f"square {step + 1}"
        nodes.append(onnx.helper.make_node("MatMul", [f"square {step}", f"square {step}"], [following]))
    return nodes, {"times": shape(1, 1, 256, 256)}


BOMBS = {
    expanded: (2, 1 << 26, "GB of memory"),
    padded: (2, 100_000, "GB of memory"),
    wide_convolution: (2, 50_000, "GB of memory"),
    doubled: (2, 30, "GB of memory"),
    tiled: (2, 10_000, "GB of memory"),
    folded: (2, 1 << 26, "GB of memory"),
    counted: (7, 1 << 36, "GB of memory"),
    multiplied: (1, 200, "billion multiply-adds"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_graph_of_a_large_answer_is_refused_with_the_figure(bomb):
    harmless, harmful, figure = BOMBS[bomb]
    if bomb is not multiplied:  # whose harmless form takes seconds
        model = opened(with_bomb(*bomb(harmless)), "harmless", 1)  # what is refused is a valid graph
        assert model.answer(np.zeros((1, 8, 8, 1), np.uint8)).said.shape == (1, 10)
    content = with_bomb(*bomb(harmful))
    assert len(content) < FEW_BYTES
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelFileError, match=rf"refused: one answer would take [\d,.]+ {figure}"):
        opened(content, "bomb")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


def test_the_figure_is_that_of_the_largest_tensors(monkeypatch):
    nodes, constants = expanded(1 << 20)  # 64 numbers of 4 bytes a million times: 0.27 GB, and their sum
    cost = cost_of(read_graph(with_bomb(nodes, constants)), {"images": Tensor((1, 1, 8, 8), 1)})
    assert 0.26e9 < cost.memory < 0.28e9
    monkeypatch.setenv("PELLUCID_MEMORY_GB", "0.1")
    with pytest.raises(ModelFileError, match=r"0\.3 GB of memory beside the weights, where 0\.1 GB are"):
        opened(with_bomb(nodes, constants), "bomb")


def test_a_shape_that_an_input_decides_is_refused():
    nodes = [
        onnx.helper.make_node("ReduceSum", ["pixels"], ["ink"], keepdims=0),
        onnx.helper.make_node("Cast", ["ink"], ["end"], to=onnx.TensorProto.INT64),
        onnx.helper.make_node("Range", ["start", "end", "step"], ["numbers"]),
        onnx.helper.make_node("Cast", ["numbers"], ["bomb"], to=onnx.TensorProto.FLOAT),
    ]
    content = with_bomb(nodes, {"start": np.array(0), "step": np.array(1)})
    with pytest.raises(ModelFileError, match="a shape depends on what the inputs hold"):
        opened(content, "bomb")


def hollow(graph):
    """A constant that announces a terabyte."""
    graph.graph.initializer[0].dims[:] = [1 << 20, 1 << 18]


def hollow_list(graph):
    weights = graph.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.dims[:] = [1 << 38]
    weights.float_data.extend([1.0])


def twice(graph):
    graph.graph.initializer.append(graph.graph.initializer[0])


def computed_twice(graph):
    graph.graph.node.append(graph.graph.node[-1])


def two_meanings(graph):
    node = next(each for each in graph.graph.node if each.op_type == "Conv")
    node.attribute.append(onnx.helper.make_attribute("pads", [1 << 30] * 4))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (hollow, "is not as long as its shape says"),
        (hollow_list, "announces 274,877,906,944 numbers, which it lacks"),
        (twice, "a name stands twice"),
        (computed_twice, "a tensor is computed twice"),
        (two_meanings, "a name stands twice"),
    ],
)
def test_what_readers_could_take_otherwise_is_refused(change, reason):
    graph = onnx.load_model_from_string(content_of(NAME))
    change(graph)
    with pytest.raises(ModelFileError, match=reason):
        opened(graph.SerializeToString(), "hostile")


def test_a_second_graph_is_refused():
    content = content_of(NAME)
    with pytest.raises(ModelFileError, match="more than one graph"):
        opened(content + content, "hostile")


@pytest.mark.parametrize("name", QUICK)
def test_shapes_are_those_that_onnxruntime_finds(name):
    """Every tensor of a graph, its shape, the size of its numbers, and the values that are followed."""
    content, found = content_of(name), {}
    graph = read_graph(content)
    feed = {}
    for taken, axes in graph.inputs.items():
        kind = {"images": np.uint8, "tokens": np.int64}.get(taken, np.float32)
        feed[taken] = np.ones(
            [(9 if place else 3) if axis is None else axis for place, axis in enumerate(axes)], kind
        )
    cost_of(
        graph, {name: Tensor(each.shape, each.itemsize) for name, each in feed.items()}, found.__setitem__
    )
    model = onnx.load_model_from_string(content)
    del model.graph.output[:]
    for each in found:
        model.graph.output.add(name=each)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    assert len(found) >= 10
    computed = session.run(list(found), feed)
    for each, array in zip(found, computed, strict=True):
        assert found[each].shape == array.shape
        assert array.itemsize <= found[each].size <= max(SIZES.values())
        if found[each].values is not None:
            np.testing.assert_array_equal(found[each].values, array)


def test_fewer_inputs_are_answered_at_once_where_many_take_too_much(monkeypatch):
    inputs = np.zeros((100, 8, 8, 1), np.uint8)
    whole = exported(NAME)
    assert [len(batch["images"]) for batch, _ in whole.batches(inputs)] == [100]
    monkeypatch.setenv("PELLUCID_MEMORY_GB", "0.0003")
    model = opened(content_of(NAME), "small", 1)
    sizes = [len(batch["images"]) for batch, _ in model.batches(inputs)]
    assert 1 < sizes[0] < 100
    assert sum(sizes) == 100
    np.testing.assert_allclose(model.answer(inputs).said, whole.answer(inputs).said, atol=1e-6)
