"""ONNX files as exported models: bounded, read without trust, and in agreement with their metadata."""

import os
import stat
from pathlib import Path
from typing import Any

from pellucid.encoding.encoder import Encoder
from pellucid.encoding.ngrams.term_weights import TermWeights
from pellucid.errors import ModelFileError, UsageError
from pellucid.runtime.costing.answer import is_affordable, require_affordable
from pellucid.runtime.costing.graph import Graph, Tensor, read_graph
from pellucid.runtime.exported import ExportedModel
from pellucid.runtime.metadata import IMAGES, NOVELTY, NUMBERS, PROBABILITIES, TERMS, TOKENS, VALUES, Metadata
from pellucid.runtime.protobuf import require_plain

LARGEST = (1 << 31) - 1
"""Most bytes of a file, which is what protocol buffers can hold."""

INSTALL = "pip install onnxruntime"

_INPUTS = {
    IMAGES: ("tensor(uint8)", 4),
    TOKENS: ("tensor(int64)", 2),
    TERMS: ("tensor(float)", 2),
    VALUES: ("tensor(float)", 2),
}

_SIZES = {IMAGES: 1, TOKENS: 8, TERMS: 4, VALUES: 4}


def load(path: str | Path, threads: int | None = None) -> ExportedModel:
    """Load a file that `pellucid export` wrote; `threads` bounds those of onnxruntime.

    Raises: `ModelFileError` if there is no such file, it is damaged, or holds what no export contains;
    `UsageError` if onnxruntime is not installed.
    """
    return opened(_content(Path(path)), str(path), threads)


def opened(content: bytes, place: str, threads: int | None = None) -> ExportedModel:
    """Open the content of a file, in which nothing is trusted; `place` names it in messages.

    Raises: `ModelFileError` and `UsageError` as `load`.
    """
    try:
        require_plain(content)
        graph = read_graph(content)
        metadata = Metadata.from_properties(graph.properties)
        require_affordable(graph, _asked(graph, metadata, 1))
    except ValueError as error:
        raise ModelFileError(f"{place}: refused: {error}; export the model again") from error
    session = _session(content, place, threads)
    try:
        _require_agreement(metadata, session)
    except ValueError as error:
        raise ModelFileError(f"{place}: refused: {error}; export the model again") from error
    if isinstance(metadata.encoder, Encoder):
        _require_encoder(metadata.encoder, place)
    name, size = _input_name(metadata), _SIZES[_input_name(metadata)]
    return ExportedModel(metadata, session, lambda shape: is_affordable(graph, {name: Tensor(shape, size)}))


def _asked(graph: Graph, metadata: Metadata, examples: int) -> dict[str, Tensor]:
    """Feed of the graph for some examples, texts as long as they are read.

    Raises: `ValueError` if it takes something else than the metadata say.
    """
    name = _input_name(metadata)
    axes = graph.inputs.get(name, [])
    shape = _length(metadata)
    if isinstance(metadata.encoder, Encoder):
        shape = [metadata.encoder.length]
    elif shape is None:
        shape = [length or 0 for length in axes[1:]]
    if not axes:
        raise ValueError(f"the graph does not take {name!r}")
    return {name: Tensor((examples, *shape), _SIZES[name])}


def _require_encoder(encoder: Encoder, place: str) -> None:
    """Refuse at once a model whose texts cannot be split here.

    Raises: `UsageError` if it splits words into word pieces and tokenizers is not installed.
    """
    try:
        encoder.encode([""])
    except ImportError as error:
        raise UsageError(
            f"{place}: splits words into pieces by tokenizers, which is not installed; pip install tokenizers"
        ) from error


def _content(path: Path) -> bytes:
    """The bytes of a regular file.

    Raises: `ModelFileError` if it is none, or too large.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise ModelFileError(f"{path}: not a regular file; give a model that pellucid export wrote")
            if about.st_size > LARGEST:
                raise ModelFileError(f"{path}: larger than 2 GB; give a model that pellucid export wrote")
            return file.read(LARGEST + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ModelFileError(f"{path}: {reason}; give a model that pellucid export wrote") from error


def _session(content: bytes, place: str, threads: int | None) -> Any:
    """A session of onnxruntime on the processor.

    Raises: `ModelFileError` if it refuses the graph, `UsageError` if it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise UsageError(f"{place}: needs onnxruntime, which is not installed; {INSTALL}") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises types of its own without a common base
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ModelFileError(f"{place}: onnxruntime refuses it: {reason}; export the model again") from error


def _require_agreement(metadata: Metadata, session: Any) -> None:
    """Refuse a graph whose inputs and outputs are not those that its metadata speaks of.

    Raises: `ValueError` with what contradicts what.
    """
    inputs, outputs = session.get_inputs(), {each.name: each for each in session.get_outputs()}
    expected = _input_name(metadata)
    if len(inputs) != 1 or inputs[0].name != expected:
        raise ValueError(
            f"the graph takes {[each.name for each in inputs][:3]}, where {expected} is expected"
        )
    dtype, axes = _INPUTS[expected]
    if inputs[0].type != dtype or len(inputs[0].shape) != axes:
        raise ValueError(f"the graph takes {inputs[0].type} of {len(inputs[0].shape)} axes")
    length = _length(metadata)
    if length is not None and list(inputs[0].shape[1:]) != length:
        raise ValueError(f"the graph takes {inputs[0].shape[1:]}, where the metadata makes {length}")
    said = PROBABILITIES if metadata.classes else NUMBERS
    names = {said} | ({NOVELTY} if metadata.novelty_rate is not None else set())
    if outputs.keys() != names:
        raise ValueError(f"the graph gives {sorted(outputs)[:3]}, where {sorted(names)} are expected")
    if metadata.classes and outputs[said].shape[1:] != [len(metadata.classes)]:
        raise ValueError(f"the graph gives {outputs[said].shape[1:]} of {len(metadata.classes)} classes")


def _input_name(metadata: Metadata) -> str:
    """Name of the graph's input."""
    if metadata.preprocessing is not None:
        return IMAGES
    if metadata.input_kind.name == "values":
        return VALUES
    return TOKENS if isinstance(metadata.encoder, Encoder) else TERMS


def _length(metadata: Metadata) -> list[int] | None:
    """Shape of one example; `None` where its length may be any."""
    image = metadata.preprocessing
    if image is not None:
        return [image.channels, image.height, image.width]
    if isinstance(metadata.encoder, TermWeights):
        return [metadata.encoder.features]
    return None
