"""Trained models as folders that cannot run code: save, load, verify, describe."""

from pellucid.bundle.feature_model import FeatureModel
from pellucid.bundle.image_model import ImageModel
from pellucid.bundle.loading import load, load_any, model_folder
from pellucid.bundle.saving import save

__all__ = ["FeatureModel", "ImageModel", "load", "load_any", "model_folder", "save"]
