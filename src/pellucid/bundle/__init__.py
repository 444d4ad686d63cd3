"""Trained models as folders that cannot run code: save, load, verify, describe."""

from pellucid.bundle.checks import Inputs
from pellucid.bundle.held_out import HeldOut
from pellucid.bundle.loading import load, load_any, load_to_open, model_folder
from pellucid.bundle.model import Answers, Model
from pellucid.bundle.models.adversarial import AdversarialModel
from pellucid.bundle.models.classical import ClassicalModel
from pellucid.bundle.models.generator import AutoencoderModel, Bound, Generator
from pellucid.bundle.models.on_network import FeatureModel, ImageModel, TextModel
from pellucid.bundle.parts import generator_of
from pellucid.bundle.saving import save

__all__ = [
    "AdversarialModel",
    "Answers",
    "AutoencoderModel",
    "Bound",
    "ClassicalModel",
    "FeatureModel",
    "Generator",
    "HeldOut",
    "ImageModel",
    "Inputs",
    "Model",
    "TextModel",
    "generator_of",
    "load",
    "load_any",
    "load_to_open",
    "model_folder",
    "save",
]
