"""Label new images or texts with a trained model."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pellucid.answering.answered import REASON, answered
from pellucid.answering.answers import Answer, Write, answers_to, check_ending, columns_of
from pellucid.answering.deciding import Decided, Decider, Wishes
from pellucid.answering.incoming.ahead import ahead
from pellucid.answering.incoming.blocks import (
    NOTHING_PASSED,
    WARNINGS_SHOWN,
    Block,
    Incoming,
    Passed,
    first_few,
    incoming,
)
from pellucid.answering.naming import model_of
from pellucid.answering.unfinished import Question, content_of, unfinished
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
        unanswered: those to which the model has no finite answer, likewise.
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
    unanswered: int
    novelty: int | None
    expected: float
    drift: Drift | None
    abstained: int | None
    warnings: tuple[str, ...]


Progress = Callable[[int, int | None], None]
"""Told the inputs done, and the inputs in all where that can be known."""


def predict(
    run: str | Path,
    inputs: Sequence[str],
    out: Path | None,
    settings: Settings,
    *,
    with_probabilities: bool = False,
    wishes: Wishes = _NOTHING,
    resume: bool = False,
    announce: Callable[[str], None] | None = None,
    progress: Progress | None = None,
    model_name: str | None = None,
) -> Predicted:
    """Label images or texts and write one row for each, in their order.

    Inputs are read and labelled block by block, so memory does not grow with their number; the next blocks
    are made ready while the model answers. An input that cannot be read, or to which the model has no finite
    answer, gets a row with the reason, and the work goes on.

    Args:
        run: a run or a model folder of images or texts, neural or classical, of classes or numbers.
        inputs: files, folders, globs, tables, archives, or `-` for standard input.
        out: a `.csv`, `.jsonl` or `.parquet` file to replace; `None` writes CSV to standard output.
        settings: column of the inputs and encoding of tables.
        with_probabilities: whether each class gets a column.
        wishes: whether it may abstain, what wrong answers cost, and whether there are prediction sets.
        resume: whether to go on with the rows that an earlier process left unfinished beside `out`; the file
            then has the same bytes as if it had never died.
        announce: told beforehand, in sentences, what is promised.
        progress: told the inputs done and, where that can be known, the inputs in all.
        model_name: another model of the run than the recommended one.

    Returns:
        How many were labelled, how many could not be, and what is unlike the training data.

    Raises:
        UsageError: `out` has another ending, the run has no such model, probabilities of numbers are asked
            for, a wish cannot be met, or what is resumed answers another question.
        DataError: an input does not exist or holds nothing that the model takes, or is no longer what it was
            when the rows that are resumed were written.
        ModelFileError: the model is damaged or unsafe.
        StorageError: `out` cannot be written; a former file is then intact, and `resume` goes on from what
            was written.
    """
    _require_file(out, resume=resume)
    chosen = model_of(run, model_name)
    model = load(chosen.folder)
    asked = incoming(model, inputs, settings, may_pipe=True)
    if with_probabilities and not model.target.has_probabilities:
        raise UsageError(f"--probabilities: {run} predicts numbers, which have none; leave it out")
    decider = Decider(model, wishes, str(run))
    if announce is not None:
        for sentence in decider.announcement():
            announce(sentence)
    classes = model.classes if with_probabilities else ()
    columns = columns_of(classes, decider.columns, are_numbers=not model.target.has_probabilities)
    labelling = _Labelling(decider, with_probabilities)
    if out is None:
        with answers_to(None, columns) as write:
            labelling.go(asked, NOTHING_PASSED, write, progress)
    else:
        labelling.fill(
            Question(out, columns, _asked(chosen.folder, inputs, settings, wishes)), resume, asked, progress
        )
    noun = model.input_kind.noun
    tally = labelling.tally
    told = (
        *asked.warnings,
        *first_few(tally.warnings, noun, tally.warned),
        *(_same_for_all(Path(run), noun) if model_name is None else ()),
    )
    return _predicted(chosen.name or model.name, decider, labelling.gathering, tally, told)


def _require_file(out: Path | None, *, resume: bool) -> None:
    """Refuse a file of another ending, and to go on with what was written elsewhere.

    Raises: `UsageError` with what to give.
    """
    check_ending(out)
    if resume and out is None:
        raise UsageError("--resume: what was written to standard output cannot be gone on with; give --out")


def _asked(folder: Path, inputs: Sequence[str], settings: Settings, wishes: Wishes) -> dict[str, Any]:
    """Everything that decides a row, by the words a user knows it by."""
    return {
        "the version of Pellucid": version("pellucid"),
        "the model": content_of(folder / "model.json"),
        "INPUT": list(inputs),
        "--input-column": settings.input_column,
        "--encoding": settings.encoding,
        "--max-error": wishes.max_error,
        "--costs": content_of(wishes.costs),
        "--sets": wishes.sets,
    }


@dataclass
class _Tally:
    """Inputs that got a label, those that could not get one, those that are not answered, and warnings."""

    labelled: int = 0
    unreadable: int = 0
    unanswered: int = 0
    abstained: int = 0
    warned: int = 0
    warnings: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Inputs that have a row."""
        return self.labelled + self.unreadable + self.unanswered


class _Labelling:
    """Goes through inputs, and adds up what became of them."""

    def __init__(self, decider: Decider, with_probabilities: bool) -> None:
        model = decider.model
        self.tally = _Tally()
        self.gathering = None if model.detector is None else Gathering(model.detector, model.classes)
        self._decider = decider
        self._with_probabilities = with_probabilities

    def take_up(self, memory: Mapping[str, Any]) -> None:
        """Go on from what an earlier process added up."""
        if memory:
            self.tally = _Tally(**memory["tally"])
            if self.gathering is not None:
                self.gathering.take_up(memory["gathering"])

    def fill(self, question: Question, resume: bool, asked: Incoming, progress: Progress | None) -> None:
        """Write the rows of a file, or go on with those that an earlier process left."""
        with unfinished(question, resume) as rows:
            self.take_up(rows.memory)
            self.go(asked, rows.before, rows.write, progress, rows.remember)

    def go(
        self,
        asked: Incoming,
        before: Passed,
        write: Write,
        progress: Progress | None,
        remember: Callable[[str, Mapping[str, Any]], None] | None = None,
    ) -> None:
        """Write a row for each input behind those answered before."""
        total = None if progress is None else asked.how_many()
        if progress is not None and before.number:
            progress(before.number, total)
        with contextlib.closing(ahead(asked.blocks_after(before))) as blocks:
            for block in blocks:
                write(self._answers(block))
                if remember is not None:
                    remember(block.passed, self._memory())
                if progress is not None:
                    progress(self.tally.done, total)

    def _memory(self) -> dict[str, Any]:
        sums = None if self.gathering is None else self.gathering.sums()
        return {"tally": asdict(self.tally), "gathering": sums}

    def _answers(self, block: Block) -> list[Answer]:
        """Answers of the model for each input of a block."""
        said, block = answered(self._decider.model, block)
        if self.gathering is not None and said.novelty is not None:
            self.gathering.add(said.novelty, said.said)
        decided = self._decider.decide(*said)
        answers = _answers(block, self._decider, said, decided, self._with_probabilities)
        tally = self.tally
        tally.unanswered += sum(answer.error == REASON for answer in answers)
        tally.unreadable += sum(answer.error not in ("", REASON) for answer in answers)
        tally.labelled += sum(answer.label is not None for answer in answers)
        tally.abstained += 0 if decided.abstained is None else int(decided.abstained.sum())
        tally.warned += len(block.warnings)
        tally.warnings += block.warnings[: WARNINGS_SHOWN - len(tally.warnings)]
        return answers


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
        unanswered=tally.unanswered,
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
    for name, error in zip(block.names, block.errors, strict=True):
        if error:
            answers.append(Answer(name, None, None, error, None, nothing, unknown))
            continue
        label, probability, probabilities = next(said)
        shown = probabilities if with_probabilities else ()
        answers.append(Answer(name, label, probability, "", next(novelty), shown, next(cells)))
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
