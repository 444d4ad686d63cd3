"""A model taken apart into what JSON and what tensors hold, and put together again."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pellucid.bundle.classical_model import ClassicalModel
from pellucid.bundle.description import Description
from pellucid.bundle.feature_model import FeatureModel
from pellucid.bundle.image_model import ImageModel
from pellucid.bundle.model import Model
from pellucid.bundle.weights import Form
from pellucid.classical import PREDICTORS, Predictor
from pellucid.networks import Network
from pellucid.networks.families import outline

_PREDICTOR, _NETWORK = "predictor.", "network."


class Parts(NamedTuple):
    """What is in a model beside its description.

    Attributes:
        network: with its weights, or an outline without; `None` where there is none.
        predictor: the classical model; `None` in a network.
    """

    network: Network | None
    predictor: Predictor | None


def parts_of(model: Model) -> Parts:
    """Take a model apart.

    Args:
        model: any of this room.

    Returns:
        Its parts.

    Raises:
        TypeError: it is a model of someone else's, which cannot be saved.
    """
    if isinstance(model, ClassicalModel):
        return Parts(model.network, model.predictor)
    if isinstance(model, (ImageModel, FeatureModel)):
        return Parts(model.network, None)
    raise TypeError(f"model: {type(model).__name__} cannot be saved; only models of pellucid.bundle can")


def vector_length(model: Model) -> int | None:
    """How long the feature vectors are that a model takes.

    Args:
        model: any of this room.

    Returns:
        Numbers in a vector, 0 where any number will do; `None` where pictures are taken.
    """
    if isinstance(model, FeatureModel):
        return model.features
    return model.length if isinstance(model, ClassicalModel) and model.preprocessing is None else None


def tensors_of(parts: Parts) -> dict[str, Tensor]:
    """Collect everything that `weights.safetensors` holds.

    Args:
        parts: of a model.

    Returns:
        Name to tensor; where there is a predictor, each name says to which part it belongs.
    """
    network = {} if parts.network is None else parts.network.state_dict()
    if parts.predictor is None:
        return dict(network)
    arrays = parts.predictor.arrays()
    return {
        **{_NETWORK + name: tensor for name, tensor in network.items()},
        **{_PREDICTOR + name: torch.from_numpy(np.array(array)) for name, array in arrays.items()},
    }


def expected_forms(description: Description) -> dict[str, Form]:
    """Say what the tensors of a described model look like; none is allocated.

    Args:
        description: from a file.

    Returns:
        Name to form.

    Raises:
        ValueError: architecture or predictor say something impossible.
    """
    network = {} if description.architecture is None else outline(description.architecture).state_dict()
    forms = {name: Form.of(tensor) for name, tensor in network.items()}
    plan = description.predictor
    if plan is None:
        return forms
    arrays = PREDICTORS[plan.kind].expected(plan.settings)
    return {
        **{_NETWORK + name: form for name, form in forms.items()},
        **{_PREDICTOR + name: Form(*form) for name, form in arrays.items()},
    }


def put_together(description: Description, tensors: Mapping[str, Tensor]) -> Model:
    """Build the described model.

    Args:
        description: from a file.
        tensors: of the forms that `expected_forms` named, finite; the model takes them over.

    Returns:
        The model, in evaluation mode.

    Raises:
        ValueError: the tensors hold something impossible, or the parts do not fit each other.
    """
    plan = description.predictor
    if plan is None:
        return _neural(description, tensors)
    arrays = {name: tensor.numpy() for name, tensor in _within(_PREDICTOR, tensors)}
    model = ClassicalModel(
        PREDICTORS[plan.kind].from_parts(plan.settings, arrays),
        str(description.features),
        description.classes,
        preprocessing=description.preprocessing,
        network=_network(description, dict(_within(_NETWORK, tensors))),
        temperature=description.temperature,
    )
    if description.length is not None and model.length != description.length:
        raise ValueError(
            f"the model takes vectors of {model.length} numbers where 'length' is {description.length}"
        )
    return model


def _neural(description: Description, tensors: Mapping[str, Tensor]) -> ImageModel | FeatureModel:
    network = _network(description, tensors)
    assert network is not None  # the description of a network holds its architecture
    if description.preprocessing is None:
        return FeatureModel(network, description.classes, temperature=description.temperature)
    return ImageModel(
        network,
        description.preprocessing,
        description.classes,
        mirror=description.mirror,
        temperature=description.temperature,
    )


def _network(description: Description, tensors: Mapping[str, Tensor]) -> Network | None:
    """The network with its weights, or `None` where there is none."""
    if description.architecture is None:
        return None
    network = outline(description.architecture)
    network.load_state_dict(tensors, assign=True)
    return network.eval()


def _within(prefix: str, tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """The tensors of one part by their own names."""
    return (
        (name.removeprefix(prefix), tensor) for name, tensor in tensors.items() if name.startswith(prefix)
    )
