"""Model folders that earlier versions wrote are read by this one, and answer as they did.

`make_stored_models.py` made them, a folder for each version; `docs/releases.md` says what is promised.
"""

import re
from pathlib import Path

import pytest
import write_reference

from command_line import rows_of, within
from pellucid import __version__
from pellucid.bundle.format import FORMAT

STORED = Path(__file__).parent / "stored"
MODELS = sorted(path.parent for path in STORED.glob("*/*/model.json"))
TOLERANCE = 1e-4
RELEASES = (write_reference.ROOT / "docs" / "releases.md").read_text(encoding="utf-8")


def test_every_kept_version_has_models_of_images_and_of_texts():
    kinds: dict[str, set[str]] = {}
    for model in MODELS:
        (kind,) = re.findall(
            r'"kind": ?"(?:classical-)?(image|text)-', (model / "model.json").read_text("utf-8")
        )
        kinds.setdefault(model.parent.name, set()).add(kind)
    assert len(kinds) >= 2
    assert all(each == {"image", "text"} for each in kinds.values()), kinds


def test_the_models_of_this_minor_version_are_kept():
    minor = __version__.rpartition(".")[0]
    assert [each.name for each in STORED.iterdir() if each.name.startswith(f"{minor}.")]


@pytest.mark.parametrize("model", MODELS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_stored_model_answers_as_it_did(model, tmp_path):
    expected = rows_of(model.with_name(f"{model.name}.csv"))
    inputs = model.parent / ("images" if "png" in expected[0]["input"] else "texts.csv")
    within.succeed("predict", model, inputs, "--probabilities", "--out", tmp_path / "answers.csv")
    found = rows_of(tmp_path / "answers.csv")
    assert [row["label"] for row in found] == [row["label"] for row in expected]
    shared = [name for name in expected[0] if name in found[0] and name not in ("input", "label", "error")]
    assert {"probability"} < set(shared)
    for row, before in zip(found, expected, strict=True):
        for name in shared:
            assert float(row[name]) == pytest.approx(float(before[name]), abs=TOLERANCE), name


def test_the_promise_names_the_format_that_is_written():
    (row,) = re.findall(r"^\| model folder \(`model.json`\) \| (\d+) \|", RELEASES, re.MULTILINE)
    assert int(row) == FORMAT
    versions = {path.name for path in STORED.iterdir() if path.is_dir()}
    assert all(version.rpartition(".")[0] in RELEASES for version in versions)
