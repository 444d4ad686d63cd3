"""Shards of a prediction: each writes a part file with a record beside it, and the parts are merged.

A shard is a run of consecutive inputs, cut where blocks end without shards: so a model is asked about the
same inputs together, its answers are the same to the last bit, and rows of a table that lie before a shard
need not be read. The third of eight shards of `answers.csv` is the file `answers.3-of-8.csv`, and
`answers.3-of-8.csv.json` records question and inputs, by which a merge knows that parts belong together.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pellucid.answering.answers import PARQUET, beginning, check_ending, parquet_joined
from pellucid.answering.incoming import ResumeCursor, Shard, Share
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError, UsageError
from pellucid.safety.files import open_regular, sha256, write_json, writing
from pellucid.safety.strict import OneOf, Saved, Whole, read_json

COLUMNS = "the columns"  # a key of the question
_MOST_SHARDS = 1_000_000
_MOST_RECORD = 16 << 20
_NUMBERS_SHOWN = 10


def shard_of(words: str) -> Shard:
    """Read `I/N`.

    Raises: `UsageError` if these are not two whole numbers, or the first is not from 1 to the second.
    """
    found = re.fullmatch(r"([0-9]{1,7})/([0-9]{1,7})", words)
    shard = Shard(int(found[1]), int(found[2])) if found else Shard(0, 0)
    if not 1 <= shard.number <= shard.of <= _MOST_SHARDS:
        raise UsageError(
            "--shard: {words} is no shard; give I/N with I from 1 to N, such as 3/8, "
            "and N at most {MOST_SHARDS:,}",
            quoted(words),
            _MOST_SHARDS,
        )
    return shard


def part_of(out: Path, shard: Shard) -> Path:
    """The part file of a shard; by name parts are in the order of their shards."""
    return out.with_name(f"{out.stem}.{shard.number:0{len(str(shard.of))}}-of-{shard.of}{out.suffix}")


@dataclass(frozen=True)
class Record(Saved):
    """What a part answers: the question, and `inputs` of the `total` from `start` on."""

    format: Annotated[int, OneOf((1,))]
    question: Mapping[str, Any]
    total: Annotated[int, Whole(0, 1 << 62)]
    start: Annotated[int, Whole(0, 1 << 62)]
    inputs: Annotated[int, Whole(0, 1 << 62)]
    passed: str  # digest of these inputs
    begins: str  # seams, as `Share` has them
    ends: str
    sha256: str  # of the part
    memory: Mapping[str, Any]  # sums over these inputs

    @property
    def cursor(self) -> ResumeCursor:
        """The inputs as those that were answered before."""
        return ResumeCursor(self.inputs, self.passed)


def _record_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def write_record(
    part: Path,
    question: Mapping[str, Any],
    share: Share,
    answered: ResumeCursor,
    digest: str,
    memory: Mapping[str, Any],
) -> None:
    """Record what a part answers, before it gets its name; `digest` is the SHA-256 of the part.

    Raises: `StorageError` if it cannot be written.
    """
    seams = share.begins, share.ends
    record = Record(1, question, share.total, share.start, *answered, *seams, digest, memory)
    write_json(_record_of(part), record.to_json())


def finished(part: Path, question: Mapping[str, Any], share: Share) -> Record | None:
    """The record of a part that is there as a whole and answers this question; `None` otherwise."""
    record = _read_record(part)
    if record is None or record.question != question:
        return None
    if (record.total, record.start) != (share.total, share.start) or not _is_whole(part, record):
        return None
    return record


def _read_record(part: Path) -> Record | None:
    """The record of a part; `None` where it is missing or damaged."""
    try:
        return Record.from_json(read_json(_record_of(part), _MOST_RECORD))
    except (OSError, ValueError):
        return None


def _is_whole(part: Path, record: Record) -> bool:
    try:
        return sha256(part) == record.sha256
    except OSError:
        return False


class Merged(NamedTuple):
    """Outcome of a merge."""

    parts: int
    rows: int


def merge(out: Path) -> Merged:
    """Write the answers to all inputs from the parts beside a file, the same bytes as without shards.

    Raises: `UsageError` if a part is missing, two answer different questions, or `out` has another ending;
    `DataError` if a part is damaged, or the inputs changed between two shards; `StorageError` if `out` cannot
    be written, and a former file is then intact.
    """
    check_ending(out)
    parts = _parts_beside(out)
    records: list[Record] = []
    for number, part in enumerate(parts, start=1):
        record = _read_record(part)
        if record is None or not _is_whole(part, record):
            raise DataError(
                "{part}: is not what its shard wrote, or its record is missing; "
                "run predict with --shard {number}/{parts} again",
                part,
                number,
                len(parts),
            )
        records.append(record)
    _require_one_question(records)
    _require_no_gap(records)
    with writing(out) as draft:
        if out.suffix.lower() == PARQUET:
            parquet_joined(parts, draft)
        else:
            header = beginning(dict.fromkeys(records[0].question[COLUMNS]), out.suffix.lower())
            draft.write(header)
            for part in parts:
                with open_regular(part) as file:
                    file.seek(len(header))
                    shutil.copyfileobj(file, draft)
    return Merged(len(parts), sum(record.inputs for record in records))


def _parts_beside(out: Path) -> list[Path]:
    """The part files of all shards, in order.

    Raises: `UsageError` if there is none, one is missing, or there are parts of several numbers of shards.
    """
    form = re.compile(rf"{re.escape(out.stem)}\.([0-9]{{1,7}})-of-([0-9]{{1,7}}){re.escape(out.suffix)}")
    names = {each.name for each in out.parent.iterdir()} if out.parent.is_dir() else set()
    shards = [Shard(int(found[1]), int(found[2])) for found in map(form.fullmatch, names) if found]
    known = {shard for shard in shards if part_of(out, shard).name in names}
    if not known:
        raise UsageError(
            "--merge: there is no part of {out}, such as {name}; "
            "write parts by predict with --out {name2} --shard I/N",
            out,
            part_of(out, Shard(1, 8)).name,
            out.name,
        )
    numbers = sorted({shard.of for shard in known})
    if len(numbers) > 1:
        raise UsageError(
            "--merge: {out} has parts of different numbers of shards, {str}; keep those of one number",
            out,
            some(list(map(str, numbers))),
        )
    every = [Shard(number, numbers[0]) for number in range(1, numbers[0] + 1)]
    missing = [str(shard) for shard in every if shard not in known]
    if missing:
        raise UsageError(
            "--merge: {out} lacks {missing:,} of its {every}; run predict with --shard {missing2}",
            out,
            len(missing),
            count_of(len(every), "part"),
            some(missing, _NUMBERS_SHOWN),
        )
    return [part_of(out, shard) for shard in every]


def _require_one_question(records: list[Record]) -> None:
    """Refuse parts that answer different questions.

    Raises: `UsageError` with what is different, and in which part.
    """
    first = records[0].question
    for number, record in enumerate(records, start=1):
        for words in {**first, **record.question}:
            if record.question.get(words) != first.get(words):
                raise UsageError(
                    "--merge: part {number} differs from part 1 in {words}; "
                    "run predict with --shard {number2}/{records} as the others",
                    number,
                    words,
                    number,
                    len(records),
                )


def _require_no_gap(records: list[Record]) -> None:
    """Refuse parts that leave an input out or answer one twice.

    Raises: `DataError` naming the first part that does not follow the one before it.
    """
    at, seam = 0, records[0].begins
    for number, record in enumerate(records, start=1):
        if (record.start, record.begins, record.total) != (at, seam, records[0].total):
            raise DataError(
                "--merge: part {number} does not begin where part {number2} ends, so the inputs "
                "changed between the two; run all shards again on one set of inputs",
                number,
                max(1, number - 1),
            )
        at, seam = record.start + record.inputs, record.ends
    if seam:
        raise DataError("--merge: the last part does not end with the inputs; run its shard again")
