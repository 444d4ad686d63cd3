"""An exported model that answers: its graph in onnxruntime, its inputs made ready by Pellucid's own code."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from pellucid.arithmetic.finite import require_finite
from pellucid.arithmetic.probabilities import decided
from pellucid.bundle.held_out import Answers, HeldOut
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.errors import DataError
from pellucid.runtime.batching import Affords, Batching, Feed, Inputs, always
from pellucid.runtime.metadata import NOVELTY, NUMBERS, PROBABILITIES, Metadata
from pellucid.tasks import InputKind, Target, target_of


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
