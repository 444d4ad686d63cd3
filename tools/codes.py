"""Codes of errors and findings: a code for every message of one in the source, and the page that lists them.

    python tools/codes.py           # codes for new messages, and the page that lists them, docs/errors.md
    python tools/codes.py --check   # what differs, and change nothing

The table is `src/pellucid/language/codes.json`. A code is given once: that of a message which is gone stays
in the table. Where a message was only reworded, put the new words in the place of the old ones, so that it
keeps its code.
"""

import argparse
import ast
import inspect
import json
import string
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import catalogue

import pellucid.errors
from pellucid.cli.schema import exit_codes
from pellucid.language.codes import INTERRUPTED
from pellucid.language.sentence import fields, message_of

ROOT = Path(__file__).parent.parent
TABLE = catalogue.SOURCE / "language" / "codes.json"
PAGE = ROOT / "docs" / "errors.md"
EXIT_CODES = {
    name: error.exit_code
    for name, error in vars(pellucid.errors).items()
    if inspect.isclass(error) and issubclass(error, pellucid.errors.PellucidError)
}
# Errors of single rooms, by what they derive from.
EXIT_CODES |= {"ChildEnded": 3, "DisagreeingError": 4, "IsLong": 3, "Spent": 3, "TooManyPixels": 3}
EXIT_CODES["InterruptedRun"] = INTERRUPTED
FINDING = 0  # the first digit of codes of findings and warnings, which end nothing


def messages() -> dict[str, int]:
    """Messages of errors with their exit codes, and of findings, in the order of the files of the source."""
    found: dict[str, int] = {}
    for path in sorted(catalogue.SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = dict(_constants(tree))
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and node.args):
                continue
            name = ast.unparse(node.func).split(".")[-1]
            for text in _texts(node.args[0], constants) if name in (*EXIT_CODES, "Sentence") else ():
                message = message_of(text) if len(node.args) > 1 and fields(text) else text
                exit_code = EXIT_CODES.get(name, FINDING if _is_finding(message) else None)
                if exit_code is not None and any(map(str.isalpha, _without_fields(message))):
                    found.setdefault(message, exit_code)
    return found


def _is_finding(message: str) -> bool:
    """True of a warning, and of a whole sentence."""
    return message.startswith("warning: ") or (
        message.endswith(".") and message[0] in string.ascii_uppercase + "{"
    )


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Texts of a module that have a name."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            for target in node.targets:
                if isinstance(target, ast.Name) and isinstance(node.value.value, str):
                    yield target.id, node.value.value


def _texts(node: ast.expr, constants: Mapping[str, str]) -> Iterator[str]:
    """Texts that an argument may be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name) and node.id in constants:
        yield constants[node.id]
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body, constants)
        yield from _texts(node.orelse, constants)


def _without_fields(message: str) -> str:
    for field in fields(message):
        message = message.replace(f"{{{field.name}}}", "")
    return message


def updated(table: Mapping[str, str], found: Mapping[str, int]) -> dict[str, str]:
    """The table with a code for every message."""
    table, known = dict(table), set(table.values())
    for message, exit_code in found.items():
        if message not in known:
            used = [int(code[4:]) for code in table if code.startswith(f"PEL{exit_code}")]
            table[f"PEL{exit_code}{max(used, default=0) + 1:03}"] = message
    return dict(sorted(table.items()))


def written(table: Mapping[str, str]) -> str:
    """The table as it is on the disk."""
    return json.dumps(table, ensure_ascii=False, indent=1) + "\n"


_PAGE = """# Errors and findings

Every error has a code that stays, for programs and for whoever searches. `--json`, on every command, prints
`{"error": {"code", "message", "place", "remedy", "exit_code"}}` on standard output
([for programs](programs.md)); the first digit of a code is the exit code. Findings and warnings, which end
nothing, have codes that begin with 0: `templates` of a document, and of `metrics.json`, has code, template
and values of each by its text. Names in braces stand for what the message names. A text of another program
or of the system without a message of its own has a general code, such as `PEL3000`. This page is written by
`make generated`.
"""


def page(table: Mapping[str, str], found: Mapping[str, int]) -> str:
    """The page that lists the messages of the source by their codes."""
    meanings = {
        **exit_codes(),
        FINDING: "Findings and warnings",
        INTERRUPTED: "Interrupted; the exit code is 129, 130 or 143",
    }
    parts = [_PAGE]
    for exit_code in sorted(set(found.values())):
        meaning = meanings[exit_code].rstrip(".")
        parts.append(f"\n## {exit_code}: {meaning}\n\n| Code | Message |\n| --- | --- |\n")
        rows = {code: message for code, message in table.items() if found.get(message) == exit_code}
        parts += (f"| {code} | {_cell(message)} |\n" for code, message in rows.items())
    return "".join(parts)


def _cell(message: str) -> str:
    """A message as code in a cell of a table."""
    plain = " ".join(message.replace("{{", "{").replace("}}", "}").split()).replace("|", "\\|")
    return f"`` {plain} ``" if "`" in plain else f"`{plain}`"


def main(words: Sequence[str] | None = None) -> int:
    """Bring the table and the page up to date, or list what differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="list what differs, and change nothing")
    given = parser.parse_args(words)
    before = json.loads(TABLE.read_text(encoding="utf-8")) if TABLE.exists() else {}
    table = updated(before, messages())
    if given.check:
        sys.stdout.write("".join(f"no code: {table[code]}\n" for code in table.keys() - before.keys()))
        return 1 if table != before else 0
    TABLE.write_text(written(table), encoding="utf-8")
    PAGE.write_text(page(table, messages()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
