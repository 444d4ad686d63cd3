"""Label new images or texts with a trained model, block by block."""

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from pellucid.answering.answers import (
    REASON,
    Answer,
    Columns,
    Write,
    answers_to,
    check_ending,
    columns_of,
    rows_of,
)
from pellucid.answering.decisions import Decisions, PredictOptions
from pellucid.answering.incoming import (
    AT_START,
    WARNINGS_SHOWN,
    Block,
    Incoming,
    ResumeCursor,
    ahead,
    first_few,
    incoming,
    require_input,
)
from pellucid.answering.naming import model_of
from pellucid.answering.resumable_output import Question, content_of, resumable_output
from pellucid.bundle import Model, load
from pellucid.errors import UsageError
from pellucid.evaluation import Drift, Gathering
from pellucid.settings import DUMMIES, Settings
from pellucid.strict import MOST_BYTES, read_json

# Labelling: goes through inputs block by block, writes a row for each, and adds up what became of them.

# Told the inputs done, and the inputs in all where that can be known.
Progress = Callable[[int, int | None], None]


@dataclass
class Tally:
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


class Labelling:
    """Goes through inputs, and adds up what became of them."""

    def __init__(self, decider: Decisions[Model]) -> None:
        model = decider.model
        self.tally = Tally()
        self.gathering = None if model.detector is None else Gathering(model.detector, model.classes)
        self._decider = decider

    def take_up(self, memory: Mapping[str, Any]) -> None:
        """Go on from what an earlier process added up."""
        if memory:
            self.tally = Tally(**memory["tally"])
            if self.gathering is not None:
                self.gathering.take_up(memory["gathering"])

    def print(self, columns: Columns, asked: Incoming, progress: Progress | None) -> None:
        """Write CSV to standard output."""
        with answers_to(None, columns) as write:
            self.go(asked, AT_START, write, progress)

    def fill(self, question: Question, resume: bool, asked: Incoming, progress: Progress | None) -> None:
        """Write the rows of a file, or go on with those that an earlier process left."""
        with resumable_output(question, resume) as rows:
            self.take_up(rows.memory)
            self.go(asked, rows.before, rows.write, progress, rows.remember)

    def go(
        self,
        asked: Incoming,
        before: ResumeCursor,
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
                write(self._rows(block))
                if remember is not None:
                    remember(block.passed, self._memory())
                if progress is not None:
                    progress(self.tally.done, total)

    def _memory(self) -> dict[str, Any]:
        sums = None if self.gathering is None else self.gathering.sums()
        return {"tally": asdict(self.tally), "gathering": sums}

    def _rows(self, block: Block) -> list[Answer]:
        """A row for each input of a block."""
        rows, answers, abstained = rows_of(self._decider, block)
        if self.gathering is not None and answers.novelty is not None:
            self.gathering.add(answers.novelty, answers.said)
        tally = self.tally
        tally.unanswered += sum(row.error == REASON for row in rows)
        tally.unreadable += sum(row.error not in ("", REASON) for row in rows)
        tally.labelled += sum(row.label is not None for row in rows)
        tally.abstained += abstained
        tally.warned += len(block.warnings)
        tally.warnings += block.warnings[: WARNINGS_SHOWN - len(tally.warnings)]
        return rows


_NOTHING = PredictOptions()


class Listener(NamedTuple):
    """Functions that hear how labelling goes.

    Attributes:
        announce: told beforehand, in sentences, what is promised.
        progress: told the inputs done and, where that can be known, the inputs in all.
    """

    announce: Callable[[str], object] = lambda _: None
    progress: Progress | None = None


SILENCE = Listener()


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


def predict(
    run: str | Path,
    inputs: Sequence[str],
    out: Path | None,
    settings: Settings,
    *,
    wishes: PredictOptions = _NOTHING,
    resume: bool = False,
    listener: Listener = SILENCE,
    typed: Sequence[str] = (),
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
        wishes: which model answers, whether each class gets a column, whether it may abstain, what wrong
            answers cost, and whether there are prediction sets.
        resume: whether to go on with the rows that an earlier process left unfinished beside `out`; the file
            then has the same bytes as if it had never died.
        listener: told what is promised, and how far the work is.
        typed: texts to label behind the inputs, named `text:1`, `text:2` and so on.

    Returns:
        How many were labelled, how many could not be, and what is unlike the training data.

    Raises:
        UsageError: `out` has another ending, the run has no such model, texts are typed for a model of
            images, probabilities of numbers are asked for, a wish cannot be met, or what is resumed answers
            another question.
        DataError: an input does not exist or holds nothing that the model takes, or is no longer what it was
            when the rows that are resumed were written.
        ModelFileError: the model is damaged or unsafe.
        StorageError: `out` cannot be written; a former file is then intact, and `resume` goes on from what
            was written.
    """
    require_input(inputs, typed)
    _require_file(out, resume=resume)
    wishes = dataclasses.replace(wishes, threshold=wishes.threshold or settings.threshold)
    chosen = model_of(run, wishes.model)
    model = load(chosen.folder)
    asked = incoming(model, inputs, settings, may_pipe=True, typed=typed)
    decider = Decisions(model, wishes, str(run))
    for sentence in decider.announcement():
        listener.announce(sentence)
    classes = model.classes if wishes.probabilities else ()
    columns = columns_of(classes, decider.columns, model.target.cell)
    labelling = Labelling(decider)
    if out is None:
        labelling.print(columns, asked, listener.progress)
    else:
        question = Question(out, columns, _asked(chosen.folder, (inputs, typed), settings, wishes))
        labelling.fill(question, resume, asked, listener.progress)
    noun, tally = model.input_kind.noun, labelling.tally
    told = [*asked.warnings, *first_few(tally.warnings, noun, tally.warned)]
    if wishes.model is None:
        told += _same_for_all(Path(run), noun)
    return _predicted(chosen.name or model.name, decider, labelling.gathering, tally, told)


def _require_file(out: Path | None, *, resume: bool) -> None:
    """Refuse a file of another ending, and to go on with what was written elsewhere.

    Raises: `UsageError` with what to give.
    """
    check_ending(out)
    if resume and out is None:
        raise UsageError("--resume: what was written to standard output cannot be gone on with; give --out")


def _asked(
    folder: Path, given: tuple[Sequence[str], Sequence[str]], settings: Settings, wishes: PredictOptions
) -> dict[str, Any]:
    """Everything that decides a row, by the words a user knows it by; of inputs places and typed texts."""
    inputs, typed = given
    return {
        "the version of Pellucid": version("pellucid"),
        "the model": content_of(folder / "model.json"),
        "INPUT": list(inputs),
        **({"--text": list(typed)} if typed else {}),
        "--input-column": settings.input_column,
        "--encoding": settings.encoding,
        "--max-error": wishes.max_error,
        "--threshold": wishes.threshold,
        "--costs": content_of(wishes.costs),
        "--sets": wishes.sets,
    }


def _predicted(
    name: str, decider: Decisions[Model], gathering: Gathering | None, tally: Tally, warnings: Sequence[str]
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


def _voided(decider: Decisions[Model]) -> tuple[str, ...]:
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
