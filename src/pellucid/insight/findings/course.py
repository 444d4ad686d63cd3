"""Course of a training, as the findings read it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Course:
    """Course of a training.

    Attributes:
        history: one record for each epoch, as in `history.jsonl`.
        chance: share of the largest class among the training examples; 0 where numbers are predicted.
        guessing: train loss of one who knows only how often each class is, or the mean number; 0 if unknown.
        validated: validation examples; 0 if unknown.
        label_issues: labels that may well be wrong.
        examined: labels that were looked at.
        agreed: labels that the models that looked at them would have given themselves.
        label_precision: share of `label_issues` that is expected to be wrong.
        is_pretrained: whether a backbone was trained further, whose layers cannot be chosen.
    """

    history: Sequence[Record]
    chance: float = 0.0
    guessing: float = 0.0
    validated: int = 0
    label_issues: int = 0
    examined: int = 0
    agreed: int = 0
    label_precision: float = 0.0
    is_pretrained: bool = False

    def remedy(self, of_own_layers: str) -> str:
        """The remedy where layers can be chosen, or the one for a backbone that was trained further."""
        if not self.is_pretrained:
            return of_own_layers
        return (
            "Lower the learning rate or train fewer epochs. The layers are those of the backbone; with "
            "--preset quick they stay as they came, and only the models on top of them learn."
        )

    def series(self, key: str) -> list[float]:
        """Number `key` of `history.jsonl` for every epoch; empty where an epoch lacks it."""
        found = [record.get(key) for record in self.history]
        numbers = [float(each) for each in found if each is not None and math.isfinite(each)]
        return numbers if len(numbers) == len(self.history) else []

    @cached_property
    def measured(self) -> list[Record]:
        """Records of the epochs in which the layers were measured."""
        return [record for record in self.history if (record.get("health") or {}).get("weights")]

    def layers(self, key: str) -> dict[str, list[float]]:
        """Number such as `gradient_norm` by layer with weights, one for each measured epoch."""
        return self._by_name("weights", lambda layer: layer[key])

    def epochs(self, key: str) -> list[list[float]]:
        """The same by measured epoch, of the layers that learnt in it, in the network's order."""
        found = [
            [layer[key] for layer in record["health"]["weights"].values() if layer.get(key) is not None]
            for record in self.measured
        ]
        return [epoch for epoch in found if epoch]

    def activations(self, share: str) -> dict[str, list[float]]:
        """Share `dead` or `saturated` by activation that has it, one for each measured epoch."""
        return self._by_name("activations", lambda layer: layer.get(share))

    def _by_name(self, part: str, read: Callable[[Record], float | None]) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for record in self.measured:
            for name, layer in record["health"].get(part, {}).items():
                value = read(layer)
                if value is not None:
                    found.setdefault(name, []).append(value)
        return found

    @property
    def update_ratio(self) -> float | None:
        """Largest update relative to the weights over the epochs, of the layer in the middle by it.

        `None` where the layers were not measured.
        """
        return max((float(median(epoch)) for epoch in self.epochs("update_to_weight")), default=None)

    @property
    def skill(self) -> float | None:
        """Skill of the last epoch, from 0 for knowing nothing to 1 for knowing all; on train or validation.

        Of classes (accuracy - chance) / (1 - chance); of numbers R². The better of the two counts, since
        training is scored on varied inputs while the weights still change.
        """
        if not self.history:
            return None
        last = self.history[-1]
        if "train_accuracy" not in last:
            scores = [1.0 - float(last["train_loss"]), float(last.get("validation_r2", -math.inf))]
            return max(scores)
        accuracy = max(float(last["train_accuracy"]), float(last.get("validation_accuracy", 0.0)))
        return (accuracy - self.chance) / max(1e-9, 1.0 - self.chance)
