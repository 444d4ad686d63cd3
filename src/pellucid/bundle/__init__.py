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
    from pellucid.bundle.models.generator import AutoencoderModel, Generator
    from pellucid.bundle.models.on_network import FeatureModel, ImageModel, TextModel
    from pellucid.bundle.parts import generator_of
    from pellucid.bundle.saving import save

__getattr__, __all__ = on_first_use(
    __name__,
    {
        "checks": "Inputs",
        "held_out": "Answers HeldOut",
        "loading": "load load_any load_to_open model_folder",
        "model": "Model",
        "models.adversarial": "AdversarialModel",
        "models.average": "AverageModel Member",
        "models.classical": "ClassicalModel",
        "models.generator": "AutoencoderModel Generator",
        "models.on_network": "FeatureModel ImageModel TextModel",
        "parts": "generator_of",
        "saving": "save",
    },
)
