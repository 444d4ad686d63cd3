"""`pellucid demo`: train on the bundled real samples and show what comes out."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid import cores
from pellucid.cli.command_line import say, write_document
from pellucid.errors import StorageError
from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence

# Settings for the images: half the usual width takes a third of the time of a step, and six epochs with half
# the usual shift serve as well as the ten of `quick`.
_IMAGES: dict[str, Any] = {"preset": "quick", "epochs": 6, "width": 16}

_MAILS: dict[str, Any] = {"preset": "quick"}
_CONFIG_BYTES = 1 << 26
# Priority of the mails: the first mistakes of the images come early, and both end at about the same time.
_LOWER = 7


def add_parser(subparsers: Any) -> None:
    """Add `demo` to the commands."""
    parser = subparsers.add_parser(
        "demo",
        help="train on the bundled real samples",
        usage="pellucid demo [--out RUN]",
        description="Train networks and their baselines on 10,000 real images of clothes and on real "
        "e-mails, wanted and unwanted, in about a minute. The e-mails' results go to RUN-spam. An earlier "
        "demonstration there is replaced, and nothing else.",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("demo-run"), metavar="RUN", help="Where the results go"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train on `sample:fashion` and `sample:spam`, end with the paths of the reports; exit code 0.

    What an earlier demonstration left there is replaced.

    Raises: `StorageError` if something else is there; `RunLockedError` if another demonstration writes there.
    """
    from pellucid.pipeline.run.journal import DEMO_LOCK
    from pellucid.safety.files import locked, make_folder

    out: Path = arguments.out
    spam = Path(f"{out}-spam")
    earlier = [_is_earlier(out, "sample:fashion", _IMAGES), _is_earlier(spam, "sample:spam", _MAILS)]
    make_folder(out)
    # Each run has a lock of its own, which is free before it begins and once it ends.
    with locked(out, DEMO_LOCK):
        if any(earlier):
            say(
                Sentence(
                    "the earlier demonstration in {out} and {spam} is replaced; --out RUN keeps it", out, spam
                )
            )
        return _trained(out, spam, is_document=arguments.json)


def _trained(out: Path, spam: Path, is_document: bool) -> int:
    """Train on both samples and print what came out; the exit code.

    Where there are two cores or more, a second process trains on the mails while the images keep a single
    core busy.
    """
    threads = cores.asked() or cores.free()
    code = 0
    if threads == 1:
        finished = [_train("sample:fashion", out, _IMAGES), _train("sample:spam", spam, _MAILS)]
    else:
        words = ["sample:spam", "--out", str(spam), "--overwrite", "--threads", "1", "--preset", "quick"]
        with _training_beside(words) as finish:
            # Threads are given: a count would take the other process for somebody else's.
            finished = [_train("sample:fashion", out, {**_IMAGES, "threads": threads})]
            code = finish()
        if not code:
            from pellucid.pipeline.finished_run import Run

            finished.append(Run(spam))
    if is_document:
        write_document({"runs": [{"verdict": each.verdict, "report": each.report} for each in finished]})
        return code
    for each in finished:
        sys.stdout.write(f"{translated(each.verdict)}\n{each.report}\n")
    return code


def _is_earlier(place: Path, sample: str, settings: Mapping[str, Any]) -> bool:
    """True where a folder holds an earlier demonstration, which the same command can make again.

    Raises: `StorageError` if it holds anything else.
    """
    from pellucid.pipeline.run.journal import DEMO_LOCK, NAME
    from pellucid.safety.strict import read_json

    try:
        names = {entry.name for entry in place.iterdir()} - {".lock", DEMO_LOCK}
        names = {name for name in names if not (name.startswith(".") and name.endswith((".tmp", ".old")))}
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageError(
            "{place}: {lower}; choose another --out", place, (error.strerror or "").lower()
        ) from error
    if not names:
        return False
    if NAME not in names:
        raise StorageError("{place}: holds files, but no run; choose another --out", place)
    try:
        config = read_json(place / NAME, _CONFIG_BYTES)
        found = config.get("data", {}).get("place", sample), config["settings"]
        is_own = found[0] == sample and all(found[1][name] == value for name, value in settings.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        is_own = False
    if not is_own:
        raise StorageError(
            "{place}: already holds a run, which is no demonstration; choose another --out", place
        )
    return True


def _train(sample: str, out: Path, settings: dict[str, Any]) -> Any:
    from pellucid.pipeline.train import train

    return train(sample, out=out, overwrite=True, **settings)


@contextlib.contextmanager
def _training_beside(words: Sequence[str]) -> Iterator[Callable[[], int]]:
    """Train in a second process of lower priority, which ends with this one.

    Yields: a function that shows what it has printed so far and goes on to print, and returns its exit code.
    """
    import queue
    import subprocess
    import threading

    process = subprocess.Popen(
        [sys.executable, "-m", "pellucid", "train", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"},
    )
    with contextlib.suppress(OSError, AttributeError):  # Windows has other priorities
        os.setpriority(os.PRIO_PROCESS, process.pid, _LOWER)
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        """Hand on every line as soon as it is printed, and `None` at the end."""
        assert process.stderr is not None  # it is a pipe
        with process.stderr as printed:
            for line in printed:
                lines.put(line)
        lines.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()

    def finish() -> int:
        """Print what was printed meanwhile and what is still to come; return the exit code."""
        for line in iter(lines.get, None):
            sys.stderr.write(line)
        return process.wait()

    try:
        yield finish
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()
        reader.join()
