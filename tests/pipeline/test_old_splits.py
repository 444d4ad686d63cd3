"""Runs that an earlier version began go on with the split that they were begun with."""

import csv
import json

import numpy as np
import pytest

import pellucid
from pellucid.data import prepare
from pellucid.data.ledger import read_ledger
from pellucid.data.split_rules import FIRST_SPLIT_RULE, SPLIT_RULE
from pellucid.pipeline import train as training
from pellucid.pipeline.continual.starting_point import read_earlier
from pellucid.safety.strict import read_sealed
from pellucid.settings import Settings

GIVEN = {"model": "logistic-regression", "learning_curve": False, "threads": 1, "quiet": True}


class Stopped(Exception):
    """A run that ends in the middle."""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Texts, of which some stand four times."""
    generator = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("copies") / "data.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for number in range(120):
            label = ("yes", "no")[number % 2]
            words = generator.choice(["house", "tree", "river", "road", "stone", "cloud"], 4)
            for _ in range(4 if number % 5 == 0 else 1):
                rows.writerow([f"{label} {' '.join(words)} {number}", label])
    return str(path)


def splits_of(dataset):
    return {name: positions.tolist() for name, positions in dataset.split_positions.items()}


def test_an_unfinished_run_without_the_key_is_resumed_on_its_own_split(data, tmp_path, monkeypatch):
    first, second = (prepare(data, Settings(), split_rule=rule)[0] for rule in (FIRST_SPLIT_RULE, SPLIT_RULE))
    assert splits_of(first) != splits_of(second)

    def stopped(*_):
        raise Stopped

    with monkeypatch.context() as older:
        # What the version before it did: the first rule, of which nothing is written.
        older.setattr(training, "split_rule_of", lambda journal: FIRST_SPLIT_RULE)
        older.setattr(training, "conclude", stopped)
        with pytest.raises(Stopped):
            pellucid.train(data, out=tmp_path / "run", **GIVEN)
    begun = read_sealed(tmp_path / "run" / "config.json")
    assert "split_rule" not in begun
    run = pellucid.train(data, out=tmp_path / "run", resume=True, **GIVEN)
    config = read_sealed(tmp_path / "run" / "config.json")
    assert config["split_rule"] == FIRST_SPLIT_RULE
    assert config["data"]["fingerprint"] == begun["data"]["fingerprint"] == first.fingerprint
    for name, positions in splits_of(first).items():
        assert [row["id"] for row in read_ledger(run.folder) if row["split"] == name] == positions


def test_a_new_run_says_its_rule_and_what_it_learned_from_is_found_by_it(data, tmp_path):
    run = pellucid.train(data, out=tmp_path / "run", **GIVEN)
    config = json.loads((run.folder / "config.json").read_text())
    assert config["split_rule"] == SPLIT_RULE
    record = {"data": config["data"], "settings": config["settings"], "known": None}
    assert read_earlier({**record, "split_rule": SPLIT_RULE}).dataset is not None
    assert read_earlier(record).dataset is None  # an older run's record, and other data than this
