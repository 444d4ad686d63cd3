"""Encoders of images as small ONNX files, and photographs in class folders beside one."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

SIDE = 16
IMAGE = ("image", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
FEATURES = 12
_DRAWS = np.random.default_rng(0)
KERNEL = _DRAWS.normal(size=(FEATURES, 3, 5, 5)).astype(np.float32)
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)

# A convolution, and what makes its maps maps, a vector, or tokens.
CONVOLUTION = helper.make_node("Conv", ["image", "kernel"], ["maps"], strides=[3, 3])
ENDS = {
    2: [
        helper.make_node("GlobalAveragePool", ["maps"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["answer"]),
    ],
    3: [
        helper.make_node("Reshape", ["maps", "tokens"], ["columns"]),
        helper.make_node("Transpose", ["columns"], ["answer"], perm=[0, 2, 1]),
    ],
    4: [helper.make_node("Identity", ["maps"], ["answer"])],
}


def graph(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[tuple[str, int, list[object]]] = (IMAGE,),
    outputs: Sequence[str] = ("answer",),
    kind: int = TensorProto.FLOAT,
    **constants: np.ndarray,
) -> onnx.ModelProto:
    """A graph that gives outputs of any shape."""
    arrays = {"kernel": KERNEL, "tokens": np.array([0, FEATURES, -1]), **constants}
    made = helper.make_graph(
        list(nodes),
        "encoder",
        [helper.make_tensor_value_info(*each) for each in inputs],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs],
        [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(made, opset_imports=opsets, ir_version=8)


def write_encoder(folder: Path, axes: int = 2, name: str = "own.onnx", stated: bool = True) -> Path:
    """Write an encoder that gives so many axes for a batch, with its mean, deviation and size beside it."""
    path = folder / name
    path.write_bytes(graph([CONVOLUTION, *ENDS[axes]]).SerializeToString())
    if stated:
        facts = {"image_mean": MEAN, "image_std": STD, "size": {"height": SIDE, "width": SIDE}}
        (folder / "preprocessor_config.json").write_text(json.dumps(facts))
    return path
