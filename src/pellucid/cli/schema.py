"""`pellucid schema`: everything that a program needs to use the command, as one JSON document."""

import argparse
import inspect
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from pellucid import __version__, errors
from pellucid.cli.command_line import write_document
from pellucid.language.codes import codes

_EXAMPLES = (
    ("pellucid schema", "for programs"),
    ("pellucid schema --language en", "whatever the locale"),
)


def add_parser(subparsers: Any) -> None:
    """Add `schema` to the commands."""
    parser = subparsers.add_parser(
        "schema",
        help="print commands, options, exit codes, errors, findings and the form of results for programs",
        usage="pellucid schema [options]",
        examples=_EXAMPLES,
        description="Print one JSON document with every command and option, the exit codes, the codes of "
        "errors and findings with their messages, and the JSON Schema of metrics.json.",
    )
    parser.set_defaults(run=run, commands=subparsers.choices)


def run(arguments: argparse.Namespace) -> int:
    """Print the document and return exit code 0."""
    schema = files("pellucid").joinpath("cli", "metrics.schema.json").read_text(encoding="utf-8")
    write_document(
        {
            "version": __version__,
            "commands": {name: _command(parser) for name, parser in arguments.commands.items()},
            "exit_codes": exit_codes(),
            "errors": {code: message for message, code in codes().items()},
            "metrics": json.loads(schema),
        }
    )
    return 0


def exit_codes() -> Mapping[int, str]:
    """What each exit code means."""
    kinds = [each for each in vars(errors).values() if inspect.isclass(each)]
    found = {0: "Done.", 1: "A fault of Pellucid itself."}
    for kind in kinds:
        if issubclass(kind, errors.PellucidError) and kind.exit_code > 1:
            found.setdefault(kind.exit_code, (kind.__doc__ or "").partition("\n")[0])
    interrupted = (errors.InterruptedRun.__doc__ or "").partition("\n")[0]
    return found | {128 + number: interrupted for number in (1, 2, 15)}


def _command(parser: argparse.ArgumentParser) -> Mapping[str, Any]:
    """Usage, arguments and options of a command."""
    actions = [each for each in parser._actions if each.help is not argparse.SUPPRESS]
    return {
        "usage": parser.usage,
        "description": parser.description,
        "arguments": [_option(each) for each in actions if not each.option_strings],
        "options": [_option(each) for each in actions if each.option_strings],
    }


def _option(action: argparse.Action) -> Mapping[str, Any]:
    """Names, value and meaning of an argument or an option."""
    default = None if action.default is argparse.SUPPRESS else action.default
    kind = getattr(action.type, "__name__", None)
    return {
        "names": list(action.option_strings) or [action.metavar or action.dest],
        "takes": None if action.nargs == 0 else kind if kind in ("int", "float", "Path") else "str",
        "placeholder": action.metavar,
        "count": action.nargs,
        "choices": None if action.choices is None else list(action.choices),
        "default": default,
        "required": action.required,
        "meaning": (action.help or "").replace("%%", "%"),
    }
