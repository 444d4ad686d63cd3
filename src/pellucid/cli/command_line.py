"""The command line: flags from the settings table, progress, safe output on a terminal, parser and help."""

import argparse
import codecs
import contextlib
import json
import shutil
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TextIO

from pellucid.errors import UsageError
from pellucid.language.catalogue import translated
from pellucid.language.documents import with_sentences
from pellucid.language.sentence import Sentence
from pellucid.progress import SILENT, Listener, Pace, reporting_to
from pellucid.runtime.help import Formatter
from pellucid.safety.files import read_regular
from pellucid.settings import ROWS, Group, Row, Settings, likely_meant, name_of, not_known

_PLACEHOLDERS = {str: "TEXT", int: "N", float: "X"}
_CONFIG_BYTES = 1 << 20
_FEW = 1000
# Longer lines are hard to read, however wide the terminal.
_WIDEST = 120
# What keyboards, and programs that improve texts, make of hyphens.
_OTHER_DASHES = tuple("\u2012\u2013\u2014\u2015\u2212\uff0d")


def add_data(parser: argparse.ArgumentParser, *, is_needed: bool = True) -> None:
    """Add the argument DATA."""
    places = "Folder, table, IDX folder, .npz, sample:fashion or sample:spam"
    parser.add_argument("data", metavar="DATA", help=places, nargs=None if is_needed else "?")


def add_settings(
    parser: argparse.ArgumentParser, groups: Sequence[Group], left_out: Sequence[str] = ()
) -> None:
    """Add `--config`, and a flag for every setting of some groups but those left out."""
    parser.add_argument("--config", type=Path, metavar="FILE.toml", help="The same settings from a file")
    for group in groups:
        rows = [row for row in ROWS if row.group == group and row.name not in left_out]
        _add_flags(parser, parser.add_argument_group(Sentence("{group} settings", group)), rows)


def add_run_flags(parser: argparse.ArgumentParser, out: str, resume: str) -> None:
    """Add `--out`, `--resume` and `--overwrite`, the first two with what they mean here."""
    parser.add_argument("--out", type=Path, metavar="RUN", help=out)
    parser.add_argument("--resume", action="store_true", help=resume)
    parser.add_argument("--overwrite", action="store_true", help="Replace what a former run left in RUN")


def require_out(arguments: argparse.Namespace, command: str, place: str) -> None:
    """Refuse a command without a folder for its results; first of all DATA that is missing.

    Raises: `DataError` if DATA is missing, `UsageError` if `--out` is.
    """
    if arguments.out is not None:
        return
    from pellucid.data.sources.places import require_existing

    require_existing(place)
    raise UsageError("{command}: --out RUN is missing; name a folder for the results", command)


def add_table_flags(parser: argparse.ArgumentParser, names: Sequence[str]) -> None:
    """Add the flags of the named settings."""
    _add_flags(parser, parser, [row for row in ROWS if row.name in names])


def _add_flags(parser: argparse.ArgumentParser, section: Any, rows: Sequence[Row]) -> None:
    """Add flags to a section of a parser, which keeps the names of its settings."""
    for row in rows:
        add_flag(section, row)
    names = parser.get_default("setting_names") or []
    parser.set_defaults(setting_names=[*names, *(row.name for row in rows)])


def add_flag(section: Any, row: Row) -> None:
    """Add the flag of one setting; a flag that is not given stays absent from the result."""
    meaning = row.meaning if isinstance(row.meaning, Sentence) else Sentence(row.meaning)
    if row.choices:
        meaning += Sentence("; one of {choices}", ", ".join(row.choices))
    if row.default is not None and row.kind is not bool:
        meaning += Sentence(" (default: {default})", row.default)
    given: dict[str, Any] = {"action": argparse.BooleanOptionalAction}
    if row.kind is not bool:
        name = "|".join((*row.choices, row.form)) if row.form else "NAME" if row.choices else ""
        given = {
            "type": str if row.kind is dict else row.kind,
            "choices": (row.choices or None) if row.read is None else None,
            "metavar": name or _PLACEHOLDERS[row.kind],
        }
    section.add_argument(row.flag, dest=row.name, default=argparse.SUPPRESS, help=meaning, **given)


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
        raise UsageError(
            "{config}: {lower}; give a readable TOML file", config, (error.strerror or "").lower()
        ) from error
    except ValueError as error:
        raise UsageError(
            "{config}: not TOML: {error}; write lines such as epochs = 5", config, error
        ) from error
    from_file = {name_of(name): value for name, value in document.items()}
    checked = Settings.from_mapping(from_file, str(config))
    return {name: getattr(checked, name) for name in from_file} | given


def settings_from(arguments: argparse.Namespace) -> Settings:
    """Checked settings of a command; settings not given have their default.

    Raises: `UsageError` as for `settings_given`, or if a value is out of range.
    """
    return Settings(**settings_given(arguments))


@contextlib.contextmanager
def counting(words: str) -> Iterator[Callable[[int, int | None], None]]:
    """Progress on standard error, also of what is done before anything is counted: reading, searching.

    Yields a function of the inputs done and, where known, in all. A terminal has a bar with the pace and the
    time left, anything else a line after two seconds, and then less and less often.
    """
    with contextlib.ExitStack() as stack:
        show = stack.enter_context(_bar()) if sys.stderr.isatty() else _lines()
        stack.enter_context(reporting_to(show))
        yield lambda done, total: show(words, done, total)


def _lines() -> Listener:
    """Lines for where nothing can turn."""
    pace = Pace()

    def show(words: str, done: int, total: int | None) -> None:
        if (sentence := pace.sentence(words, done, total)) and pace.is_due():
            say(f"  {translated(words)}: {translated(sentence)} ...")

    return show


@contextlib.contextmanager
def _bar() -> Iterator[Listener]:
    """A bar on the terminal, which is only seen where there is much to do, or it takes long."""
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
        task, pace = bar.add_task("", total=None, visible=False, counted=""), Pace()

        def show(words: str, done: int, total: int | None) -> None:
            said, (passed, took) = translated(words), pace.measured(words, done, total)
            if said != bar.tasks[task].description or not passed:
                bar.reset(task, description=said, total=total, visible=False)
            is_long = (done if total is None else total) > _FEW or time.monotonic() > pace.began + SILENT
            shown = counted(done, total, passed / max(1e-9, took))
            bar.update(task, completed=done, total=total, visible=is_long, counted=shown)

        yield show


def counted(done: int, total: int | None, rate: float) -> str:
    """Count out of a total, and the rate; such as `1,024/60,000, 530/s`."""
    of_all = f"{done:,}" if total is None else f"{done:,}/{total:,}"
    return f"{of_all}, {rate:,.0f}/s" if rate > 0 else of_all


# Output of commands on a terminal: control characters in foreign names are shown, never obeyed.
#
# Names of classes and files, and whatever else comes out of a file, may hold escape sequences that move the
# cursor, colour the screen or worse. A file or a pipe gets every byte as it is; a terminal gets codes
# instead.


class Shown:
    """A terminal, to which only visible characters and line feeds are written.

    `plain` is the terminal itself, for programs of ours that draw there; `buffer` takes UTF-8.
    """

    def __init__(self, plain: TextIO) -> None:
        self.plain, self.buffer = plain, _ShownBytes(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)

    def write(self, text: str, /) -> int:
        """Write a text, invisible characters as their codes."""
        if not (text.isascii() and text.replace("\n", "").isprintable()):
            from pellucid.data.wording import visible

            text = "\n".join(map(visible, text.split("\n")))
        return self.plain.write(text)


class _ShownBytes:
    """Bytes for a terminal; a character may be split between two writes."""

    def __init__(self, text: Shown) -> None:
        self._text = text
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def write(self, content: bytes, /) -> int:
        self._text.write(self._decoder.decode(content))
        return len(content)

    def flush(self) -> None:
        self._text.flush()


@contextlib.contextmanager
def shown() -> Iterator[None]:
    """Put `Shown` in the place of standard output and standard error where these are terminals."""
    before = sys.stdout, sys.stderr
    try:
        sys.stdout, sys.stderr = (Shown(each) if each.isatty() else each for each in before)
        yield
    finally:
        sys.stdout, sys.stderr = before


def say(text: str, piped: int | None = None) -> None:
    """Write a text to standard error, in the language of the user; `piped` as for `write_lines`."""
    write_lines(translated(text), piped)


def write_lines(text: str, piped: int | None = None) -> None:
    """Write lines to standard error.

    On a terminal they have its width, and are never broken within a word. `piped` are the columns where it
    is not a terminal; by default lines stay whole there, for programs to read.
    """
    columns = min(_WIDEST, shutil.get_terminal_size().columns) if sys.stderr.isatty() else piped
    if columns is not None:
        from pellucid.data.wording import wrapped

        text = "\n".join(piece for line in text.split("\n") for piece in wrapped(line, columns) or [""])
    sys.stderr.write(f"{text}\n")


def write_document(document: Mapping[str, Any]) -> None:
    """Print what a command found as one JSON document on standard output, at once."""
    sys.stdout.write(json.dumps(with_sentences(document), default=str) + "\n")
    sys.stdout.flush()


def write_run(folder: Path) -> None:
    """Print paths and scores of a finished run, study or comparison as a document."""
    from pellucid.pipeline.finished_run import Run

    run = Run(folder)
    paths = {"run": folder, "report": run.report, "metrics_file": folder / "metrics.json"}
    write_document({**paths, "metrics": run.metrics})


Examples = Sequence[tuple[str, str]]


def _of_argparse(message: str) -> str:
    """What the standard library says of a command line as a sentence with its template."""
    begin, _, rest = message.partition(": ")
    if begin.startswith("invalid "):
        kind = begin.removeprefix("invalid ").removesuffix(" value")
        return Sentence("invalid {kind} value: {value}", kind, rest)
    if begin.startswith("argument "):
        return Sentence("argument {name}: {reason}", begin.removeprefix("argument "), _of_argparse(rest))
    return Sentence(f"{begin}: {{names}}", rest) if rest else message


class Parser(argparse.ArgumentParser):
    """Argparse with messages of our form, and with two lengths of help.

    Args:
        examples: command lines, each with its meaning.
        main: flags that `--help` shows, in this order; empty where it shows them all, as `--help-all` does.
        **given: what argparse takes.
    """

    def __init__(self, *, examples: Examples = (), main: Sequence[str] = (), **given: Any) -> None:
        super().__init__(**given, formatter_class=_formatter, add_help=False)
        self.examples = examples
        self.main = [*main, "--help", "--help-all"] if main else []
        self._positionals.title = "arguments"
        self.add_argument("-h", "--help", action="help", help="Show this and stop")
        hidden = "Show every option and stop" if main else argparse.SUPPRESS
        self.add_argument("--help-all", action=_HelpAll, nargs=0, help=hidden)

    def format_help(self) -> str:
        """Usage, description, examples and options: the main ones, or all of them by their groups."""
        formatter = self._get_formatter()
        formatter.add_usage(self.usage, self._actions, self._mutually_exclusive_groups)
        formatter.add_text(self.description)
        pieces = [formatter.format_help()]
        if self.examples:
            widest = max(len(command) for command, _ in self.examples)
            lines = [f"  {command:<{widest}}  # {translated(meaning)}" for command, meaning in self.examples]
            pieces.append("\n".join([translated("examples:"), *lines, ""]))
        groups = [(group.title, group._group_actions) for group in self._action_groups]
        if self.main:
            options = [self._option_string_actions[flag] for flag in self.main]
            groups = [groups[0], ("options", options)]
        formatter = self._get_formatter()
        for title, actions in groups:
            formatter.start_section(title)
            formatter.add_arguments(actions)
            formatter.end_section()
        pieces.append(formatter.format_help())
        if self.main:
            hidden = len(self._actions) - sum(len(actions) for _, actions in groups)
            pieces.append(
                translated(Sentence("{hidden} more options: {prog} --help-all", hidden, self.prog)) + "\n"
            )
        return "\n".join(pieces)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, but first refuse a flag that no option has, with the one that is likely meant."""
        known = [flag for flag in self._option_string_actions if flag.startswith("--")]
        for word in args or ():
            if word == "--" or (self._subparsers is not None and not word.startswith("-")):
                break  # what follows are no flags, or those of a command
            flag = word.partition("=")[0]
            if flag.startswith(_OTHER_DASHES):  # or a text, which resembles none
                meant = "--" + flag.lstrip("-" + "".join(_OTHER_DASHES)).partition("\uff1d")[0]
                hint = (
                    Sentence(" (did you mean {meant}?)", meant)
                    if meant in known
                    else likely_meant(meant, known)
                )
                if hint:
                    self.error(Sentence("{flag}: there is no such option{hint}", flag, hint))
            is_flag = word.startswith("--") and " " not in word
            if is_flag and not any(each.startswith(flag) for each in known):
                self.error(
                    Sentence("{flag}: there is no such option{flag2}", flag, likely_meant(flag, known))
                )
        return super().parse_known_args(args, namespace)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse what is none of the choices of a flag, or no command."""
        if action.choices is not None and value not in action.choices:
            name = "/".join(action.option_strings) or action.metavar
            self.error(Sentence("{name}: {str}", name, not_known(str(value), list(action.choices))))

    def _print_message(self, message: str, file: Any = None) -> None:
        """Write help, or raise: argparse would ignore an output that refuses it."""
        (file or sys.stdout).write(message)

    def error(self, message: str) -> NoReturn:
        """Refuse the command line, with where help is.

        Raises: `UsageError`, always.
        """
        if not isinstance(message, Sentence):
            message = _of_argparse(message)
        raise UsageError("{message}; see {prog} --help{all}", message, self.prog, "-all" if self.main else "")


class _HelpAll(argparse.Action):
    """Help that shows every option."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        assert isinstance(parser, Parser)
        parser.main = []
        parser.print_help()
        parser.exit()


def _formatter(prog: str) -> argparse.HelpFormatter:
    return Formatter(prog, width=min(_WIDEST, shutil.get_terminal_size().columns) - 2)
