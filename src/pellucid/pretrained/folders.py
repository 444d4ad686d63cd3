"""Folders of weights: `config.json` says which form one has, and a table how each form is read."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pellucid.errors import ModelFileError
from pellucid.input_kinds import InputName
from pellucid.language.sentence import Sentence
from pellucid.networks.network import Origin
from pellucid.pretrained.bert import require
from pellucid.pretrained.closed_files import ENDING, ClosedBackbone, read_closed_file
from pellucid.pretrained.folder_files import (
    MEAN,
    PROCESSOR,
    SIDE,
    STD,
    WEIGHTS,
    document,
    licence_of,
    processing_of,
    refused,
)
from pellucid.pretrained.image_backbones import ImageBackbone, timm_backbone
from pellucid.pretrained.known_weights import origin_of
from pellucid.pretrained.static_vectors import read_static_folder
from pellucid.pretrained.text_backbones import Learnt, TextBackbone, read_sentence_folder
from pellucid.pretrained.vision import (
    NAMES,
    OF_TIMM,
    VisionBackbone,
    config_of_timm,
    config_of_transformers,
    read_weights,
)
from pellucid.safety.files import sha256
from pellucid.safety.strict import Items, Text

_CONFIG = "config.json"
# Arguments of timm's networks that change sizes alone, which the weights show.
_SIZES_OF_TIMM = {"embed_dim", "depth", "num_heads", "img_size", "patch_size", "mlp_ratio", "reg_tokens"}
_USUAL_OF_TIMM = {"in_chans", "num_classes", "global_pool", "dynamic_img_size"}

Backbone = ImageBackbone | VisionBackbone | ClosedBackbone | TextBackbone


class Form(NamedTuple):
    """One form of folder."""

    takes: InputName
    # Reads a folder as `read_folder` does, by its parsed `config.json`.
    read: Callable[[Path, Mapping[str, Any], int | None, Learnt | None], Backbone]
    needs: tuple[str, ...]  # files beside `config.json`
    command: str  # Python that saves such a folder; `NAME` stands for that of the network


def read_folder(folder: Path, length: int | None = None, learnt: Learnt | None = None) -> Backbone:
    """Read a folder of weights of any form in `FORMS`, in which nothing is run, or a closed encoder's file.

    Of a text `length` tokens are read, by default what the folder says; of pieces in many languages those are
    kept that the texts to learn from need, without such all of them.

    Raises: `ModelFileError` if a file is missing, damaged, too large, or asks for something that is not
        supported; `UsageError` if timm is needed and not installed.
    """
    form = require_form(folder)
    if form is CLOSED:
        return form.read(folder, {}, length, learnt)
    with refused(folder / _CONFIG):
        return form.read(folder, document(folder / _CONFIG), length, learnt)


def require_form(folder: Path) -> Form:
    """Find out the form of a folder, all of whose files must be there, or of a file.

    Raises: `ModelFileError` with what saves a folder of a supported form.
    """
    if folder.suffix == ENDING and not folder.is_dir():
        return CLOSED
    if not folder.is_dir():
        raise ModelFileError(
            "{folder}: there is no such folder; name one with {WEIGHTS} and config.json", folder, WEIGHTS
        )
    if not (folder / _CONFIG).is_file():
        raise ModelFileError(
            '{folder}: {file} is missing; save the whole folder, such as with: python -c "{command}"',
            folder,
            _CONFIG,
            FORMS["dinov2"].command,
        )
    with refused(folder / _CONFIG):
        stated = document(folder / _CONFIG)
        key = "timm" if "architecture" in stated else stated.get("model_type")
        if key == "modernbert":
            raise ModelFileError(
                "{place}: modernbert is not supported, as it has rotary positions, local attention and gated "
                "layers; choose an encoder of texts of the form {forms}, such as multilingual-e5-small",
                folder / _CONFIG,
                ", ".join(name for name, form in FORMS.items() if form.takes == "texts"),
            )
        require("model_type", key, list(FORMS))
    form = FORMS[str(key)]
    for name in (*form.needs, WEIGHTS):
        if not (folder / name).is_file():
            raise ModelFileError(
                '{folder}: {file} is missing; save the whole folder, such as with: python -c "{command}"',
                folder,
                name,
                form.command,
            )
    return form


def _of_timm(folder: Path, stated: Mapping[str, Any], *_: object) -> Backbone:
    """Our own network where the architecture is ours, else timm's, as its folder states them."""
    architecture = Text(100).read("architecture", stated["architecture"])
    facts, arguments = stated.get("pretrained_cfg"), stated.get("model_args") or {}
    if not isinstance(facts, dict) or not isinstance(arguments, dict):
        raise ValueError("pretrained_cfg or model_args: an object expected")
    mean, std = MEAN.read("mean", facts.get("mean")), STD.read("std", facts.get("std"))
    licence = facts.get("license")
    licence = Text(100).read("license", licence) if licence else licence_of(folder)
    origin = _origin(folder, licence)
    is_plain = arguments.keys() <= _SIZES_OF_TIMM | _USUAL_OF_TIMM and stated.get("global_pool") == "token"
    if OF_TIMM.fullmatch(architecture) and is_plain:
        config = config_of_timm(stated, folder / WEIGHTS)
        size = Items(3, 3, SIDE, "whole numbers").read("input_size", facts.get("input_size"))
        tensors = read_weights(folder / WEIGHTS, config, NAMES["timm"])
        return VisionBackbone(config, tensors, origin, mean, std, max(size[1:]), NAMES["timm"].is_antialiased)
    for name in arguments.keys() - _USUAL_OF_TIMM:
        require("model_args", name, sorted(_USUAL_OF_TIMM))
    found = timm_backbone(architecture, folder / WEIGHTS)
    return dataclasses.replace(found, origin=origin, mean=mean, std=std)


def _of_transformers(folder: Path, stated: Mapping[str, Any], *_: object) -> Backbone:
    """Vision transformer with the mean, deviation and size that its `preprocessor_config.json` states."""
    config, names = config_of_transformers(stated), NAMES[stated["model_type"]]
    mean, std, size = processing_of(folder / PROCESSOR)
    tensors = read_weights(folder / WEIGHTS, config, names)
    origin = _origin(folder, licence_of(folder))
    return VisionBackbone(config, tensors, origin, mean, std, max(size), names.is_antialiased)


def _origin(folder: Path, licence: str) -> Origin:
    """Origin of the weights of images: known by their checksum, else what the folder says."""
    name, digest = folder.resolve().name, sha256(folder / WEIGHTS)
    title = Sentence("{name}, a network of images", name)
    return origin_of(digest, Origin(name, title, "a local folder", licence, digest))


def _saved(*parts: str) -> str:
    """Python that saves parts of a network of transformers."""
    return "; ".join(
        [
            "import transformers as t",
            *(f"t.{part}.from_pretrained('NAME').save_pretrained('FOLDER')" for part in parts),
        ]
    )


# No folder, but a file.
CLOSED = Form("images", lambda path, *_: read_closed_file(path), (), "")
_OF_IMAGES = Form("images", _of_transformers, (PROCESSOR,), _saved("AutoModel", "AutoImageProcessor"))
_OF_TEXTS = Form(
    "texts",
    lambda folder, _, length, learnt: read_sentence_folder(folder, length, learnt),
    (),
    _saved("AutoModel", "AutoTokenizer"),
)
# Forms by the `model_type` of their `config.json`; timm states an architecture instead.
FORMS: dict[str, Form] = {
    "timm": Form(
        "images",
        _of_timm,
        (),
        "import timm; timm.models.save_for_hf(timm.create_model('NAME', pretrained=True), 'FOLDER', "
        "safe_serialization=True)",
    ),
    "dinov2": _OF_IMAGES,
    "dinov2_with_registers": _OF_IMAGES,
    "vit": _OF_IMAGES,
    "bert": _OF_TEXTS,
    "xlm-roberta": _OF_TEXTS._replace(needs=("tokenizer.json",)),
    "model2vec": Form(
        "texts",
        lambda folder, _, length, learnt: read_static_folder(folder, length, learnt),
        ("tokenizer.json",),
        "import model2vec; model2vec.StaticModel.from_pretrained('NAME').save_pretrained('FOLDER')",
    ),
}
