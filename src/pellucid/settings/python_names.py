"""Settings as Python names them: messages that speak of flags, where they reach a user of Python.

What checks settings is shared by the command and Python, and says `--min-examples 5`. Who calls a function
or a method meets `min_examples=5`: errors are rewritten where they leave it, lines where they are printed.
"""

import contextlib
import contextvars
import functools
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, TypeVar

from pellucid.errors import PellucidError
from pellucid.settings.rows import Row
from pellucid.settings.table import ROWS

# Arguments of `pellucid.train` that are no settings.
_OF_TRAIN = ("out", "resume", "overwrite", "quiet")

_FLAG = re.compile(r"(?<![\w-])--(?P<off>no-)?(?P<name>[a-z][a-z-]*[a-z])(?P<value> [\w{}-]+(?:\.\d+)?)?")
_COMMAND = re.compile(r"\bpellucid [a-z]+ [^\n]*\Z")  # up to a flag of it
# Whether messages are for Python: the parameters of who was called; `None` where all settings are.
_asked: contextvars.ContextVar[tuple[bool, Collection[str] | None]] = contextvars.ContextVar(
    "asked", default=(False, None)
)

_ROWS: dict[str, Row] = {row.flag.removeprefix("--"): row for row in ROWS}

Function = TypeVar("Function", bound=Callable[..., Any])


def in_python(message: str, parameters: Collection[str] | None = None) -> str:
    """A message with the names of parameters in the places of flags; other flags stay as they are.

    A value behind a flag becomes that of the parameter: `target='labels'`. Without `parameters` every setting
    is one, as for `pellucid.train`; with them, what is none of them is said to be of `pellucid.train`.
    """
    elsewhere: set[str] = set()

    def renamed(found: re.Match[str]) -> str:
        if _COMMAND.search(message[: found.start()]):
            return found[0]  # a command for the terminal
        name, value = found["name"], found["value"] or ""
        row = _ROWS.get(name)
        if row is None and parameters is None and name in _OF_TRAIN:
            return f"{name}{'' if name == 'out' else '=True'}{value}"
        if row is None:
            return found[0]
        where = ""
        if parameters is not None and row.name not in {*parameters, *elsewhere}:
            elsewhere.add(row.name)
            where = " of pellucid.train"
        is_prefix = message[found.end() : found.end() + 1] == ":" and not value
        if row.kind is bool and not is_prefix:
            return f"{row.name}={not found['off']}{where}{value}"
        word = value.strip()
        if word in row.choices:
            return f"{row.name}={word!r}{where}"
        if word.isupper() or (row.kind in (int, float) and re.fullmatch(r"[\d.]*\d", word)):
            return f"{row.name}={word}{where}"
        return f"{row.name}{where}{value}"

    return _FLAG.sub(renamed, message)


def spoken() -> Callable[[str], str]:
    """What makes lines ready for whoever called: parameters in them where that was Python."""
    is_python, parameters = _asked.get()
    return functools.partial(in_python, parameters=parameters) if is_python else str


@contextlib.contextmanager
def speaking_python(parameters: Collection[str] | None = None) -> Iterator[None]:
    """Within it errors that leave, and lines that are printed, name parameters."""
    token = _asked.set((True, parameters))
    try:
        yield
    except PellucidError as error:
        error.args = tuple(
            in_python(each, parameters) if isinstance(each, str) else each for each in error.args
        )
        raise
    finally:
        _asked.reset(token)


def of_python(function: Function) -> Function:
    """A function whose messages name parameters of `pellucid.train`."""

    @functools.wraps(function)
    def called(*arguments: Any, **options: Any) -> Any:
        with speaking_python():
            return function(*arguments, **options)

    return called  # type: ignore[return-value]


def methods_of_python(owner: type, parameters_of: Callable[[Any], Collection[str]]) -> None:
    """Have the public methods that a class defines name the parameters of their object in messages."""

    def called(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def speaking(self: Any, *arguments: Any, **options: Any) -> Any:
            with speaking_python(parameters_of(self)):
                return method(self, *arguments, **options)

        return speaking

    for name, method in list(vars(owner).items()):
        if not name.startswith("_") and callable(method) and not isinstance(method, type):
            setattr(owner, name, called(method))
