"""The one base on which networks and classical models meet, and what is refused of models and inputs."""

import copy
from abc import abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias, TypeVar

import numpy as np
from jaxtyping import Float32, Float64, Shaped, UInt8
from torch import Tensor

from pellucid.arithmetic.probabilities import require_finite
from pellucid.bundle.held_out import Answers, HeldOut
from pellucid.classical.predictors import Rows
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.data.labels import is_encodable
from pellucid.data.raw_texts import Texts
from pellucid.data.removal import texts_without
from pellucid.encoding import Encoder
from pellucid.encoding.tfidf import Tfidf
from pellucid.errors import DataError
from pellucid.input_kinds import InputKind
from pellucid.language.sentence import Sentence
from pellucid.networks import NetworkConfig
from pellucid.novelty import Detector, FeatureKind
from pellucid.targets import Target

# Inputs that models are asked about: images or feature vectors as one array, or texts.
Inputs: TypeAlias = Shaped[np.ndarray, "examples ..."] | Sequence[str]

AnyAnswers = TypeVar("AnyAnswers", Tensor, np.ndarray)

LEAST_TEMPERATURE = 0.01  # as a divisor of logits
MOST_TEMPERATURE = 100.0  # all classes are then nearly alike


def checked_temperature(temperature: float, classes: Sequence[str]) -> float:
    """Refuse a temperature that no fit gives; there are no `classes` where numbers are predicted.

    Raises: `ValueError` if it is not finite, out of bounds, or not 1 in a model of numbers.
    """
    if not LEAST_TEMPERATURE <= temperature <= MOST_TEMPERATURE:
        raise ValueError(
            Sentence(
                "temperature: {temperature} is outside {LEAST_TEMPERATURE:g} to {MOST_TEMPERATURE:g}",
                str(temperature)[:40],
                LEAST_TEMPERATURE,
                MOST_TEMPERATURE,
            )
        )
    if temperature != 1 and not classes:
        raise ValueError(
            Sentence(
                "temperature: {temperature} in a model of numbers, where only 1 has a meaning", temperature
            )
        )
    return float(temperature)


def finite_answers(answers: AnyAnswers) -> AnyAnswers:
    """Refuse numbers of a model that are not finite, though its weights are; they are no answers.

    Raises: `NotFiniteError` with their places among the inputs that were asked about together.
    """
    require_finite(answers.numpy(force=True) if isinstance(answers, Tensor) else answers)
    return answers


def require_agreement(config: NetworkConfig, encoder: Encoder) -> None:
    """Refuse a network and an encoder of other ids or another length of texts, with a `ValueError`."""
    if config.vocabulary != encoder.vocabulary:
        raise ValueError(
            Sentence(
                "the network knows {vocabulary} tokens, the vocabulary {vocabulary2}",
                config.vocabulary,
                encoder.vocabulary,
            )
        )
    if tuple(config.input_shape) != (encoder.length,):
        raise ValueError(
            Sentence(
                "the network takes {input_shape}, but texts have at most {length} tokens",
                tuple(config.input_shape),
                encoder.length,
            )
        )


def require_images(
    inputs: Inputs, preprocessing: Preprocessing
) -> UInt8[np.ndarray, "examples height width channels"]:
    """Refuse what the preprocessing of a model did not make.

    Raises: `DataError` with what was found and what is expected.
    """
    shape = (preprocessing.height, preprocessing.width, preprocessing.channels)
    if (
        not isinstance(inputs, np.ndarray)
        or inputs.ndim != 4
        or inputs.shape[1:] != shape
        or inputs.dtype != np.uint8
    ):
        raise DataError(
            "images: found {inputs}, expected uint8 of shape "
            "(n, {str}); pass them through the model's preprocessing",
            _form(inputs),
            ", ".join(map(str, shape)),
        )
    return inputs


def require_vectors(inputs: Inputs, length: int) -> Shaped[np.ndarray, "examples features"]:
    """Refuse what is no array of feature vectors of a length; 0 where any length will do.

    Raises: `DataError` with what was found and what is expected.
    """
    if (
        not isinstance(inputs, np.ndarray)
        or inputs.ndim != 2
        or (length and inputs.shape[1] != length)
        or inputs.dtype != np.float32
    ):
        raise DataError(
            "features: found {inputs}, expected float32 of shape (n, {value})", _form(inputs), length or "any"
        )
    return inputs


def require_texts(inputs: object) -> Sequence[str]:
    """Refuse what is no list of texts, and give the same texts; an array of them as a list.

    Raises: `DataError` if it is a single text or no list, or holds something that is no text or that UTF-8
    cannot write; with its position, from 0.
    """
    if isinstance(inputs, Texts):
        return inputs
    if isinstance(inputs, np.ndarray) and inputs.ndim == 1 and inputs.dtype.kind in "UO":
        inputs = inputs.tolist()
    if isinstance(inputs, str):
        raise DataError("texts: found a single text, expected a list of them; put it into a list")
    if not isinstance(inputs, Sequence) or isinstance(inputs, (bytes, bytearray, memoryview)):
        raise DataError("texts: found {inputs}, expected a list of texts", _form(inputs))
    for position, text in enumerate(inputs):
        if not isinstance(text, str):
            raise DataError(
                "texts: {name} at position {position}, expected a text; leave it out",
                type(text).__name__,
                position,
            )
        if not is_encodable(text):
            raise DataError(
                "texts: half a character (a lone surrogate) in the text at position {position}; "
                "read its source anew in the right encoding, or leave it out",
                position,
            )
    return inputs


def _form(inputs: object) -> str:
    """Type and shape, for messages."""
    if isinstance(inputs, np.ndarray):
        return Sentence("{dtype} of shape {shape}", inputs.dtype, inputs.shape)
    return type(inputs).__name__


Own = TypeVar("Own", bound="Model")


class Model:
    """A trained model, of images, of texts or of feature vectors, for classes, several labels or numbers.

    Images are uint8 (examples, height, width, channels) as `preprocessing` makes them; they may
    be a memory map, which is read block by block and never copied whole. Texts are taken as they are: each
    model holds what turns them into numbers. Feature vectors are finite float32 (examples, length). Other
    inputs are a `DataError`.
    """

    input_kind: InputKind
    preprocessing: Preprocessing | None  # how an image of any size becomes pixels; None without images
    # from texts to numbers, each once; none where no texts are taken or the model has no inputs
    encoders: tuple[Encoder | Tfidf, ...] = ()
    classes: tuple[str, ...]  # in the order of the probabilities; none where a number is predicted
    target: Target  # of the answers
    temperature: float  # of the probabilities, 0.01 to 100; 1 leaves them as they are
    has_hidden_layer: bool = True  # whether `transform` has values to give
    sort_seen: FeatureKind  # of the features that a detector takes
    sees_through: Hashable  # cache key of these features: equal for models that see the same of an input
    detector: Detector | None = None  # of inputs that are unlike the training data
    held_out: HeldOut | None = None  # answers about examples that it did not learn from
    joined_columns: tuple[str, ...] = ()  # of a table, whose texts it reads as one, each behind its name
    dialect: Mapping[str, str] = MappingProxyType({})  # of tables like its own, where that is not usual
    ignored: tuple[
        str, ...
    ] = ()  # what is taken out of texts before it reads them; of images, `preprocessing`
    renamed: Mapping[str, str] = MappingProxyType({})  # old names of classes in its data to new ones
    # probability from which on one of two classes is answered, or each of several labels; nothing where the
    # most probable class is, or labels from one half on
    threshold: Mapping[str, float] = MappingProxyType({})

    @property
    def novelty_rate(self) -> float | None:
        """Share of inputs like the training data that count as foreign; `None` without a detector."""
        return None if self.detector is None else self.detector.rate

    def texts_of(self, inputs: Inputs) -> Sequence[str]:
        """Texts as it reads them, without what is ignored.

        Raises: `DataError` if they are of another form.
        """
        return texts_without(require_texts(inputs), self.ignored)

    def decided(self, answers: Float64[np.ndarray, "examples ..."]) -> Shaped[np.ndarray, "examples ..."]:
        """Labels by the model's threshold: codes of classes, states of several labels, or numbers."""
        return self.target.labels(answers, self.classes, self.threshold)

    @property
    def columns_seen(self) -> int:
        """Features that a detector takes; 0 where the model takes none."""
        return 0

    @property
    @abstractmethod
    def parameters(self) -> int:
        """Number of learnt weights."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The network's family, or the kind of classical model in words."""

    def predict_proba(self, inputs: Inputs) -> Float64[np.ndarray, "examples classes"]:
        """Probability of every class for every input, in the order of `classes`.

        Each row sums to one, except where an input may have several labels.

        Raises: `DataError` if the inputs are of another form, or the model predicts numbers.
        """
        if not self.classes:
            raise DataError("model: it predicts numbers and has no probabilities; use predict_values")
        return self._answers(inputs)

    def predict_values(self, inputs: Inputs) -> Float64[np.ndarray, " examples"]:
        """The number for every input, in the unit of the training labels.

        Raises: `DataError` if the inputs are of another form, or the model predicts classes.
        """
        if self.classes:
            raise DataError("model: it predicts classes and no numbers; use predict_proba")
        return self._answers(inputs)

    @abstractmethod
    def _answers(self, inputs: Inputs) -> Float64[np.ndarray, "examples ..."]:
        """Probabilities at the model's temperature, or numbers."""

    @abstractmethod
    def transform(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """Values of the last hidden layer, of images as they are (never mirrored).

        Raises: `DataError` if the inputs are of another form, or there is no such layer.
        """

    @abstractmethod
    def seen(self, inputs: Inputs) -> Rows:
        """Features for a detector: the last hidden layer, or those of a classical model.

        Raises: `DataError` if the inputs are of another form.
        """

    @abstractmethod
    def answer(self, inputs: Inputs) -> Answers:
        """Answer as `predict_proba` or `predict_values`, and say how novel each input is, in one pass.

        Raises: `DataError` if the inputs are of another form.
        """

    def with_detector(self: Own, detector: Detector | None) -> Own:
        """The same model with another detector, fitted on features as the model computes them, or `None`.

        Raises: `ValueError` if the detector takes features of another length, or counted other classes.
        """
        if detector is not None:
            taken, seen = detector.measure.columns, self.columns_seen
            if taken != seen:
                raise ValueError(
                    Sentence("the detector takes {taken} features where the model has {seen}", taken, seen)
                )
            counted, classes = len(detector.answers), len(self.classes)
            if classes and counted != classes:
                raise ValueError(
                    Sentence(
                        "the detector counted {counted} classes where the model has {classes}",
                        counted,
                        classes,
                    )
                )
        model = copy.copy(self)
        model.detector = detector
        return model

    def with_held_out(self: Own, held_out: HeldOut | None) -> Own:
        """The same model with other held-out answers, or `None`.

        Raises: `ValueError` if they are of other classes, or have a novelty that the model does not measure.
        """
        if held_out is not None:
            width = held_out.said.shape[1] if held_out.said.ndim == 2 else 0
            if width != len(self.classes):
                raise ValueError(
                    Sentence(
                        "the held-out answers are about {width} classes where the model has {classes}",
                        width,
                        len(self.classes),
                    )
                )
            if held_out.novelty is not None and self.detector is None:
                raise ValueError("the held-out answers have a novelty, but the model has no detector")
        model = copy.copy(self)
        model.held_out = held_out
        return model

    def for_data(
        self: Own,
        *,
        joined_columns: tuple[str, ...] = (),
        dialect: Mapping[str, str] = MappingProxyType({}),
        renamed: Mapping[str, str] = MappingProxyType({}),
        threshold: Mapping[str, float] = MappingProxyType({}),
        ignored: tuple[str, ...] = (),
    ) -> Own:
        """The same model, which knows how data like its own is read and decided."""
        model = copy.copy(self)
        model.ignored, model.dialect = ignored, dict(dialect)
        model.joined_columns, model.renamed, model.threshold = joined_columns, dict(renamed), dict(threshold)
        return model

    def at(self: Own, temperature: float) -> Own:
        """The same model at another temperature, without held-out answers.

        Raises: `ValueError` if the temperature is out of bounds, or not 1 where a number is predicted.
        """
        model = copy.copy(self)
        model.temperature = checked_temperature(temperature, self.classes)
        model.held_out = None  # at the former temperature
        return model
