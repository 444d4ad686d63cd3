"""A trained model as a folder, whole or not at all."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.bundle.card import model_card
from pellucid.bundle.description import CARD_NAME, FILE_NAME, WEIGHTS_NAME, Description
from pellucid.bundle.feature_model import FeatureModel
from pellucid.bundle.image_model import ImageModel
from pellucid.bundle.weights import pack
from pellucid.errors import DivergedError
from pellucid.files import write_folder


def save(model: ImageModel | FeatureModel, folder: Path, facts: Mapping[str, Any]) -> None:
    """Write a model folder; equal weights give equal bytes of `weights.safetensors`.

    Args:
        model: the trained model.
        folder: where to; its parent must exist, a former folder is replaced as a whole.
        facts: what the model card tells beside the model itself, such as training examples or
            test accuracy: a name in words to a text or number, in the order to show.

    Raises:
        DivergedError: a weight is not finite; nothing is written.
        StorageError: the disk is full or permission is denied; the former folder stays.
    """
    state = model.network.state_dict()
    for name, tensor in state.items():
        if not tensor.isfinite().all():
            raise DivergedError(f"{folder}: the weights {name!r} are not finite; nothing was saved")
    contents = {WEIGHTS_NAME: pack(state), CARD_NAME: model_card(model, facts).encode()}
    description = Description(
        architecture=model.network.config,
        preprocessing=model.preprocessing if isinstance(model, ImageModel) else None,
        classes=model.classes,
        mirror=isinstance(model, ImageModel) and model.mirror,
        sha256={name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    )
    write_folder(folder, {**contents, FILE_NAME: description.to_bytes()})
