"""Given tests of which some or all is known from training: no score of it is called unseen."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

import pellucid
from pellucid.answering.evaluate import evaluate
from pellucid.bundle import load_any
from pellucid.settings import Settings

GIVEN = {"model": "logistic-regression", "learning_curve": False, "threads": 1, "quiet": True}


def texts(generator, count):
    """Rows of text and label, of which every fifth label is wrong."""
    found = []
    for number in range(count):
        label = ("yes", "no")[number % 2]
        words = generator.choice(["house", "tree", "river", "road", "stone", "cloud", "field"], 6)
        shown = label if generator.random() < 0.8 else ("no", "yes")[number % 2]
        found.append((f"{shown} {' '.join(words)} {generator.integers(1_000_000)}", label))
    return found


@pytest.fixture(scope="module", params=["some", "all"])
def run(request, tmp_path_factory):
    """A run whose test has 40 copies of training texts, and 60 or no other ones."""
    generator = np.random.default_rng(0)
    folder = tmp_path_factory.mktemp(request.param)
    train, other = texts(generator, 400), texts(generator, 60 if request.param == "some" else 0)
    with (folder / "data.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label", "split"])
        rows.writerows((*row, "train") for row in train)
        rows.writerows((*row, "test") for row in [*train[:40], *other])
    return pellucid.train(str(folder / "data.csv"), out=folder / "run", **GIVEN)


def test_the_headline_is_the_clean_score_or_of_what_was_held_out(run):
    entry = run.metrics["models"]["logistic-regression"]
    report = run.report.read_text(encoding="utf-8")
    if run.metrics["data"]["test"] == 100:
        assert run.metrics["headline"] == {
            "part": "test_without_leaked", "examples": 60, "known": 40, "tested": 100
        }  # fmt: skip
        assert "of 60 test texts correctly" in run.verdict
        assert run.verdict.endswith(
            " 40 of the 100 test texts have a copy or a relative in training or validation; the score leaves "
            "them out."
        )
        assert "held_out" not in entry
        assert "unseen texts" in report
        assert entry["test_without_leaked"]["accuracy"]["value"] < entry["test"]["accuracy"]["value"]
    else:
        held_out = entry["held_out"]
        assert run.metrics["headline"] == {
            "part": "held_out", "examples": held_out["examples"], "known": 40, "tested": 40
        }  # fmt: skip
        assert held_out["examples"] == 400
        assert "of 400 held-out texts correctly" in run.verdict
        assert run.verdict.endswith("so that the test says nothing on new texts.")
        assert "unseen" not in run.verdict
        assert "unseen texts" not in report
        assert held_out["scores"]["accuracy"]["value"] == entry["validation"]["accuracy"]
        assert run.metrics["disagreement"] is None


def test_promises_are_checked_on_clean_examples_alone(run):
    held_out = load_any(run.folder).held_out
    if run.metrics["data"]["test"] == 100:
        assert len(held_out.test) == 60
    else:
        assert held_out.test is None
        assert "promise was not checked on it" in run.report.read_text(encoding="utf-8")


def test_the_model_card_names_the_clean_scores(run):
    card = (run.folder / "model" / "README.md").read_text(encoding="utf-8").replace("\\", "")
    known = run.metrics["headline"]
    assert f"{known['known']} of {known['tested']} test examples have a copy or a relative there" in card
    words = {100: "unseen test accuracy", 40: "held-out accuracy"}[known["tested"]]
    assert words in card
    assert "| test accuracy" not in card


def test_evaluate_says_what_of_the_test_is_known(run):
    config = json.loads((run.folder / "config.json").read_text())
    found = evaluate(run.folder, config["data"]["place"], Settings())
    assert any(
        f"40 of the {run.metrics['data']['test']} test texts" in each and "too good" in each
        for each in found.warnings
    )


def test_a_copy_of_training_data_under_another_name_is_known_by_content(run, tmp_path):
    config = json.loads((run.folder / "config.json").read_text())
    with open(config["data"]["place"], encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    fresh = texts(np.random.default_rng(1), 5)
    with (tmp_path / "copy.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text", "label"], *(row[:2] for row in rows[:30]), *fresh])
    found = [each for each in evaluate(run.folder, str(tmp_path / "copy.csv"), Settings()).warnings]
    assert [each for each in found if "exact copies" in each] == [
        f"warning: 30 of the 35 texts are exact copies of what {run.folder} was trained or validated on, so "
        "these scores are too good; give data that it has not seen"
    ]


def test_copies_of_training_images_are_known_by_content(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (80, 40, 60, 3), np.uint8)
    for place, rows in (("data", range(60)), ("other", range(30, 80))):
        for row in rows:
            path = tmp_path / place / "ab"[row % 2] / f"{place}{row}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(images[row]).save(path)
    run = pellucid.train(str(tmp_path / "data"), out=tmp_path / "run", **GIVEN)
    ledger = [json.loads(line) for line in (run.folder / "data.jsonl").read_text().splitlines()]
    learned = {int(row["source"][-6:-4].lstrip("a")) for row in ledger if row["split"] != "test"}
    (found,) = [
        each
        for each in evaluate(run.folder, str(tmp_path / "other"), Settings()).warnings
        if "exact copies" in each
    ]
    assert found.startswith(f"warning: {len(learned & set(range(30, 60)))} of the 50 images are exact copies")
