"""What every benchmark shares: its flags, the heading of machine and versions, processes, and tables."""

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

# Environment that keeps torch and oneDNN from whatever the processor has beyond AVX2, bf16 among it.
AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
FASHION = Path("/usr/share/datasets/fashion-mnist")  # of Debian's package dataset-fashion-mnist
STAMPS = Path("/usr/share/tuxpaint/stamps")  # of Debian's package tuxpaint-stamps-default
PELLUCID = os.path.join(os.path.dirname(sys.executable), "pellucid")
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_tile")


class Among(NamedTuple):
    """What a flag may be, and its default: all of it where none is given."""

    choices: Iterable[str]
    default: Any = None


def command_line(description: str | None, **defaults: Any) -> argparse.ArgumentParser:
    """Parser of `--json FILE` and of one flag for each default, described by the text's first line.

    A list takes several values, `False` is a switch, a type stands for a value that has no default.
    """
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here, too")
    for name, default in defaults.items():
        choices = None
        if isinstance(default, Among):
            choices = list(default.choices)
            default = choices if default.default is None else default.default
        flag = f"--{name.replace('_', '-')}"
        if default is False:
            parser.add_argument(flag, action="store_true")
        elif isinstance(default, type):
            parser.add_argument(flag, type=default, choices=choices)
        else:
            more = {"nargs": "*"} if isinstance(default, list) else {}
            kind = type(next(iter(default), "") if more else default)
            parser.add_argument(
                flag, type=kind, default=default, choices=choices, help=f"default: {default}", **more
            )
    return parser


def fashion_or_sample() -> str:
    """DATA of the full Fashion-MNIST where it is installed, else of the bundled part."""
    return str(FASHION) if FASHION.exists() else "sample:fashion"


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def heading(*packages: str) -> dict[str, Any]:
    """Print command, machine, its load before anything is measured, and versions; the same, for `--json`."""
    command = shlex.join(["python", *sys.argv])
    flags, model = set[str](), platform.processor() or platform.machine()
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        for line in cpuinfo.read_text().splitlines():
            name, _, value = line.partition(":")
            flags |= set(value.split()) if name.strip() == "flags" else set()
            model = value.strip() if name.strip() == "model name" else model
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue  # a list of versions names what is there
    load = os.getloadavg()[0]
    known = [flag for flag in _FLAGS if flag in flags]
    print(f"command   {command}\nmachine   {model}, {cores()} cores, {' '.join(known)}; load {load:.2f}")
    print(f"versions  {', '.join(f'{name} {number}' for name, number in found.items())}\n", flush=True)
    machine = {"processor": model, "cores": cores(), "flags": known, "load_at_start": load}
    return {"command": command, "machine": machine, "versions": found}


class Ended(NamedTuple):
    """A process that ended well: by the clock, of the processor, its largest memory, what it printed."""

    seconds: float
    processor_seconds: float
    megabytes: float
    output: str
    errors: str  # what it printed to the standard error stream


def ran(command: Sequence[object], environment: Mapping[str, str] | None = None) -> Ended:
    """Run a command to its end; `SystemExit` with what it said where it fails."""
    words = [str(word) for word in command]
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        began = time.perf_counter()
        own = {**os.environ, **(environment or {})}
        process = subprocess.Popen(words, env=own, stdout=output, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        if process.returncode:
            raise SystemExit(f"error: {shlex.join(words)}: {process.returncode}\n{errors.read()[-2000:]}")
        per_megabyte = 1e6 if sys.platform == "darwin" else 1e6 / 1024  # bytes there, KiB elsewhere
        used = usage.ru_utime + usage.ru_stime
        return Ended(seconds, used, usage.ru_maxrss / per_megabyte, output.read(), errors.read())


def in_turns(
    work: Mapping[Any, Callable[[], Any]], rounds: int, *, warm_up: bool = False
) -> dict[Any, list[Any]]:
    """What each of several callables gives, called in turns; a first round may not count."""
    found: dict[Any, list[Any]] = {name: [] for name in work}
    for number in range(-int(warm_up), rounds):
        for name, call in work.items():
            given = call()
            if number >= 0:
                found[name].append(given)
    return found


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Smallest and largest, as `low-high`."""
    return f"{min(values):,.{digits}f}-{max(values):,.{digits}f}"


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Median and all values, for `--json`."""
    return {"n": len(values), "median": statistics.median(values), "values": list(values)}


def middle(values: Sequence[float], digits: int = 0) -> str:
    return f"{statistics.median(values):,.{digits}f} ({spread(values, digits)})"


def mean_of(values: Sequence[float], digits: int) -> str:
    return f"{statistics.fmean(values):,.{digits}f} ({spread(values, digits)})"


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; the first column to the left, the others to the right."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    lines.insert(1, ["-" * width for width in widths])
    for first, *others in lines:
        cells = (cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))
        print("  ".join([first.ljust(widths[0]), *cells]).rstrip())
    print(flush=True)


def show_parts(columns: Mapping[str, Sequence[Mapping[str, float]]], digits: int) -> None:
    """Print median and range of every part of the runs of each column, in rows."""
    parts = list(next(iter(columns.values()))[0])
    rows = [[part, *(middle([run[part] for run in of], digits) for of in columns.values())] for part in parts]
    print_table(["median (range)", *columns], rows)


def write_json(path: Path | None, document: dict[str, Any]) -> None:
    """Write the numbers to a file when one was asked for."""
    if path is not None:
        path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
