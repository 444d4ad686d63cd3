"""Resumable output of answers: rows beside the file that they will become, and how far they go.

`answers.csv` comes to be in the folder `answers.csv.partial`, which holds the rows and a state: how many
inputs are answered, by which question, and the size and SHA-256 of the rows up to there. What stands behind
them was under way when a process died, and is cut off by the next one that goes on. Rows of a Parquet file
wait as JSON lines, because such a file cannot be added to. At the end the rows are read back and get their
name.
"""

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pellucid.answering.answers import PARQUET, Answer, Columns, as_lines, beginning, parquet_from
from pellucid.answering.incoming import AT_START, ResumeCursor
from pellucid.errors import PellucidError, StorageError, UsageError
from pellucid.files import Draft, locked, put_in_place, resumable, sha256, storage_error, write_json
from pellucid.strict import parse

_SECONDS_BETWEEN = 2.0
_MOST_STATE = 16 << 20
_FORMAT = 1
_BLOCK = 1 << 20


class Question(NamedTuple):
    """Request, by which a state is known again.

    Attributes:
        out: file that the answers become.
        columns: of the answers.
        asked: everything else that decides a row, by the words a user knows it by.
    """

    out: Path
    columns: Columns
    asked: Mapping[str, Any]

    @property
    def form(self) -> str:
        """Form of the file, by its ending."""
        return self.out.suffix.lower()

    def to_json(self) -> dict[str, Any]:
        """As the state holds it."""
        return {**self.asked, "the columns": list(self.columns)}


class _State(NamedTuple):
    """Extent of the answers of an earlier process."""

    question: Mapping[str, Any]
    before: ResumeCursor
    size: int
    digest: str
    memory: Mapping[str, Any]


class ResumableOutput:
    """Takes the rows of answers, and remembers now and then how far they go.

    Attributes:
        before: the inputs that an earlier process answered.
        memory: what the earlier process wanted remembered, as JSON values; empty where there was none.

    Args:
        question: what is asked.
        folder: of rows and state.
        state: of an earlier process.
    """

    before: ResumeCursor
    memory: Mapping[str, Any]

    def __init__(self, question: Question, folder: Path, state: _State | None) -> None:
        self._question = question
        self._folder = folder
        self.before = AT_START if state is None else state.before
        self.memory = {} if state is None else state.memory
        self._answered = self.before.number
        self._saved_at = time.monotonic()
        self._file: BinaryIO = (folder / _ROWS).open("wb" if state is None else "r+b")
        self._draft = Draft(self._file)
        if state is None:
            self._draft.write(beginning(question.columns, self._form))
        else:
            # Take the first bytes of a file into its digest, and cut off what stands behind them.
            left = state.size
            while left > 0:
                block = self._file.read(min(_BLOCK, left))
                self._draft.take_in(block)
                left -= len(block)
            self._file.seek(state.size)
            self._file.truncate()

    @property
    def _form(self) -> str:
        return ".jsonl" if self._question.form == PARQUET else self._question.form

    def write(self, answers: Sequence[Answer]) -> None:
        """Add the rows of some answers."""
        self._draft.write(as_lines(answers, self._question.columns, self._form))
        self._answered += len(answers)

    def remember(self, passed: str, memory: Mapping[str, Any]) -> None:
        """Save how far the answers go, unless that was done a moment ago.

        `passed` is the digest of the inputs answered so far, `memory` what a later process is to be told.
        """
        if time.monotonic() - self._saved_at < _SECONDS_BETWEEN:
            return
        self._draft.flush_to_disk()
        state = {
            "format": _FORMAT,
            "question": self._question.to_json(),
            "inputs": self._answered,
            "passed": passed,
            "bytes": self._draft.tell(),
            "sha256": self._draft.sha256(),
            "memory": dict(memory),
        }
        write_json(self._folder / _STATE, state)
        self._saved_at = time.monotonic()

    def finish(self) -> None:
        """Give the answers their name."""
        self._draft.finish()
        rows = self._folder / _ROWS
        if self._question.form != PARQUET:
            put_in_place(rows, self._question.out, self._draft.sha256())
            return
        whole = self._folder / _WHOLE
        with contextlib.closing(Draft(whole.open("wb"))) as draft, rows.open("rb") as lines:
            parquet_from(lines, self._question.columns, draft)
            draft.finish()
        put_in_place(whole, self._question.out, draft.sha256())

    def close(self) -> None:
        """Close the rows, whatever state they are in."""
        self._draft.close()


_ROWS, _STATE, _WHOLE = "rows", "state.json", "whole"


def folder_of(out: Path) -> Path:
    """Folder in which the answers come to be."""
    return out.with_name(f"{out.name}.partial")


@contextlib.contextmanager
def resumable_output(question: Question, resume: bool) -> Iterator[ResumableOutput]:
    """Begin the answers, or go on with those of a process that died.

    Args:
        question: what is asked.
        resume: whether to go on where rows of an earlier process are there; without, they are thrown away.

    Yields:
        Where to write; the file changes only when the block ends without an exception. What was written stays
        for a later `resume` where the disk is full or the process is stopped.

    Raises:
        UsageError: the rows that are there answer another question.
        RunLockedError: another process is writing them.
        StorageError: the disk is full or refuses; a former file is then intact.
    """
    out, folder = question.out, folder_of(question.out)
    try:
        if os.path.lexists(out) and not out.is_file():
            raise FileExistsError(17, "what stands there is not a regular file")
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise storage_error(out, error) from error
    with locked(folder), resumable():
        state = _state_of(folder, question) if resume else None
        try:
            if state is None:
                with contextlib.suppress(FileNotFoundError):
                    (folder / _STATE).unlink()
            with contextlib.closing(ResumableOutput(question, folder, state)) as answers:
                yield answers
                answers.finish()
        except StorageError as error:
            raise StorageError(str(error).replace(str(folder / _STATE), str(out))) from error
        except OSError as error:
            raise storage_error(out, error) from error
        except PellucidError:
            if state is None:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)


def _state_of(folder: Path, question: Question) -> _State | None:
    """Find how far an earlier process came; `None` where it left nothing that can be gone on from.

    Raises: `UsageError` if it answered another question.
    """
    try:
        content = (folder / _STATE).read_bytes()
        state = _read_state(content) if len(content) <= _MOST_STATE else None
        if state is None or not _fits(folder / _ROWS, state):
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    for words, now in question.to_json().items():
        if state.question.get(words) != json.loads(json.dumps(now)):
            raise UsageError(
                f"--resume: {words} is another than when {question.out} was begun; "
                "ask as before, or leave --resume out to begin afresh"
            )
    return state


def _read_state(content: bytes) -> _State | None:
    document = parse(content)
    before = ResumeCursor(document["inputs"], document["passed"])
    state = _State(document["question"], before, document["bytes"], document["sha256"], document["memory"])
    kinds = (dict, ResumeCursor, int, str, dict)
    are_right = all(isinstance(value, kind) for value, kind in zip(state, kinds, strict=True))
    is_known = document["format"] == _FORMAT and isinstance(before.number, int)
    return state if are_right and is_known else None


def _fits(rows: Path, state: _State) -> bool:
    """The rows up to where the state goes are those it speaks of."""
    digest = hashlib.sha256()
    left = state.size
    with rows.open("rb") as file:
        while left > 0 and (block := file.read(min(_BLOCK, left))):
            digest.update(block)
            left -= len(block)
    return left == 0 and digest.hexdigest() == state.digest


def content_of(path: Path | None) -> str:
    """SHA-256 of a file that decides answers; empty where there is none."""
    return "" if path is None else sha256(path)
