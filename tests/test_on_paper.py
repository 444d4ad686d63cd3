"""docs/on-paper.md has the very tables of its script, and no number of its own."""

import re
import runpy

import write_reference

SCRIPT = write_reference.ROOT / "benchmarks" / "on_paper.py"
PAGE = write_reference.ROOT / "docs" / "on-paper.md"


def test_every_table_is_what_the_script_prints():
    script = runpy.run_path(str(SCRIPT))
    page = PAGE.read_text(encoding="utf-8")
    assert [name for _, name, _, _ in script["_BLOCK"].findall(page)] == list(script["BLOCKS"])
    assert script["filled"](page, script["default_plan"]()) == page, (
        "run python benchmarks/on_paper.py --write"
    )
    formulas_and_commands = re.compile(r"\$[^$]*\$|^    .*$|`[^`]*`", re.MULTILINE)
    assert re.findall(r"\d", formulas_and_commands.sub("", script["_BLOCK"].sub("", page))) == []


def test_rules_are_those_of_the_code():
    from pellucid.answering import resumable_output
    from pellucid.settings.table import MOST_PARTS
    from pellucid.training.observers import Checkpointer
    from pellucid.training.ranks import TIME_OUT
    from pellucid.training.recipe_defaults import _OF_PART, PRESETS

    rules = {name: each.value for name, each in runpy.run_path(str(SCRIPT))["RULES"].items()}
    assert (rules["part"], rules["most_parts"]) == (_OF_PART["cnn"], MOST_PARTS)
    assert rules["time_out"] == TIME_OUT
    assert rules["epochs"] == PRESETS["quick"].epochs_of_many
    assert rules["save_answers"] == resumable_output._SECONDS_BETWEEN
    assert rules["save"] == Checkpointer.__init__.__defaults__[-1]
