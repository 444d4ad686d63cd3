"""Trained models as folders that cannot run code: save, load, verify, describe."""

from pellucid.bundle.classical_model import ClassicalModel
from pellucid.bundle.feature_model import FeatureModel
from pellucid.bundle.image_model import ImageModel
from pellucid.bundle.loading import load, load_any, model_folder
from pellucid.bundle.model import Inputs, Model
from pellucid.bundle.saving import save
from pellucid.bundle.text_model import TextModel
from pellucid.bundle.watched import Answers

__all__ = [
    "Answers",
    "ClassicalModel",
    "FeatureModel",
    "ImageModel",
    "Inputs",
    "Model",
    "TextModel",
    "load",
    "load_any",
    "model_folder",
    "save",
]
