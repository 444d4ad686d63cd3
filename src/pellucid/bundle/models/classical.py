"""A trained classical model with everything that belongs to it, as one thing that answers."""

import copy
import dataclasses
from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import scipy.sparse
from jaxtyping import Float32, Float64

from pellucid.bundle.checks import Inputs, checked_temperature, finite_answers
from pellucid.bundle.held_out import Answers
from pellucid.bundle.model import Model
from pellucid.bundle.models.feature_view import FeatureView
from pellucid.classical import Predictor
from pellucid.classical.features.rows import Rows
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.encoding import Encoder
from pellucid.encoding.ngrams.tfidf import Tfidf
from pellucid.errors import DataError
from pellucid.networks import Network
from pellucid.novelty import Sort
from pellucid.tasks import TEXTS, VALUES

_WORDS = {
    "constant": "the same answer always",
    "linear": "linear model",
    "kernel": "support vector machine (Gaussian kernel)",
    "forest": "random forest",
}


class ClassicalModel(Model):
    """Images, texts or feature vectors in, class probabilities or numbers out, by a classical model.

    Attributes:
        predictor: the trained model, from features to probabilities or a number.
        features: what it sees: `pixels` or `hog` of images, `values` of vectors, `tf-idf` of texts, or
            `network`, the last hidden layer of `network`.
        network: the network it stands on, or `None`; as for every network, its `transform` is of the
            image or text as it is, in fp32 and evaluation mode.
        tfidf: from texts to the weights of their words; `None` where the features are others, or the
            predictor looks at none.
        encoder: from texts to the ids of `network`, or `None`.

    Args:
        predictor: see the attribute.
        features: see the attribute.
        classes: class names in the order of the probabilities; none where a number is predicted.
        preprocessing: how an image of any size becomes pixels; `None` where none are taken.
        network: see the attribute.
        tfidf: see the attribute.
        encoder: see the attribute.
        temperature: probabilities are raised to the power of one over it; 0.01 to 100.

    Raises:
        ValueError: the parts do not fit each other, or the temperature is out of bounds, or not 1
            where a number is predicted.
    """

    predictor: Predictor
    features: str
    network: Network | None
    tfidf: Tfidf | None
    encoder: Encoder | None

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
        self.predictor, self.features, self.preprocessing = predictor, features, preprocessing
        self.network, self.tfidf, self.encoder = network, tfidf, encoder
        self.classes = tuple(classes)
        self.temperature = checked_temperature(temperature, classes)
        self._feature_view = FeatureView(
            kind=features, preprocessing=preprocessing, network=network, tfidf=tfidf, encoder=encoder
        )
        self.input_kind = self._feature_view.input_kind
        self._require_agreement()

    @property
    def encoders(self) -> tuple[Encoder | Tfidf, ...]:
        """From texts to ids of the network, or to the weights of their words."""
        return tuple(each for each in (self.encoder, self.tfidf) if each is not None)

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

    @property
    def has_hidden_layer(self) -> bool:
        """Whether it uses a network, whose `transform` this is."""
        return self.network is not None

    def transform(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """Values of the last hidden layer of the network it stands on, as `Model.transform`."""
        if self.network is None:
            raise DataError("model: it has no hidden layer; take a network, or a model on a network")
        checked = self._feature_view.checked(inputs, self.length)
        return finite_answers(self._feature_view.hidden(self.network, checked))

    def seen(self, inputs: Inputs) -> Rows:
        """Features of the predictor, for a detector: an array, or sparse rows of texts."""
        found = list(self._features(inputs))
        if not found:
            return np.zeros((0, self.columns_seen), np.float32)
        return (
            np.concatenate(found) if isinstance(found[0], np.ndarray) else scipy.sparse.vstack(found, "csr")
        )

    def answer(self, inputs: Inputs) -> Answers:
        """Answers and novelty, as `Model.answer`; features are computed once."""
        if self.detector is None:
            return Answers(self._answers(inputs), None)
        outputs, judged = [np.zeros((0, self.predictor.outputs))], [np.zeros(0)]
        for rows in self._features(inputs):
            outputs.append(self.predictor.predict(rows))
            judged.append(self.detector.novelty(rows))
        return Answers(self.said_of(np.concatenate(outputs)), np.concatenate(judged))

    def _answers(self, inputs: Inputs) -> Float64[np.ndarray, "examples ..."]:
        outputs = [self.predictor.predict(rows) for rows in self._features(inputs)]
        return self.said_of(np.concatenate([np.zeros((0, self.predictor.outputs)), *outputs]))

    def said_of(
        self, outputs: Float64[np.ndarray, "examples outputs"]
    ) -> Float64[np.ndarray, "examples ..."]:
        """Probabilities at the model's temperature, or numbers, from outputs of the predictor."""
        return self.target.calibrated(self.target.of_columns(finite_answers(outputs)), self.temperature)

    def on_body_of(self, other: Model) -> "ClassicalModel":
        """The same model, which looks through the network or the TF-IDF of another that has equal ones."""
        model = copy.copy(self)
        if self.network is not None:
            model.network = getattr(other, "network", None)
        if self.tfidf is not None:
            model.tfidf = getattr(other, "tfidf", None)
        model._feature_view = dataclasses.replace(
            self._feature_view, network=model.network, tfidf=model.tfidf
        )
        return model

    def _features(self, inputs: Inputs) -> Iterator[Rows]:
        """Features of checked inputs, block by block; no block where there is no input."""
        checked = self._feature_view.checked(inputs, self.length)
        if not len(checked):
            return
        for block in self._feature_view.blocks(checked):
            is_blind = self.predictor.inputs == 0
            yield np.zeros((len(block), 0), np.float32) if is_blind else self._feature_view.features(block)

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
