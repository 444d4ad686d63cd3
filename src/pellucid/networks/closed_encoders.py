"""`closed-encoder`: features of images by an ONNX file of others, computed in a process under limits."""

import contextlib
import functools
from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from pellucid.confined.onnx_worker import IsolatedSession
from pellucid.errors import ModelFileError
from pellucid.networks.config import ClosedFile

ENCODER_NAME = "encoder.onnx"  # of the file in a model folder
CONTENT = "body.encoder.content"  # name of its bytes among a network's tensors


class ClosedEncoder(nn.Module):
    """Encoder that others trained, as the bytes of an ONNX file: nothing in it is known but what it gives.

    It sees one image at a time and has one thread, so that no answer depends on other images or on cores.
    """

    content: Tensor  # the file, byte by byte
    own: ClosedFile

    def __init__(self, own: ClosedFile) -> None:
        super().__init__()
        self.own = own
        self.register_buffer("content", torch.zeros(own.size, dtype=torch.uint8))

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch features"]:
        """Features of standardised images; no gradient goes back.

        Raises: `ModelFileError` if the file cannot compute them, or takes more than the limits.
        """
        if images.is_meta or not len(images):  # shapes alone
            return images.new_empty((len(images), self.own.features))
        each = images.detach().float().cpu().numpy()
        with session_of(self.own.sha256, self.content.cpu().numpy().data, ENCODER_NAME) as session:
            (name,) = session.about["inputs"]
            answers = session.run([self.own.output], ({name: each[at : at + 1]} for at in range(len(each))))
            rows = [pooled(answer) for (answer,) in answers]
        if any(row.shape != (self.own.features,) for row in rows):
            raise ModelFileError(
                "{place}: gives {found} numbers for an image, where {expected} are expected; choose an "
                "undamaged copy",
                ENCODER_NAME,
                " or ".join(sorted({f"{row.size:,}" for row in rows})),
                f"{self.own.features:,}",
            )
        return torch.from_numpy(np.stack(rows)).to(images)


def pooled(output: Float32[np.ndarray, "1 ..."]) -> Float32[np.ndarray, " features"]:
    """Features of one image: a vector as it is; first token, and mean of the others; mean over all places."""
    if output.ndim == 3:
        return np.concatenate([output[0, 0], output[0, 1:].mean(0)])
    found: np.ndarray = output[0].mean((1, 2)) if output.ndim == 4 else output[0]
    return found


@functools.lru_cache(maxsize=2)  # files whose processes are kept
def _idle(digest: str) -> list[IsolatedSession]:
    """Processes that have opened a file of this SHA-256 and wait for images."""
    del digest
    return []


@contextlib.contextmanager
def session_of(digest: str, content: memoryview, place: str) -> Iterator[IsolatedSession]:
    """A process that has opened a file, for this thread alone; it is kept unless something was wrong."""
    idle = _idle(digest)
    try:
        session = idle.pop()
    except IndexError:
        session = IsolatedSession(place, 1, content)
    yield session
    idle.append(session)
