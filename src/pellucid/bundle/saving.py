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
    MEMBERS_NAME,
    NOVELTY_NAME,
    WEIGHTS_NAME,
    MemberPlan,
    PredictorPlan,
)
from pellucid.bundle.format.weights import pack
from pellucid.bundle.model import Model
from pellucid.bundle.models.average import AverageModel
from pellucid.bundle.models.classical import ClassicalModel
from pellucid.bundle.models.on_network import ImageModel
from pellucid.bundle.parts import as_tensors, parts_of, tensors_of, vector_length
from pellucid.classical import Predictor
from pellucid.errors import DivergedError
from pellucid.files import write_folder


def save(
    model: Model, folder: Path, facts: Mapping[str, Any], beside: Mapping[str, Path] | None = None
) -> None:
    """Write a model folder; equal weights give equal bytes of `weights.safetensors`.

    The parent of `folder` must exist; a former folder is replaced as a whole. `facts` are what the model card
    tells beside the model itself, such as training examples or test accuracy: names in words to texts or
    numbers, in the order to show. `beside` are folders in which members of an average are saved already, by
    their names; their files are linked where that is possible.

    Raises: `TypeError` if the model is none of this package's, `DivergedError` if a weight is not finite
    (nothing is written), `StorageError` if the disk is full or permission is denied (the former folder
    stays).
    """
    if isinstance(model, AverageModel):
        contents, saved = _of_average(model, folder, facts, beside or {})
        write_folder(folder, contents, saved)
    else:
        write_folder(folder, _of_one(model, folder, facts))


def _of_average(
    model: AverageModel, folder: Path, facts: Mapping[str, Any], beside: Mapping[str, Path]
) -> tuple[dict[str, bytes], dict[str, Path]]:
    """The files of an average by name, and the files of members that are saved already."""
    contents: dict[str, bytes] = {}
    saved: dict[str, Path] = {}
    members = []
    for name, weight, member in model.members:
        place = f"{MEMBERS_NAME}/{name}"
        if name in beside:
            saved |= {f"{place}/{file.name}": file for file in sorted(beside[name].iterdir())}
            description = (beside[name] / FILE_NAME).read_bytes()
        else:
            files = _of_one(member, folder, {})
            contents |= {f"{place}/{file}": content for file, content in files.items()}
            description = files[FILE_NAME]
        members.append(MemberPlan(name, weight, hashlib.sha256(description).hexdigest()))
    return {**contents, **_described(model, {}, facts, tuple(members))}, saved


def _of_one(model: Model, folder: Path, facts: Mapping[str, Any]) -> dict[str, bytes]:
    """The files of a model by name.

    Raises: `TypeError` if it is none of this package's, `DivergedError` if a weight is not finite.
    """
    parts = parts_of(model)
    tensors = tensors_of(parts)
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise DivergedError(f"{folder}: the weights {name!r} are not finite; nothing was saved")
    contents = {WEIGHTS_NAME: pack(tensors)}
    if parts.encoding is not None:
        contents[EncodingPlan.of(parts.encoding).file] = parts.encoding.content()
    return _described(model, contents, facts)


def _described(
    model: Model,
    contents: Mapping[str, bytes],
    facts: Mapping[str, Any],
    members: tuple[MemberPlan, ...] = (),
) -> dict[str, bytes]:
    """Files with those that every model has, and last the description that seals them."""
    contents = {**contents, CARD_NAME: model_card(model, facts).encode()}
    if model.detector is not None:
        contents[NOVELTY_NAME] = pack(as_tensors(model.detector.arrays()))
    if model.held_out is not None:
        contents[HELD_OUT_NAME] = pack(as_tensors(model.held_out.arrays()))
    parts = parts_of(model)
    encoding = parts.encoding
    description = Description(
        input_kind=model.input_kind,
        architecture=None if parts.network is None else parts.network.config,
        predictor=None if parts.predictor is None else _plan(parts.predictor),
        features=model.features if isinstance(model, ClassicalModel) else None,
        preprocessing=model.preprocessing if encoding is None else EncodingPlan.of(encoding),
        length=vector_length(model),
        classes=model.classes,
        temperature=model.temperature,
        mirror=isinstance(model, ImageModel) and model.mirror,
        novelty=None if model.detector is None else model.detector.to_json(),
        held_out=None if model.held_out is None else model.held_out.to_json(),
        joined_columns=model.joined_columns,
        renamed=model.renamed,
        threshold=model.threshold,
        origin=None if parts.network is None else parts.network.origin,
        members=members,
        sha256={name: hashlib.sha256(content).hexdigest() for name, content in contents.items()},
    )
    return {**contents, FILE_NAME: description.to_bytes()}


def _plan(predictor: Predictor) -> PredictorPlan:
    return PredictorPlan(predictor.kind, predictor.to_json())
