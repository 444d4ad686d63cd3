"""Trained models as folders that cannot run code: save, load, verify, describe.

Names are loaded on first use: held-out answers alone need no PyTorch.
"""

from typing import TYPE_CHECKING

from pellucid.first_use import on_first_use

if TYPE_CHECKING:
    from pellucid.bundle.average_models import AverageMember, AverageModel
    from pellucid.bundle.generator_models import AdversarialModel, AutoencoderModel, Generator
    from pellucid.bundle.held_out import Answers, HeldOut
    from pellucid.bundle.model import Inputs, Model
    from pellucid.bundle.models import ClassicalModel, FeatureModel, ImageModel, TextModel
    from pellucid.bundle.reading import generator_of, load, load_any, load_to_open, model_folder
    from pellucid.bundle.writing import save

__getattr__, __all__ = on_first_use(
    __name__,
    {
        "average_models": "AverageModel AverageMember",
        "generator_models": "AdversarialModel AutoencoderModel Generator",
        "held_out": "Answers HeldOut",
        "reading": "generator_of load load_any load_to_open model_folder",
        "model": "Inputs Model",
        "models": "ClassicalModel FeatureModel ImageModel TextModel",
        "writing": "save",
    },
)
