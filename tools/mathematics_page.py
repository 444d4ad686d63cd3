"""The page of formulas, from `pellucid/reference`: the line of each layer, and docstrings beside the code."""

import ast
import re
from pathlib import Path

from pellucid.reference import LAYERS
from pellucid.reference.notation import Declaration

REFERENCE = Path(__file__).resolve().parent.parent / "src" / "pellucid" / "reference"

ORDER = {
    "Layers": {
        "One line a layer": "notation",
        "Inputs prepared": "scaling",
        "Dense layer and dropout": "dense",
        "Activation functions": "activations",
        "Convolutions": "convolution",
        "Pooling": "pooling",
        "Normalisation and whitening": "normalisation",
        "Shortcuts, shapes and order": "joining",
    },
    "Layers that read texts": {
        "Embeddings": "embedding",
        "Attention": "attention",
        "Recurrent layers": "recurrent",
    },
    "Learning": {
        "Losses": "losses",
        "Evidence lower bound": "autoencoder",
        "The chain rule and central differences": "walk",
        "Optimisers": "optimisers",
    },
}
"""Headings, and files below them, in the order in which they are best read."""

WITHOUT_FORMULAS = {"__init__", "layers"}
_SHORT_FORMULAS_TOO = {"activations", "autoencoder", "losses", "optimisers"}
_FIELDS = re.compile(r"^(Args|Returns|Raises):\n(?: .*\n|\n)*", re.MULTILINE)
_HEAD = """\
# The mathematics

Everything that a network of Pellucid computes, as formulas with their sources, and beside each the file
under `src/pellucid/reference/` that says the same in NumPy. This page is written from the docstrings of those
files by `make generated`.

{room}

**Checked.** `tests/reference` compares each layer and its gradient with PyTorch's in double precision, to
$10^{{-10}}$, and with central differences. The real networks are walked layer by layer, in training and in
answering: every value and every gradient agree to $10^{{-10}}$. Whole networks trained here and in PyTorch,
with each optimiser, have the same losses to $10^{{-9}}$ for 50 steps.

How learning rates go up and down stands in `training/optimisers.py`; how weights start, in
`networks/initialisation.py`. Scores, intervals and tests are on the page [Statistics](statistics.md).
"""


def mathematics_page() -> str:
    """The page in Markdown.

    Returns:
        Headings and, below them, the docstrings.
    """
    room = _docstring(ast.parse((REFERENCE / "__init__.py").read_text(encoding="utf-8")))
    parts = [_HEAD.format(room=room.partition("\n\n")[2])]
    for group, files in ORDER.items():
        parts.append(f"\n## {group}\n")
        for title, name in files.items():
            tree = ast.parse((REFERENCE / f"{name}.py").read_text(encoding="utf-8"))
            parts.append(f"\n### {title}\n\n`reference/{name}.py`\n\n{_docstring(tree)}\n")
            if name == "notation":
                parts.append(_lines())
            parts.extend(_functions(tree, "$" if name in _SHORT_FORMULAS_TOO else "$$"))
    return "".join(parts)


def _lines() -> str:
    """Table of the layers that are one line, and the line of each."""
    rows = "".join(
        f"| {kind if first else ''} | `{line}` |\n"
        for kind, layer in LAYERS.items()
        if isinstance(layer.declared, Declaration)
        for first, line in zip((True, False, False), layer.declared.lines, strict=False)
    )
    return f"\n| Layer | Line |\n| --- | --- |\n{rows}"


def _functions(tree: ast.Module, sign: str) -> list[str]:
    """One point for each function with a formula in this sign: what it computes, and its source."""
    found = []
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
            continue
        if sign in _docstring(node):
            said = _FIELDS.sub("", _docstring(node) + "\n").strip()
            said = said.replace("\n    ", "\n")  # a source that goes on in a second line
            lines = f"`{node.name}`: {said}".splitlines()
            found.append("\n- " + "\n".join(line and f"  {line}" for line in lines)[2:] + "\n")
    return found


def _docstring(node: ast.Module | ast.FunctionDef) -> str:
    docstring = ast.get_docstring(node)
    if docstring is None:
        raise ValueError("a file or function of the reference says nothing about itself")
    return docstring
