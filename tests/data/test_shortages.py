"""Refusals of data that is too small to be divided."""

from pellucid.data.splitting import Shortage, too_few_of_classes


def test_many_short_classes_are_named_in_twenty_lines():
    names = [f"class {number}" for number in range(250)]
    short = [Shortage(name, 1, 1) for name in names]
    lines = str(too_few_of_classes("data.npz", names, short, ["test", "validation"])).splitlines()
    assert len(lines) == 21
    assert lines[1] == "  class 'class 0' has 1 example"
    assert lines[-1] == "  and 231 more classes"


def test_twenty_short_classes_are_all_named():
    names = [f"class {number}" for number in range(20)]
    short = [Shortage(name, 2, 2) for name in names]
    text = str(too_few_of_classes("data.npz", names, short, ["test", "validation"]))
    assert all(f"'{name}' has 2 examples" in text for name in names)
    assert "more classes" not in text
