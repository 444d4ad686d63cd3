"""Trained models as folders that cannot run code: save, load, verify, describe.

Names are loaded on first use: held-out answers alone need no PyTorch.
"""

from typing import TYPE_CHECKING

from pellucid.first_use import on_first_use

if TYPE_CHECKING:
    from pellucid.bundle.checks import Inputs
    from pellucid.bundle.held_out import Answers, HeldOut
    from pellucid.bundle.loading import load, load_any, load_to_open, model_folder
    from pellucid.bundle.model import Model
    from pellucid.bundle.models.adversarial import AdversarialModel
    from pellucid.bundle.models.average import AverageModel, Member
    from pellucid.bundle.models.classical import ClassicalModel
    from pellucid.bundle.models.generator import AutoencoderModel, Bound, Generator
    from pellucid.bundle.models.on_network import FeatureModel, ImageModel, TextModel
    from pellucid.bundle.parts import generator_of
    from pellucid.bundle.saving import save

__all__ = [
    "AdversarialModel",
    "Answers",
    "AutoencoderModel",
    "AverageModel",
    "Bound",
    "ClassicalModel",
    "FeatureModel",
    "Generator",
    "HeldOut",
    "ImageModel",
    "Inputs",
    "Member",
    "Model",
    "TextModel",
    "generator_of",
    "load",
    "load_any",
    "load_to_open",
    "model_folder",
    "save",
]

__getattr__ = on_first_use(
    __name__,
    {
        "AdversarialModel": "pellucid.bundle.models.adversarial",
        "Answers": "pellucid.bundle.held_out",
        "AutoencoderModel": "pellucid.bundle.models.generator",
        "AverageModel": "pellucid.bundle.models.average",
        "Bound": "pellucid.bundle.models.generator",
        "ClassicalModel": "pellucid.bundle.models.classical",
        "FeatureModel": "pellucid.bundle.models.on_network",
        "Generator": "pellucid.bundle.models.generator",
        "HeldOut": "pellucid.bundle.held_out",
        "ImageModel": "pellucid.bundle.models.on_network",
        "Inputs": "pellucid.bundle.checks",
        "Member": "pellucid.bundle.models.average",
        "Model": "pellucid.bundle.model",
        "TextModel": "pellucid.bundle.models.on_network",
        "generator_of": "pellucid.bundle.parts",
        "load": "pellucid.bundle.loading",
        "load_any": "pellucid.bundle.loading",
        "load_to_open": "pellucid.bundle.loading",
        "model_folder": "pellucid.bundle.loading",
        "save": "pellucid.bundle.saving",
    },
)
