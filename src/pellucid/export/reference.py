"""An exported file answered by `onnx.reference`, which says what the operators mean without being fast."""

from typing import Any

import numpy as np

from pellucid.errors import ModelFileError
from pellucid.runtime.exported import ExportedModel
from pellucid.runtime.metadata import Metadata


def by_reference(content: bytes, metadata: Metadata) -> ExportedModel:
    """The file as a model that `onnx.reference` answers.

    Raises: `ModelFileError` if ONNX's own checker refuses it.
    """
    import onnx

    try:
        onnx.checker.check_model(content, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ModelFileError(f"export: not written: onnx.checker refuses the file: {error}") from error
    return ExportedModel(metadata, _Reference(onnx.load_model_from_string(content)))


class _Reference:
    """The reference implementation where a session of onnxruntime stands otherwise."""

    def __init__(self, graph: Any) -> None:
        from onnx.reference import ReferenceEvaluator

        self._inputs = graph.graph.input
        self._evaluator = ReferenceEvaluator(graph, new_ops=[_gather_elements()])

    def get_inputs(self) -> Any:
        """Inputs of the graph."""
        return self._inputs

    def run(self, outputs: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Outputs by their names."""
        with np.errstate(all="ignore"):
            found = self._evaluator.run(outputs, inputs)
        return list(found)


def _gather_elements() -> Any:
    """GatherElements by NumPy: that of `onnx.reference` fails on axes of more than 32 places."""
    from onnx.reference.op_run import OpRun

    class GatherElements(OpRun):  # type: ignore[misc]  # onnx has no types
        def _run(self, data: np.ndarray, indices: np.ndarray, axis: int = 0) -> tuple[np.ndarray]:
            return (np.take_along_axis(data, indices, axis),)

    return GatherElements
