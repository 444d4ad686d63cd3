"""Weights in half precision: the file gets half as large, and the arithmetic stays as it was."""

from typing import Any

import numpy as np

_FEWEST = 256
_LARGEST = float(np.finfo(np.float16).max)


def halved(graph: Any) -> Any:
    """The graph with its larger float32 weights as float16, each followed by its conversion back.

    onnxruntime converts them once, when it opens the file; processors have no fast arithmetic in float16.
    Weights beyond the range of float16 stay as they are.
    """
    import onnx

    found = onnx.ModelProto()
    found.CopyFrom(graph)
    back = []
    for weights in found.graph.initializer:
        if weights.data_type != onnx.TensorProto.FLOAT:
            continue
        values = onnx.numpy_helper.to_array(weights)
        if values.size < _FEWEST or not np.abs(values).max() <= _LARGEST:
            continue
        name = weights.name
        weights.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name} in half"))
        back.append(onnx.helper.make_node("Cast", [weights.name], [name], to=onnx.TensorProto.FLOAT))
    for place, node in enumerate(back):
        found.graph.node.insert(place, node)
    return found
