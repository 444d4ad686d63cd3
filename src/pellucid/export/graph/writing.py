"""The graph of a model as ONNX, by torch's own exporter, then cleaned of what is not the model's."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

import torch

from pellucid.bundle import AverageModel, Model
from pellucid.errors import ModelFileError
from pellucid.export.graph.answer import Input, answer_layer, graph_inputs
from pellucid.runtime.metadata import NOVELTY, NUMBERS, PROBABILITIES, TOKENS

OPSET = 20
_BATCH, _LENGTH = "batch", "length"
_EXAMPLES, _TOKENS = 3, 7  # lengths that the exporter must take for any; 0 and 1 mean themselves to it


def graph_of(model: Model) -> Any:
    """The graph as an `onnx.ModelProto`, with all weights in it, for any number of examples.

    Raises: `UsageError` if the model is of a kind that cannot be exported, `ModelFileError` if the exporter
    took a length for fixed that may be any.
    """
    layer, taken = answer_layer(model), graph_inputs(model)
    examples, dynamic = zip(*map(_example, taken), strict=True)
    with _quiet(), torch.inference_mode():
        program = torch.onnx.export(
            layer,
            examples,
            dynamo=True,
            opset_version=OPSET,
            input_names=[each.name for each in taken],
            output_names=_outputs(model),
            dynamic_shapes=(dynamic,) if isinstance(model, AverageModel) else dynamic,
            verbose=False,
        )
    assert program is not None  # with dynamo the exporter returns what it made
    graph = program.model_proto
    _name_lengths(graph, taken)
    _clean(graph)
    return graph


def _outputs(model: Model) -> list[str]:
    said = PROBABILITIES if model.classes else NUMBERS
    return [said] if model.detector is None else [said, NOVELTY]


def _example(taken: Input) -> tuple[torch.Tensor, dict[int, Any]]:
    """An input for tracing, and which of its axes may have any length."""
    shape = [_TOKENS if length is None else length for length in taken.shape]
    axes = [0, *(axis for axis, length in enumerate(taken.shape, start=1) if length is None)]
    # Ones: ids of texts, of which 0 would be padding.
    example = torch.ones((_EXAMPLES, *shape), dtype=taken.dtype)
    return example, dict.fromkeys(axes, torch.export.Dim.DYNAMIC)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's reports to itself: they speak of its own inside."""
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _name_lengths(graph: Any, taken: Sequence[Input]) -> None:
    """Require free lengths, and call them `batch` and `length`, of a second input of tokens `length_2`.

    The exporter has been seen to freeze the length of a recurrent network without a word.

    Raises: `ModelFileError` if one is not.
    """
    named: dict[str, str] = {}
    for found, given in zip(graph.graph.input, taken, strict=True):
        length_name = _LENGTH + given.name.removeprefix(TOKENS)
        wanted = [_BATCH, *(length_name if length is None else length for length in given.shape)]
        for axis, (length, expected) in enumerate(zip(found.type.tensor_type.shape.dim, wanted, strict=True)):
            is_free = isinstance(expected, str)
            if is_free != bool(length.dim_param) or (not is_free and length.dim_value != expected):
                raise ModelFileError(
                    f"export: axis {axis} of {given.name} is {length.dim_param or length.dim_value} in the "
                    f"graph, where {expected} is expected; this is a fault of the exporter, please report it"
                )
            if is_free:
                named[length.dim_param] = str(expected)
    for each in (*graph.graph.input, *graph.graph.output):
        for length in each.type.tensor_type.shape.dim:
            if length.dim_param in named:  # setting it makes a fixed length a free one
                length.dim_param = named[length.dim_param]


def _clean(graph: Any) -> None:
    """Drop names of source files, inferred shapes and other traces of the exporter."""
    graph.producer_name, graph.producer_version = "pellucid", version("pellucid")
    graph.graph.name = "answer"
    graph.graph.ClearField("value_info")
    graph.graph.ClearField("doc_string")
    del graph.metadata_props[:]
    del graph.graph.metadata_props[:]
    for parts in (graph.graph.node, graph.graph.initializer, graph.graph.input, graph.graph.output):
        for part in parts:
            part.ClearField("doc_string")
            del part.metadata_props[:]
