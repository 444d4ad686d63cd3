"""What kind of labels there are is decided in `targets/` and in one table a room, and nowhere else.

The rooms that still decide it themselves are counted below: a number may only become smaller, and a room that
needs none any more loses its row.
"""

import ast
from collections import Counter
from pathlib import Path

import pellucid

SOURCE = Path(pellucid.__file__).parent
TABLES = ("by_target.py", "objectives.py")

# Names of targets and of states of labels, and attributes that say what kind of labels there are.
NAMES = {
    "ABSENT", "CLASSIFICATION", "GENERATION", "MULTILABEL", "PRESENT", "REGRESSION", "UNKNOWN", "target_of",
}  # fmt: skip
ATTRIBUTES = {
    "has_probabilities",
    "is_several",
    "several",
    "are_lists",
    "generates",
    "label_sets",
}

LEFT: dict[str, int] = {
    "answering": 3,
    "bundle": 1,
    "data": 4,
    "reference": 2,
}


def places(tree: ast.Module) -> int:
    """How often a module names a target, one of its booleans, or two axes of labels."""
    found = 0
    imported = {
        each.asname or each.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pellucid.targets")
        for each in node.names
        if each.name in NAMES
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found += node.id in imported
        elif isinstance(node, ast.Attribute):
            found += node.attr in ATTRIBUTES
        elif isinstance(node, ast.Compare) and isinstance(node.left, ast.Attribute):
            is_of_labels = "label" in ast.unparse(node.left)
            found += is_of_labels and node.left.attr == "ndim"
    return found


def test_no_room_decides_the_target_in_more_places_than_it_did() -> None:
    counted: Counter[str] = Counter()
    for path in sorted(SOURCE.rglob("*.py")):
        room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
        if room != "targets" and path.name not in TABLES:
            counted[room] += places(ast.parse(path.read_text(encoding="utf-8")))
    assert {room: count for room, count in counted.items() if count} == LEFT
