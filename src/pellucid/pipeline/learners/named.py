"""The learner that settings name, for whoever wants one model and nothing beside it."""

from pellucid.networks.architectures.rnn import cell_of
from pellucid.pipeline.learners.backbones.learner import BackboneLearner
from pellucid.pipeline.learners.classical import ClassicalLearner
from pellucid.pipeline.learners.learner import Learner
from pellucid.pipeline.learners.network import NetworkLearner
from pellucid.pipeline.learners.planning.precision import require_precision
from pellucid.pipeline.learners.planning.preparation import Material
from pellucid.pipeline.learners.planning.refusals import (
    require_fitting_inputs,
    require_fitting_model,
    require_known_classes,
    require_prediction,
)
from pellucid.settings import CLASSICAL, Settings


def learner_of(settings: Settings, material: Material) -> Learner:
    """The learner that settings name, which fits that model alone.

    Raises: `UsageError` if a setting contradicts the data or the model.
    """
    require_prediction(settings)
    require_fitting_model(settings, material.target)
    require_known_classes(settings, material.classes, "y")
    if settings.model in CLASSICAL:
        require_fitting_inputs(settings, material.takes)
        return ClassicalLearner(settings.model, settings)
    require_precision(settings, cell_of(settings))
    if settings.builds_on_backbone:
        return BackboneLearner(settings)
    return NetworkLearner(settings)
