"""The answer of a model as one layer: from what its graph takes to probabilities or numbers, and novelty."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Float32, Float64, Shaped
from torch import Tensor, nn

from pellucid.bundle import AverageModel, ClassicalModel, FeatureModel, ImageModel, Model, TextModel
from pellucid.bundle.models.average import are_equal_encoders
from pellucid.classical import HIDDEN
from pellucid.encoding import Encoder
from pellucid.encoding.ngrams.term_weights import TermWeights
from pellucid.errors import UsageError
from pellucid.export.graph.images import Hog, Pixels
from pellucid.export.graph.novelty import NoveltyLayer
from pellucid.export.graph.predictors import layer_of
from pellucid.networks import Network
from pellucid.runtime.metadata import inputs_of
from pellucid.tasks import VALUES

_VIEWS = {"pixels": Pixels, "hog": Hog}


class Input(NamedTuple):
    """Input of a graph.

    Attributes:
        name: `images`, `tokens`, `terms` or `values`; of a second input of texts `tokens_2` or `terms_2`.
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
        hidden = self.seen(inputs)
        said = self.said(hidden, inputs)
        return (said,) if self.novelty is None else (said, self.novelty(hidden).float())

    def seen(self, inputs: Shaped[Tensor, "batch ..."]) -> Float32[Tensor, "batch hidden"]:
        """The last hidden layer."""
        hidden: Tensor = self.network.features(_values(inputs))
        return hidden

    def said(
        self, hidden: Float32[Tensor, "batch hidden"], inputs: Shaped[Tensor, "batch ..."]
    ) -> Float32[Tensor, "batch ..."]:
        """Probabilities or numbers from the last hidden layer and, for their mirror images, the inputs."""
        outputs = self.network.head(hidden)
        if self.mirror:
            outputs = (outputs + self.network(_values(inputs).flip(3))) / 2
        said: Tensor = (outputs / self.temperature).softmax(1) if self.has_probabilities else outputs[:, 0]
        return said


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
        features = self.seen(inputs)
        said = self.said(features, inputs).float()
        return (said,) if self.novelty is None else (said, self.novelty(features).float())

    def seen(self, inputs: Shaped[Tensor, "batch ..."]) -> Float32[Tensor, "batch features"]:
        """Features of the inputs."""
        features: Tensor = self.view(inputs)
        return features

    def said(
        self, features: Float32[Tensor, "batch features"], inputs: Shaped[Tensor, "batch ..."]
    ) -> Float64[Tensor, "batch ..."]:
        """Probabilities or numbers from the features alone."""
        del inputs
        outputs: Tensor = self.predictor(features)
        return tempered(outputs, self.temperature) if self.has_probabilities else outputs[:, 0]


class AverageAnswer(nn.Module):
    """Weighted mean of the members' answers, at the temperature of the average.

    What several members see of an input, as those on one network do, is computed once; its weights are in the
    graph once. The inputs are those of `inputs_of`, in their order.
    """

    members: nn.ModuleList
    novelty: NoveltyLayer | None

    def __init__(self, model: AverageModel) -> None:
        super().__init__()
        self.members = nn.ModuleList(_member_answer(each.model.with_detector(None)) for each in model.members)
        self.shares = [weight / sum(model.weights) for weight in model.weights]
        self.groups, self.taken = model.groups, [_input_taken(model, each.model) for each in model.members]
        self.temperature, self.has_probabilities = model.temperature, bool(model.classes)
        self.novelty = None if model.detector is None else NoveltyLayer(model.detector)

    def forward(self, *inputs: Shaped[Tensor, "batch ..."]) -> tuple[Tensor, ...]:
        """Probabilities (batch, classes) or numbers (batch), and novelty where there is a detector."""
        parts: dict[int, Tensor] = {}
        seen: dict[int, Tensor] = {}
        for group in self.groups:
            taken, looking = inputs[self.taken[group[0]]], self._member(group[0])
            hidden = looking.seen(taken)
            for place in group:
                seen[place] = hidden
                parts[place] = self._member(place).said(hidden, taken).double() * self.shares[place]
        mean = torch.stack([parts[place] for place in range(len(self.members))]).sum(0)
        said = tempered(mean, self.temperature).float() if self.has_probabilities else mean.float()
        # The detector looks at what the member of the most weight, the first, sees.
        return (said,) if self.novelty is None else (said, self.novelty(seen[0]).float())

    def _member(self, place: int) -> NetworkAnswer | ClassicalAnswer:
        member = self.members[place]
        assert isinstance(member, (NetworkAnswer, ClassicalAnswer))  # there are no others
        return member


class NetworkView(nn.Module):
    """Last hidden layer of a network on which a classical model stands."""

    network: Network

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Shaped[Tensor, "batch ..."]) -> Float32[Tensor, "batch hidden"]:
        """One row for each input."""
        hidden: Tensor = self.network.features(_values(inputs))
        return hidden


def tempered(
    probabilities: Float[Tensor, "batch classes"], temperature: float
) -> Float[Tensor, "batch classes"]:
    """Probabilities to the power of one over a temperature, which sum to 1 again."""
    if temperature == 1:
        return probabilities
    powers = (probabilities / probabilities.amax(1, keepdim=True)) ** (1 / temperature)
    return powers / powers.sum(1, keepdim=True)


def _values(inputs: Shaped[Tensor, "batch ..."]) -> Shaped[Tensor, "batch ..."]:
    """Pixels as the numbers that networks take; ids and vectors as they are."""
    return inputs.float() if inputs.dtype == torch.uint8 else inputs


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
    if isinstance(model, AverageModel):
        return AverageAnswer(model).eval()
    return _member_answer(model).eval()


def _member_answer(model: Model) -> NetworkAnswer | ClassicalAnswer:
    """The answer of a model that is no average.

    Raises: `UsageError` if it is of a kind that cannot be exported.
    """
    if isinstance(model, ClassicalModel):
        return ClassicalAnswer(model)
    if isinstance(model, (ImageModel, TextModel, FeatureModel)):
        return NetworkAnswer(model)
    raise UsageError(f"export: {model.name} makes images and answers nothing; export a model that predicts")


def _input_taken(model: AverageModel, member: Model) -> int:
    """Place of the input that a member takes; the first, which has as many rows, if it looks at nothing."""
    for place, encoder in enumerate(model.encoders):
        if any(are_equal_encoders(encoder, each) for each in member.encoders):
            return place
    return 0


def graph_inputs(model: Model) -> list[Input]:
    """Inputs that the graph of a model takes, in their order."""
    return [
        _input(model, name, encoder) for name, encoder in inputs_of(model.input_kind, model.encoders).items()
    ]


def _input(model: Model, name: str, encoder: Encoder | TermWeights | None) -> Input:
    """One input of a graph, by its name."""
    if model.preprocessing is not None:
        image = model.preprocessing
        return Input(name, torch.uint8, (image.channels, image.height, image.width))
    if isinstance(encoder, Encoder):
        return Input(name, torch.int64, (None,))
    if isinstance(model, FeatureModel):
        return Input(name, torch.float32, (model.features,))
    if isinstance(model, ClassicalModel) and model.input_kind is VALUES:
        return Input(name, torch.float32, (model.length,))
    return Input(name, torch.float32, (0 if encoder is None else encoder.features,))
