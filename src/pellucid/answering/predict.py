"""Label new images or texts with a trained model."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pellucid.answering.answers import Answer, answers_to, check_ending
from pellucid.answering.deciding import Decided, Decider, Wishes
from pellucid.answering.incoming import Block, Incoming, first_few, incoming
from pellucid.answering.naming import model_of
from pellucid.bundle import Answers, Model, load
from pellucid.errors import UsageError
from pellucid.evaluation import Drift, Gathering
from pellucid.settings import DUMMIES, Settings
from pellucid.strict import MOST_BYTES, read_json
from pellucid.tasks import CLASSIFICATION, REGRESSION

_Said = tuple[str | float, float | None, tuple[float, ...]]
"""Class or number, probability of the class, and probabilities of all classes."""

_PLACES = 6
_NOTHING = Wishes()


class Predicted(NamedTuple):
    """Outcome of labelling.

    Attributes:
        model: what answered: the name that its run gives it, or what it says of itself.
        noun: what one input is: `image` or `text`.
        labelled: those that got a label or a number.
        unreadable: those that could not be read, each with a row that says why.
        novelty: those that are unlike the training data; `None` where the model cannot tell.
        expected: the share of inputs like the training data that counts as unlike it all the same.
        drift: how the whole set differs from the validation examples; `None` where the model cannot
            tell, or the inputs are too few.
        abstained: those that are not answered; `None` where no promise was asked for.
        warnings: sentences for the user.
    """

    model: str
    noun: str
    labelled: int
    unreadable: int
    novelty: int | None
    expected: float
    drift: Drift | None
    abstained: int | None
    warnings: tuple[str, ...]


def predict(
    run: str | Path,
    inputs: Sequence[str],
    out: Path | None,
    settings: Settings,
    *,
    with_probabilities: bool = False,
    wishes: Wishes = _NOTHING,
    announce: Callable[[str], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Predicted:
    """Label images or texts and write one row for each, in their order.

    Images are decoded and labelled block by block, so memory does not grow with their number.
    An input that cannot be read gets a row with the reason, and the work goes on.

    Args:
        run: a run or a model folder of images or texts, neural or classical, of classes or numbers.
        inputs: files, folders or tables.
        out: a `.csv`, `.jsonl` or `.parquet` file to replace; `None` writes CSV to standard output.
        settings: column of the inputs and encoding of tables.
        with_probabilities: whether each class gets a column.
        wishes: whether it may abstain, what wrong answers cost, and whether there are prediction sets.
        announce: told beforehand, in sentences, what is promised.
        progress: told the inputs done and the inputs in all.

    Returns:
        How many were labelled, how many could not be read, and what is unlike the training data.

    Raises:
        UsageError: `out` has another ending, probabilities of numbers are asked for, or a wish cannot be met.
        DataError: an input does not exist or holds nothing that the model takes.
        ModelFileError: the model is damaged or unsafe.
        StorageError: `out` cannot be written; a former file is then intact.
    """
    check_ending(out)
    model = load(run)
    name = model_of(run).name or model.name
    asked = incoming(model, inputs, settings)
    if with_probabilities and not model.target.has_probabilities:
        raise UsageError(f"--probabilities: {run} predicts numbers, which have none; leave it out")
    decider = Decider(model, wishes, str(run))
    if announce is not None:
        for sentence in decider.announcement():
            announce(sentence)
    gathering = None if model.detector is None else Gathering(model.detector, model.classes)
    tally, warnings = _labelled(decider, asked, out, gathering, with_probabilities, progress)
    noun = model.input_kind.noun
    told = (*asked.warnings, *first_few(warnings, noun), *_same_for_all(Path(run), noun))
    return _predicted(name, decider, gathering, tally, told)


@dataclass
class _Tally:
    """Inputs that got a label, those that could not be read, and those that are not answered."""

    labelled: int = 0
    unreadable: int = 0
    abstained: int = 0


def _labelled(
    decider: Decider,
    asked: Incoming,
    out: Path | None,
    gathering: Gathering | None,
    with_probabilities: bool,
    progress: Callable[[int, int], None] | None,
) -> tuple[_Tally, list[str]]:
    """Write a row for each input; what became of them, and what is to be warned of."""
    model, done, tally = decider.model, 0, _Tally()
    warnings: list[str] = []
    names = iter(asked.names)
    classes = model.classes if with_probabilities else ()
    are_numbers = not model.target.has_probabilities
    with answers_to(out, classes, decider.columns, are_numbers=are_numbers) as write:
        for block in asked.blocks:
            said = model.answer(block.inputs)
            if gathering is not None and said.novelty is not None:
                gathering.add(said.novelty, said.said)
            decided = decider.decide(*said)
            answers = _answers(names, block, decider, said, decided, with_probabilities)
            write(answers)
            warnings += block.warnings
            done += len(answers)
            unreadable = sum(answer.label is None for answer in answers)
            tally.unreadable += unreadable
            tally.labelled += len(answers) - unreadable
            tally.abstained += 0 if decided.abstained is None else int(decided.abstained.sum())
            if progress is not None:
                progress(done, len(asked.names))
    return tally, warnings


def _predicted(
    name: str, decider: Decider, gathering: Gathering | None, tally: _Tally, warnings: tuple[str, ...]
) -> Predicted:
    """Outcome of labelling by a model of that name, and what the inputs look like as a whole."""
    model = decider.model
    noun = model.input_kind.noun
    drift = None if gathering is None else gathering.drift(noun)
    return Predicted(
        model=name,
        noun=noun,
        labelled=tally.labelled,
        unreadable=tally.unreadable,
        novelty=None if gathering is None else gathering.alarms,
        expected=0.0 if model.detector is None else model.detector.rate,
        drift=drift,
        abstained=None if decider.promise is None else tally.abstained,
        warnings=(*warnings, *(_voided(decider) if drift is not None and drift.is_real else ())),
    )


def _voided(decider: Decider) -> tuple[str, ...]:
    """A warning where these inputs have drifted from those that a promise speaks of."""
    if decider.promise is None and decider.coverage is None:
        return ()
    return ("warning: these inputs have drifted, so what was promised need not hold for them",)


def _same_for_all(run: Path, noun: str) -> tuple[str, ...]:
    """A warning where a run recommends a model that looks at nothing."""
    try:
        recommended = read_json(run / "metrics.json", MOST_BYTES)["recommended"]
    except (OSError, ValueError, KeyError, TypeError):
        return ()  # a model folder, or a run that was left before its end
    if recommended not in DUMMIES:
        return ()
    return (
        f"warning: {run} recommends {recommended}, which gives every {noun} the same answer; "
        f"the other models stand in {run / 'models'}",
    )


def _answers(
    names: Iterator[str],
    block: Block,
    decider: Decider,
    answered: Answers,
    decided: Decided,
    with_probabilities: bool,
) -> list[Answer]:
    """Answers of the model for each input of a block."""
    model = decider.model
    said: Iterator[_Said] = _SAID[model.target](model, answered.said, decided.answers)
    novelty = repeat(None) if answered.novelty is None else iter(answered.novelty.round(_PLACES).tolist())
    nothing: tuple[None, ...] = (None,) * len(model.classes) if with_probabilities else ()
    cells, unknown = decided.cells(), (None,) * len(decider.columns)
    answers = []
    for error in block.errors:
        if error:
            answers.append(Answer(next(names), None, None, error, None, nothing, unknown))
            continue
        label, probability, probabilities = next(said)
        shown = probabilities if with_probabilities else ()
        answers.append(Answer(next(names), label, probability, "", next(novelty), shown, next(cells)))
    return answers


def _numbers(model: Model, values: np.ndarray, answers: np.ndarray) -> Iterator[_Said]:
    """The number predicted for each usable input."""
    del model, answers
    for value in values.tolist():
        yield value, None, ()


def _classes(model: Model, said: np.ndarray, answers: np.ndarray) -> Iterator[_Said]:
    """The class answered for each usable input, its probability, and all of them."""
    for probabilities, best in zip(said.tolist(), answers.tolist(), strict=True):
        yield model.classes[best], probabilities[best], tuple(probabilities)


_SAID = {CLASSIFICATION: _classes, REGRESSION: _numbers}
