"""Who takes part in `training_speed.py`: one and the same network, trained the way each library trains.

    layers          32 32 pool 64 64 pool 128 128 pool, every number a 3x3 convolution without bias,
                    batch norm and ReLU; then one dense layer to the classes
    optimiser       Adam at 0.001, each library's own
    loss            softmax cross-entropy
    data            everybody but Pellucid is handed finished, standardised float32 pictures in
                    memory; Pellucid starts from the stored bytes and standardises in the network
    a round         one epoch through the library's own loop: `Model.fit`, `Learner.fit`,
                    `NeuralNetClassifier.partial_fit`, `pellucid.training.fit`

This file names them and imports none of them.
"""

from dataclasses import dataclass, field

WIDTHS = (32, 32, 64, 64, 128, 128)
"""Channels of the six convolutions; a pool follows every second one."""

LEARNING_RATE = 0.001


@dataclass(frozen=True)
class Contestant:
    """One row of the table.

    Attributes:
        title: what people read.
        module: module of this package that builds it with `build(name, data)`.
        packages: what it needs, as pip knows it.
        arithmetic: precision and memory layout.
        table: `defaults` or `equal` (precision and layout equal to Pellucid's).
        environment: variables it starts with.
    """

    title: str
    module: str
    packages: tuple[str, ...]
    arithmetic: str
    table: str
    environment: dict[str, str] = field(default_factory=dict)


def _keras(backend: str, package: str, policy: str = "float32") -> Contestant:
    equal = policy != "float32"
    return Contestant(
        title=f"Keras, {backend}{', ' + policy if equal else ''}",
        module="keras_fit",
        packages=("keras", package),
        arithmetic=f"{'bf16' if equal else 'fp32'}, channels last",
        table="equal" if equal else "defaults",
        environment={"KERAS_BACKEND": backend, "BENCHMARK_POLICY": policy},
    )


_FP32, _BF16 = "fp32, contiguous", "bf16, channels last"

CONTESTANTS: dict[str, Contestant] = {
    "keras-tensorflow": _keras("tensorflow", "tensorflow-cpu"),
    "keras-jax": _keras("jax", "jax"),
    "keras-torch": _keras("torch", "torch"),
    "fastai": Contestant("fastai", "fastai_fit", ("fastai",), _FP32, "defaults"),
    "skorch": Contestant("skorch", "skorch_fit", ("skorch",), _FP32, "defaults"),
    "pytorch": Contestant("plain PyTorch loop", "plain_loop", ("torch",), _FP32, "defaults"),
    "pellucid": Contestant("Pellucid", "pellucid_loop", ("pellucid",), "its own choice", "both"),
    "pellucid-augmented": Contestant(
        "Pellucid, with augmentation", "pellucid_loop", ("pellucid",), "its own choice", "both"
    ),
    "keras-tensorflow-bf16": _keras("tensorflow", "tensorflow-cpu", "mixed_bfloat16"),
    "keras-torch-bf16": _keras("torch", "torch", "mixed_bfloat16"),
    "fastai-bf16": Contestant("fastai, bf16", "fastai_fit", ("fastai",), _BF16, "equal"),
    "skorch-bf16": Contestant("skorch, bf16", "skorch_fit", ("skorch",), _BF16, "equal"),
    "pytorch-bf16": Contestant("plain PyTorch loop, bf16", "plain_loop", ("torch",), _BF16, "equal"),
}
