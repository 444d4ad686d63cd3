"""Settings that are texts with a form of their own: sizes, durations, patterns, tables of classes."""

import csv
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pellucid.errors import UsageError
from pellucid.regular import read_regular

_TABLE_BYTES = 16 << 20


def parse_image_size(text: str | None) -> tuple[int, int] | None:
    """Read an image size: `"N"` for a square or `"HxW"`, in pixels; height and width, each 1 to 4096.

    `None` stays `None`. Raises: `UsageError` if the text is of another form or a side is out of range.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", text, re.ASCII)
    if match is None:
        raise UsageError(f"--image-size: {text!r} is neither N nor HxW, such as 32 or 24x48")
    height, width = int(match[1]), int(match[2] or match[1])
    if not (1 <= height <= 4096 and 1 <= width <= 4096):
        raise UsageError(f"--image-size: {text!r} is outside 1 to 4096 pixels a side")
    return height, width


def parse_duration(text: str | None) -> float | None:
    """Read a duration such as `90s`, `10m`, `1.5h` or plain seconds: seconds above zero; `None` stays `None`.

    Raises: `UsageError` if the text is of another form or not above zero.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|m|h)?", text, re.ASCII)
    if match is None or float(match[1]) <= 0:
        raise UsageError(f"--time-limit: {text!r} is not a duration such as 90s, 10m or 1h")
    return float(match[1]) * {"s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}[match[2]]


_WILD = {"{label}": "(?P<label>[^/]+)", "*": "[^/]*", "?": "[^/]"}


def parse_name_pattern(text: str) -> re.Pattern[str]:
    """Read a pattern of file names with the label in them: what a whole name has to fit, capitals or not.

    It has `{label}` once, among `*`, `?` and plain characters; or is a regular expression with a group of the
    name `label`.

    Raises: `UsageError` if there is no label in it, or it is no regular expression.
    """
    if "(?P<label>" in text:
        try:
            return re.compile(text, re.IGNORECASE)
        except re.error as error:
            raise UsageError(f"--label-from-name: {text!r} is no regular expression ({error})") from error
    if text.count("{label}") != 1:
        raise UsageError(
            f"--label-from-name: {text!r} does not hold {{label}} once; write one such as '{{label}}_*.jpg', "
            "or a regular expression with a group (?P<label>...)"
        )
    parts = re.split(r"(\{label\}|[*?])", text)
    return re.compile("".join(_WILD.get(part, re.escape(part)) for part in parts), re.IGNORECASE)


def parse_numbers_by_class(text: str) -> dict[str, float]:
    """Read `CLASS=NUMBER,CLASS=NUMBER`, or a JSON object for names that have a comma in them.

    Raises: `ValueError` if the text is of another form, or names a class twice.
    """
    if text.lstrip().startswith("{"):
        return _object(text)
    pairs = []
    for part in text.split(","):
        name, equals, number = part.rpartition("=")
        try:
            pairs.append((name.strip(), float(number)))
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise ValueError(f"{part.strip()!r} is not CLASS=NUMBER, such as spam=5")
    return _once(pairs)


def parse_names(text: str) -> dict[str, str]:
    """Read a file of old and new names, CSV or TSV of two columns or a JSON object; or the object itself.

    A first row `old,new` is a heading.

    Raises: `ValueError` if it cannot be read, is of another form, or gives a class two names.
    """
    if text.lstrip().startswith("{"):
        return _object(text)
    try:
        content = read_regular(Path(text), _TABLE_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"{text}: {(error.strerror or str(error)).lower()}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{text}: not text in UTF-8; save it as such") from error
    if content.lstrip().startswith("{"):
        return _object(content)
    heading = content.partition("\n")[0]
    rows = csv.reader(content.splitlines(), delimiter="\t" if "\t" in heading else ",")
    pairs = []
    for number, row in enumerate(rows, 1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (number == 1 and [cell.lower() for cell in cells] == ["old", "new"]):
            continue
        if len(cells) != 2:
            raise ValueError(
                f"{text}: row {number} has {len(cells)} cells; give the old name and the new one"
            )
        pairs.append((cells[0], cells[1]))
    return _once(pairs)


def _object(text: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises: `ValueError` if it is none, or names a class twice.
    """
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"not a JSON object: {error}") from error
    if not isinstance(found, dict):
        raise ValueError('not a JSON object, such as {"old": "new"}')
    return found


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The values by name.

    Raises: `ValueError` if a name stands twice with different values.
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        if found.setdefault(name, value) != value:
            raise ValueError(f"{name!r} stands twice, with {found[name]!r} and {value!r}; leave one out")
    return found
