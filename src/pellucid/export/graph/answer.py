"""The answer of a model as one layer: from what its graph takes to probabilities or numbers, and novelty."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float32, Shaped
from torch import Tensor, nn

from pellucid.bundle import ClassicalModel, FeatureModel, ImageModel, Model, TextModel
from pellucid.classical import HIDDEN
from pellucid.errors import UsageError
from pellucid.export.graph.images import Hog, Pixels
from pellucid.export.graph.novelty import NoveltyLayer
from pellucid.export.graph.predictors import layer_of
from pellucid.networks import Network

_VIEWS = {"pixels": Pixels, "hog": Hog}


class Input(NamedTuple):
    """Input of a graph.

    Attributes:
        name: `images`, `tokens`, `terms` or `values`.
        dtype: of its numbers.
        shape: of one example; `None` where its length may be any.
    """

    name: str
    dtype: torch.dtype
    shape: tuple[int | None, ...]


class NetworkAnswer(nn.Module):
    """Answer of a network, averaged with that for the mirror image where the model does so."""

    network: Network
    novelty: NoveltyLayer | None

    def __init__(self, model: ImageModel | TextModel | FeatureModel) -> None:
        super().__init__()
        self.network = model.network
        self.mirror = isinstance(model, ImageModel) and model.mirror
        self.temperature, self.has_probabilities = model.temperature, bool(model.classes)
        self.novelty = None if model.detector is None else NoveltyLayer(model.detector)

    def forward(self, inputs: Shaped[Tensor, "batch ..."]) -> tuple[Tensor, ...]:
        """Probabilities (batch, classes) or numbers (batch), and novelty where there is a detector."""
        values = inputs.float() if inputs.dtype == torch.uint8 else inputs
        hidden = self.network.features(values)
        outputs = self.network.head(hidden)
        if self.mirror:
            outputs = (outputs + self.network(values.flip(3))) / 2
        said = (outputs / self.temperature).softmax(1) if self.has_probabilities else outputs[:, 0]
        return (said,) if self.novelty is None else (said, self.novelty(hidden).float())


class ClassicalAnswer(nn.Module):
    """Answer of a classical model from its features, at its temperature."""

    view: nn.Module
    predictor: nn.Module
    novelty: NoveltyLayer | None

    def __init__(self, model: ClassicalModel) -> None:
        super().__init__()
        self.view = _view(model)
        self.predictor = layer_of(model.predictor)
        self.temperature, self.has_probabilities = model.temperature, bool(model.classes)
        self.novelty = None if model.detector is None else NoveltyLayer(model.detector)

    def forward(self, inputs: Shaped[Tensor, "batch ..."]) -> tuple[Tensor, ...]:
        """Probabilities (batch, classes) or numbers (batch), and novelty where there is a detector."""
        features = self.view(inputs)
        outputs = self.predictor(features)
        said = self._tempered(outputs) if self.has_probabilities else outputs[:, 0]
        found = said.float()
        return (found,) if self.novelty is None else (found, self.novelty(features).float())

    def _tempered(self, probabilities: Float[Tensor, "batch classes"]) -> Float[Tensor, "batch classes"]:
        if self.temperature == 1:
            return probabilities
        powers = (probabilities / probabilities.amax(1, keepdim=True)) ** (1 / self.temperature)
        return powers / powers.sum(1, keepdim=True)


class NetworkView(nn.Module):
    """Last hidden layer of a network on which a classical model stands."""

    network: Network

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Shaped[Tensor, "batch ..."]) -> Float32[Tensor, "batch hidden"]:
        """One row for each input."""
        values = inputs.float() if inputs.dtype == torch.uint8 else inputs
        hidden: Tensor = self.network.features(values)
        return hidden


def _view(model: ClassicalModel) -> nn.Module:
    """The layer that turns inputs into the features of a classical model."""
    if model.features == HIDDEN:
        assert model.network is not None  # the model was checked when it was made
        return NetworkView(model.network)
    if model.preprocessing is not None:
        return _VIEWS[model.features](model.preprocessing.height, model.preprocessing.width)
    return nn.Identity()


def answer_layer(model: Model) -> nn.Module:
    """The model as one layer, in evaluation mode.

    Raises: `UsageError` if it is of a kind that cannot be exported.
    """
    if isinstance(model, ClassicalModel):
        return ClassicalAnswer(model).eval()
    if isinstance(model, (ImageModel, TextModel, FeatureModel)):
        return NetworkAnswer(model).eval()
    raise UsageError(f"export: {model.name} makes images and answers nothing; export a model that predicts")


def input_of(model: Model) -> Input:
    """Inputs that the graph of a model takes."""
    if model.preprocessing is not None:
        image = model.preprocessing
        return Input("images", torch.uint8, (image.channels, image.height, image.width))
    if isinstance(model, TextModel) or (isinstance(model, ClassicalModel) and model.encoder is not None):
        return Input("tokens", torch.int64, (None,))
    if isinstance(model, FeatureModel):
        return Input("values", torch.float32, (model.features,))
    assert isinstance(model, ClassicalModel)  # all others were named
    if model.input_kind.name == "texts":
        return Input("terms", torch.float32, (0 if model.tfidf is None else model.tfidf.features,))
    return Input("values", torch.float32, (model.length,))
