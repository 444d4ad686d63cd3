"""What every benchmark prints beside its numbers: the machine, the versions, the command, the spread."""

import argparse
import json
import os
import platform
import shlex
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
"""Environment that keeps torch and oneDNN from whatever the processor has beyond AVX2, bf16 among it."""

_TELLING_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_tile")


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """Processor, cores, the instruction sets that decide speed, and how busy the machine is."""
    flags: set[str] = set()
    model = platform.processor() or platform.machine()
    if (cpuinfo := Path("/proc/cpuinfo")).exists():
        for line in cpuinfo.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "flags":
                flags |= set(value.split())
            if name.strip() == "model name":
                model = value.strip()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processor": model,
        "cores": cores(),
        "flags": [flag for flag in _TELLING_FLAGS if flag in flags],
        "load_at_start": load,
    }


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of Python and of those packages, by their names for pip, that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue  # a table of versions lists what is there
    return found


def heading(packages: Iterable[str]) -> dict[str, Any]:
    """Print command, machine and versions; the load is read now, before anything is measured.

    The same, for `--json`.
    """
    command = shlex.join(["python", *sys.argv])
    here, found = machine(), versions(packages)
    print(f"command   {command}")
    print(
        f"machine   {here['processor']}, {here['cores']} cores, {' '.join(here['flags']) or 'no known flags'}"
        + ("" if here["load_at_start"] is None else f"; load {here['load_at_start']:.2f} at the start")
    )
    print(f"versions  {', '.join(f'{name} {number}' for name, number in found.items())}\n", flush=True)
    return {"command": command, "machine": here, "versions": found}


def command_line(description: str | None, *, with_json: bool = True) -> argparse.ArgumentParser:
    """Parser of a benchmark's flags, described by the first line of its text, perhaps with `--json FILE`."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    if with_json:
        parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers here, too")
    return parser


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Slowest and fastest, as `low-high`."""
    return f"{min(values):,.{digits}f}-{max(values):,.{digits}f}"


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Median and all values, for `--json`."""
    return {"n": len(values), "median": statistics.median(values), "values": list(values)}


def print_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; the first column to the left, the others to the right."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for number, line in enumerate(lines):
        first, *others = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        print("  ".join([first, *others]).rstrip())
        if number == 0:
            print("-" * (sum(widths) + 2 * (len(widths) - 1)))
    print(flush=True)


def show_parts(runs: Sequence[Mapping[str, float]], digits: int) -> dict[str, Any]:
    """Print median and range of every part of the runs, in rows; their summaries, for `--json`."""
    parts = {name: [run[name] for run in runs] for name in runs[0]}
    rows = [
        [name, f"{statistics.median(values):.{digits}f}", spread(values, digits)]
        for name, values in parts.items()
    ]
    print_table(["", "median", "range"], rows)
    return {name: summary(values) for name, values in parts.items()}


def write_json(path: Path | None, document: dict[str, Any]) -> None:
    """Write the numbers to a file when one was asked for."""
    if path is not None:
        path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
