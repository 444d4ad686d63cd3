"""Command-line flags from the settings table, and settings from flags."""

import argparse
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.errors import UsageError
from pellucid.settings import ROWS, Group, Row, Settings, name_of

_PLACEHOLDERS = {str: "TEXT", int: "N", float: "X"}


def add_settings(parser: argparse.ArgumentParser, groups: Sequence[Group]) -> None:
    """Add a flag for every setting of some groups."""
    for group in groups:
        section = parser.add_argument_group(f"{group} settings")
        for row in ROWS:
            if row.group == group:
                add_flag(section, row)
    parser.set_defaults(setting_names=[row.name for row in ROWS if row.group in groups])


def add_flag(section: Any, row: Row) -> None:
    """Add the flag of one setting; a flag that is not given stays absent from the result."""
    meaning = row.meaning.replace("%", "%%")
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
        type=row.kind,
        choices=row.choices or None,
        default=argparse.SUPPRESS,
        metavar=None if row.choices else _PLACEHOLDERS[row.kind],
        help=meaning,
    )


def settings_given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Settings on the command line or in the file named by `--config`.

    Args:
        arguments: what argparse read; a flag beats the file.

    Returns:
        Names to values; what was not given is absent.

    Raises:
        UsageError: the file is missing, is not TOML or holds an unknown or unfit setting.
    """
    given = {name: getattr(arguments, name) for name in arguments.setting_names if hasattr(arguments, name)}
    config: Path | None = getattr(arguments, "config", None)
    if config is None:
        return given
    try:
        document = tomllib.loads(config.read_text(encoding="utf-8"))
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
