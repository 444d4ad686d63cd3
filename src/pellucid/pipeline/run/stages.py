"""Progress of the pipeline on stderr: one line per stage with a tick and seconds."""

import contextlib
import copy
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TextIO

from pellucid.data.wording import COLUMNS, visible, wrapped
from pellucid.training import Observer, Recipe
from pellucid.training.watching.observers import BarProgress, PlainProgress

# Wider lines are not read with ease, however wide the terminal.
_MOST_COLUMNS = 120


@dataclass
class Stage:
    """One stage under way.

    Attributes:
        words: its line; may be replaced while it runs to say what came out.
        details: further lines shown below it.
    """

    words: str
    details: list[str] = field(default_factory=list)


class Stages:
    """Prints stages; with colour and a bar in a terminal, plain lines elsewhere."""

    def __init__(self, stream: TextIO | None = None, quiet: bool = False, began: float | None = None) -> None:
        from rich.console import Console

        self.stream = stream or getattr(sys.stderr, "plain", sys.stderr)
        self.quiet = quiet
        self.console = Console(file=self.stream, highlight=False, soft_wrap=True)
        self.began = time.monotonic() if began is None else began
        self._spins = True

    def beside_a_bar(self) -> "Stages":
        """Stages on the same terminal that show no spinner, for work beside a training that shows its bar."""
        other = copy.copy(self)
        other._spins = False
        return other

    @property
    def in_terminal(self) -> bool:
        """True where bars and colours make sense."""
        return self.console.is_terminal

    @contextlib.contextmanager
    def stage(self, words: str, done: str | None = None, *, spinner: bool = True) -> Iterator[Stage]:
        """Show one stage and, when it is over, its line with a tick and seconds.

        The line has the words that the caller gave it meanwhile, else `done`, else those it began with.
        `spinner` is off where a bar is shown instead.
        """
        current = Stage(words)
        began = time.monotonic()
        if spinner and self._spins and self.in_terminal and not self.quiet:
            from rich.markup import escape

            with self.console.status(escape(visible(words))):
                yield current
        else:
            yield current
        over = done if done is not None and current.words == words else current.words
        self.line(self._wrapped(f"{over}  {time.monotonic() - began:.1f} s"), tick=True)
        for detail in current.details:
            self.paragraph(detail)

    def paragraph(self, text: str) -> None:
        """Print a text, never read as markup, in lines that fit."""
        self.line(self._wrapped(text))

    def verdict(self, text: str) -> None:
        """Print what all comes to, below an empty line, and bold where the terminal has styles."""
        if not self.quiet:
            self.console.print()
            has_styles = self.console.color_system is not None and not self.console.no_color
            self.line(self._wrapped(text), style="bold" if has_styles else "")

    def _wrapped(self, text: str) -> str:
        """Text in lines of the terminal's width, or of 80 columns where there is none."""
        columns = min(_MOST_COLUMNS, self.console.width) if self.in_terminal else COLUMNS
        return "\n".join(wrapped(text, columns - 2, indent="  "))

    def line(self, text: str, tick: bool = False, style: str = "") -> None:
        """Print one line, never read as markup; a tick closes a stage."""
        if self.quiet:
            return
        from rich.text import Text

        encoding = (getattr(self.stream, "encoding", None) or "ascii").lower()
        mark = "✓" if encoding.startswith("utf") else "ok"
        # Names from files cannot move the cursor or colour the terminal.
        shown = "\n".join(map(visible, text.split("\n")))
        # In one go, so that a bar that is being drawn, or work beside, does not come between.
        self.console.print(Text.assemble((mark if tick else " ", "cyan"), " ", (shown, style)))

    @contextlib.contextmanager
    def training(self, recipe: Recipe) -> Iterator[list[Observer]]:
        """Show training: a bar in a terminal, a line per epoch elsewhere; yields observers for the loop."""
        if self.quiet:
            yield []
        elif self.in_terminal:
            with BarProgress(self.console, recipe) as progress:
                yield [progress]
        else:
            yield [PlainProgress(lambda line: self.console.print(line, markup=False), recipe)]
