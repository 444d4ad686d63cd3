"""What models of each target have of their own in a folder: kind, held-out answers, words of the card."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pellucid.data.wording import with_article
from pellucid.input_kinds import IMAGES, TEXTS, VALUES, InputKind
from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence
from pellucid.targets import (
    CLASSIFICATION,
    GENERATION,
    MULTILABEL,
    ORDERED,
    PRESENT,
    REGRESSION,
    UNKNOWN,
    Target,
)
from pellucid.targets.ordered import FEWEST_CLASSES
from pellucid.targets.several import EVEN

if TYPE_CHECKING:
    from pellucid.bundle.model import Model  # held-out answers need no PyTorch

# What a model answers of which that is not stated.
USUAL = CLASSIFICATION

_MOST = 1 << 62
_SUM_TOLERANCE = 1e-3


def _check_codes(labels: np.ndarray, said: np.ndarray, classes: int) -> None:
    if ((labels < 0) | (labels >= classes)).any():
        raise ValueError("held_out: a label is none of the classes")
    if (said < 0).any() or (np.abs(said.sum(axis=1, dtype=np.float64) - 1) > _SUM_TOLERANCE).any():
        raise ValueError("held_out: probabilities are negative, or do not add up to 1")


def _check_states(labels: np.ndarray, said: np.ndarray, classes: int) -> None:
    if ((labels < UNKNOWN) | (labels > PRESENT)).any() or ((said < 0) | (said > 1)).any():
        raise ValueError("held_out: a state of a label, or a probability, is none")


def _check_nothing(labels: np.ndarray, said: np.ndarray, classes: int) -> None:
    """Any numbers will do."""


def _probabilities(model: "Model") -> dict[str, str]:
    calibration = (
        "none: probabilities are as the model gives them (temperature 1)"
        if model.temperature == 1
        else Sentence("temperature {temperature:.3g}, fitted on validation examples", model.temperature)
    )
    output = Sentence("a probability for each of {classes} {nouns}", len(model.classes), model.target.nouns)
    return {"output": output, "calibration": calibration}


def _several(model: "Model") -> dict[str, str]:
    found = _probabilities(model)
    return found | {"output": found["output"] + ", any number of which may apply"}


def _ordered(model: "Model") -> dict[str, str]:
    found = _probabilities(model)
    return found | {"output": found["output"] + ", from the lowest to the highest"}


def _number(model: "Model") -> dict[str, str]:
    return {"output": "one number, in the unit of the training labels"}


def _spread_of_numbers(model: "Model") -> tuple[str, str]:
    answer = "The answer is one number for each input, in the unit of the training labels."
    network = getattr(model, "network", None)
    if network is None or network.rescale is None:
        return "Numbers", translated(answer)
    mean, std = float(network.rescale.mean), float(network.rescale.std)
    doubt = Sentence(
        "Those had the mean {mean:.4g} and the standard deviation {std:.3g}; an answer far outside "
        "deserves doubt.",
        mean,
        std,
    )
    return "Numbers", translated(Sentence("{answer} {doubt}", answer, doubt))


def _no_labels(model: "Model") -> tuple[str, str]:
    return "Classes", translated("None: the training images had no labels.")


@dataclass(frozen=True, kw_only=True)
class InFolder:
    """What a folder of a model of a target has of its own."""

    kind: str  # last word of the kind of model in `model.json`
    inputs: tuple[InputKind, ...] = (IMAGES, VALUES, TEXTS)  # that networks of it take
    classes: range  # how many names of classes or labels there may be
    labels: str  # type of labels of held-out answers, as a file has them
    answers: str = "float32"  # and of the answers
    stated: Mapping[str, Any] = field(default_factory=dict)  # of held-out answers beside what all state
    check: Callable[[np.ndarray, np.ndarray, int], None]  # refuses labels and answers of so many classes
    # what an average has as its members have it
    shared: tuple[str, ...] = ("preprocessing", "classes", "joined_columns", "dialect", "ignored", "renamed")
    # words of the card: the model, its output, its section where it has no names, and what follows a name
    words: Callable[[InputKind], str]
    output: Callable[[Any], dict[str, str]] = lambda model: {}  # generators have more to say
    section: Callable[[Any], tuple[str, str]] = _no_labels
    behind: Callable[[Any, str], str] = lambda model, name: ""


IN_FOLDERS: dict[Target, InFolder] = {
    CLASSIFICATION: InFolder(
        kind="classifier",
        classes=range(2, _MOST),
        labels="int32",
        check=_check_codes,
        shared=(*InFolder.shared, "threshold"),
        words=lambda inputs: inputs.classifier,
        output=_probabilities,
    ),
    REGRESSION: InFolder(
        kind="regressor",
        classes=range(1),
        labels="float64",
        answers="float64",
        check=_check_nothing,
        shared=(*InFolder.shared, "threshold"),
        words=lambda inputs: Sentence(
            "A model that predicts a number from {noun},", with_article(inputs.noun)
        ),
        output=_number,
        section=_spread_of_numbers,
    ),
    MULTILABEL: InFolder(
        kind="multilabel-classifier",
        classes=range(_MOST),
        labels="int8",
        stated={"several": True},
        check=_check_states,  # an average's own thresholds fit its own answers
        words=lambda inputs: inputs.classifier + " of several labels,",
        output=_several,
        behind=lambda model, name: translated(
            Sentence(", answered from {name:.2g} on", model.threshold.get(name, EVEN))
        ),
    ),
    ORDERED: InFolder(
        kind="ordinal-classifier",
        classes=range(FEWEST_CLASSES, _MOST),
        labels="int32",
        check=_check_codes,
        words=lambda inputs: inputs.classifier + " of ordered classes,",
        output=_ordered,
    ),
    GENERATION: InFolder(
        kind="generator",
        inputs=(IMAGES,),
        classes=range(_MOST),
        labels="float64",
        answers="float64",
        check=_check_nothing,
        words=lambda inputs: "A network that makes images,",
    ),
}
