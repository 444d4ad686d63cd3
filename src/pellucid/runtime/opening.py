"""ONNX files as exported models: bounded, read without trust, and in agreement with their metadata."""

import os
import stat
from pathlib import Path
from typing import Any, NamedTuple

from pellucid.encoding.encoder import Encoder
from pellucid.encoding.ngrams.term_weights import TermWeights
from pellucid.errors import ModelFileError, UsageError
from pellucid.runtime.costing.answer import is_affordable, require_affordable
from pellucid.runtime.costing.graph import Graph, Tensor, read_graph
from pellucid.runtime.exported import ExportedModel
from pellucid.runtime.metadata import IMAGES, NOVELTY, NUMBERS, PROBABILITIES, TERMS, TOKENS, VALUES, Metadata
from pellucid.runtime.protobuf import require_plain

# Most bytes of a file, which is what protocol buffers can hold.
LARGEST = (1 << 31) - 1

INSTALL = "pip install onnxruntime"


class _Form(NamedTuple):
    """Form of an input of a graph: type of its numbers, axes, and bytes of a number."""

    dtype: str
    axes: int
    size: int


_FORMS = {
    IMAGES: _Form("tensor(uint8)", 4, 1),
    TOKENS: _Form("tensor(int64)", 2, 8),
    TERMS: _Form("tensor(float)", 2, 4),
    VALUES: _Form("tensor(float)", 2, 4),
}


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
    for encoder in metadata.encoders:
        if isinstance(encoder, Encoder):
            _require_encoder(encoder, place)
    return ExportedModel(
        metadata,
        session,
        lambda shapes: is_affordable(
            graph, {name: Tensor(shape, _form(name).size) for name, shape in shapes.items()}
        ),
    )


def _asked(graph: Graph, metadata: Metadata, examples: int) -> dict[str, Tensor]:
    """Feed of the graph for some examples, texts as long as they are read.

    Raises: `ValueError` if it takes something else than the metadata say.
    """
    feed = {}
    for name, encoder in metadata.inputs.items():
        axes = graph.inputs.get(name, [])
        shape = _length(metadata, encoder)
        if isinstance(encoder, Encoder):
            shape = [encoder.length]
        elif shape is None:
            shape = [length or 0 for length in axes[1:]]
        if not axes:
            raise ValueError(f"the graph does not take {name!r}")
        feed[name] = Tensor((examples, *shape), _form(name).size)
    return feed


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
    inputs, outputs = (
        {each.name: each for each in some} for some in (session.get_inputs(), session.get_outputs())
    )
    if inputs.keys() != metadata.inputs.keys():
        expected = ", ".join(metadata.inputs)
        raise ValueError(f"the graph takes {sorted(inputs)[:6]}, where {expected} is expected")
    for name, encoder in metadata.inputs.items():
        taken, form = inputs[name], _form(name)
        if taken.type != form.dtype or len(taken.shape) != form.axes:
            raise ValueError(f"the graph takes {taken.type} of {len(taken.shape)} axes")
        length = _length(metadata, encoder)
        if length is not None and list(taken.shape[1:]) != length:
            raise ValueError(f"the graph takes {taken.shape[1:]}, where the metadata makes {length}")
    said = PROBABILITIES if metadata.classes else NUMBERS
    names = {said} | ({NOVELTY} if metadata.novelty_rate is not None else set())
    if outputs.keys() != names:
        raise ValueError(f"the graph gives {sorted(outputs)[:3]}, where {sorted(names)} are expected")
    if metadata.classes and outputs[said].shape[1:] != [len(metadata.classes)]:
        raise ValueError(f"the graph gives {outputs[said].shape[1:]} of {len(metadata.classes)} classes")


def _form(name: str) -> _Form:
    """Form of an input by its name, behind which may be a number."""
    return _FORMS[name.partition("_")[0]]


def _length(metadata: Metadata, encoder: Encoder | TermWeights | None) -> list[int] | None:
    """Shape of one example; `None` where its length may be any."""
    image = metadata.preprocessing
    if image is not None:
        return [image.channels, image.height, image.width]
    if isinstance(encoder, TermWeights):
        return [encoder.features]
    return None
