"""Image encoders as ONNX files of the user's own: what one takes and gives is found in a confined process."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pellucid.confined.onnx_files import LARGEST
from pellucid.errors import ModelFileError
from pellucid.language.sentence import Sentence, join
from pellucid.networks import Network, NetworkConfig, Origin
from pellucid.networks.closed_encoders import pooled, session_of
from pellucid.networks.config import LARGEST_SIDE, ClosedFile
from pellucid.networks.families import outline
from pellucid.pretrained.folder_files import PROCESSOR, Processing, licence_of, processing_of
from pellucid.pretrained.image_backbones import completed, head_sizes
from pellucid.safety.files import read_regular
from pellucid.settings import Settings

ENDING = ".onnx"
_USUAL = Processing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), (224, 224))
_OF_BATCH = 4  # axes of a batch of images


@dataclass(frozen=True, eq=False)
class ClosedBackbone:
    """Encoder out of an ONNX file and what is known about it."""

    content: bytes
    own: ClosedFile
    origin: Origin
    processing: Processing
    note: str  # sentences on what follows from its form, for whoever reads about the run

    def config_for(self, outputs: int, settings: Settings, shape: tuple[int, int, int]) -> NetworkConfig:
        """Config of the encoder below a head for `outputs` (1 for a number) and images of a shape."""
        return NetworkConfig(
            name="closed-encoder",
            input_shape=shape,
            outputs=outputs,
            activation=settings.activation or "relu",
            **head_sizes(settings),
            own=self.own,
        )

    def network(self, config: NetworkConfig, generator: torch.Generator) -> Network:
        """Build the network in evaluation mode: the file, and a head that has learnt nothing."""
        network = outline(config)
        encoder = network.body.get_submodule("encoder")
        encoder.content = torch.frombuffer(bytearray(self.content), dtype=torch.uint8)
        return completed(network, self.processing.mean, self.processing.std, self.origin, generator)


def read_closed_file(path: Path) -> ClosedBackbone:
    """Read an encoder, and ask it about a grey image.

    Raises: `ModelFileError` if it is no plain graph, takes anything but one image, gives no features of it,
        or takes more than the limits; `UsageError` without onnxruntime.
    """
    try:
        content = read_regular(path, LARGEST)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ModelFileError("{path}: {reason}; give an encoder of images", path, reason) from error
    stated = path.with_name(PROCESSOR)
    processing = processing_of(stated) if stated.is_file() else _USUAL
    digest = sha256(content).hexdigest()
    with session_of(digest, memoryview(content), str(path)) as session:
        name, seen = _input(path, session.about["inputs"], processing)
        names = list(session.about["outputs"])
        blank = np.zeros((1, 3, *seen), np.float32)
        (answers,) = session.run(names, [{name: blank}])
    output = _output(path, dict(zip(names, answers, strict=True)))
    features = pooled(answers[names.index(output)])
    if not np.isfinite(features).all():
        raise ModelFileError(
            "{path}: gives numbers that are not finite for a grey image; export the encoder again", path
        )
    own = ClosedFile(
        seen=seen,
        size=len(content),
        sha256=digest,
        output=output,
        features=len(features),
    )
    title = Sentence("{name}, a closed encoder of images", path.stem)
    origin = Origin(path.stem, title, Sentence("the file {name}", path.name), licence_of(path.parent), digest)
    return ClosedBackbone(content, own, origin, processing, _note(stated, seen))


def _note(stated: Path, seen: tuple[int, int]) -> str:
    """Sentences for the report: what cannot be done with the encoder, and what was assumed."""
    note = Sentence(
        "It is a closed encoder: its ONNX file is computed in a process under limits, it is never tuned, "
        "and only what is computed from the features can be explained step by step."
    )
    if stated.is_file():
        return note
    assumed = Sentence(
        "There is no {PROCESSOR} beside the file: images are seen at {size} pixels, and standardised by the "
        "mean and deviation that are usual for ImageNet.",
        PROCESSOR,
        "x".join(map(str, seen)),
    )
    return join(" ", [note, assumed])


def _input(path: Path, inputs: dict[str, Any], processing: Processing) -> tuple[str, tuple[int, int]]:
    """Name of the one input, and height and width of the image that goes in."""
    for name, (kind, axes) in inputs.items() if len(inputs) == 1 else ():
        batch, channels, *sides = axes if len(axes) == _OF_BATCH else (0, 0)
        fixed = [
            each if isinstance(each, int) else own for each, own in zip(sides, processing.size, strict=False)
        ]
        is_image = kind == "tensor(float)" and channels == 3 and (batch == 1 or not isinstance(batch, int))
        if is_image and all(1 <= each <= LARGEST_SIDE for each in fixed):
            return name, (fixed[0], fixed[1])
    found = [f"{name} {kind} {axes}" for name, (kind, axes) in inputs.items()]
    raise ModelFileError(
        "{path}: takes {found}, where one image is expected, tensor(float) of [1, 3, height, width]; export "
        "the encoder of images alone; of an encoder of texts give the folder with its safetensors",
        path,
        "; ".join(found)[:500],
    )


def _output(path: Path, answers: dict[str, np.ndarray]) -> str:
    """Name of the first output that is a vector; else tokens, with a first one before others; else maps."""
    for axes in (2, 3, 4):
        for name, answer in answers.items():
            is_one = answer.ndim == axes and answer.shape[0] == 1 and answer.size
            if is_one and answer.dtype.kind == "f" and (axes != 3 or answer.shape[1] > 1):
                return name
    found = [f"{name} {answer.dtype} {list(answer.shape)}" for name, answer in answers.items()]
    raise ModelFileError(
        "{path}: gives {found} for an image, where fractions of [1, features], [1, tokens, features] or "
        "[1, channels, rows, columns] are expected; export the encoder with one of these",
        path,
        "; ".join(found)[:500],
    )
