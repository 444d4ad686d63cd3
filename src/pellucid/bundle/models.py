"""Models of one network or one classical predictor, with everything that they need to answer."""

import copy
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Float32, Float64, Shaped
from torch import Tensor

from pellucid.bundle.by_target import USUAL
from pellucid.bundle.held_out import Answers
from pellucid.bundle.model import (
    Inputs,
    Model,
    checked_temperature,
    finite_answers,
    require_agreement,
    require_images,
    require_vectors,
)
from pellucid.bundle.network_answers import answer_in_batches, answer_texts, input_blocks
from pellucid.classical import FEATURES, HIDDEN, TF_IDF, Predictor, extract, feature_length
from pellucid.classical import VALUES as OF_VECTORS
from pellucid.classical.predictors import Rows
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.encoding import Encoder
from pellucid.encoding.tfidf import Tfidf
from pellucid.errors import DataError
from pellucid.input_kinds import IMAGES, TEXTS, VALUES
from pellucid.language.sentence import Sentence
from pellucid.networks import Network
from pellucid.networks.costs import hidden_units
from pellucid.targets import Target


class OnNetwork(Model):
    """A model whose answers are those of its `network`; always fp32, always evaluation mode.

    A `ValueError` where the temperature is out of bounds, or not 1 where a number is predicted.
    """

    network: Network
    sort_seen = "layer"

    def __init__(
        self, network: Network, classes: Sequence[str], target: Target = USUAL, *, temperature: float = 1.0
    ) -> None:
        self.network = self.sees_through = network
        self.classes, self.target = tuple(classes), target
        self.temperature = checked_temperature(temperature, classes)

    @property
    def columns_seen(self) -> int:
        """Units of the last hidden layer, which a detector takes."""
        return hidden_units(self.network.config)

    @property
    def parameters(self) -> int:
        """Weights and biases that were learnt."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    @property
    def name(self) -> str:
        """The network's family, or the name of the weights that others trained."""
        return self.network.name

    def transform(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """Values of the last hidden layer, as `Model.transform`."""
        return finite_answers(self._asked(inputs, self.network.features))

    def seen(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """The last hidden layer, which a detector takes; a `DataError` as for `transform`."""
        return self.transform(inputs)

    def answer(self, inputs: Inputs) -> Answers:
        """Answers and novelty in one pass, as `Model.answer`."""
        if self.detector is None:
            return Answers(self._answers(inputs), None)
        both = self.outputs_and_seen(inputs)
        outputs = self.network.config.outputs
        return Answers(self.said_of(both[:, :outputs]), self.detector.novelty(both[:, outputs:]))

    def outputs_and_seen(self, inputs: Inputs) -> Float32[np.ndarray, "examples values"]:
        """Outputs of the network and, behind them, its last hidden layer, in one pass, a row for each input.

        `said_of` turns the outputs into an answer. Raises: `DataError` if the inputs are of another form.
        """

        def both(batch: Shaped[Tensor, "batch ..."]) -> Float[Tensor, "batch values"]:
            hidden = self.network.features(batch)
            return torch.cat([self._averaged(batch, self.network.head(hidden)), hidden], dim=1)

        return self._asked(inputs, both)

    def said_of(
        self, outputs: Float32[np.ndarray, "examples outputs"]
    ) -> Float64[np.ndarray, "examples ..."]:
        """Probabilities at the model's temperature, or numbers, from outputs of the network."""
        return self.target.of_logits(finite_answers(outputs).astype(np.float64), self.temperature)

    @abstractmethod
    def _asked(
        self, inputs: Inputs, question: Callable[[Shaped[Tensor, "batch ..."]], Float[Tensor, "batch values"]]
    ) -> Float32[np.ndarray, "examples values"]:
        """Check inputs, and run a function of the network over a bounded number of them at a time."""

    def _answers(self, inputs: Inputs) -> Float64[np.ndarray, "examples ..."]:
        outputs = self._asked(inputs, lambda batch: self._averaged(batch, self.network(batch)))
        return self.said_of(outputs)

    def _averaged(
        self, batch: Shaped[Tensor, "batch ..."], outputs: Float[Tensor, "batch outputs"]
    ) -> Float[Tensor, "batch outputs"]:
        """Outputs averaged with those of other views of the inputs, where a model takes such."""
        del batch
        return outputs


class ImageModel(OnNetwork):
    """Images in: uint8 (examples, height, width, channels), as `preprocessing` makes them of any image.

    The network takes raw pixel values 0 to 255. With `mirror`, the outputs (logits or numbers) for the image
    and for its left-right mirror image are averaged.
    """

    input_kind = IMAGES
    preprocessing: Preprocessing
    mirror: bool

    def __init__(
        self,
        network: Network,
        preprocessing: Preprocessing,
        classes: Sequence[str],
        target: Target = USUAL,
        *,
        mirror: bool = False,
        temperature: float = 1.0,
    ) -> None:
        super().__init__(network, classes, target, temperature=temperature)
        self.preprocessing = preprocessing
        self.mirror = mirror

    def _asked(
        self, inputs: Inputs, question: Callable[[Tensor], Float[Tensor, "batch values"]]
    ) -> Float32[np.ndarray, "examples values"]:
        return answer_in_batches(self.network, require_images(inputs, self.preprocessing), question)

    def _averaged(
        self, batch: Float[Tensor, "batch channels height width"], outputs: Float[Tensor, "batch outputs"]
    ) -> Float[Tensor, "batch outputs"]:
        return (outputs + self.network(batch.flip(3))) / 2 if self.mirror else outputs


class TextModel(OnNetwork):
    """Texts in, any number of them; `encoder` turns them into the ids that the network takes.

    The answer for a text does not depend on the other texts. Every text is answered: of an empty one the
    network sees a single unknown token, of a very long one the first `encoder.length` tokens. A `ValueError`
    where network and encoder have other ids.
    """

    input_kind = TEXTS
    preprocessing = None
    encoder: Encoder

    def __init__(
        self,
        network: Network,
        encoder: Encoder,
        classes: Sequence[str],
        target: Target = USUAL,
        *,
        temperature: float = 1.0,
    ) -> None:
        require_agreement(network.config, encoder)
        super().__init__(network, classes, target, temperature=temperature)
        self.encoder, self.encoders = encoder, (encoder,)

    def _asked(
        self, inputs: Inputs, question: Callable[[Tensor], Float[Tensor, "batch values"]]
    ) -> Float32[np.ndarray, "examples values"]:
        return answer_texts(self.network, self.encoder, self.texts_of(inputs), question)


class FeatureModel(OnNetwork):
    """Feature vectors in: float32 (examples, features), finite."""

    input_kind = VALUES
    preprocessing = None

    @property
    def features(self) -> int:
        """Numbers in one vector."""
        return self.network.config.input_shape[0]

    def _asked(
        self, inputs: Inputs, question: Callable[[Tensor], Float[Tensor, "batch values"]]
    ) -> Float32[np.ndarray, "examples values"]:
        return answer_in_batches(self.network, require_vectors(inputs, self.features), question)


_WORDS = {
    "constant": "the same answer always",
    "linear": "linear model",
    "kernel": "support vector machine (Gaussian kernel)",
    "forest": "random forest",
}


class ClassicalModel(Model):
    """Images, texts or feature vectors in, class probabilities or numbers out, by a classical `predictor`.

    It sees `features`: `pixels` or `hog` of images, `values` of vectors, `tf-idf` of texts (by `tfidf`, which
    is `None` where the predictor takes no inputs), or `network`, the last hidden layer of `network`, which
    takes texts by `encoder`. As for every network, its `transform` is of the input as it is, in fp32 and
    evaluation mode.

    A `ValueError` where the parts do not fit each other, or the temperature is out of bounds.
    """

    predictor: Predictor
    features: str
    length: int  # numbers in one feature vector, 0 where any number will do; 0 too for images and texts
    network: Network | None
    tfidf: Tfidf | None
    encoder: Encoder | None

    def __init__(
        self,
        predictor: Predictor,
        features: str,
        classes: Sequence[str],
        target: Target = USUAL,
        *,
        preprocessing: Preprocessing | None,
        network: Network | None = None,
        tfidf: Tfidf | None = None,
        encoder: Encoder | None = None,
        temperature: float = 1.0,
    ) -> None:
        self.predictor, self.features, self.preprocessing = predictor, features, preprocessing
        self.classes, self.target = tuple(classes), target
        self.temperature = checked_temperature(temperature, classes)
        self.input_kind = VALUES if preprocessing is None else IMAGES
        if features == TF_IDF or encoder is not None:
            self.input_kind = TEXTS
        self.encoder, self.encoders = encoder, tuple(each for each in (encoder, tfidf) if each is not None)
        self._look_through(network, tfidf)
        self.has_hidden_layer = network is not None
        self.sort_seen = "values" if preprocessing is None else "image"
        self.length = predictor.inputs if self.input_kind is VALUES else 0
        if network is not None:
            self.sort_seen = "layer"
            self.length = network.config.input_shape[0] if self.input_kind is VALUES else 0
        self._require_agreement()

    def _look_through(self, network: Network | None, tfidf: Tfidf | None) -> None:
        self.network, self.tfidf = network, tfidf
        self.sees_through = network or tfidf or (self.features, self.preprocessing)

    @property
    def columns_seen(self) -> int:
        """Features of the predictor; none where it takes no inputs."""
        return self.predictor.inputs

    @property
    def parameters(self) -> int:
        """Numbers that were learnt, those of a network that it is built on included."""
        if self.network is None:
            return self.predictor.parameters
        return self.predictor.parameters + sum(each.numel() for each in self.network.parameters())

    @property
    def name(self) -> str:
        """The kind of model in words."""
        words = _WORDS.get(self.predictor.kind, self.predictor.kind)
        return words if self.network is None else f"{words} on {self.network.name}"

    def transform(self, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """Values of the last hidden layer of the network that it is built on, as `Model.transform`."""
        if self.network is None:
            raise DataError("model: it has no hidden layer; take a network, or a model on a network")
        return finite_answers(self._hidden(self.network, self._checked(inputs)))

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
        outputs, novelty = [np.zeros((0, self.predictor.outputs))], [np.zeros(0)]
        for rows in self._features(inputs):
            outputs.append(self.predictor.predict(rows))
            if self.detector is not None:
                novelty.append(self.detector.novelty(rows))
        said = self.said_of(np.concatenate(outputs))
        return Answers(said, None if self.detector is None else np.concatenate(novelty))

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
        network = None if self.network is None else getattr(other, "network", None)
        model._look_through(network, None if self.tfidf is None else getattr(other, "tfidf", None))
        model.encoders = tuple(each for each in (model.encoder, model.tfidf) if each is not None)
        return model

    def _checked(self, inputs: Inputs) -> Inputs:
        """Refuse inputs of another form with a `DataError`; the same come back."""
        if self.input_kind is TEXTS:
            return self.texts_of(inputs)
        if self.preprocessing is None:
            return require_vectors(inputs, self.length)
        return require_images(inputs, self.preprocessing)

    def _features(self, inputs: Inputs) -> Iterator[Rows]:
        """Features of checked inputs, block by block; no block where there is no input."""
        for block in input_blocks(self._checked(inputs)):
            if self.predictor.inputs == 0:
                yield np.zeros((len(block), 0), np.float32)
            elif self.network is not None:
                yield self._hidden(self.network, block)
            elif isinstance(block, np.ndarray):
                yield extract(self.features, block)
            else:
                assert self.tfidf is not None  # or else no features are taken
                yield self.tfidf.transform(block)

    def _hidden(self, network: Network, inputs: Inputs) -> Float32[np.ndarray, "examples hidden"]:
        """Last hidden layer of the network it looks through: one row for each input."""
        if isinstance(inputs, np.ndarray):
            return answer_in_batches(network, inputs, network.features)
        assert self.encoder is not None  # texts and a network
        return answer_texts(network, self.encoder, inputs, network.features)

    def _require_agreement(self) -> None:
        """Require predictor, features, classes and parts of the features to fit each other."""
        outputs = self.target.outputs(len(self.classes))
        if self.predictor.outputs != outputs:
            needed = "1 is" if outputs == 1 else f"{outputs} are"
            raise ValueError(
                Sentence(
                    "the predictor has {outputs} outputs where {needed} needed",
                    self.predictor.outputs,
                    needed,
                )
            )
        if (self.features == HIDDEN) != (self.network is not None):
            raise ValueError(
                Sentence("features {features!r} and a network: one without the other", self.features)
            )
        seen = self._size_of_texts() if self.input_kind is TEXTS else self._size()
        if self.predictor.inputs not in (0, seen) and (seen or self.input_kind is TEXTS):
            raise ValueError(
                Sentence(
                    "the predictor takes {inputs} features where {features!r} gives {seen}",
                    self.predictor.inputs,
                    self.features,
                    seen,
                )
            )

    def _size(self) -> int:
        """Number of features of images or vectors, whose parts fit each other; 0 where any may come."""
        if self.tfidf is not None:
            raise ValueError(
                Sentence("features {features!r} and TF-IDF: one without the other", self.features)
            )
        image = self.preprocessing
        if self.network is not None:
            takes = self.network.config.input_shape
            made = None if image is None else (image.channels, image.height, image.width)
            if self.network.config.vocabulary or made != (None if len(takes) == 1 else takes):
                raise ValueError(
                    Sentence("the network takes {takes}, but preprocessing makes {made}", takes, made)
                )
            return hidden_units(self.network.config)
        if image is None:
            if self.features != OF_VECTORS:
                raise ValueError(
                    Sentence("features {features!r} are not made of feature vectors", self.features)
                )
            return 0
        if self.features not in FEATURES:
            raise ValueError(Sentence("features {features!r} are not made of images", self.features[:40]))
        return feature_length(self.features, (image.height, image.width, image.channels))

    def _size_of_texts(self) -> int:
        """Number of features of texts, whose parts fit each other."""
        if self.preprocessing is not None:
            raise ValueError(
                Sentence("features {features!r} of texts, but preprocessing makes images", self.features)
            )
        if self.network is None:
            if self.encoder is not None:
                raise ValueError(
                    Sentence("features {features!r} and tokens: one without the other", self.features)
                )
            return 0 if self.tfidf is None else self.tfidf.features
        if self.encoder is None or self.tfidf is not None:
            raise ValueError(
                Sentence("features {features!r} of texts need tokens, and nothing else", self.features)
            )
        require_agreement(self.network.config, self.encoder)
        return hidden_units(self.network.config)
