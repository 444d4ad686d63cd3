"""Exported models: an ONNX file opened without trust, and asked in batches that fit its memory."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Shaped

from pellucid.arithmetic.probabilities import require_finite
from pellucid.bundle.held_out import Answers, HeldOut
from pellucid.confined.onnx_worker import Feed, IsolatedSession, SessionHere
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.data.removal import texts_without
from pellucid.encoding.encoder import Encoder
from pellucid.encoding.term_weights import TermWeights
from pellucid.errors import DataError, ModelFileError, UsageError
from pellucid.input_kinds import InputKind
from pellucid.language.sentence import Sentence
from pellucid.runtime.by_target import IN_FILES, NOVELTY
from pellucid.runtime.metadata import IMAGES, MOST_ROWS, TERMS, TOKENS, VALUES, Metadata
from pellucid.safety.budgets import MEMORY
from pellucid.targets import Target

Inputs = Shaped[np.ndarray, "examples ..."] | Sequence[str]
Encoders = Mapping[str, Encoder | TermWeights | None]

# Inputs cut into batches that a graph can answer within its memory: images, texts, feature vectors.

_MOST_IMAGES = 128  # of one block
_MOST_TEXTS = 256  # of one block
_MOST_IDS = 1 << 15  # of one block with its padding
_MOST_VALUES = 1 << 22  # numbers of one block


def batches(inputs: Inputs, encoders: Encoders, rows: int) -> Iterator[tuple[Feed, np.ndarray]]:
    """Inputs as a graph takes them, some at a time, and their places among all.

    Args:
        inputs: images (n, height, width, channels), feature vectors, or texts.
        encoders: names of the graph's inputs, and what turns texts into each; `None` without texts, or where
            the graph does not depend on them.
        rows: most examples at once, of texts as long as they are read.
    """
    if isinstance(inputs, np.ndarray):
        arrays = inputs.transpose(0, 3, 1, 2) if inputs.ndim == 4 else inputs
        (name,) = encoders
        most = max(1, min(_MOST_IMAGES, rows, _MOST_VALUES // max(1, arrays[:1].size)))
        for start in range(0, len(arrays), most):
            some = slice(start, start + most)
            yield {name: np.ascontiguousarray(arrays[some])}, np.arange(len(arrays))[some]
        return
    for start in range(0, len(inputs), MOST_ROWS):
        for feed, places in _text_batches(list(inputs[start : start + MOST_ROWS]), encoders, rows):
            yield feed, places + start


def _text_batches(texts: list[str], encoders: Encoders, rows: int) -> Iterator[tuple[Feed, np.ndarray]]:
    """Ids of texts of like length together, bounded with their padding, and weights of terms.

    Weights are few of many and made some at a time.
    """
    readers = {name: each for name, each in encoders.items() if isinstance(each, Encoder)}
    tokens = {name: each.encode(texts) for name, each in readers.items()}
    weighers = {name: each for name, each in encoders.items() if name not in tokens}
    lengths = sum((each.lengths for each in tokens.values()), np.zeros(len(texts), np.int64))
    order = np.argsort(lengths, kind="stable")
    features = sum(each.features for each in weighers.values() if isinstance(each, TermWeights))
    most = max(1, min(_MOST_TEXTS if tokens else rows, _MOST_VALUES // max(1, features)))
    most_ids = min(_MOST_IDS, rows * sum(each.length for each in readers.values()))
    start = 0
    while start < len(order):
        end = start + 1
        while end < len(order) and end - start < most and (end + 1 - start) * lengths[order[end]] <= most_ids:
            end += 1
        some = order[start:end]
        feed = {name: each.padded(some) for name, each in tokens.items()}
        for name, weigher in weighers.items():
            feed[name] = (
                weigher.dense([texts[place] for place in some])
                if isinstance(weigher, TermWeights)
                else np.zeros((len(some), 0), np.float32)
            )
        yield {name: np.ascontiguousarray(each) for name, each in feed.items()}, some
        start = end


@runtime_checkable
class Session(Protocol):
    """Whatever computes a graph: onnxruntime here or in a child process, or `onnx.reference`."""

    def run(self, outputs: Sequence[str], feeds: Iterable[Feed]) -> Iterator[list[np.ndarray]]:
        """Outputs by their names, of each batch."""
        ...


@dataclass(frozen=True, eq=False)
class ExportedModel:
    """A model out of an ONNX file: what its metadata say, and a session that computes its graph."""

    metadata: Metadata
    session: Session

    @property
    def input_kind(self) -> InputKind:
        """Images, texts or feature vectors."""
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
    def dialect(self) -> Mapping[str, str]:
        """How tables like those of the training separate and quote fields, where that is not usual."""
        return self.metadata.dialect

    @property
    def threshold(self) -> Mapping[str, float]:
        """Probability from which on one of two classes, or each of several labels, is answered."""
        return self.metadata.threshold

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the probabilities; none where a number is predicted."""
        return self.metadata.classes

    @property
    def target(self) -> Target:
        """Target of the answers: classes, several labels or a number."""
        return self.metadata.target

    @property
    def novelty_rate(self) -> float | None:
        """Share of inputs like the training data that count as foreign; `None` without novelty."""
        return self.metadata.novelty_rate

    @property
    def held_out(self) -> HeldOut | None:
        """Answers about examples that the model did not learn from; `None` where the file holds none."""
        return self.metadata.held_out

    def predict(self, inputs: Sequence[Any] | np.ndarray) -> list[str] | list[float] | list[list[str]]:
        """Label of each input: the class that is most probable, or decided for, its labels, or the number.

        Inputs are images as files (`str` or `Path`), as their bytes or as arrays (height, width[, channels]);
        or texts.

        Raises: `DataError` if an image cannot be read, or the inputs are of another kind; `NotFiniteError` if
            what the model computes is not finite, `ModelFileError` if it takes more than its process may.
        """
        outputs = self.answer(self.ready(inputs)).said
        labels = self.target.labels(outputs, self.classes, self.threshold)
        return IN_FILES[self.target].plain(labels, self.classes)

    def predict_proba(self, inputs: Sequence[Any] | np.ndarray) -> Float64[np.ndarray, "n classes"]:
        """Probability of every class for every input, as `predict` takes them.

        Raises: Errors as `predict`, and `DataError` if the model predicts numbers.
        """
        if not self.classes:
            raise DataError("model: it predicts numbers and has no probabilities; use predict")
        return self.answer(self.ready(inputs)).said

    def predict_values(self, inputs: Sequence[Any] | np.ndarray) -> Float64[np.ndarray, " n"]:
        """Number predicted for every input, as `predict` takes them.

        Raises: Errors as `predict`, and `DataError` if the model predicts classes.
        """
        if self.classes:
            raise DataError("model: it predicts classes; use predict or predict_proba")
        return self.answer(self.ready(inputs)).said

    def ready(self, inputs: Sequence[Any] | np.ndarray) -> Inputs:
        """Inputs as `answer` takes them: images decoded and fitted, texts as they are.

        Raises: `DataError` as `predict`.
        """
        image = self.preprocessing
        if image is None:
            if self.input_kind.name == "values":
                return np.asarray(inputs, np.float32)
            if isinstance(inputs, str) or not all(isinstance(each, str) for each in inputs):
                raise DataError("model: it takes a list of texts")
            return list(inputs)
        if isinstance(inputs, (str, bytes, Path)):
            raise DataError("model: it takes a list of images; put the image into one: [image]")
        fitted = [
            image.arrays(each[np.newaxis])[0]
            if isinstance(each, np.ndarray)
            else image.image_and_warning(each if isinstance(each, bytes) else Path(each))[0]
            for each in inputs
        ]
        return np.stack(fitted) if fitted else np.zeros((0, *image.size, image.channels), np.uint8)

    def answer(self, inputs: Inputs) -> Answers:
        """Answer about fitted images (n, height, width, channels), feature vectors, or texts.

        Raises: `NotFiniteError` if a number that the graph gives is not finite; `ModelFileError` as there.
        """
        answers = self.computed(inputs)
        for each in answers:
            if each is not None:
                require_finite(each)
        return answers

    def computed(self, inputs: Inputs) -> Answers:
        """Outputs of the graph for inputs as `answer` takes them, finite or not.

        Raises: `ModelFileError` if they cannot be computed, or are of another shape than the file says.
        """
        order: list[np.ndarray] = []

        def feeds() -> Iterator[Feed]:
            for feed, places in self.batches(inputs):
                order.append(places)
                yield feed

        found = list(self.session.run(self.outputs, feeds()))
        axes = [self.target.no_answers(len(self.classes)).shape[1:], ()][: len(self.outputs)]
        for answers, places in zip(found, order, strict=True):
            shapes = [each.shape for each in answers]
            if shapes != [(len(places), *more) for more in axes]:
                raise ModelFileError(
                    "model: answers {places} inputs in the shapes {shapes}; export the model again",
                    len(places),
                    shapes,
                )
        if not found:
            found, order = [[np.zeros((0, *more)) for more in axes]], [np.zeros(0, np.int64)]
        back = np.argsort(np.concatenate(order), kind="stable")
        columns = [np.concatenate(each).astype(np.float64)[back] for each in zip(*found, strict=True)]
        return Answers(columns[0], columns[1] if len(columns) == 2 else None)

    def batches(self, inputs: Inputs) -> Iterator[tuple[Feed, np.ndarray]]:
        """Inputs by their names as the graph takes them, some at a time, and their places."""
        if self.metadata.ignored:
            assert not isinstance(inputs, np.ndarray)  # of models of texts alone
            inputs = texts_without(inputs, self.metadata.ignored)
        return batches(inputs, self.metadata.inputs, self.metadata.rows_within(MEMORY.value()))

    @property
    def outputs(self) -> list[str]:
        """Names of the graph's outputs: probabilities or numbers, and novelty where the model has it."""
        return [IN_FILES[self.target].answer] + [NOVELTY] * (self.novelty_rate is not None)


# ONNX files as exported models, in agreement with their metadata.

# Type of the numbers of an input, and its axes.
_FORMS = {
    IMAGES: ("tensor(uint8)", 4),
    TOKENS: ("tensor(int64)", 2),
    TERMS: ("tensor(float)", 2),
    VALUES: ("tensor(float)", 2),
}


def load(path: str | Path, threads: int | None = None) -> ExportedModel:
    """Load a file that `pellucid export` wrote; nothing in it is trusted.

    onnxruntime opens and computes it in a process under limits of memory and processor time, which ends with
    the model. `threads` bounds those of onnxruntime.

    Raises: `ModelFileError` if there is no such file, it is damaged, holds what no export contains, or takes
    more than the limits; `UsageError` if onnxruntime is not installed.
    """
    return loaded(IsolatedSession(path, threads))


def loaded(session: IsolatedSession) -> ExportedModel:
    """The model of a file that a child process opens.

    Raises: Errors as `load`.
    """
    return _model(session, session.about, session.place)


def opened(content: bytes, place: str, threads: int | None = None) -> ExportedModel:
    """Open the content of a file of our own, which is computed in this process without limits.

    `place` names it in messages.

    Raises: `ModelFileError` and `UsageError` as `load`.
    """
    session = SessionHere(content, place, threads)
    return _model(session, session.about, place)


def _model(session: Session, about: Mapping[str, Any], place: str) -> ExportedModel:
    """The model of a file that says so much about itself.

    Raises: `ModelFileError` if its graph and metadata contradict each other, `UsageError` if it splits words
    into word pieces and tokenizers is not installed.
    """
    try:
        metadata = Metadata.from_properties(about["properties"])
        _require_agreement(metadata, about["inputs"], about["outputs"])
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ModelFileError("{place}: refused: {error}; export the model again", place, error) from error
    try:
        for encoder in metadata.encoders:
            if isinstance(encoder, Encoder):
                encoder.encode([""])
    except ImportError as error:
        raise UsageError(
            "{place}: splits words into pieces by tokenizers, which is not installed; pip install tokenizers",
            place,
        ) from error
    return ExportedModel(metadata, session)


def _require_agreement(metadata: Metadata, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
    """Refuse a graph whose inputs and outputs are not those that its metadata speaks of.

    Raises: `ValueError` with what contradicts what.
    """
    if inputs.keys() != metadata.inputs.keys():
        expected = ", ".join(metadata.inputs)
        raise ValueError(
            Sentence("the graph takes {inputs}, where {expected} is expected", sorted(inputs)[:6], expected)
        )
    image = metadata.preprocessing
    for name, encoder in metadata.inputs.items():
        kind, axes = inputs[name]
        if (kind, len(axes)) != _FORMS[name.partition("_")[0]]:
            raise ValueError(Sentence("the graph takes {kind} of {axes} axes", kind, len(axes)))
        length = [encoder.features] if isinstance(encoder, TermWeights) else axes[1:]
        if image is not None:
            length = [image.channels, image.height, image.width]
        if axes[1:] != length:
            raise ValueError(
                Sentence("the graph takes {axes}, where the metadata makes {length}", axes[1:], length)
            )
    answer = IN_FILES[metadata.target].answer
    names = {answer} | ({NOVELTY} if metadata.novelty_rate is not None else set())
    if outputs.keys() != names:
        raise ValueError(
            Sentence(
                "the graph gives {outputs}, where {names} are expected", sorted(outputs)[:3], sorted(names)
            )
        )
    if metadata.classes and outputs[answer][1:] != [len(metadata.classes)]:
        raise ValueError(
            Sentence(
                "the graph gives {outputs} of {classes} classes", outputs[answer][1:], len(metadata.classes)
            )
        )
