"""Scripts of pages, joined from modules that a browser could load as they are."""

import base64
import hashlib
import posixpath
import re
from functools import cache
from importlib.resources import files

# Scripts lie in this package; `joined_script` takes paths within it.
_PACKAGE = files("pellucid")

_JS_IMPORT = re.compile(r'^import \{[^}]*\} from "([^"]*)";\n', re.MULTILINE)
_JS_TYPES = re.compile(r"^ */\*\*(?:(?!\*/).)*\*/\n", re.MULTILINE | re.DOTALL)
_JS_EXPORT = re.compile(r"^export (?=async function |function |const )", re.MULTILINE)


def modules_from(start: str) -> dict[str, str]:
    """Texts by path of a module and of all that it imports, in the order in which a browser runs them."""
    modules: dict[str, str] = {}

    def add(path: str) -> None:
        text = (_PACKAGE / path).read_text(encoding="utf-8")
        for source in _JS_IMPORT.findall(text):
            imported = posixpath.normpath(posixpath.join(posixpath.dirname(path), source))
            if imported not in modules:
                add(imported)
        modules[path] = text

    add(start)
    return modules


@cache
def joined_script(start: str) -> str:
    """One script of a module and of all that it imports.

    Without imports, exports and types they share one function's names, so that one script with one checksum
    does for the page's policy. It waits where one of them waits.
    """
    modules = modules_from(start).values()
    parts = [_JS_EXPORT.sub("", _JS_TYPES.sub("", _JS_IMPORT.sub("", module))) for module in modules]
    waits = any(re.search(r"^await ", part, re.MULTILINE) for part in parts)
    function = "async () =>" if waits else "() =>"
    return f'"use strict";\n({function} {{\n' + "\n".join(parts) + "})();\n"


def checksum(script: str) -> str:
    """SHA-256 of a script in base64, by which a page's policy admits it."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
