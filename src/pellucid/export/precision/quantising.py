"""Weights and activations in 8 bits, with ranges from training examples, by onnxruntime's quantiser."""

import logging
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.runtime.metadata import NOVELTY

CALIBRATION_EXAMPLES = 256
_KINDS = ("Conv", "MatMul", "Gemm", "Gather")


def quantised(graph: Any, batches: Iterator[dict[str, np.ndarray]]) -> Any:
    """The graph with convolutions, products and embeddings in 8 bits, weights by channel.

    What only tells novelty stays as it is: it compares with distances that were measured in full precision.

    Args:
        graph: an `onnx.ModelProto`.
        batches: inputs of the graph by their names, from which the ranges of the activations are taken.

    Returns:
        Another `onnx.ModelProto`, without metadata.
    """
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Examples(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(batches, None)

    before = logging.root.manager.disable
    logging.disable(logging.ERROR)  # it advises preparations that this graph does not need
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = Path(folder) / "quantised.onnx"
            copy = onnx.ModelProto()
            copy.CopyFrom(graph)
            quantize_static(
                copy,
                path,
                Examples(),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                weight_type=QuantType.QInt8,
                activation_type=QuantType.QUInt8,
                op_types_to_quantize=list(_KINDS),
                nodes_to_exclude=_only_for_novelty(graph),
            )
            found = onnx.load(path)
    finally:
        logging.disable(before)
    for opset in [each for each in found.opset_import if each.domain not in ("", "ai.onnx")]:
        found.opset_import.remove(opset)
    del found.metadata_props[:]
    found.producer_name, found.producer_version = graph.producer_name, graph.producer_version
    return found


def _only_for_novelty(graph: Any) -> list[str]:
    """Names of the nodes on which no answer depends, only its novelty."""
    makers = {name: node for node in graph.graph.node for name in node.output}
    waiting = [each.name for each in graph.graph.output if each.name != NOVELTY]
    needed: set[str] = set()
    while waiting:
        node = makers.get(waiting.pop())
        if node is not None and node.name not in needed:
            needed.add(node.name)
            waiting += node.input
    return [node.name for node in graph.graph.node if node.name not in needed]
