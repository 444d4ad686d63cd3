"""A trained model as a folder, whole or not at all."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pellucid.bundle.card import model_card
from pellucid.bundle.format.description import Description
from pellucid.bundle.format.encodings import EncodingPlan
from pellucid.bundle.format.fields import (
    CARD_NAME,
    FILE_NAME,
    HELD_OUT_NAME,
    NOVELTY_NAME,
    WEIGHTS_NAME,
    PredictorPlan,
)
from pellucid.bundle.format.weights import pack
from pellucid.bundle.model import Model
from pellucid.bundle.models.classical import ClassicalModel
from pellucid.bundle.models.on_network import ImageModel
from pellucid.bundle.parts import as_tensors, parts_of, tensors_of, vector_length
from pellucid.classical import Predictor
from pellucid.errors import DivergedError
from pellucid.files import write_folder


def save(model: Model, folder: Path, facts: Mapping[str, Any]) -> None:
    """Write a model folder; equal weights give equal bytes of `weights.safetensors`.

    The parent of `folder` must exist; a former folder is replaced as a whole. `facts` are what the model card
    tells beside the model itself, such as training examples or test accuracy: names in words to texts or
    numbers, in the order to show.

    Raises: `TypeError` if the model is none of this package's, `DivergedError` if a weight is not finite
    (nothing is written), `StorageError` if the disk is full or permission is denied (the former folder
    stays).
    """
    parts = parts_of(model)
    tensors = tensors_of(parts)
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise DivergedError(f"{folder}: the weights {name!r} are not finite; nothing was saved")
    encoding = parts.encoding
    plan = None if encoding is None else EncodingPlan.of(encoding)
    contents = {WEIGHTS_NAME: pack(tensors), CARD_NAME: model_card(model, facts).encode()}
    if model.detector is not None:
        contents[NOVELTY_NAME] = pack(as_tensors(model.detector.arrays()))
    if model.held_out is not None:
        contents[HELD_OUT_NAME] = pack(as_tensors(model.held_out.arrays()))
    if encoding is not None and plan is not None:
        contents[plan.file] = encoding.content()
    description = Description(
        input_kind=model.input_kind,
        architecture=None if parts.network is None else parts.network.config,
        predictor=None if parts.predictor is None else _plan(parts.predictor),
        features=model.features if isinstance(model, ClassicalModel) else None,
        preprocessing=model.preprocessing if plan is None else plan,
        length=vector_length(model),
        classes=model.classes,
        temperature=model.temperature,
        mirror=isinstance(model, ImageModel) and model.mirror,
        novelty=None if model.detector is None else model.detector.to_json(),
        held_out=None if model.held_out is None else model.held_out.to_json(),
        joined_columns=model.joined_columns,
        origin=None if parts.network is None else parts.network.origin,
        sha256={name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    )
    write_folder(folder, {**contents, FILE_NAME: description.to_bytes()})


def _plan(predictor: Predictor) -> PredictorPlan:
    return PredictorPlan(predictor.kind, predictor.to_json())
