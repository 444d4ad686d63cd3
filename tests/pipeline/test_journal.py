"""The journal of a run: decided once, saved at once, taken over by a resumed run."""

import os

import pytest

from pellucid.data.split_rules import FIRST_SPLIT_RULE, SPLIT_RULE
from pellucid.errors import StorageError
from pellucid.language.sentence import Sentence
from pellucid.pipeline.run.journal import NOTES, Journal, RunFolder, notes_of, split_rule_of
from pellucid.safety.strict import read_sealed


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


def saved(folder):
    return read_sealed(folder.path / "config.json")


def never():
    pytest.fail("decided twice")


def test_what_is_decided_is_saved_at_once_and_taken_over(folder):
    journal = Journal(folder)
    journal.begin()
    assert journal.decided("plan", lambda: (1, 2), list, tuple) == (1, 2)
    assert saved(folder) == {"format": 1, "plan": [1, 2]}
    assert journal.decided("plan", never, list, tuple) == (1, 2)
    resumed = Journal(folder, resume=True)
    assert resumed.is_resumed
    assert resumed.decided("plan", never, list, tuple) == (1, 2)
    assert resumed.decided("later", lambda: 3) == 3
    assert saved(folder) == {"format": 1, "plan": [1, 2], "later": 3} == resumed.content


def test_a_run_that_is_refused_before_it_begins_leaves_nothing(folder):
    journal = Journal(folder)
    journal.decided("plan", lambda: 1)
    assert list(folder.path.iterdir()) == []
    assert "plan" in journal
    journal.begin()
    assert saved(folder) == {"format": 1, "plan": 1}


def test_without_resuming_everything_is_decided_afresh(folder):
    first = Journal(folder)
    first.decided("plan", lambda: 1)
    first.begin()
    second = Journal(folder)
    assert not second.is_resumed
    assert second.decided("plan", lambda: 2) == 2


def test_resuming_where_nothing_stands_begins_afresh(folder):
    journal = Journal(folder, resume=True)
    assert not journal.is_resumed
    journal.decided("plan", lambda: 1)
    assert list(folder.path.iterdir()) == []


def test_a_time_limit_revises_a_decision_once(folder):
    journal = Journal(folder)
    journal.begin()
    plan = journal.decided("plan", lambda: 10)
    assert not journal.is_revised("plan")
    assert journal.revised("plan", plan, lambda steps: steps // 2) == 5
    resumed = Journal(folder, resume=True)
    assert resumed.is_revised("plan")
    plan = resumed.decided("plan", never)
    assert resumed.revised("plan", plan, lambda _: never()) == 5
    assert saved(folder) == {"format": 1, "plan": 5, "within_limit": ["plan"]}


def test_decisions_that_belong_together_are_saved_in_one_write(folder, monkeypatch):
    journal = Journal(folder)
    journal.begin()
    written = []
    monkeypatch.setattr(RunFolder, "write_sealed", lambda _, name, content: written.append(dict(content)))
    with journal.together():
        journal.decided("one", lambda: 1)
        journal.decided("two", lambda: 2)
    assert written == [{"format": 1, "one": 1, "two": 2}]


def test_a_damaged_journal_is_named(folder):
    (folder.path / "config.json").write_text("{")
    with pytest.raises(StorageError, match=r"config\.json: Expecting .* start again with --overwrite"):
        Journal(folder, resume=True)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[1]", "list found, an object expected"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"plan": ' + b"9" * 5000 + b"}", "has more than 300 digits"),
        (b'{"plan": 1}', "its checksum does not match"),
    ],
)
def test_an_edited_journal_is_named(folder, content, reason):
    (folder.path / "config.json").write_bytes(content)
    with pytest.raises(StorageError, match=rf"config\.json: .*{reason}.*put back what stood there"):
        Journal(folder, resume=True)


def test_one_changed_digit_is_noticed(folder):
    journal = Journal(folder)
    journal.begin()
    journal.decided("steps", lambda: 1000)
    path = folder.path / "config.json"
    path.write_text(path.read_text().replace("1000", "1001"))
    with pytest.raises(StorageError, match="was changed after it was written"):
        Journal(folder, resume=True)


def test_a_pipe_in_the_place_of_the_journal_is_refused_at_once(folder):
    os.mkfifo(folder.path / "config.json")
    with pytest.raises(StorageError, match=r"config\.json: not a regular file"):
        Journal(folder, resume=True)


def test_a_decision_that_means_nothing_is_named(folder):
    folder.write_sealed("config.json", {"format": 1, "plan": "much"})
    journal = Journal(folder, resume=True)
    with pytest.raises(StorageError, match=r"config\.json: 'plan' means nothing"):
        journal.decided("plan", never, from_json=int)


def test_the_content_cannot_be_changed_from_outside(folder):
    journal = Journal(folder)
    journal.decided("list", lambda: [1])
    journal.content["list"].append(2)
    assert journal.content["list"] == [1]


def test_of_two_decisions_that_were_revised_neither_is_revised_again(folder):
    journal = Journal(folder)
    journal.begin()
    for key in ("backbones", "plan"):
        journal.decided(key, lambda: 10)
        assert journal.revised(key, 10, lambda number: number - 1) == 9
    for each in (journal, Journal(folder, resume=True)):
        for key in ("backbones", "plan"):
            assert each.is_revised(key)
            assert each.revised(key, 9, lambda number: never()) == 9


def test_a_new_run_keeps_the_rule_of_splits_and_an_older_one_is_resumed_by_the_first(folder):
    journal = Journal(folder)
    assert split_rule_of(journal) == SPLIT_RULE
    journal.begin()
    assert saved(folder)["split_rule"] == SPLIT_RULE == split_rule_of(Journal(folder, resume=True))
    folder.write_sealed("config.json", {"format": 1, "plan": 1})  # as versions before it wrote it
    assert split_rule_of(Journal(folder, resume=True)) == FIRST_SPLIT_RULE
    assert saved(folder)["split_rule"] == FIRST_SPLIT_RULE


def test_an_unknown_rule_of_splits_is_refused(folder):
    folder.write_sealed("config.json", {"format": 1, "split_rule": 99})
    with pytest.raises(StorageError, match="'split_rule' means nothing"):
        split_rule_of(Journal(folder, resume=True))


def test_notes_of_a_run_keep_their_templates():
    said = Sentence("{name} was asked for.", "glove-6b-50d")
    assert [each.template for each in notes_of({"backbones": [{"reason": said}], NOTES: [said]})] == [
        "{name} was asked for."
    ] * 2
