"""The whole way from a model's inputs to its answers as one layer of torch, and its graph as ONNX."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

import torch
from jaxtyping import Float32, Float64, Shaped
from torch import Tensor, nn

from pellucid.bundle import AverageModel, ClassicalModel, FeatureModel, ImageModel, Model, TextModel
from pellucid.bundle.average_models import are_equal_encoders
from pellucid.classical import HIDDEN
from pellucid.encoding import Encoder
from pellucid.errors import ModelFileError, UsageError
from pellucid.export.by_target import HEADS
from pellucid.export.onnx_layers import Hog, NoveltyLayer, Pixels, make_predictor_layer, without_scaling
from pellucid.export.proof import quiet
from pellucid.input_kinds import VALUES
from pellucid.networks import Network
from pellucid.runtime.by_target import IN_FILES, NOVELTY
from pellucid.runtime.metadata import TOKENS, inputs_of

_VIEWS = {"pixels": Pixels, "hog": Hog}


class Input(NamedTuple):
    """Input of a graph: its name, the type of its numbers, and the shape of one example.

    `None` in the shape is a length that may be any.
    """

    name: str
    dtype: torch.dtype
    shape: tuple[int | None, ...]


def graph_inputs(model: Model) -> list[Input]:
    """Inputs that the graph of a model takes, in their order."""
    found = []
    for name, encoder in inputs_of(model.input_kind, model.encoders).items():
        image = model.preprocessing
        if image is not None:
            found.append(Input(name, torch.uint8, (image.channels, image.height, image.width)))
        elif isinstance(encoder, Encoder):
            found.append(Input(name, torch.int64, (None,)))
        else:
            features = 0 if encoder is None else encoder.features
            if isinstance(model, FeatureModel):
                features = model.features
            elif isinstance(model, ClassicalModel) and model.input_kind is VALUES:
                features = model.length
            found.append(Input(name, torch.float32, (features,)))
    return found


# A model as one layer: probabilities (batch, classes) or numbers (batch), and novelty if it has a detector.


class NetworkAnswer(nn.Module):
    """Answer of a network, averaged with that for the mirror image where the model does so."""

    network: Network
    novelty: NoveltyLayer | None

    def __init__(self, model: ImageModel | TextModel | FeatureModel) -> None:
        super().__init__()
        self.network = without_scaling(model.network)
        self.mirror = isinstance(model, ImageModel) and model.mirror
        self.temperature, self.head = model.temperature, HEADS[model.target]
        self.novelty = None if model.detector is None else NoveltyLayer(model.detector)

    def forward(self, inputs: Shaped[Tensor, "batch ..."]) -> tuple[Tensor, ...]:
        """The answer and its novelty."""
        features = self.features(inputs)
        answer = self.answer(features, inputs)
        return (answer,) if self.novelty is None else (answer, self.novelty(features).float())

    def features(self, inputs: Shaped[Tensor, "batch ..."]) -> Float32[Tensor, "batch hidden"]:
        """The last hidden layer."""
        hidden: Tensor = self.network.features(_values(inputs))
        return hidden

    def answer(
        self, hidden: Float32[Tensor, "batch hidden"], inputs: Shaped[Tensor, "batch ..."]
    ) -> Float32[Tensor, "batch ..."]:
        """Probabilities or numbers from the last hidden layer and, for their mirror images, the inputs."""
        outputs = self.network.head(hidden)
        if self.mirror:
            outputs = (outputs + self.network(_values(inputs).flip(3))) / 2
        return self.head.of_logits(outputs, self.temperature)


class ClassicalAnswer(nn.Module):
    """Answer of a classical model from its features, at its temperature."""

    view: nn.Module
    predictor: nn.Module
    novelty: NoveltyLayer | None

    def __init__(self, model: ClassicalModel) -> None:
        super().__init__()
        if model.features == HIDDEN:
            assert model.network is not None  # the model was checked when it was made
            self.view = NetworkView(model.network)
        elif model.preprocessing is not None:
            self.view = _VIEWS[model.features](model.preprocessing.height, model.preprocessing.width)
        else:
            self.view = nn.Identity()
        self.predictor = make_predictor_layer(model.predictor)
        self.temperature, self.head = model.temperature, HEADS[model.target]
        self.novelty = None if model.detector is None else NoveltyLayer(model.detector)

    def forward(self, inputs: Shaped[Tensor, "batch ..."]) -> tuple[Tensor, ...]:
        """The answer and its novelty."""
        features = self.features(inputs)
        answer = self.answer(features, inputs).float()
        return (answer,) if self.novelty is None else (answer, self.novelty(features).float())

    def features(self, inputs: Shaped[Tensor, "batch ..."]) -> Float32[Tensor, "batch features"]:
        """Features of the inputs."""
        features: Tensor = self.view(inputs)
        return features

    def answer(
        self, features: Float32[Tensor, "batch features"], inputs: Shaped[Tensor, "batch ..."]
    ) -> Float64[Tensor, "batch ..."]:
        """Probabilities or numbers from the features alone."""
        del inputs
        return self.head.tempered(self.head.of_columns(self.predictor(features)), self.temperature)


class AverageAnswer(nn.Module):
    """Weighted mean of the members' answers, at the temperature of the average.

    Features that several members share, as those on one network do, are computed once; its weights are in the
    graph once. The inputs are those of `inputs_of`, in their order.
    """

    members: nn.ModuleList
    novelty: NoveltyLayer | None

    def __init__(self, model: AverageModel) -> None:
        super().__init__()
        self.members = nn.ModuleList(_member_answer(each.model.with_detector(None)) for each in model.members)
        self.shares = [weight / sum(model.weights) for weight in model.weights]
        self.groups = model.groups
        # Of each member the place of its input; one that depends on nothing takes the first.
        self.taken = [
            next(
                (
                    place
                    for place, encoder in enumerate(model.encoders)
                    if any(are_equal_encoders(encoder, each) for each in member.model.encoders)
                ),
                0,
            )
            for member in model.members
        ]
        self.temperature, self.head = model.temperature, HEADS[model.target]
        self.novelty = None if model.detector is None else NoveltyLayer(model.detector)

    def forward(self, *inputs: Shaped[Tensor, "batch ..."]) -> tuple[Tensor, ...]:
        """The answer and its novelty."""
        parts: dict[int, Tensor] = {}
        features: dict[int, Tensor] = {}
        for group in self.groups:
            taken = inputs[self.taken[group[0]]]
            shared = self._member(group[0]).features(taken)
            for place in group:
                features[place] = shared
                parts[place] = self._member(place).answer(shared, taken).double() * self.shares[place]
        mean = torch.stack([parts[place] for place in range(len(self.members))]).sum(0)
        answer = self.head.tempered(mean, self.temperature).float()
        # The detector measures the features of the member of the most weight, the first.
        return (answer,) if self.novelty is None else (answer, self.novelty(features[0]).float())

    def _member(self, place: int) -> NetworkAnswer | ClassicalAnswer:
        member = self.members[place]
        assert isinstance(member, (NetworkAnswer, ClassicalAnswer))  # there are no others
        return member


class NetworkView(nn.Module):
    """Last hidden layer of a network, the features of a classical model."""

    network: Network

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = without_scaling(network)

    def forward(self, inputs: Shaped[Tensor, "batch ..."]) -> Float32[Tensor, "batch hidden"]:
        """One row for each input."""
        hidden: Tensor = self.network.features(_values(inputs))
        return hidden


def _values(inputs: Shaped[Tensor, "batch ..."]) -> Shaped[Tensor, "batch ..."]:
    """Pixels as the numbers that networks take; ids and vectors as they are."""
    return inputs.float() if inputs.dtype == torch.uint8 else inputs


def answer_layer(model: Model) -> nn.Module:
    """The model as one layer, in evaluation mode.

    Raises: `UsageError` if it is of a kind that cannot be exported.
    """
    return (AverageAnswer(model) if isinstance(model, AverageModel) else _member_answer(model)).eval()


def _member_answer(model: Model) -> NetworkAnswer | ClassicalAnswer:
    if isinstance(model, ClassicalModel):
        return ClassicalAnswer(model)
    if isinstance(model, (ImageModel, TextModel, FeatureModel)):
        return NetworkAnswer(model)
    raise UsageError(
        "export: {name} makes images and answers nothing; export a model that predicts", model.name
    )


# The graph of a model as ONNX, by torch's own exporter, then cleaned of what is not the model's.

OPSET = 20
_BATCH = "batch"
_LENGTH = "length"
# Lengths that the exporter must take for any; 0 and 1 mean themselves to it.
_EXAMPLES = 3
_TOKENS = 7


def graph_of(model: Model) -> Any:
    """The graph as an `onnx.ModelProto`, with all weights in it, for any number of examples.

    Raises: `UsageError` if the model is of a kind that cannot be exported, `ModelFileError` if the exporter
    fixed a length that may be any.
    """
    layer, taken = answer_layer(model), graph_inputs(model)
    # Ones: ids of texts, of which 0 would be padding.
    examples = tuple(
        torch.ones(
            (_EXAMPLES, *(_TOKENS if length is None else length for length in each.shape)), dtype=each.dtype
        )
        for each in taken
    )
    dynamic = tuple(
        {axis: torch.export.Dim.DYNAMIC for axis, length in enumerate((None, *each.shape)) if length is None}
        for each in taken
    )
    with quiet(), torch.inference_mode():
        program = torch.onnx.export(
            layer,
            examples,
            dynamo=True,
            opset_version=OPSET,
            input_names=[each.name for each in taken],
            output_names=[IN_FILES[model.target].answer] + [NOVELTY] * (model.detector is not None),
            dynamic_shapes=(dynamic,) if isinstance(model, AverageModel) else dynamic,
            verbose=False,
        )
    assert program is not None  # with dynamo the exporter returns what it made
    graph = program.model_proto
    _name_lengths(graph, taken)
    # Drop names of source files, inferred shapes and other traces of the exporter.
    graph.producer_name, graph.producer_version = "pellucid", version("pellucid")
    graph.graph.name = "answer"
    graph.graph.ClearField("value_info")
    graph.graph.ClearField("doc_string")
    del graph.metadata_props[:]
    del graph.graph.metadata_props[:]
    for parts in (graph.graph.node, graph.graph.initializer, graph.graph.input, graph.graph.output):
        for part in parts:
            part.ClearField("doc_string")
            del part.metadata_props[:]
    return graph


def _name_lengths(graph: Any, taken: Sequence[Input]) -> None:
    """Require free lengths, and call them `batch` and `length`, of a second input of tokens `length_2`.

    The exporter has been seen to freeze the length of a recurrent network without a word.

    Raises: `ModelFileError` if one is not.
    """
    named: dict[str, str] = {}
    for found, given in zip(graph.graph.input, taken, strict=True):
        length_name = _LENGTH + given.name.removeprefix(TOKENS)
        wanted = [_BATCH, *(length_name if length is None else length for length in given.shape)]
        for axis, (length, expected) in enumerate(zip(found.type.tensor_type.shape.dim, wanted, strict=True)):
            is_free = isinstance(expected, str)
            if is_free != bool(length.dim_param) or (not is_free and length.dim_value != expected):
                raise ModelFileError(
                    "export: axis {axis} of {name} is {value} in the "
                    "graph, where {expected} is expected; this is a fault of the exporter, please report it",
                    axis,
                    given.name,
                    length.dim_param or length.dim_value,
                    expected,
                )
            if is_free:
                named[length.dim_param] = str(expected)
    for each in (*graph.graph.input, *graph.graph.output):
        for length in each.type.tensor_type.shape.dim:
            if length.dim_param in named:  # setting it makes a fixed length a free one
                length.dim_param = named[length.dim_param]
