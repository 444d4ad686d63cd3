"""Exported models: an ONNX file opened without trust, and asked in batches that fit its memory."""

import functools
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float64, Shaped

from pellucid.arithmetic.probabilities import decided, require_finite
from pellucid.bundle.held_out import Answers, HeldOut
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.encoding.encoder import Encoder
from pellucid.encoding.term_weights import TermWeights
from pellucid.errors import DataError, ModelFileError, UsageError
from pellucid.runtime.metadata import IMAGES, NOVELTY, NUMBERS, PROBABILITIES, TERMS, TOKENS, VALUES, Metadata
from pellucid.runtime.onnx_costs import is_affordable, require_affordable
from pellucid.runtime.onnx_files import Graph, Tensor, read_graph, require_plain
from pellucid.tasks import InputKind, Target, target_of

# Inputs cut into batches that a graph can answer within its memory: images, texts, feature vectors.

_MOST_IMAGES, _MOST_TEXTS, _MOST_IDS, _MOST_VALUES = 128, 256, 1 << 15, 1 << 22
_TEXTS_OF_A_BLOCK = 4096

Inputs = Shaped[np.ndarray, "examples ..."] | Sequence[str]
# Inputs of a graph by their names, one row of each for every example.
Feed = dict[str, np.ndarray]

# Tells whether inputs of some shapes, by their names, can be answered at once.
Affords = Callable[[Mapping[str, tuple[int, ...]]], bool]


def always(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Any number of inputs."""
    del shapes
    return True


class Batching:
    """Cuts inputs into batches.

    Args:
        inputs: names of the graph's inputs, and what turns texts into each; `None` without texts, or where
            they are not looked at.
        affords: whether inputs of some shapes can be answered at once; one of them always can.
    """

    def __init__(self, inputs: Mapping[str, Encoder | TermWeights | None], affords: Affords) -> None:
        self._inputs, self._affords = inputs, affords
        self._most: dict[tuple[tuple[int, ...], ...], int] = {}

    def of(self, inputs: Inputs) -> Iterator[tuple[Feed, np.ndarray]]:
        """Inputs as the graph takes them, some at a time, and their places."""
        if isinstance(inputs, np.ndarray):
            rows = inputs.transpose(0, 3, 1, 2) if inputs.ndim == 4 else inputs
            most = min(_MOST_IMAGES, _MOST_VALUES // max(1, rows[:1].size))
            (name,) = self._inputs
            yield from self._cut({name: rows}, np.arange(len(rows)), most)
            return
        for start in range(0, len(inputs), _TEXTS_OF_A_BLOCK):
            for batch, places in self._of_texts(list(inputs[start : start + _TEXTS_OF_A_BLOCK])):
                yield batch, places + start

    def _cut(self, feed: Feed, places: np.ndarray, most: int) -> Iterator[tuple[Feed, np.ndarray]]:
        """At most so many rows at a time, and fewer where they would take too much memory together."""
        most = self._at_once({name: rows.shape[1:] for name, rows in feed.items()}, min(most, len(places)))
        for start in range(0, len(places), most):
            some = slice(start, start + most)
            yield {name: np.ascontiguousarray(rows[some]) for name, rows in feed.items()}, places[some]

    def _at_once(self, shapes: Mapping[str, tuple[int, ...]], most: int) -> int:
        """Number of inputs of some shapes that are answered at once, halved until they can be.

        It is asked once for the shapes of one input: what more of them afford, fewer do.
        """
        count, key = max(1, most), tuple(shapes.values())
        while count > max(1, self._most.get(key, 0)):
            if self._affords({name: (count, *shape) for name, shape in shapes.items()}):
                self._most[key] = count
                break
            count //= 2
        return count

    def _of_texts(self, texts: list[str]) -> Iterator[tuple[Feed, np.ndarray]]:
        """Ids of texts of like length together, bounded with their padding, and weights of terms.

        Weights are few of many and made some at a time.
        """
        tokens = {
            name: each.encode(texts) for name, each in self._inputs.items() if isinstance(each, Encoder)
        }
        terms = {name: each for name, each in self._inputs.items() if not isinstance(each, Encoder)}
        lengths = sum((each.lengths for each in tokens.values()), np.zeros(len(texts), np.int64))
        order = np.argsort(lengths, kind="stable")
        weights = sum(0 if each is None else each.features for each in terms.values())
        most = max(1, _MOST_VALUES // max(1, weights))
        most = min(most, _MOST_TEXTS) if tokens else most
        start = 0
        while start < len(order):
            end = start + 1
            while (
                end < len(order)
                and end - start < most
                and (end + 1 - start) * lengths[order[end]] <= _MOST_IDS
            ):
                end += 1
            some = order[start:end]
            feed = {name: each.padded(some) for name, each in tokens.items()}
            for name, weigher in terms.items():
                feed[name] = (
                    np.zeros((len(some), 0), np.float32)
                    if weigher is None
                    else weigher.dense([texts[place] for place in some])
                )
            yield from self._cut(feed, some, len(some))
            start = end


@dataclass(frozen=True, eq=False)
class ExportedModel:
    """A model out of an ONNX file.

    Attributes:
        metadata: what the file says beside the graph.
        session: of onnxruntime.
        affords: whether inputs of some shapes can be answered at once, within the memory of one answer.
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
    def threshold(self) -> Mapping[str, float]:
        """One of two classes and the probability from which on it is answered; or nothing."""
        return self.metadata.threshold

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities; none where a number is predicted."""
        return self.metadata.classes

    @property
    def target(self) -> Target:
        """Target of the answers: classes or a number."""
        return target_of(len(self.metadata.classes))

    @property
    def novelty_rate(self) -> float | None:
        """Share of inputs like the training data that count as foreign; `None` without novelty."""
        return self.metadata.novelty_rate

    @property
    def held_out(self) -> HeldOut | None:
        """Answers about examples that the model did not learn from; `None` where the file holds none."""
        return self.metadata.held_out

    def predict(self, inputs: Sequence[Any] | np.ndarray) -> list[str] | list[float]:
        """Label of each input: the class that is most probable, or decided for, or the number.

        Inputs are images as files (`str` or `Path`), as their bytes or as arrays (height, width[, channels]);
        or texts.

        Raises: `DataError` if an image cannot be read, or the inputs are of another kind; `NotFiniteError` if
            what the model computes is not finite.
        """
        said = self.answer(self.ready(inputs)).said
        if said.ndim == 1:
            return [float(number) for number in said]
        return [self.classes[place] for place in decided(said, self.classes, self.threshold).tolist()]

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
            else image.image_and_warning(each if isinstance(each, bytes) else Path(each))[0]
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

    def asked(self, batch: Feed) -> list[np.ndarray]:
        """Run the graph for one batch: probabilities or numbers, and novelty where it tells it."""
        answered: list[np.ndarray] = self.session.run(self._outputs, batch)
        return answered

    @property
    def _tells_novelty(self) -> bool:
        return self.metadata.novelty_rate is not None

    @property
    def _outputs(self) -> list[str]:
        return [PROBABILITIES if self.classes else NUMBERS] + [NOVELTY] * self._tells_novelty

    def batches(self, inputs: Inputs) -> Iterator[tuple[Feed, np.ndarray]]:
        """Inputs by their names as the graph takes them, some at a time, and their places."""
        return self._batching.of(inputs)

    @functools.cached_property
    def _batching(self) -> Batching:
        return Batching(self.metadata.inputs, self.affords)


# ONNX files as exported models: bounded, read without trust, and in agreement with their metadata.

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
