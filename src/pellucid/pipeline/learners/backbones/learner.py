"""A learner on a backbone, for estimators and comparisons: the best on validation of several models.

Of several that are equally right the one with the smaller log loss is taken: few validation examples leave
many of them equal. Without validation examples it is logistic regression (ridge regression for numbers),
which a backbone's features serve best where there are few of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.arithmetic import log_loss
from pellucid.classical.search import score
from pellucid.pipeline.learners.backbones.available import chosen
from pellucid.pipeline.learners.backbones.frozen import FrozenLearner
from pellucid.pipeline.learners.backbones.tuning import TuningLearner
from pellucid.pipeline.learners.backbones.tuning_plan import is_tuned
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.planning.preparation import Material
from pellucid.pipeline.run.time_budget import UNLIMITED, TimeBudget
from pellucid.settings import Settings


@dataclass(frozen=True)
class BackboneLearner:
    """Models on the features of a pretrained backbone, and the backbone tuned further; hands over the best.

    Attributes:
        settings: what the user asked for; a backbone by name among it.
    """

    settings: Settings

    @property
    def name(self) -> str:
        """The backbone."""
        return str(self.settings.backbone)

    def cost(self, material: Material) -> float:
        """Of the models on the frozen features, and of fine-tuning where that is tried."""
        frozen = self._frozen(material)
        tuning = TuningLearner(frozen).cost(material) if is_tuned(self.settings, frozen.choice) else 0.0
        return frozen.cost(material) + tuning

    def fit(self, material: Material, time: TimeBudget = UNLIMITED) -> Sequence[Candidate]:
        """Train every model on the backbone within the time, and hand over the best on validation.

        The validation split may be empty.

        Raises: `UsageError` if the backbone is not known, not installed, cannot take such inputs, or the time
        is too short for it; `ModelFileError` if its weights are missing, damaged or of another kind;
        `DivergedError` if the loss stopped being finite.
        """
        frozen = self._frozen(material).within(time, material)
        built = frozen.built(material)
        if not len(material.validation):
            return built.candidates[:1]
        found = TuningLearner(frozen, built=built).tuned(material).candidates
        return [max(found, key=lambda each: _reached(each.held_out.answers, material, self.settings))]

    def _frozen(self, material: Material) -> FrozenLearner:
        """The learner on the frozen features of the backbone that was asked for."""
        (choice,) = chosen(self.settings, material)
        return FrozenLearner(choice, self.settings)


def _reached(said: np.ndarray, material: Material, settings: Settings) -> tuple[float, float]:
    """Scores of answers on the validation examples: by the metric, then by log loss; larger is better."""
    labels = material.labels[material.validation]
    target = material.target
    finer = -log_loss(labels, said) if target.has_probabilities else 0.0
    return score(settings.metric, labels, target.columns(said), target), finer
