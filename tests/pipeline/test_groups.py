"""Runs whose examples share groups: judged by leaving groups out, scored by groups, their answers a table."""

import csv
import gzip
import json
import os

import numpy as np
import pytest

import pellucid
from pellucid.data.dataset import FEW_GROUPS
from pellucid.data.ledger import write_rows
from pellucid.errors import StorageError
from pellucid.pipeline.learners.evaluation_budget import folds_of
from pellucid.pipeline.run.journal import RunFolder
from pellucid.settings import Settings

SETTINGS = {"model": "logistic-regression", "learning_curve": False, "threads": 1, "quiet": True}


def write_speakers(path, speakers, texts, classes=("=yes", "no")):
    """Texts of speakers, some of whom say the opposite of what they mean."""
    generator = np.random.default_rng(0)
    words = {classes[0]: ["good", "fine", "happy"], classes[1]: ["bad", "poor", "sad"]}
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label", "speaker"])
        for speaker in range(speakers):
            for number in range(texts):
                label = classes[number % 2]
                meant = label if speaker % 4 else classes[1 - number % 2]
                filler = generator.choice(["house", "tree", "river", "road", "stone", "cloud", "field"], 5)
                rows.writerow(
                    [f"{words[meant][generator.integers(3)]} {' '.join(filler)} {number}", label, speaker]
                )
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same data learned with groups and without."""
    folder = tmp_path_factory.mktemp("groups")
    data = write_speakers(folder / "data.csv", 16, 20)
    given = {"a": {"group_column": "speaker"}, "plain": {"groups": False}}
    return {
        name: pellucid.train(str(data), out=folder / name, **SETTINGS, **more) for name, more in given.items()
    }


def test_groups_are_counted_and_few_are_left_out_in_turn(runs):
    metrics = runs["a"].metrics
    groups = metrics["data"]["groups"]
    assert groups["train"] + groups["validation"] + groups["test"] == 16
    assert groups["test"] < FEW_GROUPS
    assert metrics["judged_on_folds"] == {"logistic-regression": 5}
    entry = metrics["models"]["logistic-regression"]
    assert entry["left_out"]["groups"] == 16 - groups["test"]
    assert entry["left_out"]["examples"] == metrics["data"]["train"] + metrics["data"]["validation"]
    assert "By leaving groups out in turn" in entry["left_out"]["words"]
    report = runs["a"].report.read_text(encoding="utf-8")
    for key in ("by_groups", "left_out"):
        assert entry[key]["words"] in report
    assert "Groups to train, validate, test" in report


def test_intervals_are_wider_by_groups(runs):
    entry = runs["a"].metrics["models"]["logistic-regression"]
    low, high = entry["test"]["accuracy"]["low"], entry["test"]["accuracy"]["high"]
    share, count = entry["test"]["accuracy"]["value"], runs["a"].metrics["data"]["test"]
    assert high - low > 2 * 1.5 * 1.96 * np.sqrt(share * (1 - share) / count)
    assert entry["by_groups"]["independent_examples"] < count / 2


def test_without_groups_nothing_of_them_is_said(runs):
    metrics = runs["plain"].metrics
    assert "groups" not in metrics["data"]
    assert not {"by_groups", "left_out"} & set(metrics["models"]["logistic-regression"])
    assert "group" not in runs["plain"].verdict


def test_few_groups_judge_by_folds_though_validation_is_large(tmp_path):
    data = write_speakers(tmp_path / "data.csv", 8, 700)
    dataset, _ = pellucid.data.prepare(str(data), Settings(group_column="speaker", groups=False))
    assert len(dataset.validation) >= 500
    folds = folds_of(dataset, Settings(), is_continual=False)
    assert folds.are_of_groups
    assert folds.judged_within(1e9) == len(folds.parts)
    for part in folds.parts:
        assert not np.isin(dataset.together[part.validation], dataset.together[part.train]).any()
    assert "the test split has few groups" in folds.sentence("text")
    assert not folds_of(dataset, Settings(folds=0), is_continual=False).parts


def test_answers_about_the_test_split_are_a_table(runs):
    run = runs["a"]
    content = (run.folder / "test.csv").read_bytes()
    head, *rows = csv.reader(content.decode().splitlines())
    assert head == ["source", "label", "predicted", "novelty", "'=yes", "no"]
    ledger = [json.loads(line) for line in (run.folder / "data.jsonl").read_text().splitlines()]
    tested = [each for each in ledger if each["split"] == "test"]
    assert [row[0] for row in rows] == [os.path.basename(each["source"]) for each in tested]
    assert [row[1].removeprefix("'") for row in rows] == [each["label"] for each in tested]
    assert {row[1] for row in rows} == {"'=yes", "no"}
    right = np.mean([row[1] == row[2] for row in rows])
    assert right == run.metrics["models"]["logistic-regression"]["test"]["accuracy"]["value"]
    for row in rows:
        assert sum(map(float, row[4:])) == pytest.approx(1)
        assert row[2] == head[4 + int(np.argmax([float(each) for each in row[4:]]))]


def test_many_rows_are_packed(tmp_path):
    assert write_rows(tmp_path / "test.csv", b"a\n", 100_000).name == "test.csv"
    packed = write_rows(tmp_path / "test.csv", b"a\n", 100_001)
    assert packed.name == "test.csv.gz"
    assert gzip.decompress(packed.read_bytes()) == b"a\n"


def test_a_table_of_the_users_own_does_not_make_a_folder_a_run(tmp_path):
    (tmp_path / "test.csv").write_text("mine")
    with (
        pytest.raises(StorageError, match="holds files, but no run"),
        RunFolder(tmp_path).opened(False, True),
    ):
        pass
    assert (tmp_path / "test.csv").read_text() == "mine"
