"""Help of a command in the language of the user."""

import argparse
import re
from typing import Any

from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence

# A title of a section in Chinese, with the colon that argparse puts behind every title.
_TITLE = re.compile(r"(?<=[\u4e00-\u9fff]):$", re.MULTILINE)


class Formatter(argparse.HelpFormatter):
    """Argparse's help, translated and wrapped by the width of the characters."""

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        """Add the usage behind its title."""
        super().add_usage(usage, actions, groups, prefix or translated("usage: "))

    def add_text(self, text: str | None) -> None:
        """Add a description."""
        super().add_text(text if text is None or text is argparse.SUPPRESS else translated(text))

    def start_section(self, heading: str | None) -> None:
        """Begin a list of arguments under its title."""
        super().start_section(heading and translated(heading))

    def format_help(self) -> str:
        """Everything that was added."""
        return _TITLE.sub("\uff1a", super().format_help())

    def _expand_help(self, action: argparse.Action) -> str:
        if isinstance(action.help, Sentence):
            return translated(action.help)
        return translated(super()._expand_help(action))

    def _split_lines(self, text: str, width: int) -> list[str]:
        from pellucid.data.wording import in_lines

        return super()._split_lines(text, width) if text.isascii() else in_lines(text, width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        from pellucid.data.wording import in_lines

        return super()._fill_text(text, width, indent) if text.isascii() else "\n".join(in_lines(text, width))
