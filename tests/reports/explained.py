"""Explanations of small trained models, for tests of the page."""

import functools

import numpy as np
import torch

from every_model import CLASSICAL, ON_NETWORK, inputs_of
from generators import trained_generator
from insight.backbones import drawn, photograph
from insight.small_networks import model
from pellucid.bundle import AutoencoderModel, ImageModel
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.input_kinds import TEXTS
from pellucid.insight.explaining import explain_model
from pellucid.insight.explanation import Explanation, Like
from pellucid.networks import InputFacts, build, design
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from small_models import digits
from text_models import texts

HOSTILE = (
    "<script>document.title = 'owned'</script> & \"it\" \u202egnp </style><img src=/stolen onerror=1> zero"
)


BACKBONE = "backbone"
"""A small MobileNet of timm, whose numbers all fit into a page; it has the layers of EfficientNet-Lite."""


AUTOENCODERS = ("vae", "vae-without-classes")
"""Autoencoders of digits that know their classes, or not."""

GENERATORS = (*AUTOENCODERS, "gan")
"""All networks that make images, of digits."""


@functools.cache
def explained(name: str, text: str | None = None) -> Explanation:
    """The explanation of one digit, or of one text; of the backbone, of a photograph."""
    if name == BACKBONE:
        return explain_model(drawn("mobilenetv2_035", (32, 32)), photograph())
    if name == "gan":
        return explain_model(trained_generator(2, model="gan"), digits()[0][700:701])
    if name in GENERATORS:
        return explain_model(trained_generator(is_labelled=name == "vae"), digits()[0][700:701])
    made = model(name)
    if made.input_kind is TEXTS:
        return explain_model(made, [texts()[300] if text is None else text])
    return explain_model(made, digits()[0][300:301])


@functools.cache
def explained_classical(name: str) -> Explanation:
    """The explanation of a classical model, or of one on a network."""
    made = {**CLASSICAL, **ON_NETWORK}[name]()
    return explain_model(made, inputs_of(made, 1))


@functools.cache
def explained_large() -> Explanation:
    """A network of photographs whose numbers are more than a small budget holds."""
    network = build(design("cnn", Settings(model="cnn", width=16), InputFacts((3, 48, 48), 2, 5000)))
    image = np.random.default_rng(0).integers(0, 256, (48, 48, 3)).astype(np.uint8)
    network.initialise_from_data(torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32)))
    return explain_model(
        ImageModel(network, Preprocessing(48, 48, 3), ("a", "b"), CLASSIFICATION), image[None]
    )


@functools.cache
def explained_large_generator() -> Explanation:
    """An autoencoder of colour images whose numbers are more than a small budget holds."""
    network = build(design("vae", Settings(model="vae"), InputFacts((3, 32, 32), 2, 400)))
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    network.initialise_from_data(torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32)))
    return explain_model(AutoencoderModel(network, Preprocessing(32, 32, 3), ("a", "b")), image[None])


@functools.cache
def explained_wide() -> Explanation:
    """A network of nearly a million parameters."""
    network = build(design("mlp", Settings(model="mlp", width=290), InputFacts((3, 32, 32), 4, 5000)))
    image = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    network.initialise_from_data(torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32)))
    network.eval()
    return explain_model(
        ImageModel(network, Preprocessing(32, 32, 3), tuple("abcd"), CLASSIFICATION), image[None]
    )


def likes() -> list[Like]:
    """Training examples of both kinds."""
    return [
        Like("a.png", HOSTILE, 0.25, digits()[0][3]),
        Like("b.png", "digit 4", 0.5, np.zeros((8, 8, 3), np.uint8)),
    ]
