"""An exported model that answers: its graph in onnxruntime, its inputs made ready by Pellucid's own code."""

import functools
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64

from pellucid.arithmetic.finite import require_finite
from pellucid.bundle.held_out import HeldOut
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.encoding.encoder import Encoder
from pellucid.encoding.ngrams.term_weights import TermWeights
from pellucid.errors import DataError, ModelFileError, UsageError
from pellucid.runtime.batching import Affords, Batching, Inputs, always
from pellucid.runtime.costing.answer import is_affordable, require_affordable
from pellucid.runtime.costing.graph import Graph, Tensor, read_graph
from pellucid.runtime.metadata import IMAGES, NOVELTY, NUMBERS, PROBABILITIES, TERMS, TOKENS, VALUES, Metadata
from pellucid.runtime.protobuf import require_plain
from pellucid.tasks import InputKind

LARGEST = (1 << 31) - 1
"""Most bytes of a file, which is what protocol buffers can hold."""

INSTALL = "pip install onnxruntime"
_INPUTS = {IMAGES: ("tensor(uint8)", 4), TOKENS: ("tensor(int64)", 2), TERMS: ("tensor(float)", 2)}
_INPUTS[VALUES] = ("tensor(float)", 2)
_SIZES = {IMAGES: 1, TOKENS: 8, TERMS: 4, VALUES: 4}


class Answers(NamedTuple):
    """Answers about some inputs.

    Attributes:
        said: probabilities (n, classes), or numbers (n,).
        novelty: 0 to 1 for each; `None` where the model cannot tell.
    """

    said: Float64[np.ndarray, "n ..."]
    novelty: Float64[np.ndarray, " n"] | None


@dataclass(frozen=True, eq=False)
class ExportedModel:
    """A model out of an ONNX file.

    Attributes:
        metadata: what the file says beside the graph.
        session: of onnxruntime.
        affords: whether inputs of a shape can be answered at once, within the memory of one answer.
    """

    metadata: Metadata
    session: Any
    affords: Affords = always

    @property
    def input_kind(self) -> InputKind:
        """Kind of what it takes: images, texts or feature vectors."""
        return self.metadata.input_kind

    @property
    def preprocessing(self) -> Preprocessing | None:
        """From an image of any size to pixels; `None` where no images are taken."""
        return self.metadata.preprocessing

    @property
    def joined_columns(self) -> tuple[str, ...]:
        """Columns of a table whose texts the model reads as one; none where it reads one."""
        return self.metadata.joined_columns

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities; none where a number is predicted."""
        return self.metadata.classes

    @property
    def is_regression(self) -> bool:
        """True where a number is predicted."""
        return not self.metadata.classes

    @property
    def novelty_rate(self) -> float | None:
        """Share of inputs like the training data that count as foreign; `None` without novelty."""
        return self.metadata.novelty_rate

    @property
    def held_out(self) -> HeldOut | None:
        """Answers about examples that the model did not learn from; `None` where the file holds none."""
        return self.metadata.held_out

    def predict(self, inputs: Sequence[Any] | np.ndarray) -> list[str] | list[float]:
        """Label of each input: the most probable class, or the number.

        Inputs are images as files (`str` or `Path`), as their bytes or as arrays (height, width[, channels]);
        or texts.

        Raises: `DataError` if an image cannot be read, or the inputs are of another kind; `NotFiniteError` if
            what the model computes is not finite.
        """
        said = self.answer(self.ready(inputs)).said
        if said.ndim == 1:
            return [float(number) for number in said]
        return [self.classes[place] for place in said.argmax(axis=1).tolist()]

    def predict_proba(self, inputs: Sequence[Any] | np.ndarray) -> Float64[np.ndarray, "n classes"]:
        """Probability of every class for every input, as `predict` takes them.

        Raises: Errors as `predict`, and `DataError` if the model predicts numbers.
        """
        if not self.classes:
            raise DataError("model: it predicts numbers and has no probabilities; use predict")
        return self.answer(self.ready(inputs)).said

    def ready(self, inputs: Sequence[Any] | np.ndarray) -> Inputs:
        """Inputs as `answer` takes them: images decoded and fitted, texts as they are.

        Raises: `DataError` as `predict`.
        """
        if self.preprocessing is None:
            if self.input_kind.name == "values":
                return np.asarray(inputs, np.float32)
            if isinstance(inputs, str) or not all(isinstance(each, str) for each in inputs):
                raise DataError("model: it takes a list of texts")
            return list(inputs)
        if isinstance(inputs, (str, bytes, Path)):
            raise DataError("model: it takes a list of images; put the image into one: [image]")
        image = self.preprocessing
        fitted = [
            image.arrays(each[np.newaxis])[0]
            if isinstance(each, np.ndarray)
            else image.image(each if isinstance(each, bytes) else Path(each))
            for each in inputs
        ]
        return np.stack(fitted) if fitted else np.zeros((0, *image.size, image.channels), np.uint8)

    def answer(self, inputs: Inputs) -> Answers:
        """Answer about fitted images (n, height, width, channels), feature vectors, or texts.

        Raises: `NotFiniteError` if a number that the graph gives is not finite.
        """
        answers = self.computed(inputs)
        for each in answers:
            if each is not None:
                require_finite(each)
        return answers

    def computed(self, inputs: Inputs) -> Answers:
        """Outputs of the graph for inputs as `answer` takes them, finite or not."""
        found, order = [], []
        for batch, places in self.batches(inputs):
            found.append(self.asked(batch))
            order.append(places)
        if not found:
            empty = np.zeros((0, len(self.classes))) if self.classes else np.zeros(0)
            return Answers(empty, np.zeros(0) if self._tells_novelty else None)
        back = np.argsort(np.concatenate(order), kind="stable")
        columns = [np.concatenate(each).astype(np.float64)[back] for each in zip(*found, strict=True)]
        return Answers(columns[0], columns[1] if self._tells_novelty else None)

    def asked(self, batch: np.ndarray) -> list[np.ndarray]:
        """Run the graph for one batch: probabilities or numbers, and novelty where it tells it."""
        answered: list[np.ndarray] = self.session.run(self._outputs, {self.input_name: batch})
        return answered

    @property
    def input_name(self) -> str:
        """Name of the graph's input."""
        return str(self.session.get_inputs()[0].name)

    @property
    def _tells_novelty(self) -> bool:
        return self.metadata.novelty_rate is not None

    @property
    def _outputs(self) -> list[str]:
        return [PROBABILITIES if self.classes else NUMBERS] + [NOVELTY] * self._tells_novelty

    def batches(self, inputs: Inputs) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Inputs as the graph takes them, some at a time, and their places."""
        return self._batching.of(inputs)

    @functools.cached_property
    def _batching(self) -> Batching:
        return Batching(self.metadata.encoder, self.affords)


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
