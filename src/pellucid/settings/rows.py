"""Rows of the settings table: admitted values, their check, and texts with a form of their own."""

import csv
import dataclasses
import difflib
import json
import numbers
import os
import re
import shlex
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pellucid.errors import UsageError
from pellucid.language.sentence import Sentence
from pellucid.safety.files import read_regular

Group = Literal["data", "network", "training", "run"]
CLASSICAL_MODELS = "classical models"

_OURS = {
    "random_state": "seed",
    "n_jobs": "threads",
    "max_iter": "epochs",
    "n_epochs": "epochs",
    "num_epochs": "epochs",
    "lr": "learning_rate",
    "learning_rate_init": "learning_rate",
    "gpu": "device",
    "cuda": "device",
    "cpu": "device",
    "workers": "threads",
    "num_workers": "threads",
    "early_stopping": "patience",
    "pretrained": "backbone",
    "resolution": "image_size",
    "output": "out",
    "output_dir": "out",
    "out_dir": "out",
    "force": "overwrite",
}  # what other libraries and programs call them
_OUR_VALUES = {"gpu": "cuda"}  # likewise of values, where the nearest name is another thing

# Names of which so much is alike are taken for one another; in a flag a part of a word is easily alike.
_ALIKE = 0.6
_ALIKE_FLAGS = 0.7


# So many letters and more, found within a name, are a part of it that somebody remembers.
_A_PART = 3


@dataclass(frozen=True)
class Row:
    """Setting as flags, TOML and the reference need it."""

    name: str  # in Python
    kind: type  # `str`, `int`, `float`, `bool`, or `dict` of values by class
    default: Any  # None means decided by rule
    group: Group  # which part of the work it steers
    meaning: str  # one sentence for people, without the closing stop
    choices: tuple[str, ...] = ()  # every admitted text; empty when any text will do
    low: float | None = None  # smallest admitted number; of a `dict`, of its values
    high: float | None = None  # largest admitted number; likewise
    read: Callable[[str], Mapping[str, Any]] | None = None  # makes a `dict` of a text that is no choice
    form: str = ""  # the text's form for people, such as `FILE`
    belongs_to: tuple[str, ...] = ()  # kinds of inputs, or models, that alone have a use for it; else all
    not_with: tuple[str, ...] = ()  # kinds of models that have none for it
    off: Any = None  # value that says what happens anyway where it has no use; its default says so too

    @property
    def key(self) -> str:
        """Name in TOML: that in Python, without the underscore that distinguishes `from_` from a keyword."""
        return self.name.rstrip("_")

    @property
    def flag(self) -> str:
        """Flag of the command line, such as `--learning-rate`."""
        return flag_of(self.name)

    def is_used(self, settings: Any) -> bool:
        """True where settings hold another value than the default and the one that says the same."""
        value = getattr(settings, self.name)
        return bool(value != self.default) and (self.off is None or bool(value != self.off))


def row(
    default: Any,
    group: Group,
    meaning: str,
    *,
    choices: tuple[str, ...] = (),
    bounds: tuple[float | None, float | None] = (None, None),
    from_text: tuple[Callable[[str], Mapping[str, Any]] | None, str] = (None, ""),
    belongs_to: tuple[str, ...] = (),
    not_with: tuple[str, ...] = (),
    off: Any = None,
    of_networks: bool = True,
) -> Any:
    """Field of the table, whose name and type are in the declaration; arguments as the attributes of `Row`.

    `bounds` are `low` and `high`, `from_text` is `read` and `form`. What steers a network or its training has
    no use with classical models, unless it is not `of_networks`.
    """
    if of_networks and group in ("network", "training"):
        not_with = (CLASSICAL_MODELS, *not_with)
    (low, high), (read, form) = bounds, from_text
    admitted = {"choices": choices, "low": low, "high": high, "read": read, "form": form}
    fits = {"belongs_to": belongs_to, "not_with": not_with, "off": off}
    return field(default=default, metadata={"group": group, "meaning": meaning, **admitted, **fits})


def rows_of(table: type) -> tuple[Row, ...]:
    """Rows of a dataclass whose fields were made by `row`, in their order."""
    return tuple(
        Row(name=each.name, kind=_kind(each.type), default=each.default, **each.metadata)
        for each in dataclasses.fields(table)
    )


def _kind(annotation: Any) -> type:
    """Plain type behind `X` or `X | None`; a mapping, which comes first of several, is a `dict`."""
    if get_origin(annotation) in (types.UnionType, typing.Union):
        annotation = next(part for part in get_args(annotation) if part is not types.NoneType)
    return dict if get_origin(annotation) is Mapping else annotation


def likely_meant(name: str, known: Sequence[str]) -> str:
    """For messages: a question in brackets for the known name that is likely meant; nothing where none is."""
    if twins := [each for each in known if each.casefold() == name.casefold()]:
        return Sentence(" (did you mean {twins}? They differ only in capitals)", twins[0])
    # Dashes, which all flags share, would make any two short ones alike.
    dashes = "--" if name.startswith("--") else ""
    plain, names = name.removeprefix(dashes), [each.removeprefix(dashes) for each in known]
    ours = _OURS.get(plain.replace("-", "_"), "").replace("_", "-") if dashes else _OUR_VALUES.get(plain)
    near = (
        [each for each in names if each == ours]
        or difflib.get_close_matches(plain, names, 1, _ALIKE_FLAGS if dashes else _ALIKE)
        or [each for each in names if len(plain) > _A_PART and plain in each]
    )
    meant = dashes + near[0] if near else ""
    return Sentence(" (did you mean {meant}?)", meant) if meant else ""


def not_known(value: str, known: Sequence[str]) -> str:
    """For messages: that a value is none of the known, which of them is likely meant, and all of them."""
    return Sentence(
        "{value!r} is not known{likely_meant}; choose one of {known}",
        value,
        likely_meant(value, known),
        ", ".join(known),
    )


def instead_of(name: str, known: Sequence[str]) -> str:
    """An unknown name, for messages, with the one that is meant where that can be guessed."""
    if _OURS.get(name) in known:
        return Sentence("{name!r}; use {OURS}", name, _OURS[name])
    return Sentence("{name!r}{name2}; known are {known}", name, likely_meant(name, known), ", ".join(known))


def flag_of(name: str) -> str:
    """Flag of a setting by its name in Python, such as `--learning-rate`."""
    return "--" + name.rstrip("_").replace("_", "-")


def command_line(
    words: Sequence[str], given: Mapping[str, Any], show: Callable[[Any], str] = str, last: Sequence[str] = ()
) -> str:
    """A command line, quoted for a shell: words, the flags of given settings, and what comes last."""
    found = ["pellucid", *words]
    for name, value in given.items():
        flag = flag_of(name)
        if isinstance(value, bool):
            found.append(flag if value else f"--no-{flag[2:]}")
        else:
            text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else show(value)
            found += [flag, text]
    return shlex.join([*found, *last])


_KIND_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def checked(row: Row, value: Any) -> Any:
    """Bring a value to its plain type, or refuse it; `None` stays `None` where a rule decides.

    A NumPy number becomes a plain one, `3.0` a whole number and, where any text will do, `32` the
    text `"32"`, a path a text: what is saved is JSON, whatever it came from.

    Raises: `UsageError` for the wrong type, outside the choices or outside the bounds; with the flag, the
    value found and what is admitted.
    """
    if value is None and row.default is None:
        return None
    if row.kind is dict:
        return _checked_by_class(row, value)
    if row.kind is str and isinstance(value, os.PathLike):
        value = os.fspath(value)
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    is_integer = isinstance(value, numbers.Integral) and is_number
    right_type = {
        bool: isinstance(value, bool),
        int: is_integer or (is_number and float(value).is_integer()),
        float: is_number and value == value,
        str: isinstance(value, str) or (is_integer and not row.choices),
    }[row.kind]
    if not right_type:
        raise UsageError("{flag}: {value!r} is not {KIND_WORDS}", row.flag, value, _KIND_WORDS[row.kind])
    if row.choices and value not in row.choices:
        raise UsageError("{flag}: {not_known}", row.flag, not_known(value, row.choices))
    if (row.low is not None and value < row.low) or (row.high is not None and value > row.high):
        raise UsageError("{flag}: {value!r} is outside {low} to {high}", row.flag, value, row.low, row.high)
    return row.kind(value)


def _checked_by_class(row: Row, value: Any) -> str | dict[str, Any]:
    """Bring values by class to a `dict` of texts or of numbers, or refuse them; a choice stays a text."""
    if isinstance(value, str) and value in row.choices:
        return value
    if isinstance(value, (str, os.PathLike)) and row.read is not None:
        try:
            value = row.read(os.fspath(value))
        except ValueError as error:
            raise UsageError("{flag}: {error}", row.flag, error) from error
    if not isinstance(value, Mapping) or not value:
        forms = [*row.choices, row.form, "a mapping of classes in Python and TOML"]
        raise UsageError("{flag}: {value!r} is none of {forms}", row.flag, value, ", ".join(forms))
    if row.low is None:
        names = {class_name(old): class_name(new) for old, new in value.items()}
        empty = [old for old, new in names.items() if not old.strip() or not new.strip()]
        if empty:
            raise UsageError(
                "{flag}: {empty!r} stands beside an empty name; give every class one", row.flag, empty[0]
            )
        return names
    numbers_by_class = {}
    for name, number in value.items():
        if not isinstance(number, numbers.Real) or isinstance(number, bool) or number != number:
            raise UsageError("{flag}: {number!r} for {name!r} is not a number", row.flag, number, name)
        if not row.low <= float(number) <= (row.high or row.low):
            raise UsageError(
                "{flag}: {number!r} for {name!r} is outside {low} to {high}",
                row.flag,
                number,
                name,
                row.low,
                row.high,
            )
        numbers_by_class[class_name(name)] = float(number)
    return numbers_by_class


def class_name(value: Any) -> str:
    """Name of a class as labels of that value become it: `true` of True, `3` of 3 and 3.0."""
    if isinstance(value, bool):
        return "true" if value else "false"
    is_whole = isinstance(value, numbers.Real) and float(value).is_integer()
    return str(int(float(value))) if is_whole else str(value)


# Settings that are texts with a form of their own: sizes, durations, patterns, tables of classes.

_TABLE_BYTES = 16 << 20


def parse_image_size(text: str | None) -> tuple[int, int] | None:
    """Read an image size: `"N"` for a square or `"HxW"`, in pixels; height and width, each 1 to 4096.

    `None` stays `None`. Raises: `UsageError` if the text is of another form or a side is out of range.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,4})(?:x(\d{1,4}))?", text, re.ASCII)
    if match is None:
        raise UsageError("--image-size: {text!r} is neither N nor HxW, such as 32 or 24x48", text)
    height, width = int(match[1]), int(match[2] or match[1])
    if not (1 <= height <= 4096 and 1 <= width <= 4096):
        raise UsageError("--image-size: {text!r} is outside 1 to 4096 pixels a side", text)
    return height, width


def parse_duration(text: str | None) -> float | None:
    """Read a duration such as `90s`, `10m`, `1.5h` or plain seconds: seconds above zero; `None` stays `None`.

    Raises: `UsageError` if the text is of another form or not above zero.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|m|h)?", text, re.ASCII)
    if match is None or float(match[1]) <= 0:
        raise UsageError("--time-limit: {text!r} is not a duration such as 90s, 10m or 1h", text)
    return float(match[1]) * {"s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}[match[2]]


# What `--ignore` takes out, with the most of an image, in per cent of its height and width.
IGNORED_OF_TEXTS = ("token:", "first-line", "last-line")
IGNORED_OF_IMAGES = ("border:", "corner:")
IGNORED_COLUMN = "column:"
CORNERS = ("top-left", "top-right", "bottom-left", "bottom-right")
_MOST_OF_SIDE = 50.0
_MOST_IGNORED = 100  # rules
_LONGEST_IGNORED = 1000  # characters of a rule


def parse_ignore(text: str | None) -> tuple[str, ...]:
    """Read what is to be ignored, comma-separated; a comma within a token belongs to it. `None` is nothing.

    Raises: `UsageError` if a part is of no known form, or asks for more than half of an image.
    """
    parts = list[str]()
    for part in (text or "").split(","):
        starts = part.strip().startswith((*IGNORED_OF_TEXTS, *IGNORED_OF_IMAGES, IGNORED_COLUMN))
        if parts and not starts and parts[-1].startswith("token:"):
            parts[-1] += f",{part}"
        elif part.strip():
            parts.append(part.strip())
    for part in parts:
        if not is_ignorable(part):
            raise UsageError(
                "--ignore: {part!r} is none of token:WORD, first-line, last-line, column:NAME, border:4% or "
                "corner:top-left:10% (top-left, top-right, bottom-left or bottom-right; at most 50 %)",
                part,
            )
    return tuple(dict.fromkeys(parts))


def is_ignorable(part: str) -> bool:
    """Whether one part is of a known form."""
    if part in ("first-line", "last-line"):
        return True
    kind, _, value = part.partition(":")
    if kind in ("token", "column"):
        return 0 < len(value.strip()) <= _LONGEST_IGNORED and value == value.strip()
    if kind == "corner":
        corner, _, value = value.partition(":")
        if corner not in CORNERS:
            return False
    elif kind != "border":
        return False
    match = re.fullmatch(r"(\d{1,2}(?:\.\d{1,2})?)%", value, re.ASCII)
    return match is not None and 0 < float(match[1]) <= _MOST_OF_SIDE


def ignored_rules(value: object) -> tuple[str, ...]:
    """What is ignored as a file holds it, trusted in nothing.

    Raises: `ValueError` if it is no list of known forms.
    """
    if not isinstance(value, (list, tuple)) or not 0 < len(value) <= _MOST_IGNORED:
        raise ValueError(Sentence("ignored: not one to {MOST_IGNORED} rules", _MOST_IGNORED))
    for part in value:
        if not isinstance(part, str) or not is_ignorable(part) or part.startswith(IGNORED_COLUMN):
            raise ValueError("ignored: not every one is a rule of a known form")
    return tuple(value)


_DELIMITERS = {
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "\\t": "\t",
    "\t": "\t",
    "pipe": "|",
    "space": " ",
}
_QUOTES = {"double": '"', "single": "'", "none": "", "": ""}


def parse_delimiter(text: str | None) -> str | None:
    """Read what separates the fields of a table, a character or its name; `None` stays `None`.

    Raises: `UsageError` if it is neither, or a character that cannot separate fields.
    """
    return _character(text, "--delimiter", _DELIMITERS, "\"'\r\n\0")


def parse_quote(text: str | None) -> str | None:
    """Read what quotes the fields of a table, a character or its name, empty for none; `None` stays `None`.

    Raises: `UsageError` if it is neither, or a character that cannot quote fields.
    """
    return _character(text, "--quote", _QUOTES, ",;\t|\r\n\0 ")


def _character(text: str | None, flag: str, names: Mapping[str, str], refused: str) -> str | None:
    if text is None:
        return None
    is_sign = len(text) == 1 and text not in refused and text.isprintable() and not text.isalnum()
    if text not in names and not is_sign:
        known = ", ".join(name for name in names if name.isalpha())
        raise UsageError(
            "{flag}: {text!r} is not allowed; give one character, or one of {known}", flag, text, known
        )
    return names.get(text, text)


LOGS = ("tensorboard", "mlflow")


def parse_log(text: str | None) -> tuple[str, str] | None:
    """Read `tensorboard:DIR` or `mlflow:URI`: the tool, and the place; `None` stays `None`.

    Raises: `UsageError` if the text is of another form.
    """
    if text is None:
        return None
    tool, colon, place = text.partition(":")
    if tool not in LOGS or not colon or not place.strip():
        raise UsageError("--log: {text!r} is neither tensorboard:DIR nor mlflow:URI", text)
    return tool, place


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
            raise UsageError(
                "--label-from-name: {text!r} is no regular expression ({error})", text, error
            ) from error
    if text.count("{label}") != 1:
        raise UsageError(
            "--label-from-name: {text!r} does not hold {{label}} once; write one such as '{{label}}_*.jpg', "
            "or a regular expression with a group (?P<label>...)",
            text,
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
            raise ValueError(Sentence("{strip!r} is not CLASS=NUMBER, such as spam=5", part.strip()))
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
        raise ValueError(Sentence("{text}: {lower}", text, (error.strerror or str(error)).lower())) from error
    except UnicodeDecodeError as error:
        raise ValueError(Sentence("{text}: not text in UTF-8; save it as such", text)) from error
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
                Sentence(
                    "{text}: row {number} has {cells} cells; give the old name and the new one",
                    text,
                    number,
                    len(cells),
                )
            )
        pairs.append((cells[0], cells[1]))
    return _once(pairs)


def _object(text: str) -> dict[str, Any]:
    """Read a JSON object."""
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(Sentence("not a JSON object: {error}", error)) from error
    if not isinstance(found, dict):
        raise ValueError('not a JSON object, such as {"old": "new"}')
    return found


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The values by name."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if found.setdefault(name, value) != value:
            raise ValueError(
                Sentence(
                    "{name!r} is there twice, with {found!r} and {value!r}; leave one out",
                    name,
                    found[name],
                    value,
                )
            )
    return found
