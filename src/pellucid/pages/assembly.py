"""What all pages share: one script of several modules, foreign text shown, a policy of its own alone."""

import base64
import hashlib
import posixpath
import re
import zlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from markupsafe import Markup

# Scripts of pages, joined from modules that a browser could load as they are.

# Scripts lie in this package; `joined_script` takes paths within it.
_PACKAGE = files("pellucid")

_IMPORT = re.compile(r'^import \{[^}]*\} from "([^"]*)";\n', re.MULTILINE)
_TYPES = re.compile(r"^ */\*\*(?:(?!\*/).)*\*/\n", re.MULTILINE | re.DOTALL)
_EXPORT = re.compile(r"^export (?=async function |function |const |class )", re.MULTILINE)


def modules_from(start: str) -> dict[str, str]:
    """Texts by path of a module and of all that it imports, in the order in which a browser runs them."""
    modules: dict[str, str] = {}

    def add(path: str) -> None:
        text = (_PACKAGE / path).read_text(encoding="utf-8")
        for source in _IMPORT.findall(text):
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
    parts = [_EXPORT.sub("", _TYPES.sub("", _IMPORT.sub("", module))) for module in modules]
    waits = any(re.search(r"^await ", part, re.MULTILINE) for part in parts)
    function = "async () =>" if waits else "() =>"
    return f'"use strict";\n({function} {{\n' + "\n".join(parts) + "})();\n"


# Policy of contents, by which a browser runs and loads what a page was written with, and nothing else.


def checksum(text: str) -> str:
    """SHA-256 of a script or style as a policy names it, without its quotation marks."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}"


def policy_of(scripts: Sequence[str], styles: Sequence[str], *, images: str, connect: str = "'self'") -> str:
    """Policy of a page that a server hands out: these scripts and styles, and images and requests from there.

    `images` and `connect` are sources as the policy writes them, such as `'self' data:`.
    """
    allowed = [" ".join(f"'{checksum(text)}'" for text in texts) or "'none'" for texts in (scripts, styles)]
    return (
        f"default-src 'none'; script-src {allowed[0]}; style-src {allowed[1]}; img-src {images}; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def deflated(content: bytes) -> str:
    """Bytes as a page holds them: deflated, in base64."""
    return base64.b64encode(zlib.compress(content, 9)).decode("ascii")


# Untrusted text: every character that hides, reorders or breaks is shown by its code.

_LINE_BREAKS = {"\t": "⇥", "\n": "↵", "\r": "␍"}
# Control characters, bidirectional controls, zero-width characters other than the two joiners that
# emoji, Persian and the Indian scripts need, line separators, lone surrogates and non-characters.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)


def visible(value: Any) -> Any:
    """Replace characters that would hide themselves or reorder their neighbours.

    The templates of pages pass every value through this function, before escaping. Text gets `↵` for a line
    break and `⟨U+202E⟩` for anything else that is invisible; markup and other values stay as they are.
    """
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _HIDDEN.sub(lambda match: _LINE_BREAKS.get(match[0], f"⟨U+{ord(match[0]):04X}⟩"), value)
