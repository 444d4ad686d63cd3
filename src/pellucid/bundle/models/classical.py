"""A trained classical model with everything that belongs to it, as one thing that answers."""

import copy
from collections.abc import Hashable, Sequence

import numpy as np
import scipy.sparse
from jaxtyping import Float32, Float64

from pellucid.bundle.checks import checked_temperature, require_classes, require_numbers
from pellucid.bundle.model import Inputs
from pellucid.bundle.models.feature_view import FeatureView
from pellucid.bundle.models.with_novelty import Answers, WithNovelty
from pellucid.classical import Predictor
from pellucid.classical.features.rows import Rows
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.encoding import Encoder
from pellucid.encoding.ngrams.tfidf import Tfidf
from pellucid.errors import DataError
from pellucid.networks import Network
from pellucid.novelty import Sort
from pellucid.tasks import TEXTS, VALUES, InputKind

_WORDS = {
    "constant": "the same answer always",
    "linear": "linear model",
    "kernel": "support vector machine (Gaussian kernel)",
    "forest": "random forest",
}


class ClassicalModel(WithNovelty):
    """Images, texts or feature vectors in, class probabilities or numbers out, by a classical model.

    Attributes:
        predictor: the trained model, from features to probabilities or a number.
        classes: class names in the order of the probabilities; none where a number is predicted.
        temperature: probabilities are raised to the power of one over it; 0.01 to 100.

    Args:
        predictor: see the attribute.
        features: what it sees: `pixels` or `hog` of images, `values` of vectors, `tf-idf` of texts, or
            `network`, the last hidden layer of `network`.
        classes: see the attribute.
        preprocessing: how an image of any size becomes pixels; `None` where none are taken.
        network: the network it stands on, or `None`; as for every network, its `transform` is of the
            image or text as it is, in fp32 and evaluation mode.
        tfidf: from texts to the weights of their words; `None` where the features are others, or the
            predictor looks at none.
        encoder: from texts to the ids of `network`, or `None`.
        temperature: see the attribute.

    Raises:
        ValueError: the parts do not fit each other, or the temperature is out of bounds, or not 1
            where a number is predicted.
    """

    predictor: Predictor
    classes: tuple[str, ...]
    temperature: float

    def __init__(
        self,
        predictor: Predictor,
        features: str,
        classes: Sequence[str],
        *,
        preprocessing: Preprocessing | None,
        network: Network | None = None,
        tfidf: Tfidf | None = None,
        encoder: Encoder | None = None,
        temperature: float = 1.0,
    ) -> None:
        self.predictor = predictor
        self.classes = tuple(classes)
        self.temperature = checked_temperature(temperature, classes)
        self._feature_view = FeatureView(
            kind=features, preprocessing=preprocessing, network=network, tfidf=tfidf, encoder=encoder
        )
        self._require_agreement()

    @property
    def features(self) -> str:
        """Kind of its features: `pixels`, `hog`, `values`, `tf-idf` or `network`."""
        return self._feature_view.kind

    @property
    def preprocessing(self) -> Preprocessing | None:
        """Preprocessing of images of any size; `None` where none are taken."""
        return self._feature_view.preprocessing

    @property
    def network(self) -> Network | None:
        """The network it stands on, or `None`."""
        return self._feature_view.network

    @property
    def tfidf(self) -> Tfidf | None:
        """From texts to the weights of their words, or `None`."""
        return self._feature_view.tfidf

    @property
    def encoder(self) -> Encoder | None:
        """From texts to the ids of the network, or `None`."""
        return self._feature_view.encoder

    @property
    def input_kind(self) -> InputKind:
        """Kind of the inputs: images, texts or feature vectors."""
        return self._feature_view.input_kind

    @property
    def parameters(self) -> int:
        """Numbers that were learnt, those of a network it stands on included."""
        if self.network is None:
            return self.predictor.parameters
        return self.predictor.parameters + sum(each.numel() for each in self.network.parameters())

    @property
    def name(self) -> str:
        """The kind of model in words."""
        words = _WORDS.get(self.predictor.kind, self.predictor.kind)
        return words if self.network is None else f"{words} on {self.network.name}"

    @property
    def length(self) -> int:
        """Numbers in one feature vector, 0 where any number will do; 0 too for images and texts."""
        if self.input_kind is not VALUES:
            return 0
        return self.predictor.inputs if self.network is None else self.network.config.input_shape[0]

    @property
    def columns_seen(self) -> int:
        """Features that a detector looks at: those of the predictor, none where it looks at nothing."""
        return self.predictor.inputs

    @property
    def sort_seen(self) -> Sort:
        """Sort of the detector's features."""
        return self._feature_view.sort

    @property
    def sees_through(self) -> Hashable:
        """The network it stands on, the TF-IDF of its texts, or the kind of features."""
        return self.network or self.tfidf or (self.features, self.preprocessing)

    def at(self, temperature: float) -> "ClassicalModel":
        """The same model at another temperature, without held-out answers; this one stays as it is.

        Raises: `ValueError` if the temperature is out of bounds, or not 1 where a number is predicted.
        """
        model = copy.copy(self)
        model.temperature = checked_temperature(temperature, self.classes)
        model.held_out = None  # said at the former temperature
        return model

    def predict_proba(self, inputs: Inputs) -> Float64[np.ndarray, "examples classes"]:
        """Probability of every class for every input.

        A memory-mapped array is read block by block and never copied whole.

        Args:
            inputs: uint8 (examples, height, width, channels), as `preprocessing` makes them, texts, or
                finite float32 (examples, length).

        Returns:
            One row for each input, in the order of `classes`; each row sums to one.

        Raises:
            DataError: the inputs are of another form, or the model predicts numbers.
        """
        require_classes(self.classes)
        return self._said(self._outputs(inputs))

    def predict_values(self, inputs: Inputs) -> Float64[np.ndarray, " examples"]:
        """The number for every input, in the unit of the training labels.

        Inputs are as for `predict_proba`.

        Raises: `DataError` if the inputs are of another form, or the model predicts classes.
        """
        require_numbers(self.classes)
        return self._said(self._outputs(inputs))

    def transform(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """Values of the last hidden layer of the network it stands on.

        Inputs are as for `predict_proba`.

        Raises: `DataError` if the inputs are of another form, or it does not stand on a network.
        """
        if self.network is None:
            raise DataError("model: it has no hidden layer; take a network, or a model on a network")
        return self._feature_view.hidden(self.network, self._feature_view.checked(inputs, self.length))

    def seen(self, inputs: Inputs) -> Rows:
        """Features of the predictor, for a detector: an array, or sparse rows of texts.

        Inputs are as for `predict_proba`.

        Raises: `DataError` if the inputs are of another form.
        """
        checked = self._feature_view.checked(inputs, self.length)
        if len(checked) == 0:
            return np.zeros((0, self.columns_seen), np.float32)
        found = [self._feature_view.features(block) for block in self._feature_view.blocks(checked)]
        return (
            np.concatenate(found) if isinstance(found[0], np.ndarray) else scipy.sparse.vstack(found, "csr")
        )

    def answer(self, inputs: Inputs) -> Answers:
        """Answer, and say how unlike the training data each input is; features are computed once.

        Answers as `predict_proba` or `predict_values` give them, for inputs as they take them.

        Raises: `DataError` if the inputs are of another form.
        """
        checked = self._feature_view.checked(inputs, self.length)
        detector = self.detector
        if detector is None or len(checked) == 0:
            return Answers(self._said(self._outputs(checked)), None if detector is None else np.zeros(0))
        outputs, judged = [], []
        for block in self._feature_view.blocks(checked):
            rows = self._feature_view.features(block)
            outputs.append(self.predictor.predict(rows))
            judged.append(detector.novelty(rows))
        return Answers(self._said(np.concatenate(outputs)), np.concatenate(judged))

    def _said(self, outputs: Float64[np.ndarray, "examples outputs"]) -> Float64[np.ndarray, "examples ..."]:
        """Probabilities at the model's temperature, or numbers."""
        return self.target.calibrated(self.target.of_columns(outputs), self.temperature)

    def _outputs(self, inputs: Inputs) -> Float64[np.ndarray, "examples outputs"]:
        checked = self._feature_view.checked(inputs, self.length)
        if len(checked) == 0:
            return np.zeros((0, self.predictor.outputs))
        return np.concatenate(
            [
                self.predictor.predict(self._feature_view.features(block))
                for block in self._feature_view.blocks(checked)
            ]
        )

    def _require_agreement(self) -> None:
        """Require predictor, features, classes and parts of the features to speak of the same things.

        Raises: `ValueError` with what contradicts what.
        """
        outputs = self.target.outputs(len(self.classes))
        if self.predictor.outputs != outputs:
            needed = "1 is" if outputs == 1 else f"{outputs} are"
            raise ValueError(f"the predictor has {self.predictor.outputs} outputs where {needed} needed")
        seen = self._feature_view.size()
        if self.predictor.inputs not in (0, seen) and (seen or self.input_kind is TEXTS):
            raise ValueError(
                f"the predictor takes {self.predictor.inputs} features where {self.features!r} gives {seen}"
            )
