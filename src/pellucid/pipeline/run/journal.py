"""Folder and journal of a run: `config.json`, the settings in it, and data frames kept with it."""

import contextlib
import copy
import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pellucid.data.split_rules import FIRST_SPLIT_RULE, SPLIT_RULE
from pellucid.data.tables.frames import is_frame, is_lazy, json_lines_of_frame
from pellucid.data.wording import public_name
from pellucid.errors import DataError, PellucidError, StorageError, UsageError
from pellucid.language.documents import with_sentences, with_templates
from pellucid.language.sentence import Sentence, join
from pellucid.safety.files import (
    locked,
    make_folder,
    open_regular,
    require_space,
    resumable,
    write_file,
    write_json,
    writing,
)
from pellucid.safety.strict import read_sealed, sealed
from pellucid.settings import OF_ONLOOKERS, Settings

# A data frame given in Python: the run's own DATA.
FRAME_NAME = "frame.jsonl"

# Files of a run that may as well be a user's own, and so do not mark a folder as a run.
_TABLES = ("test.csv", "test.csv.gz", "applied.csv", "applied.csv.gz")
_FILES = ("report.html", "metrics.json", "history.jsonl", "config.json", "data.jsonl", "data.jsonl.gz")
# The study of `tune`, with what SQLite keeps beside it, and what only `tune` writes.
STUDY = "study.db"
_OF_TUNE = (STUDY, f"{STUDY}-wal", f"{STUDY}-shm", "best.toml", "models.html")
_NAMES = (*_FILES, *_TABLES, *_OF_TUNE, FRAME_NAME, "model", "models", "checkpoints", "samples")
_SPACE = 50_000_000
# `pellucid demo` holds the second one, for both of its runs.
DEMO_LOCK = ".demo_lock"
_LOCKS = {".lock", DEMO_LOCK}


def unusable(path: Path, reason: str) -> StorageError:
    """Refusal of a file of a run that is to be resumed: nothing may be built on it."""
    return StorageError(
        "{path}: {reason}; put back what stood there, or start again with --overwrite", path, reason
    )


class RunFolder:
    """Folder of one run: who may write to it, what is in it, and when it counts as finished."""

    files = _NAMES  # names of what a run writes, which overwriting removes

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.samples = path / "samples"  # sheets of images that a generator makes while it learns

    @property
    def is_finished(self) -> bool:
        """True where a run ended: its metrics are written last of all."""
        return (self.path / "metrics.json").is_file()

    def read_sealed(self, name: str) -> dict[str, Any] | None:
        """Read one of the run's sealed files; `None` where there is none.

        Raises: `StorageError` if it is damaged, was changed, or is no regular file.
        """
        path = self.path / name
        try:
            return with_templates(read_sealed(path))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise unusable(path, getattr(error, "strerror", None) or str(error)) from error

    def write_sealed(self, name: str, document: dict[str, Any]) -> None:
        """Write one of the run's files with its seal, through the save protocol."""
        write_file(self.path / name, sealed(with_sentences(document)))

    def write_json(self, name: str, document: dict[str, Any]) -> None:
        """Write one of the run's JSON files through the save protocol."""
        write_json(self.path / name, with_sentences(document))

    @contextlib.contextmanager
    def opened(self, resume: bool, overwrite: bool) -> Iterator[None]:
        """Hold the folder for this process, ready to be written to.

        A former run's files may be there: with `resume` they are kept, with `overwrite` removed.

        Raises: `UsageError` if both flags are given; `StorageError` if a run or something else is there,
        a folder in it is a link, or the place cannot be written to; `RunLockedError` if another process
        writes there.
        """
        if resume and overwrite:
            raise UsageError("--resume: contradicts --overwrite; give one of them")
        existed = self.path.is_dir()
        made = [each for each in (self.path, *self.path.parents) if not os.path.lexists(each)]
        had_lock = os.path.lexists(self.path / ".lock")
        make_folder(self.path)
        with locked(self.path), resumable():
            try:
                if existed:
                    self._require_room(is_wanted=resume or overwrite)
                # A run would write, prune and empty through a link what is not its own.
                for parent, folders, _ in os.walk(self.path) if not overwrite else ():
                    for name in folders:
                        if os.path.islink(os.path.join(parent, name)):
                            raise unusable(Path(parent, name), "a link, where a run has a folder of its own")
                self._remove_leftovers()
                require_space(self.path, _SPACE)
                # `metrics.json` goes first, so that the former run no longer counts as finished.
                for name in ("metrics.json", *_NAMES) if overwrite else ():
                    path = self.path / name
                    if path.is_dir() and not path.is_symlink():
                        shutil.rmtree(path)
                    else:
                        path.unlink(missing_ok=True)
                yield
            except BaseException:
                if not had_lock and not (self.path / NAME).exists():
                    self._remove_traces(made)
                raise

    def _remove_traces(self, made: Sequence[Path]) -> None:
        """Remove the lock, and the folders that were made, of a run that was refused before it began."""
        with contextlib.suppress(OSError):  # a folder that holds something else stays
            (self.path / ".lock").unlink(missing_ok=True)
            if made:
                (self.path / FRAME_NAME).unlink(missing_ok=True)
            for folder in made:
                folder.rmdir()

    def _require_room(self, *, is_wanted: bool) -> None:
        """Refuse a folder that holds something else than a run, or a run that is not wanted."""
        names = {entry.name for entry in self.path.iterdir()} - _LOCKS
        is_run = bool(names & (set(_NAMES) - {*_TABLES, *_OF_TUNE}))
        if is_run and not is_wanted:
            raise StorageError(
                "{path}: already holds a run; give --resume to go on, --overwrite to replace it, "
                "or another --out",
                self.path,
            )
        hidden = {name for name in names if name.startswith(".") and name.endswith((".tmp", ".old"))}
        if names - hidden and not is_run:
            raise StorageError("{path}: holds files, but no run; choose another --out", self.path)

    def _remove_leftovers(self) -> None:
        """Remove temporary files of a process that was killed inside a save."""
        for folder in (self.path, self.checkpoints, self.path / "models"):
            if folder.is_symlink() and folder != self.path:
                continue
            for entry in (entry for pattern in (".*.tmp", ".*.old") for entry in folder.glob(pattern)):
                is_folder = entry.is_dir() and not entry.is_symlink()
                shutil.rmtree(entry) if is_folder else entry.unlink()

    def prune(self) -> None:
        """Remove what only an unfinished run needs."""
        shutil.rmtree(self.checkpoints, ignore_errors=True)


def place_of(data: Any, folder: RunFolder) -> Any:
    """A frame as the path of the file in the run that will hold it; other DATA as it is."""
    if is_frame(data):
        return str(folder.path / FRAME_NAME)
    if is_lazy(data):
        raise UsageError("data: a frame that is still to be computed; give data.collect()")
    return data


def keep_frame(data: Any, place: Any, *, resume: bool) -> None:
    """Write a frame where `place_of` says; a run being resumed has it already."""
    if not is_frame(data):
        return
    path = Path(place)
    if not (resume and path.exists()):
        with writing(path) as draft:
            for lines in json_lines_of_frame(data, "data"):
                draft.write(lines)
        return
    with open_regular(path) as kept:
        is_same = all(kept.read(len(lines)) == lines for lines in json_lines_of_frame(data, "data"))
        is_same = is_same and not kept.read(1)
    if not is_same:
        raise DataError(
            "data: differs from {path}, which the run being resumed learns from; give the same frame", path
        )


NAME = "config.json"
_FORMAT = 1
_REVISED = "within_limit"
# Key of the sentences on what a time limit leaves out.
NOTES = "left_out"

# Settings that decide nothing, and may be others when a run is resumed.
_FREE = ("threads", "processes")

Decision = TypeVar("Decision")


class Journal:
    """Decisions of a run by key; the only reader and writer of `config.json` while the run is under way.

    Until `begin`, decisions are kept in memory alone, so that a run that is refused leaves no file. From
    then on each is saved as soon as it is made. With `resume` those in the folder are taken over.
    """

    def __init__(self, folder: RunFolder, *, resume: bool = False) -> None:
        self._folder = folder
        before = folder.read_sealed(NAME) if resume else None
        self.is_resumed = before is not None
        self._is_begun = self.is_resumed
        self._content: dict[str, Any] = {"format": _FORMAT} if before is None else before

    @property
    def content(self) -> dict[str, Any]:
        """Decisions so far, by key."""
        return copy.deepcopy(self._content)

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def begin(self) -> None:
        """Save what is decided so far, and from now on every decision at once."""
        if not self._is_begun:
            self._is_begun = True
            self._folder.write_sealed(NAME, self._content)

    def decided(
        self,
        key: str,
        decide: Callable[[], Decision],
        to_json: Callable[[Decision], Any] = lambda decision: decision,
        from_json: Callable[[Any], Decision] = lambda saved: saved,
    ) -> Decision:
        """Take over what was decided before, or decide now and save it under a key of `config.json`.

        `to_json` and `from_json` turn a decision into what JSON can hold, and back.
        """
        if key not in self._content:
            found = decide()
            self.save({key: to_json(found)})
            return found
        try:
            return from_json(self._content[key])
        except PellucidError:
            raise
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
            reason = Sentence("{key!r} means nothing ({error})", key, error)
            raise unusable(self._folder.path / NAME, reason) from error

    def revised(
        self,
        key: str,
        decision: Decision,
        revise: Callable[[Decision], Decision],
        to_json: Callable[[Decision], Any] = lambda decision: decision,
    ) -> Decision:
        """Decide once more, now that it is known how much of a time limit is left; a resumed run never does.

        `decision` is what `decided` gave, of a resumed run the revised one; `revise` makes it smaller where
        it was not yet revised. The decision that holds from now on.
        """
        if self.is_revised(key):
            return decision
        before = self._content.get(_REVISED, [])
        found = revise(decision)
        self.save({key: to_json(found), _REVISED: [*before, key]})
        return found

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Save the decisions made meanwhile in one write: after a kill all of them are saved, or none."""
        self._is_begun, was_begun = False, self._is_begun
        yield
        self._is_begun = was_begun
        self.save({})

    def decided_for(
        self,
        key: str,
        name: str,
        decide: Callable[[], Decision],
        to_json: Callable[[Decision], Any] = lambda decision: decision,
    ) -> Any:
        """Take over, as JSON has it, what was decided under a key for one of several, or decide it now."""
        known = self._content.get(key, {})
        if name not in known:
            self.save({key: {**known, name: to_json(decide())}})
        return self._content[key][name]

    def note(self, sentence: str) -> bool:
        """Enter a sentence on what a time limit leaves out; false where it is there already."""
        known = self._content.get(NOTES, [])
        if sentence in known:
            return False
        self.save({NOTES: [*known, sentence]})
        return True

    def is_revised(self, key: str) -> bool:
        """True where a decision was already fitted into the time limit."""
        return key in self._content.get(_REVISED, ())

    def save(self, more: Mapping[str, Any]) -> None:
        """Enter decisions by key, as JSON can hold them, in the place of former ones."""
        self._content = {**self._content, **more}
        if self._is_begun:
            self._folder.write_sealed(NAME, self._content)


def split_rule_of(journal: Journal) -> int:
    """Number of the rule by which the run's splits and folds are cut, which a resumed run keeps.

    Runs of versions that had the first rule alone do not say.
    """

    def known(saved: Any) -> int:
        if saved not in (FIRST_SPLIT_RULE, SPLIT_RULE):
            raise ValueError(saved)
        return int(saved)

    return journal.decided(
        "split_rule", lambda: FIRST_SPLIT_RULE if journal.is_resumed else SPLIT_RULE, from_json=known
    )


def settings_of(given: Mapping[str, Any], journal: Journal) -> Settings:
    """Settings of this run, checked: those given, or those of the run being resumed but for `_FREE`."""
    for key, what in (("design", "a comparison"), ("tuning", "a study of tune")):
        if key in journal:
            raise UsageError(
                "--resume: the folder holds {what}, not a run of train; choose another --out, "
                "or use --overwrite",
                what,
            )
    settings = journal.decided("settings", lambda: Settings(**given), _kept, lambda saved: Settings(**saved))
    require_unchanged(given, settings)
    threads, processes = given.get("threads", settings.threads), given.get("processes")
    return dataclasses.replace(settings, threads=threads, processes=processes)


def plain_settings(settings: Settings) -> dict[str, Any]:
    """Settings by name; an order of classes that nobody gave leaves no trace."""
    found = dataclasses.asdict(settings)
    return {name: value for name, value in found.items() if name != "order" or value is not None}


def _kept(settings: Settings) -> dict[str, Any]:
    """Settings as a run keeps them: who looks on leaves no trace in it."""
    return {name: value for name, value in plain_settings(settings).items() if name not in OF_ONLOOKERS}


def require_unchanged(given: Mapping[str, Any], before: Settings) -> None:
    """Refuse settings that differ from those a run was started with, but for those that decide nothing."""
    changed = [
        Sentence("{name} was {before}, is {value}", name, getattr(before, name), value)
        for name, value in given.items()
        if getattr(before, name) != value and name not in _FREE
    ]
    if changed:
        raise UsageError(
            "--resume: settings changed ({changed}); leave them out, or use --overwrite",
            join("; ", changed),
        )


def call_of(place: str, given: Mapping[str, Any], out: Path) -> str:
    """The call in Python that repeats a run on a data set given in Python."""
    words = [place, f"out={str(out)!r}", *(f"{name}={value!r}" for name, value in given.items())]
    return f"pellucid.train({', '.join(words)})"


def shown_place(config: Mapping[str, Any]) -> str:
    """DATA as documents of a run name it, without the folders above it; the content is `config.json`."""
    place = str(config["data"]["place"])
    return public_name(place, place)


def notes_of(config: Mapping[str, Any]) -> list[str]:
    """Sentences on pretrained backbones, on a network made narrower, and on what a time limit leaves out."""
    keys = "backbones", "backbones_left_out"
    of_backbones = [str(each["reason"]) for key in keys for each in config.get(key, ())]
    narrowed = [str(config["narrowed"])] if "narrowed" in config else []
    return [*of_backbones, *narrowed, *map(str, config.get(NOTES, ()))]
