"""Label new images or texts with a trained model, block by block."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from pellucid.answering.answers import (
    REASON,
    Answer,
    Columns,
    answers_to,
    check_ending,
    columns_of,
    rows_of,
)
from pellucid.answering.decisions import Decisions, PredictOptions
from pellucid.answering.incoming import (
    AT_START,
    WARNINGS_SHOWN,
    Incoming,
    ResumeCursor,
    Shard,
    Share,
    ahead,
    first_few,
    incoming,
    require_input,
)
from pellucid.answering.resumable_output import resumable_output
from pellucid.answering.shards import COLUMNS, finished, part_of, write_record
from pellucid.answering.training_examples import model_of, recommended_by
from pellucid.bundle import Model, load
from pellucid.errors import DataError, UsageError
from pellucid.evaluation import Drift, Gathering
from pellucid.language.sentence import Sentence
from pellucid.pieces import shared_out, threads
from pellucid.safety.files import sha256
from pellucid.settings import DUMMIES, Settings

# Called with the inputs done, and the inputs in all where that can be known.
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


class Predicted(NamedTuple):
    """Outcome of labelling."""

    model: str  # what answered: the name that its run gives it, or its own
    noun: str  # what one input is: `image` or `text`
    labelled: int  # those that got a label or a number
    unreadable: int  # those that could not be read, each with a row that gives the reason
    unanswered: int  # those to which the model has no finite answer, likewise
    novelty: int | None  # those that are unlike the training data; `None` where that is not known
    expected: float  # share of inputs like the training data that counts as unlike it all the same
    drift: Drift | None  # of the whole set from the validation examples; `None` of too few
    abstained: int | None  # those that are not answered; `None` where no promise was asked for
    warnings: tuple[str, ...]


class _Labelling:
    """Labels inputs block by block, and adds up what became of them."""

    def __init__(
        self, model: Model, decisions: Decisions, asked: Incoming, progress: Progress | None
    ) -> None:
        self.tally = Tally()
        self.gathering = None if model.detector is None else Gathering(model.detector, model.classes)
        self._decisions, self._asked, self._progress = decisions, asked, progress

    def memory(self) -> dict[str, Any]:
        """The sums so far, for a process that goes on from here."""
        sums = None if self.gathering is None else self.gathering.sums()
        return {"tally": asdict(self.tally), "gathering": sums}

    def go(
        self,
        before: ResumeCursor,
        memory: Mapping[str, Any],
        write: Callable[[list[Answer], str], object],
    ) -> None:
        """Write rows of each block behind the inputs answered before, with the digest of all up to its end.

        `memory` has the sums of the inputs answered before; nothing where there are none.
        """
        if memory:
            self.tally = Tally(**memory["tally"])
            if self.gathering is not None:
                self.gathering.take_up(memory["gathering"])
        tally, progress, done = self.tally, self._progress, before.number
        total = None if progress is None else self._count()
        if progress is not None and done:
            progress(done, total)
        with closing(ahead(self._asked.blocks_after(before))) as blocks:
            for block in blocks:
                rows, answers, abstained = rows_of(self._decisions, block)
                if self.gathering is not None and answers.novelty is not None:
                    self.gathering.add(answers.novelty, answers.said)
                tally.unanswered += sum(row.error == REASON for row in rows)
                tally.unreadable += sum(row.error not in ("", REASON) for row in rows)
                tally.labelled += sum(row.label is not None for row in rows)
                tally.abstained += abstained
                tally.warned += len(block.warnings)
                tally.warnings += block.warnings[: WARNINGS_SHOWN - len(tally.warnings)]
                write(rows, block.passed)
                done += len(rows)
                if progress is not None:
                    progress(done, total)

    def _count(self) -> int | None:
        """Inputs in all; `None` where they cannot be counted, which is for reading to report."""
        try:
            return self._asked.how_many()
        except DataError:
            return None

    def outcome(self, model: Model, name: str, warnings: Sequence[str]) -> Predicted:
        """What became of all inputs, with warnings about the model that is called so."""
        noun, tally, gathering, decisions = model.input_kind.noun, self.tally, self.gathering, self._decisions
        warned = [*self._asked.warnings, *first_few(tally.warnings, noun, tally.warned), *warnings]
        drift = None if gathering is None else gathering.drift(noun)
        if drift is not None and drift.is_real and (decisions.promise or decisions.coverage):
            warned.append("warning: these inputs have drifted, so what was promised need not hold for them")
        return Predicted(
            model=name,
            noun=noun,
            labelled=tally.labelled,
            unreadable=tally.unreadable,
            unanswered=tally.unanswered,
            novelty=None if gathering is None else gathering.alarms,
            expected=0.0 if model.detector is None else model.detector.rate,
            drift=drift,
            abstained=None if decisions.promise is None else tally.abstained,
            warnings=tuple(warned),
        )


_NOTHING = PredictOptions()


class Listener(NamedTuple):
    """Functions that follow the work."""

    announce: Callable[[str], object] = lambda _: None  # gets beforehand, in sentences, what is promised
    progress: Progress | None = None


_NOBODY = Listener()


def predict(
    run: str | Path,
    inputs: Sequence[str],
    out: Path | None,
    settings: Settings,
    *,
    options: PredictOptions = _NOTHING,
    resume: bool = False,
    listener: Listener = _NOBODY,
    typed: Sequence[str] = (),
    shard: Shard | None = None,
) -> Predicted:
    """Label images or texts and write one row for each, in their order.

    Inputs are read and labelled block by block, so memory does not grow with their number; the next blocks
    are made ready while the model answers. An input that cannot be read, or to which the model has no finite
    answer, gets a row with the reason, and the work goes on.

    Args:
        run: a run or a model folder of images or texts, neural or classical, of classes or numbers.
        inputs: files, folders, globs, tables, archives, one example of these by its name, or `-` for
            standard input.
        out: a `.csv`, `.jsonl` or `.parquet` file to replace; `None` writes CSV to standard output.
        settings: column of the inputs and encoding of tables.
        options: which model answers, whether each class gets a column, whether it may abstain, what wrong
            answers cost, and whether there are prediction sets.
        resume: whether to go on with the rows that an earlier process left unfinished beside `out`; the file
            then has the same bytes as if it had never died. A part that is finished stays as it is.
        listener: gets what is promised, and how far the work is.
        typed: texts to label behind the inputs, named `text:1`, `text:2` and so on.
        shard: which share of the inputs to label; its rows go to a part file beside `out`.

    Returns:
        How many were labelled, how many could not be, and what is unlike the training data.

    Raises:
        UsageError: `out` has another ending, the run has no such model, texts are typed for a model of
            images, probabilities of numbers are asked for, an option cannot be met, or what is resumed
            answers another question.
        DataError: an input does not exist or holds nothing that the model takes, or is no longer what it was
            when the rows that are resumed were written.
        ModelFileError: the model is damaged or unsafe.
        StorageError: `out` cannot be written; a former file is then intact, and `resume` goes on from what
            was written.
    """
    require_input(inputs, typed)
    _require_output(out, shard, resume)
    options = dataclasses.replace(options, threshold=options.threshold or settings.threshold)
    chosen = model_of(run, options.model)
    model = load(chosen.folder)
    asked = incoming(model, inputs, settings, may_pipe=True, typed=typed, shard=shard)
    decisions = Decisions(model, options, str(run))
    for sentence in decisions.announcement():
        listener.announce(sentence)
    classes = model.classes if options.probabilities else ()
    columns = columns_of(classes, decisions.columns, model.target.cell)
    labelling = _Labelling(model, decisions, asked, listener.progress)
    if out is None:
        with answers_to(None, columns) as write, shared_out(threads()):
            labelling.go(AT_START, {}, lambda rows, _: write(rows))
    else:
        question = _question(chosen.folder, inputs, typed, settings, options, columns)
        if shard is not None:
            out = part_of(out, shard)
        with shared_out(threads()):
            _answer_into(out, columns, question, resume, labelling, asked.share)
    same = _same_for_all(Path(run), model.input_kind.noun) if options.model is None else ()
    return labelling.outcome(model, chosen.name or model.name, same)


def _require_output(out: Path | None, shard: Shard | None, resume: bool) -> None:
    """Refuse a file of no known form, and what cannot be done without one."""
    check_ending(out)
    if shard is not None and out is None:
        raise UsageError("--shard: a part is a file, named after that of all answers; give --out")
    if resume and out is None:
        raise UsageError("--resume: what was written to standard output cannot be gone on with; give --out")


def _answer_into(
    out: Path,
    columns: Columns,
    question: Mapping[str, Any],
    resume: bool,
    labelling: _Labelling,
    share: Share | None,
) -> None:
    """Write the rows of a file, or of a part, which gets its record."""
    done = None if share is None or not resume else finished(out, question, share)
    if done is not None:  # its inputs are gone through, to see that none has changed
        labelling.go(done.cursor, done.memory, lambda rows, passed: None)
        return
    with resumable_output(out, columns, question, resume) as output:
        labelling.go(
            output.before,
            output.memory,
            lambda rows, passed: output.add(rows, passed, labelling.memory()),
        )
        if share is not None:
            memory = labelling.memory()
            output.record = lambda digest: write_record(out, question, share, output.before, digest, memory)


def _question(
    folder: Path,
    inputs: Sequence[str],
    typed: Sequence[str],
    settings: Settings,
    options: PredictOptions,
    columns: Columns,
) -> dict[str, Any]:
    """What decides the rows, by its names in messages: work on another question is not resumed or merged."""
    return {
        "the version of Pellucid": version("pellucid"),
        "the model": sha256(folder / "model.json"),
        "INPUT": list(inputs),
        **({"--text": list(typed)} if typed else {}),
        "--input-column": settings.input_column,
        "--encoding": settings.encoding,
        "--delimiter": settings.delimiter,
        "--quote": settings.quote,
        "--max-error": options.max_error,
        "--threshold": None if options.threshold is None else dict(options.threshold),
        "--costs": "" if options.costs is None else sha256(options.costs),
        "--sets": options.sets,
        COLUMNS: list(columns),
    }


def _same_for_all(run: Path, noun: str) -> tuple[str, ...]:
    """A warning where a run recommends a model that ignores its inputs."""
    recommended = recommended_by(run)
    if recommended not in DUMMIES:
        return ()
    return (
        Sentence(
            "warning: {run} recommends {recommended}, which gives every {noun} the same answer; "
            "the other models are in {run2}",
            run,
            recommended,
            noun,
            run / "models",
        ),
    )
