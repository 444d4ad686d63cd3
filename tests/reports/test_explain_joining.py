"""The explain page's script: its files can be joined into one, and its types name what Python tells."""

import json
import posixpath
import re
from collections import Counter

import pytest

from pellucid.insight import units as units
from pellucid.reports.explain import page, render_explanation
from pellucid.reports.explain.page import FOLDER, ROOMS, joined_script
from reports.explained import explained, explained_large

FILES = [f"{room}/{name}.js" for room, in_room in ROOMS.items() for name in in_room]
TYPES = "types.js"
LARGEST_ROOM = 14


def text_of(file):
    """What stands in a file of the script."""
    return (FOLDER / file).read_text(encoding="utf-8")


def declared(code):
    """Names that some code declares outside any function."""
    pattern = r"^(?:export )?(?:async )?(?:const|let|function|class) (\w+)"
    return re.findall(pattern, code, re.MULTILINE)


def test_every_file_is_joined_but_the_types():
    found = [path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.*")]
    assert sorted(found) == sorted([*FILES, TYPES])


def test_no_room_is_crowded():
    assert {room for room, in_room in ROOMS.items() if len(in_room) > LARGEST_ROOM} == set()


def test_a_file_imports_from_those_before_it_alone():
    importing = set()
    for file in FILES:
        for names, source in re.findall(r'^import \{([^}]*)\} from "([^"]*)";$', text_of(file), re.MULTILINE):
            imported = posixpath.normpath(posixpath.join(posixpath.dirname(file), source))
            assert imported in FILES[: FILES.index(file)], f"{file} imports {imported}"
            assert " as " not in names, f"{file}: the joined script knows a name by itself alone"
            importing.add(file)
    assert len(importing) > len(FILES) / 2


def test_a_name_means_one_thing_in_all_files():
    names = [name for file in FILES for name in declared(text_of(file))]
    assert len(names) > 100
    assert {name for name, count in Counter(names).items() if count > 1} == set()
    assert declared(joined_script()) == names


def test_nothing_of_a_module_is_left():
    assert re.findall(r"^\s*(?:import|export)\b.*", joined_script(), re.MULTILINE) == []
    assert "@param" not in joined_script()
    assert "</script" not in joined_script().lower()


def properties(type_name):
    """Names of the properties that a type of the script has."""
    block = re.search(rf"@typedef {{object}} {type_name}\b(.*?)\*/", text_of(TYPES), re.DOTALL)
    assert block is not None, type_name
    return set(re.findall(r"^ \* @property {.*} ([\w-]+)", block[1], re.MULTILINE))


def told_by(explanation):
    """The data document of a page."""
    html = render_explanation(explanation, "x")
    return json.loads(re.search(r'id="told">(.*?)</script>', html, re.DOTALL)[1])


@pytest.mark.parametrize("name", ["cnn", "text-cnn", "vae"])
def test_the_types_name_all_that_python_tells(name):
    told = told_by(explained(name))
    assert told.keys() == properties("Told")
    for layer in told["layers"]:
        assert layer.keys() == properties("LayerFacts") | {"kind", "settings", "hidden"}
        assert layer["hidden"] or layer["kind"] in properties("SettingsOf")
    assert {key for driver in told["drivers"] for key in driver} <= {"name", "centred"}


def test_the_types_name_all_that_python_tells_of_chosen_units(monkeypatch):
    monkeypatch.setattr(page, "BUDGET", 300_000)
    chosen = [unit for layer in told_by(explained_large())["chosen"].values() for unit in layer]
    assert chosen
    for unit in chosen:
        assert unit.keys() == properties("ChosenUnit")


def test_every_kind_of_layer_that_python_opens_opens_on_the_page():
    assert units.OPENED == properties("SettingsOf")
