"""Trained models as folders that cannot run code: save, load, verify, describe."""

from pellucid.bundle.held_out import HeldOut
from pellucid.bundle.loading import load, load_any, model_folder
from pellucid.bundle.model import Inputs, Model
from pellucid.bundle.models.classical import ClassicalModel
from pellucid.bundle.models.feature import FeatureModel
from pellucid.bundle.models.image import ImageModel
from pellucid.bundle.models.text import TextModel
from pellucid.bundle.models.with_novelty import Answers
from pellucid.bundle.saving import save

__all__ = [
    "Answers",
    "ClassicalModel",
    "FeatureModel",
    "HeldOut",
    "ImageModel",
    "Inputs",
    "Model",
    "TextModel",
    "load",
    "load_any",
    "model_folder",
    "save",
]
