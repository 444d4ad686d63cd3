"""A learner on a backbone, for estimators, folds and comparisons: the best on validation of several models.

Of several that are equally right the one with the smaller log loss is taken: few validation examples leave
many of them equal. Without validation examples it is logistic regression (ridge regression for numbers),
which a backbone's features serve best where there are few of them.
"""

import time
from dataclasses import dataclass

import numpy as np

from pellucid.arithmetic import log_loss
from pellucid.classical.search import score
from pellucid.networks import Network
from pellucid.pipeline.learners.backbones.available import chosen
from pellucid.pipeline.learners.backbones.building import started
from pellucid.pipeline.learners.backbones.costs import measured
from pellucid.pipeline.learners.backbones.frozen import frozen_candidates
from pellucid.pipeline.learners.backbones.option import Choice
from pellucid.pipeline.learners.backbones.tuning import is_tuned, to_the_end, tuned_candidate
from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.features import Features
from pellucid.pipeline.learners.learner import UNLIMITED, Allowance
from pellucid.pipeline.learners.limits import granted_to, require_time
from pellucid.pipeline.learners.planning.preparation import Material, Prepared, unvaried_model_of
from pellucid.settings import Settings
from pellucid.training.determinism import choose_threads, pinned
from pellucid.training.memory import keep_freed_memory


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

    def fit(self, material: Material, allowance: Allowance = UNLIMITED) -> Candidate:
        """Train every model on the backbone within the allowance, and hand over the best on validation.

        The validation split may be empty.

        Raises: `UsageError` if the backbone is not known, not installed, cannot take such inputs, or the time
        is too short for it; `ModelFileError` if its weights are missing, damaged or of another kind;
        `DivergedError` if the loss stopped being finite.
        """
        settings = self.settings
        choice = _choice(settings, material, allowance)
        network, prepared = started(choice, settings), choice.prepared(material)
        features = _features(network, choice, prepared, material, settings)
        found, _ = frozen_candidates(choice.name, network, prepared, features, material, settings)
        if not len(material.validation):
            return found[0]
        if is_tuned(settings, choice, prepared):
            more = tuned_candidate(found[-1], network, prepared, material, settings, to_the_end)
            found += filter(None, [more.candidate])
        return max(found, key=lambda each: _reached(each.held_out.answers, material, settings))


def _choice(settings: Settings, material: Material, allowance: Allowance) -> Choice:
    """The backbone that was asked for, with as many examples as fit into the time."""
    (choice,) = chosen(settings, material)
    if allowance.deadline is None:
        return choice
    cost = measured(choice, material, settings)
    seconds = allowance.deadline - time.monotonic()
    require_time(choice, cost, seconds)
    found = granted_to(choice, cost, seconds, material, settings)
    assert found is not None  # one for which there is time gets a part at least
    return found


def _features(
    network: Network, choice: Choice, prepared: Prepared, material: Material, settings: Settings
) -> Features:
    """Features of the training and validation examples."""
    model = unvaried_model_of(network, prepared, material.classes)
    positions = np.union1d(choice.train, material.validation)
    keep_freed_memory()
    with pinned(choose_threads(settings)):
        return Features(model.transform(material.inputs[positions]), positions)


def _reached(said: np.ndarray, material: Material, settings: Settings) -> tuple[float, float]:
    """Scores of answers on the validation examples: by the metric, then by log loss; larger is better."""
    labels = material.labels[material.validation]
    target = material.target
    finer = -log_loss(labels, said) if target.has_probabilities else 0.0
    return score(settings.metric, labels, target.columns(said), target), finer
