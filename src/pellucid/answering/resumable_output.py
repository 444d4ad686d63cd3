"""Resumable output of answers: rows in a folder of their own until the last one is written.

`answers.csv` is written in the folder `answers.csv.partial` as a journal of blocks: the rows, and a state,
which is how many inputs they answer, the question, and size and SHA-256 of the rows up to there. What follows
that size was being written when a process died, and the next one cuts it off. Rows of a Parquet file are kept
as JSON lines, because such a file cannot be added to. At the end the rows get their name.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pellucid.answering.answers import PARQUET, Answer, Columns, as_lines, beginning, parquet_from
from pellucid.answering.incoming import AT_START, ResumeCursor
from pellucid.errors import PellucidError, StorageError, UsageError
from pellucid.safety.files import Draft, locked, put_in_place, resumable, storage_error, write_json
from pellucid.safety.strict import OneOf, Saved, Whole, read_json

_SECONDS_BETWEEN = 2.0
_MOST_STATE = 16 << 20
_ROWS = "rows"
_STATE = "state.json"
_WHOLE = "whole"


@dataclass(frozen=True)
class _State(Saved):
    """How far the rows on the disk go: `inputs` are answered, by the first `bytes` of the rows."""

    format: Annotated[int, OneOf((1,))]
    question: Mapping[str, Any]
    inputs: Annotated[int, Whole(0, 1 << 62)]
    passed: str  # digest of these inputs
    bytes: Annotated[int, Whole(0, 1 << 62)]
    sha256: str
    memory: Mapping[str, Any]


class ResumableOutput:
    """Takes the rows of answers block by block, and saves now and then how far they go.

    Attributes:
        before: inputs that have a row; at first those that an earlier process answered.
        memory: JSON values that the earlier process saved with them; empty where there was none.
        record: gets the SHA-256 of all rows before they have their name.

    Args:
        out: file that the rows become.
        columns: of the rows.
        question: saved with the rows.
        found: state and rows of an earlier process.
    """

    before: ResumeCursor
    memory: Mapping[str, Any]
    record: Callable[[str], object]

    def __init__(
        self, out: Path, columns: Columns, question: Mapping[str, Any], found: "tuple[_State, Draft] | None"
    ) -> None:
        self._out, self._columns, self._question, self._folder = out, columns, question, folder_of(out)
        self._is_parquet = out.suffix.lower() == PARQUET
        self._form = ".jsonl" if self._is_parquet else out.suffix.lower()
        self._saved_at = time.monotonic()
        self.record = lambda _: None
        if found is not None:
            state, self._draft = found
            self.before, self.memory = ResumeCursor(state.inputs, state.passed), state.memory
            return
        self.before, self.memory = AT_START, {}
        (self._folder / _STATE).unlink(missing_ok=True)
        self._draft = Draft((self._folder / _ROWS).open("wb"))
        self._draft.write(beginning(columns, self._form))

    def add(self, answers: Sequence[Answer], passed: str, memory: Mapping[str, Any]) -> None:
        """Add the rows of a block, and save how far they go unless that was done a moment ago.

        `passed` is the digest of all inputs up to the end of the block, `memory` what a later process needs.
        """
        self._draft.write(as_lines(answers, self._columns, self._form))
        self.before = ResumeCursor(self.before.number + len(answers), passed)
        if time.monotonic() - self._saved_at < _SECONDS_BETWEEN:
            return
        self._draft.flush_to_disk()
        state = _State(1, self._question, *self.before, self._draft.tell(), self._draft.sha256(), memory)
        write_json(self._folder / _STATE, state.to_json())
        self._saved_at = time.monotonic()

    def finish(self) -> None:
        """Give the rows their name, once they are recorded."""
        self._draft.finish()
        rows, draft = self._folder / _ROWS, self._draft
        if self._is_parquet:
            lines, rows = rows, self._folder / _WHOLE
            with contextlib.closing(Draft(rows.open("wb"))) as draft, lines.open("rb") as file:
                parquet_from(file, self._columns, draft)
                draft.finish()
        self.record(draft.sha256())
        put_in_place(rows, self._out, draft.sha256())

    def close(self) -> None:
        """Close the rows, whatever state they are in."""
        self._draft.close()


def folder_of(out: Path) -> Path:
    """Folder in which the answers are written."""
    return out.with_name(f"{out.name}.partial")


@contextlib.contextmanager
def resumable_output(
    out: Path, columns: Columns, question: Mapping[str, Any], resume: bool
) -> Iterator[ResumableOutput]:
    """Begin the answers, or go on with those of a process that died.

    Args:
        out: file that the answers become; it changes only when the block ends without an exception.
        columns: of the answers.
        question: everything that decides a row, as JSON has it, by the words a user knows it by.
        resume: whether to go on where rows of an earlier process are there; without, they are thrown away.

    Yields:
        Where to write. What was written stays for a later `resume` where the disk is full or the process is
        stopped.

    Raises:
        UsageError: the rows that are there answer another question.
        RunLockedError: another process is writing them.
        StorageError: the disk is full or refuses; a former file is then intact.
    """
    folder = folder_of(out)
    try:
        if os.path.lexists(out) and not out.is_file():
            raise FileExistsError(17, "what is there is not a regular file")
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise storage_error(out, error) from error
    with locked(folder), resumable():
        found = _found(out, question) if resume else None
        try:
            with contextlib.closing(ResumableOutput(out, columns, question, found)) as rows:
                yield rows
                rows.finish()
        except StorageError as error:
            raise StorageError(str(error).replace(str(folder / _STATE), str(out))) from error
        except OSError as error:
            raise storage_error(out, error) from error
        except PellucidError:
            if found is None:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)


def _found(out: Path, question: Mapping[str, Any]) -> tuple[_State, Draft] | None:
    """State and rows of an earlier process; `None` where it left none, or damaged ones.

    Raises: `UsageError` if they answer another question.
    """
    try:
        state = _State.from_json(read_json(folder_of(out) / _STATE, _MOST_STATE))
        rows = Draft((folder_of(out) / _ROWS).open("r+b"))
        rows.cut_off(state.bytes)
    except (OSError, ValueError):
        return None
    if rows.sha256() != state.sha256:
        rows.close()
        return None
    for words, now in question.items():
        if state.question.get(words) != now:
            rows.close()
            raise UsageError(
                "--resume: {words} is another than when {out} was begun; "
                "ask as before, or leave --resume out to begin afresh",
                words,
                out,
            )
    return state, rows
