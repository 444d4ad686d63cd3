"""Shared by the commands: flags from the settings table, settings from flags, and a progress bar."""

import argparse
import contextlib
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pellucid.errors import UsageError
from pellucid.regular import read_regular
from pellucid.settings import ROWS, Group, Row, Settings, name_of

_PLACEHOLDERS = {str: "TEXT", int: "N", float: "X"}
_CONFIG_BYTES = 1 << 20
_FEW = 1000


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the argument DATA."""
    places = "Folder, table, IDX folder, .npz, sample:fashion or sample:spam"
    parser.add_argument("data", metavar="DATA", help=places)


def add_settings(
    parser: argparse.ArgumentParser, groups: Sequence[Group], left_out: Sequence[str] = ()
) -> None:
    """Add `--config`, and a flag for every setting of some groups but those left out."""
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="The same settings from a file")
    for group in groups:
        rows = [row for row in ROWS if row.group == group and row.name not in left_out]
        _add_flags(parser, parser.add_argument_group(f"{group} settings"), rows)


def add_table_flags(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """Add the flags of the named settings."""
    _add_flags(parser, parser, [row for row in ROWS if row.name in names])


def _add_flags(parser: argparse.ArgumentParser, section: Any, rows: Sequence[Row]) -> None:
    """Add flags to a section of a parser, which remembers the names of its settings."""
    for row in rows:
        add_flag(section, row)
    names = parser.get_default("setting_names") or []
    parser.set_defaults(setting_names=[*names, *(row.name for row in rows)])


def add_flag(section: Any, row: Row) -> None:
    """Add the flag of one setting; a flag that is not given stays absent from the result."""
    meaning = row.meaning.replace("%", "%%")
    if row.choices:
        meaning += f"; one of {', '.join(row.choices)}"
    if row.default is not None and row.kind is not bool:
        meaning += f" (default: {row.default})"
    if row.kind is bool:
        section.add_argument(
            row.flag,
            dest=row.name,
            action=argparse.BooleanOptionalAction,
            default=argparse.SUPPRESS,
            help=meaning,
        )
        return
    section.add_argument(
        row.flag,
        dest=row.name,
        type=str if row.kind is dict else row.kind,
        choices=(row.choices or None) if row.read is None else None,
        default=argparse.SUPPRESS,
        metavar=_metavar(row),
        help=meaning,
    )


def _metavar(row: Row) -> str:
    """Placeholder of a value in the help."""
    if row.form:
        return "|".join((*row.choices, row.form))
    return "NAME" if row.choices else _PLACEHOLDERS[row.kind]


def settings_given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Settings on the command line or in the file named by `--config`, by name; a flag beats the file.

    What was not given is absent.

    Raises: `UsageError` if the file is missing, is not TOML or holds an unknown or unfit setting.
    """
    given = {name: getattr(arguments, name) for name in arguments.setting_names if hasattr(arguments, name)}
    config: Path | None = getattr(arguments, "config", None)
    if config is None:
        return given
    try:
        document = tomllib.loads(read_regular(config, _CONFIG_BYTES).decode())
    except OSError as error:
        raise UsageError(f"{config}: {(error.strerror or '').lower()}; give a readable TOML file") from error
    except ValueError as error:
        raise UsageError(f"{config}: not TOML: {error}; write lines such as epochs = 5") from error
    from_file = {name_of(name): value for name, value in document.items()}
    checked = Settings.from_mapping(from_file, str(config))
    return {name: getattr(checked, name) for name in from_file} | given


def settings_from(arguments: argparse.Namespace) -> Settings:
    """Checked settings of a command; settings not given have their default.

    Raises: `UsageError` as for `settings_given`, or if a value is out of range.
    """
    return Settings(**settings_given(arguments))


@contextlib.contextmanager
def counting(words: str) -> Iterator[Callable[[int, int | None], None] | None]:
    """Progress on standard error, told the inputs done and, where known, in all; `None` without a terminal.

    It shows how many are done, how many a second, and the time left.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[counted]}"),
        TimeRemainingColumn(),
    )
    console = Console(file=getattr(sys.stderr, "plain", sys.stderr))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(words, total=None, visible=False, counted="")
        begun: tuple[float, int] | None = None

        def show(done: int, total: int | None) -> None:
            """Move the bar, which is only seen where there is much to do."""
            nonlocal begun
            now = time.monotonic()
            begun = begun or (now, done)
            rate = (done - begun[1]) / max(1e-9, now - begun[0])
            is_long = done > _FEW if total is None else total > _FEW
            bar.update(task, completed=done, total=total, visible=is_long, counted=counted(done, total, rate))

        yield show


def counted(done: int, total: int | None, rate: float) -> str:
    """Count out of a total, and the rate; such as `1,024/60,000, 530/s`."""
    of_all = f"{done:,}" if total is None else f"{done:,}/{total:,}"
    return f"{of_all}, {rate:,.0f}/s" if rate > 0 else of_all
