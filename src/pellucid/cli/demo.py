"""`pellucid demo`: train on the bundled real samples and show what comes out."""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pellucid import cores
from pellucid.cli.command_line import write_document
from pellucid.errors import StorageError
from pellucid.language.catalogue import CHINESE, ENGLISH, language, translated
from pellucid.language.sentence import Sentence

# Settings for the images: half the usual width takes a third of the time of a step, and six epochs with half
# the usual shift serve as well as the ten of `quick`.
_IMAGES: dict[str, Any] = {"preset": "quick", "epochs": 6, "width": 16}

_MAILS: dict[str, Any] = {"preset": "quick"}
_CONFIG_BYTES = 1 << 26
_END_OF_SENTENCE = {ENGLISH: ". ", CHINESE: "\u3002"}
# Priority of the mails: the first mistakes of the images come early, and both end at about the same time.
_LOWER = 7


def add_parser(subparsers: Any) -> None:
    """Add `demo` to the commands."""
    parser = subparsers.add_parser(
        "demo",
        help="train on the bundled real samples",
        usage="pellucid demo [--out RUN] [--overwrite] [--no-open]",
        description="Train networks and their baselines on 10,000 real images of clothes and on real "
        "e-mails, wanted and unwanted, in about a minute, and open the pages that come of it where there is "
        "a screen. The e-mails' results go to RUN-spam.",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("demo-run"), metavar="RUN", help="Where the results go"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="Replace an earlier demonstration there, and nothing else"
    )
    parser.add_argument("--no-open", action="store_true", help="Open no page in a browser")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train on `sample:fashion` and `sample:spam`, write the pages and end with their paths; exit code 0.

    Raises: `StorageError` if anything is there that may not be replaced; `RunLockedError` if another
    demonstration writes there.
    """
    from pellucid.pipeline.run.journal import DEMO_LOCK
    from pellucid.safety.files import locked, make_folder

    out: Path = arguments.out
    spam = Path(f"{out}-spam")
    earlier = [_is_earlier(out, "sample:fashion", _IMAGES), _is_earlier(spam, "sample:spam", _MAILS)]
    if any(earlier) and not arguments.overwrite:
        raise StorageError(
            "{place}: holds an earlier demonstration; give --overwrite to replace it, or another --out",
            out if earlier[0] else spam,
        )
    make_folder(out)
    # Each run has a lock of its own, which is free before it begins and once it ends.
    with locked(out, DEMO_LOCK):
        return _trained(out, spam, is_document=arguments.json, may_open=not arguments.no_open)


def _trained(out: Path, spam: Path, *, is_document: bool, may_open: bool) -> int:
    """Train on both samples, write the pages and print what came out; the exit code.

    Where there are two cores or more, a second process trains on the mails while the images keep a single
    core busy.
    """
    from pellucid.pipeline.run.stages import Stages

    threads = cores.asked() or cores.free()
    stages = Stages()
    code = 0
    stages.line(
        Sentence(
            "training 8 models on 10,000 images of clothes and 8 on 2,697 e-mails: {minutes} on {cores} of a "
            "laptop",
            *(("about a minute", "two free cores") if threads > 1 else ("about two minutes", "one core")),
        )
    )
    if threads == 1:
        finished = [_train(stages, "sample:fashion", out, _IMAGES)]
        finished.append(_train(stages, "sample:spam", spam, _MAILS))
    else:
        words = ["sample:spam", "--out", str(spam), "--overwrite", "--threads", "1", "--preset", "quick"]
        with _training_beside(words) as finish:
            # Threads are given: a count would take the other process for somebody else's.
            finished = [_train(stages, "sample:fashion", out, {**_IMAGES, "threads": threads})]
            with stages.stage("training on sample:spam") as stage:
                code = finish()
                stage.words = "" if code else "trained on sample:spam"
        if not code:
            from pellucid.pipeline.finished_run import Run

            finished.append(Run(spam))
    with stages.stage("writing the pages", "wrote the pages"):
        pages = _pages(out)
    if is_document:
        found = [{"verdict": each.verdict, "report": each.report} for each in finished]
        write_document({"runs": found, "pages": {name: str(page) for name, (_, page) in pages.items()}})
        return code
    end = _END_OF_SENTENCE[language()]
    for run in finished:
        sys.stdout.write(f"{translated(run.verdict).split(end)[0].removesuffix(end.strip())}{end.strip()}\n")
    sys.stdout.write(f"{translated('reports')}: {', '.join(str(each.report) for each in finished)}\n")
    for caption, page in pages.values():
        sys.stdout.write(f"{translated(caption)}: {page}\n")
    if may_open and sys.stdout.isatty():
        from pellucid.pipeline.watching.page import open_address

        for page in (finished[0].report, *(page for _, page in pages.values())):
            open_address(Path(page).resolve().as_uri())
    return code


# What lines say of the pages beside the reports.
_LIVING = "draw, and watch every layer of the network answer"
_PLAY = "train a small network yourself"


def _pages(out: Path) -> dict[str, tuple[str, Path]]:
    """Write the living page of the images' network, and one that trains, into its run."""
    from pellucid.export.app.exporting import export_app
    from pellucid.export.play.playing import play
    from pellucid.settings import Settings

    living, playing = out / "app.html", out / "play.html"
    export_app(str(out), living, "cnn", is_proved=False)
    play(None, playing, Settings())
    return {"app": (_LIVING, living), "play": (_PLAY, playing)}


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


def _train(stages: Any, sample: str, out: Path, settings: dict[str, Any]) -> Any:
    from pellucid.pipeline.train import train

    name = Sentence("training on {sample}", sample)
    with stages.stage(name, Sentence("trained on {sample}", sample)):
        return train(sample, out=out, overwrite=True, quiet=True, **settings)


@contextlib.contextmanager
def _training_beside(words: Sequence[str]) -> Iterator[Callable[[], int]]:
    """Train in a second process of lower priority, which ends with this one.

    Yields: a function that waits for its end and returns its exit code.
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
        """Return the exit code, once what was printed has been read; print it where the training failed."""
        printed = list(iter(lines.get, None))
        code = process.wait()
        if code:
            sys.stderr.writelines(printed)
        return code

    try:
        yield finish
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()
        reader.join()
