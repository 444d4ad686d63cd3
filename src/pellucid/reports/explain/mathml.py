r"""Formulas as MathML, which browsers draw by themselves: from the small part of LaTeX that layers use.

Understood are letters, numbers and signs, `_{}` and `^{}`, `\frac{}{}`, `\sqrt{}`, `\sum`, `\max`, Greek
letters and some signs by name. Anything else is an error, so that no formula is shown by halves.
"""

import re

from markupsafe import Markup, escape

_TOKEN = re.compile(r"\\[a-zA-Z]+|\d+(?:\.\d+)?(?:e-?\d+)?|[a-zA-Z]|\S")
_LETTERS = {
    "gamma": "\u03b3",
    "mu": "\u03bc",
    "sigma": "\u03c3",
    "epsilon": "\u03b5",
    "beta": "\u03b2",
    "lambda": "\u03bb",
    "pi": "\u03c0",
    "rho": "\u03c1",
    "Phi": "\u03a6",
}
_SIGNS = {
    "dots": "\u2026",
    "ne": "\u2260",
    "ge": "\u2265",
    "le": "\u2264",
    "lVert": "\u2016",
    "rVert": "\u2016",
    "lfloor": "\u230a",
    "rfloor": "\u230b",
}
_FUNCTIONS = {"tanh", "ln", "min"}
_SHOWN = {"-": "\u2212", "|": "\u2223"}  # a bar of its own would grow as tall as a bracket
_BRACKETS = {"(": ")", "[": "]"}
_ABOVE = {"sum": "∑", "max": "max"}
_NAMED = {*_LETTERS, *_SIGNS, *_FUNCTIONS, *_ABOVE}


def mathml(latex: str) -> Markup:
    """Write a formula, its lines parted by two backslashes, as a `math` element for each line.

    Raises: `ValueError` if something in it is not understood.
    """
    rows = [_Reader(line).row(until="") for line in latex.split(r"\\ ")]
    return Markup("").join(Markup('<math display="block">{}</math>').format(row) for row in rows)


class _Reader:
    """Reads a formula token by token."""

    def __init__(self, latex: str) -> None:
        self._latex = latex
        self._tokens = _TOKEN.findall(latex)
        self._at = 0

    def row(self, until: str) -> Markup:
        """Read to a closing brace, or to the end.

        Raises ValueError: it is not there.
        """
        parts = []
        while self._peek() != until:
            if not self._peek():
                raise ValueError(f"formula: {self._latex}: a brace is not closed")
            parts.append(self._scripted())
        self._next()
        return Markup("<mrow>{}</mrow>").format(Markup("").join(parts))

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _group(self) -> Markup:
        """Read `{...}`, or one token."""
        if self._peek() == "{":
            self._next()
            return self.row("}")
        return self._atom(self._next())

    def _scripted(self) -> Markup:
        """Read one thing with what stands below and above it."""
        token = self._next()
        base = self._atom(token)
        scripts = {}
        while self._peek() in ("_", "^"):
            sign = self._next()
            scripts[sign] = self._group()
        names = ("munder", "mover", "munderover") if token[1:] in _ABOVE else ("msub", "msup", "msubsup")
        if len(scripts) == 2:
            name = names[2]
        elif scripts:
            name = names[0] if "_" in scripts else names[1]
        else:
            return base
        inside = [scripts[sign] for sign in ("_", "^") if sign in scripts]
        return Markup("<{0}>{1}{2}</{0}>").format(Markup(name), base, Markup("").join(inside))

    def _named(self, command: str) -> Markup:
        """A sum, letter, sign or function by its name; space parts a function from what it is of."""
        if command in _ABOVE:
            return Markup("<mo movablelimits='false'>{}</mo>").format(_ABOVE[command])
        if command in _LETTERS:
            return Markup("<mi>{}</mi>").format(_LETTERS[command])
        if command in _SIGNS:
            return Markup("<mo>{}</mo>").format(_SIGNS[command])
        space = "" if self._peek() in ("(", "_", "^") else Markup("<mspace width='0.17em'></mspace>")
        return Markup("<mi>{}</mi>{}").format(command, space)

    def _atom(self, token: str) -> Markup:
        """One letter, number, sign, fraction or root, or what stands in brackets.

        Raises ValueError: it is none of these.
        """
        command = token[1:] if token.startswith("\\") else ""
        if command == "frac":
            return Markup("<mfrac>{}{}</mfrac>").format(self._group(), self._group())
        if command == "sqrt":
            return Markup("<msqrt>{}</msqrt>").format(self._group())
        if command in _NAMED:
            return self._named(command)
        if token in _BRACKETS:  # brackets are as tall as what they hold
            inside, end = self.row(_BRACKETS[token]), _BRACKETS[token]
            plain = "" if "<mfrac>" in inside else Markup(" stretchy='false'")
            return Markup("<mrow><mo{0}>{1}</mo>{2}<mo{0}>{3}</mo></mrow>").format(plain, token, inside, end)
        if command or token in ("{", "}", "&", ""):
            raise ValueError(f"formula: {self._latex}: {token or 'its end'} is not understood")
        if token[0].isdigit():
            return Markup("<mn>{}</mn>").format(token)
        element = "mi" if token.isalpha() else "mo"
        shown = _SHOWN.get(token, token)
        return Markup("<{0}>{1}</{0}>").format(Markup(element), escape(shown))
