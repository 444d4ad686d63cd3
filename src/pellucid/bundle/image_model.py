"""A trained network with everything that belongs to it, as one thing that answers."""

import contextlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, UInt8
from torch import Tensor

from pellucid.data.preprocessing import Preprocessing
from pellucid.errors import DataError
from pellucid.networks import Network

_BATCH = 256


class ImageModel:
    """Pictures in, class probabilities out; always fp32, always evaluation mode.

    Attributes:
        network: the trained network; it takes raw pixel values 0 to 255.
        preprocessing: how a picture of any size becomes the pixels that the network takes.
        classes: class names in the order of the probabilities.
        mirror: whether the logits of the picture and of its left-right mirror image are averaged.
    """

    def __init__(
        self,
        network: Network,
        preprocessing: Preprocessing,
        classes: Sequence[str],
        *,
        mirror: bool = False,
    ) -> None:
        self.network = network
        self.preprocessing = preprocessing
        self.classes = tuple(classes)
        self.mirror = mirror

    def predict_proba(
        self, pixels: UInt8[np.ndarray, "examples height width channels"]
    ) -> Float64[np.ndarray, "examples classes"]:
        """Probability of every class for every picture.

        A memory-mapped array is read batch by batch and never copied whole.

        Args:
            pixels: pictures as `preprocessing` makes them.

        Returns:
            One row for each picture, in the order of `classes`; each row sums to one.

        Raises:
            DataError: the pictures are of another size, channel count or type.
        """
        logits = self._in_batches(pixels, self._logits, len(self.classes))
        return _softmax(logits.astype(np.float64))

    def transform(
        self, pixels: UInt8[np.ndarray, "examples height width channels"]
    ) -> Float32[np.ndarray, "examples features"]:
        """Values of the last hidden layer, of the picture as it is (never mirrored).

        Args:
            pixels: pictures as `preprocessing` makes them.

        Returns:
            One row of features for each picture.

        Raises:
            DataError: the pictures are of another size, channel count or type.
        """
        return self._in_batches(pixels, self.network.features, None)

    def _logits(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        logits: Tensor = self.network(images)
        if self.mirror:
            logits = (logits + self.network(images.flip(3))) / 2
        return logits

    def _in_batches(
        self, pixels: np.ndarray, answer: Callable[[Tensor], Tensor], width: int | None
    ) -> np.ndarray:
        """Run `answer` over the pictures, `_BATCH` at a time, and collect the rows."""
        self._check(pixels)
        if width is None and len(pixels) == 0:
            pixels, width = np.zeros((1, *pixels.shape[1:]), np.uint8), None
            return self._in_batches(pixels, answer, None)[:0]
        device = next(self.network.parameters()).device
        rows: np.ndarray = np.zeros((len(pixels), width or 0), np.float32)
        with _answering(self.network, device):
            for start in range(0, len(pixels), _BATCH):
                batch = np.array(pixels[start : start + _BATCH])
                images = torch.from_numpy(batch).to(device).permute(0, 3, 1, 2).float()
                answers = answer(images).cpu().numpy()
                if start == 0 and width is None:
                    rows = np.zeros((len(pixels), answers.shape[1]), np.float32)
                rows[start : start + _BATCH] = answers
        return rows

    def _check(self, pixels: np.ndarray) -> None:
        """Refuse arrays that the preprocessing of this model did not make.

        Raises:
            DataError: with what was found and what is expected.
        """
        expected = (self.preprocessing.height, self.preprocessing.width, self.preprocessing.channels)
        if pixels.ndim != 4 or pixels.shape[1:] != expected or pixels.dtype != np.uint8:
            raise DataError(
                f"pictures: found {pixels.dtype} of shape {pixels.shape}, expected uint8 of shape "
                f"(n, {', '.join(map(str, expected))}); pass them through the model's preprocessing"
            )


@contextlib.contextmanager
def _answering(network: Network, device: torch.device) -> Iterator[None]:
    """Evaluation mode and plain fp32 for a while; everything is put back afterwards."""
    was_training = network.training
    network.eval()
    try:
        with (
            torch.inference_mode(),
            torch.autocast(device.type, enabled=False),
            torch.backends.cudnn.flags(enabled=True, benchmark=False, allow_tf32=False),
        ):
            yield
    finally:
        network.train(was_training)


def _softmax(
    logits: Float64[np.ndarray, "examples classes"],
) -> Float64[np.ndarray, "examples classes"]:
    r"""Probabilities $p_k = e^{z_k} / \sum_j e^{z_j}$ of each row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return probabilities
