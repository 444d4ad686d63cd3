"""A trained classical model with everything that belongs to it, as one thing that answers."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float32, Float64, Shaped

from pellucid.arithmetic import at_temperature
from pellucid.bundle.answering import answer_in_batches, blocks
from pellucid.bundle.checks import (
    checked_temperature,
    require_classes,
    require_numbers,
    require_pictures,
    require_vectors,
)
from pellucid.classical import FEATURES, HIDDEN, VALUES, Predictor, extract, feature_length
from pellucid.data.preprocessing import Preprocessing
from pellucid.errors import DataError
from pellucid.networks import Network
from pellucid.networks.families import outline

_MOST_EXAMPLES = 1024
_WORDS = {
    "constant": "the same answer always",
    "linear": "linear model",
    "kernel": "support vector machine (Gaussian kernel)",
    "forest": "random forest",
}


class ClassicalModel:
    """Pictures or feature vectors in, class probabilities or numbers out, by a classical model.

    Attributes:
        predictor: the trained model, from features to probabilities or a number.
        features: what it sees: `pixels` or `hog` of pictures, `values` of vectors, or `network`, the
            last hidden layer of `network`.
        classes: class names in the order of the probabilities; none where a number is predicted.
        preprocessing: how a picture of any size becomes pixels; `None` for feature vectors.
        network: the network it stands on, or `None`; as for every network, its `transform` is of the
            picture as it is, in fp32 and evaluation mode.
        temperature: probabilities are raised to the power of one over it; 0.01 to 100.

    Args:
        predictor: see the attribute.
        features: see the attribute.
        classes: see the attribute.
        preprocessing: see the attribute.
        network: see the attribute.
        temperature: see the attribute.

    Raises:
        ValueError: the parts do not fit each other, or the temperature is out of bounds, or not 1
            where a number is predicted.
    """

    predictor: Predictor
    features: str
    classes: tuple[str, ...]
    preprocessing: Preprocessing | None
    network: Network | None
    temperature: float

    def __init__(
        self,
        predictor: Predictor,
        features: str,
        classes: Sequence[str],
        *,
        preprocessing: Preprocessing | None,
        network: Network | None = None,
        temperature: float = 1.0,
    ) -> None:
        self.predictor = predictor
        self.features = features
        self.classes = tuple(classes)
        self.preprocessing = preprocessing
        self.network = network
        self.temperature = checked_temperature(temperature, classes)
        self._require_agreement()

    @property
    def is_numbers(self) -> bool:
        """Whether a number is predicted."""
        return not self.classes

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
        return words if self.network is None else f"{words} on {self.network.config.name}"

    @property
    def length(self) -> int:
        """Numbers in one feature vector, 0 where any number will do; 0 too for pictures."""
        if self.preprocessing is not None:
            return 0
        return self.predictor.inputs if self.network is None else self.network.config.input_shape[0]

    def at(self, temperature: float) -> "ClassicalModel":
        """The same model at another temperature.

        Args:
            temperature: see the attribute.

        Returns:
            A new model; this one stays as it is.

        Raises:
            ValueError: the temperature is out of bounds, or not 1 where a number is predicted.
        """
        return ClassicalModel(
            self.predictor,
            self.features,
            self.classes,
            preprocessing=self.preprocessing,
            network=self.network,
            temperature=temperature,
        )

    def predict_proba(
        self, inputs: Shaped[np.ndarray, "examples ..."]
    ) -> Float64[np.ndarray, "examples classes"]:
        """Probability of every class for every input.

        A memory-mapped array is read block by block and never copied whole.

        Args:
            inputs: uint8 (examples, height, width, channels), as `preprocessing` makes them, or
                finite float32 (examples, length).

        Returns:
            One row for each input, in the order of `classes`; each row sums to one.

        Raises:
            DataError: the inputs are of another form, or the model predicts numbers.
        """
        require_classes(self.classes)
        return at_temperature(self._outputs(inputs), self.temperature)

    def predict_values(self, inputs: Shaped[np.ndarray, "examples ..."]) -> Float64[np.ndarray, " examples"]:
        """The number for every input, in the unit of the training labels.

        Args:
            inputs: as for `predict_proba`.

        Returns:
            One number for each input.

        Raises:
            DataError: the inputs are of another form, or the model predicts classes.
        """
        require_numbers(self.classes)
        return self._outputs(inputs)[:, 0]

    def transform(self, inputs: Shaped[np.ndarray, "examples ..."]) -> Float32[np.ndarray, "examples hidden"]:
        """Values of the last hidden layer of the network it stands on.

        Args:
            inputs: as for `predict_proba`.

        Returns:
            One row for each input.

        Raises:
            DataError: the inputs are of another form, or it does not stand on a network.
        """
        if self.network is None:
            raise DataError("model: it has no hidden layer; take a network, or a model on a network")
        self._require_form(inputs)
        return answer_in_batches(self.network, inputs, self.network.features)

    def _outputs(self, inputs: np.ndarray) -> Float64[np.ndarray, "examples outputs"]:
        self._require_form(inputs)
        if len(inputs) == 0:
            return np.zeros((0, self.predictor.outputs))
        return np.concatenate(
            [self.predictor.predict(self._seen(block)) for block in blocks(inputs, _MOST_EXAMPLES)]
        )

    def _seen(self, inputs: np.ndarray) -> Float32[np.ndarray, "examples features"]:
        """What the predictor sees of some inputs."""
        if self.network is not None:
            return answer_in_batches(self.network, inputs, self.network.features)
        return extract(self.features, inputs)

    def _require_form(self, inputs: np.ndarray) -> None:
        if self.preprocessing is None:
            require_vectors(inputs, self.length)
        else:
            require_pictures(inputs, self.preprocessing)

    def _require_agreement(self) -> None:
        """Predictor, features, classes, preprocessing and network must speak of the same things.

        Raises:
            ValueError: with what contradicts what.
        """
        outputs = len(self.classes) or 1
        if self.predictor.outputs != outputs:
            needed = "1 is" if outputs == 1 else f"{outputs} are"
            raise ValueError(f"the predictor has {self.predictor.outputs} outputs where {needed} needed")
        if (self.features == HIDDEN) != (self.network is not None):
            raise ValueError(f"features {self.features!r} and a network: one without the other")
        seen = self._features_seen()
        if self.predictor.inputs not in (0, seen) and seen:
            raise ValueError(
                f"the predictor takes {self.predictor.inputs} features where {self.features!r} gives {seen}"
            )

    def _features_seen(self) -> int:
        """How many features the predictor gets; 0 where any number may come."""
        picture = self.preprocessing
        if self.network is not None:
            takes = self.network.config.input_shape
            made = None if picture is None else (picture.channels, picture.height, picture.width)
            if made != (None if len(takes) == 1 else takes):
                raise ValueError(f"the network takes {takes}, but preprocessing makes {made}")
            return _hidden_size(self.network)
        if picture is None:
            if self.features != VALUES:
                raise ValueError(f"features {self.features!r} are not made of feature vectors")
            return 0
        if self.features not in FEATURES:
            raise ValueError(f"features {self.features[:40]!r} are not made of pictures")
        return feature_length(self.features, (picture.height, picture.width, picture.channels))


def _hidden_size(network: Network) -> int:
    """Units of the last hidden layer, found without computing it."""
    sketch = outline(network.config).eval()
    nothing = torch.empty((1, *network.config.input_shape), device="meta")
    return int(sketch.features(nothing).shape[1])
