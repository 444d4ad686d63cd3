"""A learner on a backbone, for estimators and comparisons: the best on validation of several models.

Of several that are equally right the one with the smaller log loss is taken: few validation examples leave
many of them equal. Without validation examples it is logistic regression (ridge regression for numbers),
which a backbone's features serve best where there are few of them.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pellucid.arithmetic import log_loss
from pellucid.classical.search import score
from pellucid.pipeline.learners.backbones.available import chosen
from pellucid.pipeline.learners.backbones.costs import measured
from pellucid.pipeline.learners.backbones.frozen import FrozenLearner
from pellucid.pipeline.learners.backbones.option import Choice
from pellucid.pipeline.learners.backbones.tuning import TuningLearner, is_tuned
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.learner import UNLIMITED, Allowance
from pellucid.pipeline.learners.planning.preparation import Material
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
        frozen = FrozenLearner(_choice(self.settings, material, UNLIMITED), self.settings)
        tuning = TuningLearner(frozen).cost(material) if is_tuned(self.settings, frozen.choice) else 0.0
        return frozen.cost(material) + tuning

    def fit(self, material: Material, allowance: Allowance = UNLIMITED) -> Sequence[Candidate]:
        """Train every model on the backbone within the allowance, and hand over the best on validation.

        The validation split may be empty.

        Raises: `UsageError` if the backbone is not known, not installed, cannot take such inputs, or the time
        is too short for it; `ModelFileError` if its weights are missing, damaged or of another kind;
        `DivergedError` if the loss stopped being finite.
        """
        frozen = FrozenLearner(_choice(self.settings, material, allowance), self.settings)
        built = frozen.built(material)
        if not len(material.validation):
            return built.candidates[:1]
        if is_tuned(self.settings, built.choice):
            built = TuningLearner(frozen, built=built).tuned(material)
        best = max(
            built.candidates, key=lambda each: _reached(each.held_out.answers, material, self.settings)
        )
        return [best]


def _choice(settings: Settings, material: Material, allowance: Allowance) -> Choice:
    """The backbone that was asked for, with as many examples as fit into the time."""
    (choice,) = chosen(settings, material)
    if allowance.deadline is None:
        return choice
    whole = measured(choice, material, settings)
    seconds = allowance.deadline - time.monotonic()
    whole.require(seconds)
    found = whole.within(seconds)
    assert found is not None  # one for which there is time gets a part at least
    return found


def _reached(said: np.ndarray, material: Material, settings: Settings) -> tuple[float, float]:
    """Scores of answers on the validation examples: by the metric, then by log loss; larger is better."""
    labels = material.labels[material.validation]
    rows = said[:, None] if material.is_regression else said
    finer = 0.0 if material.is_regression else -log_loss(labels, rows)
    return score(settings.metric, labels, rows, material.target), finer
