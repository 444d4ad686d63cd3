"""Trained models as folders that cannot run code: save, load, verify, describe."""

from pellucid.bundle.classical_model import ClassicalModel
from pellucid.bundle.feature_model import FeatureModel
from pellucid.bundle.image_model import ImageModel
from pellucid.bundle.loading import load, load_any, model_folder
from pellucid.bundle.model import Model, PictureModel
from pellucid.bundle.saving import save

__all__ = [
    "ClassicalModel",
    "FeatureModel",
    "ImageModel",
    "Model",
    "PictureModel",
    "load",
    "load_any",
    "model_folder",
    "save",
]
