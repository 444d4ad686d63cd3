"""A model taken apart into what JSON and what tensors hold, and put together again."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pellucid.bundle.average_models import AverageModel
from pellucid.bundle.description import Description, Form
from pellucid.bundle.fields import EncodingPlan
from pellucid.bundle.generator_models import AdversarialModel, AutoencoderModel, Generator
from pellucid.bundle.model import Model
from pellucid.bundle.models import ClassicalModel, FeatureModel, ImageModel, TextModel
from pellucid.classical import PREDICTORS, TF_IDF, Predictor
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.encoding import Encoder
from pellucid.encoding.tfidf import Tfidf
from pellucid.networks import Autoencoder, Network
from pellucid.networks.families import outline
from pellucid.tasks import VALUES

_PREDICTOR, _NETWORK, _TFIDF = "predictor.", "network.", "tfidf."


class Parts(NamedTuple):
    """Parts of a model beside its description.

    Attributes:
        network: with its weights, or an outline without; `None` where there is none.
        predictor: the classical model; `None` in a network.
        encoding: what turns texts into numbers; `None` in models of anything else.
    """

    network: Network | None
    predictor: Predictor | None
    encoding: Encoder | Tfidf | None = None


# Parts of an average: all lie with its members.
NO_PARTS = Parts(None, None)


def parts_of(model: Model) -> Parts:
    """Take a model apart.

    Raises: `TypeError` if it is a model of someone else's, which cannot be saved.
    """
    if isinstance(model, AverageModel):
        return NO_PARTS
    if isinstance(model, ClassicalModel):
        encoding = model.tfidf if model.encoder is None else model.encoder
        return Parts(model.network, model.predictor, encoding)
    if isinstance(model, TextModel):
        return Parts(model.network, None, model.encoder)
    if isinstance(model, (ImageModel, FeatureModel, Generator)):
        return Parts(model.network, None)
    raise TypeError(f"model: {type(model).__name__} cannot be saved; only models of pellucid.bundle can")


def vector_length(model: Model) -> int | None:
    """Length of the feature vectors that a model takes.

    0 where any number will do; `None` where no vectors are taken.
    """
    if isinstance(model, FeatureModel):
        return model.features
    return model.length if isinstance(model, ClassicalModel) and model.input_kind is VALUES else None


def tensors_of(parts: Parts) -> dict[str, Tensor]:
    """Collect everything that `weights.safetensors` holds, by name.

    Where there is a predictor, each name says to which part it belongs.
    """
    network = {} if parts.network is None else parts.network.state_dict()
    if parts.predictor is None:
        return dict(network)
    tfidf = parts.encoding if isinstance(parts.encoding, Tfidf) else None
    return {
        **{_NETWORK + name: tensor for name, tensor in network.items()},
        **as_tensors(parts.predictor.arrays(), _PREDICTOR),
        **as_tensors({} if tfidf is None else tfidf.arrays(), _TFIDF),
    }


def expected_forms(description: Description) -> dict[str, Form]:
    """Forms of the tensors of a described model, by name; none is allocated.

    Raises: `ValueError` if architecture or predictor say something impossible.
    """
    network = {} if description.architecture is None else outline(description.architecture).state_dict()
    forms = {name: Form.of(tensor) for name, tensor in network.items()}
    plan = description.predictor
    if plan is None:
        return forms
    arrays = PREDICTORS[plan.kind].expected(plan.settings)
    encoding = description.preprocessing
    weights = (
        Tfidf.expected(dict(encoding.settings))
        if isinstance(encoding, EncodingPlan) and encoding.kind == TF_IDF
        else {}
    )
    return {
        **{_NETWORK + name: form for name, form in forms.items()},
        **{_PREDICTOR + name: Form(*form) for name, form in arrays.items()},
        **{_TFIDF + name: Form(*form) for name, form in weights.items()},
    }


def put_together(description: Description, tensors: Mapping[str, Tensor], words: bytes) -> Model:
    """Build the described model, in evaluation mode.

    `tensors` are of the forms that `expected_forms` named, finite; the model takes them over. `words` are the
    content of the file with the vocabulary, in which nothing is trusted; empty where there is none.

    Raises: `ValueError` if the tensors hold something impossible, or the parts do not fit each other.
    """
    plan = description.predictor
    if plan is None:
        return _neural(description, tensors, words)
    encoding = description.preprocessing
    tfidf = encoder = None
    if isinstance(encoding, EncodingPlan):
        if encoding.kind == TF_IDF:
            tfidf = encoding.tfidf(words, _arrays(_TFIDF, tensors))
        else:
            encoder = encoding.encoder(words)
    model = ClassicalModel(
        PREDICTORS[plan.kind].from_parts(plan.settings, _arrays(_PREDICTOR, tensors)),
        str(description.features),
        description.classes,
        preprocessing=encoding if isinstance(encoding, Preprocessing) else None,
        tfidf=tfidf,
        encoder=encoder,
        network=_network(description, dict(_within(_NETWORK, tensors))),
        temperature=description.temperature,
    )
    if description.length is not None and model.length != description.length:
        raise ValueError(
            f"the model takes vectors of {model.length} numbers where 'length' is {description.length}"
        )
    return model


def _neural(description: Description, tensors: Mapping[str, Tensor], words: bytes) -> Model:
    """The neural model of a description, put together from its tensors and its encoder's content."""
    network, prepared = _network(description, tensors), description.preprocessing
    assert network is not None  # the description of a network holds its architecture
    if network.config.conditions:
        assert isinstance(prepared, Preprocessing)  # such a network takes images
        return generator_of(network, prepared, description.classes)
    if prepared is None:
        return FeatureModel(network, description.classes, temperature=description.temperature)
    if isinstance(prepared, EncodingPlan):
        encoder = prepared.encoder(words)
        return TextModel(network, encoder, description.classes, temperature=description.temperature)
    return ImageModel(
        network,
        prepared,
        description.classes,
        mirror=description.mirror,
        temperature=description.temperature,
    )


def generator_of(network: Network, preprocessing: Preprocessing, classes: Sequence[str]) -> Generator:
    """The model of a network that makes images.

    Raises: `ValueError` if the network tells apart more or fewer classes.
    """
    kind = AutoencoderModel if isinstance(network, Autoencoder) else AdversarialModel
    return kind(network, preprocessing, classes)


def _network(description: Description, tensors: Mapping[str, Tensor]) -> Network | None:
    """The network with its weights, or `None` where there is none."""
    if description.architecture is None:
        return None
    network = outline(description.architecture)
    network.load_state_dict(tensors, assign=True)
    network.origin = description.origin
    return network.eval()


def as_tensors(arrays: Mapping[str, np.ndarray], prefix: str = "") -> dict[str, Tensor]:
    """The arrays of one part as tensors.

    `prefix` stands before each name and says to which part it belongs. Each tensor is in memory of its own.
    """
    return {prefix + name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


def _arrays(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """The arrays of one part by their own names."""
    return {name: tensor.numpy() for name, tensor in _within(prefix, tensors)}


def _within(prefix: str, tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """The tensors of one part by their own names."""
    return (
        (name.removeprefix(prefix), tensor) for name, tensor in tensors.items() if name.startswith(prefix)
    )
