"""Scripts of pages: their modules can be joined into one, and their types name what Python writes."""

import json
import re
from collections import Counter
from importlib.resources import files

import pytest

from pellucid.export.app.kinds import KINDS
from pellucid.insight import units
from pellucid.pages.assembly import joined_script, modules_from
from pellucid.reports.by_target import WORDS
from pellucid.reports.explain import page, render_explanation
from reports.explained import explained, explained_large

PACKAGE = files("pellucid")
STARTS = [
    "reports/explain/script/start.js",
    *(f"export/app/script/{kind}/{way}.js" for kind in KINDS for way in ("start", "asking")),
    "export/app/script/locked.js",
]
TYPES = "reports/explain/script/types.js"


def declared(code):
    """Names that some code declares outside any function."""
    return re.findall(r"^(?:export )?(?:async )?(?:const|let|function|class) (\w+)", code, re.MULTILINE)


def test_every_file_is_joined_but_the_types():
    joined = {path for start in STARTS for path in modules_from(start)}
    found = [
        path.relative_to(PACKAGE).as_posix()
        for folder in ("reports/explain/script", "export/app/script")
        for path in (PACKAGE / folder).rglob("*.*")
    ]
    assert sorted(path for path in found if path not in joined) == sorted(
        path for path in found if path.endswith("types.js")
    )


@pytest.mark.parametrize("start", STARTS)
def test_a_joined_script_knows_each_name_once_and_nothing_of_a_module_is_left(start):
    modules, script = modules_from(start), joined_script(start)
    names = [name for text in modules.values() for name in declared(text)]
    assert len(names) > 15
    assert [name for name, count in Counter(names).items() if count > 1] == []
    assert declared(script) == names
    before = set()
    for path, text in modules.items():
        for imported, source in re.findall(r'^import \{([^}]*)\} from "([^"]*)";$', text, re.MULTILINE):
            assert " as " not in imported, f"{path}: the joined script knows a name by itself alone"
            assert source.rsplit("/", 1)[1] in {each.rsplit("/", 1)[1] for each in before}, path
        before.add(path)
    assert re.findall(r"^\s*(?:import|export)\b.*", script, re.MULTILINE) == []
    assert "@param" not in script
    assert "</script" not in script.lower()


def properties(type_name):
    """Names of the properties that a type of the script has."""
    text = (PACKAGE / TYPES).read_text(encoding="utf-8")
    block = re.search(rf"@typedef {{object}} {type_name}\b(.*?)\*/", text, re.DOTALL)
    assert block is not None, type_name
    return set(re.findall(r"^ \* @property {.*} ([\w-]+)", block[1], re.MULTILINE))


def page_data_of(explanation):
    """The data document of a page."""
    html = render_explanation(explanation, "x")
    return json.loads(re.search(r'id="page-data">(.*?)</script>', html, re.DOTALL)[1])


@pytest.mark.parametrize("name", ["cnn", "text-cnn", "vae"])
def test_the_types_name_all_that_python_writes(name):
    data = page_data_of(explained(name))
    assert data.keys() == properties("PageData")
    assert all(layer.keys() == properties("LayerFacts") | {"hidden"} for layer in data["layers"])
    assert {key for driver in data["drivers"] for key in driver} <= {"name", "centred", "pieceOf"}


def test_the_types_name_every_target():
    """The type checker then asks `decision.js` for a row of each."""
    answers = re.search(r"@property {([^}]*)} answer ", (PACKAGE / TYPES).read_text(encoding="utf-8"))
    assert set(re.findall(r'"(\w+)"', answers[1])) == {target.noun for target in WORDS}


def test_the_types_name_all_that_python_writes_of_chosen_units(monkeypatch):
    monkeypatch.setattr(page, "BUDGET", 300_000)
    chosen = [unit for layer in page_data_of(explained_large())["chosen"].values() for unit in layer]
    assert chosen
    assert all(unit.keys() == properties("ChosenUnit") for unit in chosen)


def test_every_kind_of_layer_that_python_opens_by_hand_opens_on_the_page():
    by_hand = re.search(r"@typedef {([^}]*)} HandKind", (PACKAGE / TYPES).read_text(encoding="utf-8"))
    assert set(re.findall(r'"([\w-]+)"', by_hand[1])) == set(units._BY_HAND)
