"""Who takes part in `training_speed.py`, `text_speed.py` and `vae_speed.py`: each library in its own way.

Images:

    layers          32 32 pool 64 64 pool 128 128 pool, every number a 3x3 convolution without bias,
                    batch norm and ReLU; then one dense layer to the classes
    data            everybody but Pellucid is handed finished, standardised float32 images in
                    memory; Pellucid starts from the stored bytes and standardises in the network

Texts:

    layers          embeddings, then an LSTM over the text in both directions with the maximum and the
                    mean of its states (`rnn`), or convolutions of 3, 4 and 5 words with ReLU and the
                    maximum of each filter (`text-cnn`); then one dense layer to the classes
    data            everybody but Pellucid is handed a finished rectangle of token ids; Pellucid starts
                    from ragged ids and puts texts of similar length together

Both:

    optimiser       Adam at 0.001, each library's own
    loss            softmax cross-entropy
    a round         one epoch through the library's own loop: `Model.fit`, `Learner.fit`,
                    `NeuralNetClassifier.partial_fit`, `pellucid.training.fit`

This file names them and imports none of them.
"""

from dataclasses import dataclass, field

WIDTHS = (32, 32, 64, 64, 128, 128)
"""Channels of the six convolutions; a pool follows every second one."""

EMBEDDING, HIDDEN, FILTERS, KERNELS = 128, 128, 128, (3, 4, 5)
"""Networks of texts: numbers of an embedding, units of the LSTM in each direction, filters of each width."""

VAE_WIDTHS, LATENT = (32, 64), 32
"""Of the autoencoder: channels of the convolutions, numbers that describe an image."""

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


def _keras(backend: str, package: str, policy: str = "float32", module: str = "keras_fit") -> Contestant:
    equal = policy != "float32"
    layout = ", channels last" if module == "keras_fit" else ""
    return Contestant(
        title=f"Keras, {backend}{', ' + policy if equal else ''}",
        module=module,
        packages=("keras", package),
        arithmetic=f"{'bf16' if equal else 'fp32'}{layout}",
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

_KERAS_ON_TEXTS = "keras_on_texts"
TEXT_CONTESTANTS: dict[str, Contestant] = {
    "texts-keras-tensorflow": _keras("tensorflow", "tensorflow-cpu", module=_KERAS_ON_TEXTS),
    "texts-keras-jax": _keras("jax", "jax", module=_KERAS_ON_TEXTS),
    "texts-keras-torch": _keras("torch", "torch", module=_KERAS_ON_TEXTS),
    "texts-pytorch": Contestant("plain PyTorch loop", "plain_loop_on_texts", ("torch",), "fp32", "defaults"),
    "texts-pellucid": Contestant("Pellucid", "pellucid_on_texts", ("pellucid",), "its own choice", "both"),
    "texts-pellucid-fp32": Contestant("Pellucid, fp32", "pellucid_on_texts", ("pellucid",), "fp32", "both"),
    "texts-keras-tensorflow-bf16": _keras("tensorflow", "tensorflow-cpu", "mixed_bfloat16", _KERAS_ON_TEXTS),
    "texts-keras-jax-bf16": _keras("jax", "jax", "mixed_bfloat16", _KERAS_ON_TEXTS),
    "texts-keras-torch-bf16": _keras("torch", "torch", "mixed_bfloat16", _KERAS_ON_TEXTS),
    "texts-pytorch-bf16": Contestant(
        "plain PyTorch loop, bf16", "plain_loop_on_texts", ("torch",), "bf16", "equal"
    ),
}

GENERATOR_CONTESTANTS = {
    "pellucid-vae": Contestant("Pellucid", "pellucid_vae", ("pellucid",), "fp32", "defaults"),
    "keras-vae": _keras("tensorflow", "tensorflow-cpu", module="keras_vae"),
}
