"""Trained models as folders that cannot run code: save, load, verify, describe."""

from pellucid.bundle.image_model import ImageModel
from pellucid.bundle.loading import load, model_folder
from pellucid.bundle.saving import save

__all__ = ["ImageModel", "load", "model_folder", "save"]
