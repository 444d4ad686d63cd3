"""Courses of a training as findings read them, and the faults of adversarial training."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

from pellucid.arithmetic.rounding import percent
from pellucid.language.sentence import Sentence

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Course:
    """Course of a training, and what the check of its labels found.

    Attributes:
        history: one record for each epoch, as in `history.jsonl`.
        chance: share of the largest class among the training examples; 0 where numbers are predicted.
        guessing: train loss of one who knows only how often each class or label is, or the mean number; 0 if
            unknown.
        validated: validation examples; 0 if unknown.
        label_issues: labels that may well be wrong.
        examined: labels that were judged.
        agreed: of these the ones that the judging models would have given themselves.
        label_precision: share of `label_issues` that is expected to be wrong.
        is_pretrained: whether a backbone was trained further, whose layers cannot be chosen.
        has_even_updates: whether the lengths of updates follow from the learning rate alone, as with Muon.
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
    has_even_updates: bool = False

    @property
    def has_several_labels(self) -> bool:
        """True where an example may have several labels, which are right together or not."""
        return "train_subset_accuracy" in (self.history[-1] if self.history else {})

    @property
    def untrained(self) -> float:
        """Train loss that training begins with: guessing, or one half for each of several labels."""
        return math.log(2) if self.has_several_labels else self.guessing

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

    def right(self, part: str) -> list[float]:
        """Share of `train` or `validation` examples answered right, by epoch; of labels, those all right."""
        return self.series(f"{part}_{'subset_accuracy' if self.has_several_labels else 'accuracy'}")

    @cached_property
    def measured(self) -> list[Record]:
        """Records of the epochs in which the layers were measured."""
        return [record for record in self.history if (record.get("health") or {}).get("weights")]

    def layers(self, key: str) -> dict[str, list[float]]:
        """Number such as `gradient_norm` by layer with weights, one for each measured epoch."""
        return self._by_name("weights", key)

    def epochs(self, key: str) -> list[list[float]]:
        """The same by measured epoch, of the layers that learnt in it, in the network's order."""
        found = [
            [layer[key] for layer in record["health"]["weights"].values() if layer.get(key) is not None]
            for record in self.measured
        ]
        return [epoch for epoch in found if epoch]

    def activations(self, share: str) -> dict[str, list[float]]:
        """Share `dead` or `saturated` by activation that has it, one for each measured epoch."""
        return self._by_name("activations", share)

    def _by_name(self, part: str, key: str) -> dict[str, list[float]]:
        found: dict[str, list[float]] = {}
        for record in self.measured:
            for name, layer in record["health"].get(part, {}).items():
                if layer.get(key) is not None:
                    found.setdefault(name, []).append(layer[key])
        return found

    @property
    def update_ratio(self) -> float | None:
        """Largest update relative to the weights over the epochs, of the layer in the middle by it.

        `None` where the layers were not measured, or the lengths of updates are evidence of nothing.
        """
        if self.has_even_updates:
            return None
        return max((float(median(epoch)) for epoch in self.epochs("update_to_weight")), default=None)

    @property
    def skill(self) -> float | None:
        """Skill of the last epoch, from 0 for knowing nothing to 1 for knowing all; on train or validation.

        Of classes (accuracy - chance) / (1 - chance); of numbers R². The better of the two counts, since
        training is scored on varied inputs while the weights still change. Of several labels the best of
        what is below their micro-F1 on train: examples all right, micro-F1 on validation, and R² by loss.
        """
        if not self.history:
            return None
        last = self.history[-1]
        if self.has_several_labels:
            by_loss = 1.0 - float(last["train_loss"]) / self.guessing if self.guessing > 0 else 0.0
            micro_f1 = float(last.get("validation_micro_f1", 0.0))
            return max(float(last["train_subset_accuracy"]), micro_f1, by_loss)
        if "train_accuracy" not in last:
            scores = [1.0 - float(last["train_loss"]), float(last.get("validation_r2", -math.inf))]
            return max(scores)
        accuracy = max(float(last["train_accuracy"]), float(last.get("validation_accuracy", 0.0)))
        return (accuracy - self.chance) / max(1e-9, 1.0 - self.chance)


@dataclass(frozen=True)
class Finding:
    """Fault of a training, in words and numbers.

    `name`: such as `dead-units`, stays the same; `sentence`: what went wrong, in words; `evidence`: what was
    measured, in words and numbers; `remedy`: what to do about it; `method`: how it is found, with the
    threshold and where that comes from; `numbers`: what was measured, by name.
    """

    name: str
    sentence: str
    evidence: str
    remedy: str
    method: str
    numbers: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Entry of `findings` in `metrics.json`."""
        return dataclasses.asdict(self)


# Faults of adversarial training: a generator that makes few kinds of images, a discriminator that wins.

# Coverage relative to that of real images below which kinds are missing.
FEW_KINDS = 0.5

# Share of images classified correctly from which on the discriminator teaches its generator next to nothing.
WINNING = 0.95

_LAST = 4  # the last quarter of the epochs


@dataclass(frozen=True)
class AdversarialCourse:
    """Course of an adversarial training, and what came of it.

    `told_apart`: share of real and made images that the discriminator classified correctly, by epoch;
    `generator_losses`: mean loss of the generator, likewise; `coverage`: share of held-out images that have a
    made one near, `None` if it was not measured; `real_coverage`: the same of as many real images.
    """

    told_apart: Sequence[float]
    generator_losses: Sequence[float]
    coverage: float | None = None
    real_coverage: float | None = None


def find_adversarial(course: AdversarialCourse) -> list[Finding]:
    """Faults of an adversarial training; none where it was sound."""
    looks = (discriminator_winning, collapse)
    return [finding for look in looks if (finding := look(course)) is not None]


def discriminator_winning(course: AdversarialCourse) -> Finding | None:
    """A discriminator that is right about nearly every image of the last quarter of the epochs."""
    last = course.told_apart[-max(1, len(course.told_apart) // _LAST) :]
    mean = sum(last) / len(last) if last else 0.0
    if mean < WINNING:
        return None
    return Finding(
        "discriminator-winning",
        "The discriminator won: the generator learned little from it in the end.",
        Sentence(
            "In the last {word} it classified {mean} of the real and the generated images correctly.",
            "epoch" if len(last) == 1 else Sentence("{last} epochs", len(last)),
            percent(mean),
        ),
        "Train with a lower learning rate or on more images, or take vae, which has no discriminator.",
        Sentence(
            "Found where the mean over the last quarter of the epochs is {WINNING} or more. Half is "
            "what guessing reaches; in sound trainings of ours it is right about 60 to 90 % of the "
            "images.",
            percent(WINNING),
        ),
        {"told_apart": mean, "generator_loss": course.generator_losses[-1]},
    )


def collapse(course: AdversarialCourse) -> Finding | None:
    """A generator whose images cover much less of the held-out ones than as many real images do."""
    if course.coverage is None or not course.real_coverage:
        return None
    share = course.coverage / course.real_coverage
    if share >= FEW_KINDS:
        return None
    return Finding(
        "mode-collapse",
        "The generator makes only some of the kinds of images that there are.",
        Sentence(
            "Its images come near {coverage} of the held-out images, where as many real ones "
            "come near {real_coverage}.",
            percent(course.coverage),
            percent(course.real_coverage),
        ),
        "Train longer or with another seed; lower the learning rate; or take vae, which must account for "
        "every training image.",
        Sentence(
            "Found where the coverage is below {FEW_KINDS} of that of real images. Coverage is the "
            "share of held-out images that have a made one nearer than their fifth held-out "
            "neighbour (Naeem et "
            "al. 2020).",
            percent(FEW_KINDS),
        ),
        {"coverage": course.coverage, "real_coverage": course.real_coverage},
    )
