"""Who takes part in `training_speed.py` and `text_speed.py`: each library in its own way.

    images     32 32 pool 64 64 pool 128 128 pool, every number a 3x3 convolution without bias, batch norm
               and ReLU; then a dense layer. Everybody but Pellucid is handed finished, standardised float32
               images in memory; Pellucid starts from the stored bytes and standardises in the network.
    texts      embeddings, then an LSTM in both directions with the maximum and the mean of its states
               (`rnn`), or convolutions of 3, 4 and 5 words with ReLU and the maximum of each filter
               (`text-cnn`); then a dense layer. Everybody but Pellucid is handed a rectangle of token ids;
               Pellucid starts from ragged ids and puts texts of similar length together.

Adam at 0.001, each library's own, and softmax cross-entropy. A round is an epoch through the library's own
loop: `Model.fit`, `Learner.fit`, `NeuralNetClassifier.partial_fit`, `pellucid.training.fit`. This file names
the libraries and imports none of them.
"""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Self

import numpy as np

WIDTHS = (32, 32, 64, 64, 128, 128)  # channels of the convolutions; a pool follows every second one
# Of texts: numbers of an embedding, units of the LSTM in each direction, filters of each width.
EMBEDDING, HIDDEN, FILTERS, KERNELS = 128, 128, 128, (3, 4, 5)
LEARNING_RATE = 0.001


@dataclass(frozen=True)
class Data:
    """Images (n, height, width, channels) uint8, or ids (n, length) int32 of tokens, 0 the padding.

    `batch` divides n; `network` is `rnn` or `text-cnn`, or nothing for images.
    """

    inputs: np.ndarray
    labels: np.ndarray
    classes: int
    batch: int
    warm_up_steps: int
    network: str = ""
    vocabulary: int = 0

    @classmethod
    def load(cls, path: Path) -> Self:
        with np.load(path, allow_pickle=False) as file:
            return cls(**{name: file[name] if file[name].ndim else file[name].item() for name in file})

    def save(self, path: Path) -> None:
        np.savez(path, **{each.name: np.asarray(getattr(self, each.name)) for each in fields(self)})

    def part(self, warms_up: bool) -> slice:
        """The examples of an epoch: all, or those of the warm-up."""
        return slice(self.warm_up_steps * self.batch) if warms_up else slice(None)

    def standardised(self) -> np.ndarray:
        """Images as float32 with mean 0 and deviation 1 over all of them."""
        floats = self.inputs.astype(np.float32)
        mean, deviation = floats.mean(dtype=np.float64), floats.std(dtype=np.float64)
        return ((floats - mean) / deviation).astype(np.float32)


@dataclass(frozen=True)
class Contestant:
    """A row of the table: its title, what pip installs, its arithmetic, and where it stands.

    `module` of this package builds it with `build(name, data)`; `table` is `defaults`, `equal` (precision and
    layout are Pellucid's) or `both`.
    """

    title: str
    module: str
    package: str
    arithmetic: str
    table: str = "defaults"
    environment: dict[str, str] = field(default_factory=dict)


def _keras(backend: str, package: str, layout: str, bf16: bool = False) -> Contestant:
    policy = "mixed_bfloat16" if bf16 else "float32"
    return Contestant(
        f"Keras, {backend}{', mixed_bfloat16' if bf16 else ''}",
        "keras_fit",
        f"keras {package}",
        f"{'bf16' if bf16 else 'fp32'}{layout}",
        "equal" if bf16 else "defaults",
        {"KERAS_BACKEND": backend, "BENCHMARK_POLICY": policy},
    )


def _torch(title: str, package: str, layouts: tuple[str, str]) -> dict[str, Contestant]:
    name = {"plain PyTorch loop": "pytorch"}.get(title, title)
    return {
        name: Contestant(title, "torch_fit", package, f"fp32{layouts[0]}"),
        f"{name}-bf16": Contestant(f"{title}, bf16", "torch_fit", package, f"bf16{layouts[1]}", "equal"),
    }


def _ours(title: str, arithmetic: str = "its own choice") -> Contestant:
    return Contestant(title, "pellucid_fit", "pellucid", arithmetic, "both")


_LAYOUTS, _LAST, _LOOP = (", contiguous", ", channels last"), ", channels last", "plain PyTorch loop"
IMAGES: dict[str, Contestant] = {
    "keras-tensorflow": _keras("tensorflow", "tensorflow-cpu", _LAST),
    "keras-jax": _keras("jax", "jax", _LAST),
    "keras-torch": _keras("torch", "torch", _LAST),
    "keras-tensorflow-bf16": _keras("tensorflow", "tensorflow-cpu", _LAST, bf16=True),
    "keras-torch-bf16": _keras("torch", "torch", _LAST, bf16=True),
    **_torch("fastai", "fastai", _LAYOUTS),
    **_torch("skorch", "skorch", _LAYOUTS),
    **_torch(_LOOP, "torch", _LAYOUTS),
    "pellucid": _ours("Pellucid"),
    "pellucid-augmented": _ours("Pellucid, with augmentation"),
}
TEXTS: dict[str, Contestant] = {
    **{
        f"keras-{backend}{'-bf16' if bf16 else ''}": _keras(backend, package, "", bf16=bf16)
        for backend, package in (("tensorflow", "tensorflow-cpu"), ("jax", "jax"), ("torch", "torch"))
        for bf16 in (False, True)
    },
    **_torch(_LOOP, "torch", ("", "")),
    "pellucid": _ours("Pellucid"),
    "pellucid-fp32": _ours("Pellucid, fp32", "fp32"),
}
