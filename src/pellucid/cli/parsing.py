"""Parser of the command line: short help with examples, all options in `--help-all`, and "did you mean"."""

import argparse
import shutil
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from pellucid.cli.terminal import say
from pellucid.settings import likely_meant, not_known

Examples = Sequence[tuple[str, str]]

# Longer lines are not read with ease, however wide the terminal.
_WIDEST = 120


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
            lines = [f"  {command:<{widest}}  # {meaning}" for command, meaning in self.examples]
            pieces.append("\n".join(["examples:", *lines, ""]))
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
            pieces.append(f"{hidden} more options: {self.prog} --help-all\n")
        return "\n".join(pieces)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and refuse a flag that no option has before anything that may follow from it."""
        if args is not None:
            self._require_known(args)
        return super().parse_known_args(args, namespace)

    def _require_known(self, words: Iterable[str]) -> None:
        """End with the flag that is likely meant where one is not known."""
        known = [flag for flag in self._option_string_actions if flag.startswith("--")]
        for word in words:
            if word == "--" or (self._subparsers is not None and not word.startswith("-")):
                return  # what follows are no flags, or those of a command
            flag = word.partition("=")[0]
            if not word.startswith("--") or " " in word or any(each.startswith(flag) for each in known):
                continue
            self.error(f"{flag}: there is no such option{likely_meant(flag, known)}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse what is none of the choices of a flag, or no command."""
        if action.choices is not None and value not in action.choices:
            name = "/".join(action.option_strings) or action.metavar
            self.error(f"{name}: {not_known(str(value), list(action.choices))}")

    def error(self, message: str) -> NoReturn:
        """End with exit code 2: one line, then where help is."""
        say(f"error: {message}; see {self.prog} --help{'-all' if self.main else ''}")
        self.exit(2)


class _HelpAll(argparse.Action):
    """Help that shows every option."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        assert isinstance(parser, Parser)
        parser.main = []
        parser.print_help()
        parser.exit()


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Formatter for the terminal's width."""
    return argparse.HelpFormatter(prog, width=min(_WIDEST, shutil.get_terminal_size().columns) - 2)
