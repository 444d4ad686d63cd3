"""The whole way of texts: check, split, copies, leaks, ledger."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data.made import listing_of_texts, made_texts, with_numbers
from peak_memory import PEAK
from pellucid.data import Dataset, prepare
from pellucid.data import decoded as content
from pellucid.data.checking import Check
from pellucid.data.ledger import ledger_lines
from pellucid.data.listing import Problem
from pellucid.errors import DataError
from pellucid.settings import Settings
from pellucid.targets import REGRESSION


def prepared(
    texts: list[str], labels: list[str], splits: list[str] | None = None, **settings: object
) -> tuple[Dataset, Check]:
    return prepare(listing_of_texts(texts, labels, splits), Settings(**settings))  # type: ignore[arg-type]


def two_classes(count: int = 40) -> tuple[list[str], list[str]]:
    return made_texts(count), ["ham", "spam"] * (count // 2)


def test_texts_are_checked_and_split() -> None:
    texts, labels = two_classes()
    dataset, check = prepared(texts, labels)
    assert dataset.noun == "text"
    assert dataset.noun == check.noun == "text"
    assert dataset.preprocessing is None
    assert list(dataset.inputs) == texts
    assert sum(len(part) for part in dataset.split_positions.values()) == 40
    assert check.sizes == check.modes == check.training_size == ()
    assert check.sentences()[0] == "40 texts in 2 classes from mails.csv (a table)."
    assert "image" not in "\n".join(check.lines())


def test_findings_are_json() -> None:
    texts, labels = two_classes()
    _, check = prepared([*texts, texts[0].upper()], [*labels, "spam"])
    facts = json.loads(json.dumps(check.to_json()))
    assert facts["texts"]["scripts"] == {"Latin": 41}
    assert facts["duplicates"] == 1
    assert facts["conflicts"] == [
        [{"source": "mails.csv:2", "label": "ham"}, {"source": "mails.csv:42", "label": "spam"}]
    ]
    assert not {"sizes", "modes", "training_size"} & set(facts)


def test_copies_stay_on_one_side_where_we_split() -> None:
    texts, labels = two_classes()
    copied = [*texts, *[f"  {text.upper()}\n" for text in texts]]
    dataset, check = prepared(copied, labels * 2)
    for positions in dataset.split_positions.values():
        assert set((positions + 40) % 80) == set(positions)
    assert check.duplicates == 40
    assert check.leaked == ()
    assert "Exact copies but for case and space of other texts: 40, in 40 sets" in "\n".join(
        check.sentences()
    )


def test_leaked_texts_are_counted_where_the_user_split() -> None:
    texts, labels = two_classes()
    splits = ["train"] * 30 + ["test"] * 10
    texts[35] = texts[3].title()
    dataset, check = prepared(texts, labels, splits)
    assert dataset.leaked.tolist() == [35]
    assert check.leaked == ("mails.csv:37",)
    assert "Test texts that are also in train or validation make the score too good" in "\n".join(
        check.sentences()
    )
    row = json.loads(list(ledger_lines(dataset, check))[35])
    assert row["fate"] == "leaked"
    assert row["reason"].startswith("exact copy of mails.csv:5 in ")


def test_near_copies_are_reported_and_never_moved() -> None:
    texts, labels = two_classes()
    splits = ["train"] * 30 + ["test"] * 10
    texts[35] = f"{texts[4]} indeed"
    dataset, check = prepared(texts, labels, splits)
    assert check.near_copies == (("mails.csv:6", "mails.csv:37"),)
    assert check.related == (("near duplicates", 2, 1, 1),)
    assert check.metrics()["near_duplicates"] == 1
    assert 35 in dataset.test
    assert len(dataset.leaked) == 0
    assert "Near duplicates: 2 texts in 1 set" in "\n".join(check.sentences())


def faulty(skip_bad: bool) -> tuple[Dataset, Check]:
    texts, labels = two_classes()
    texts[7] = texts[20] = ""
    listing = dataclasses.replace(
        listing_of_texts(texts, labels),
        problems=(Problem(7, "mails.csv:9", "blank text"), Problem(20, "mails.csv:22", "lone surrogate")),
    )
    return prepare(listing, Settings(skip_bad=skip_bad))


def test_texts_that_cannot_be_used_are_refused_with_their_rows() -> None:
    message = (
        "mails.csv: 2 of 40 texts cannot be used; fix or remove them, or leave them out with --skip-bad\n"
        "  mails.csv:9: blank text\n  mails.csv:22: lone surrogate"
    )
    with pytest.raises(DataError) as caught:
        faulty(skip_bad=False)
    assert str(caught.value) == message


def test_a_refusal_lists_a_thousand_texts_at_most() -> None:
    texts, labels = two_classes(2400)
    problems = tuple(Problem(row, f"mails.csv:{row + 2}", "blank text") for row in range(1203))
    listing = dataclasses.replace(listing_of_texts(texts, labels), problems=problems)
    with pytest.raises(DataError, match="1,203 of 2,400 texts cannot be used") as caught:
        prepare(listing, Settings())
    assert str(caught.value).endswith("  mails.csv:1001: blank text\n  and 203 more")


def test_skip_bad_leaves_them_out_and_counts_them() -> None:
    dataset, check = faulty(skip_bad=True)
    assert check.metrics()["skipped"] == 2
    used = np.concatenate(list(dataset.split_positions.values()))
    assert len(used) == 38
    assert not {7, 20} & set(used.tolist())
    assert check.duplicates == 0
    said = "\n".join(check.sentences())
    assert "Left out because they cannot be used: 2 texts, mails.csv:9 (blank text)" in said
    assert check.texts is not None
    assert check.texts.characters.shortest > 0
    row = json.loads(list(ledger_lines(dataset, check))[7])
    assert (row["fate"], row["split"], row["reason"]) == ("skipped", "", "blank text")


def test_texts_with_numbers_to_predict() -> None:
    texts, _ = two_classes()
    values = np.arange(40) / 4
    listing = with_numbers(listing_of_texts(texts, [str(value) for value in values]), values)
    dataset, check = prepare(listing, Settings())
    assert dataset.target is REGRESSION
    said = "\n".join(check.lines())
    assert said.startswith("40 texts, each with a number to predict, from mails.csv (a table).")
    assert "image" not in said
    same = with_numbers(listing, np.ones(40))
    with pytest.raises(DataError, match="leaves nothing to learn; give texts with different numbers"):
        prepare(same, Settings())


def test_the_fingerprint_tells_case_apart_though_copies_do_not() -> None:
    texts, labels = two_classes()
    splits = ["train"] * 20 + ["validation"] * 10 + ["test"] * 10
    before = prepared(texts, labels, splits)[0].fingerprint
    assert prepared(list(texts), labels, splits)[0].fingerprint == before
    assert prepared([texts[0].upper(), *texts[1:]], labels, splits)[0].fingerprint != before


def test_near_copies_are_searched_once_for_the_same_texts(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    texts, labels = two_classes()
    texts.append(f"{texts[0]} more")
    first = prepared(texts, [*labels, "ham"])[1]

    def must_not_be_called(*_: object) -> None:
        raise AssertionError("searched again")

    monkeypatch.setattr(content, "near_texts", must_not_be_called)
    assert prepared(texts, [*labels, "ham"])[1] == first
    assert first.near_duplicates == 1


PREPARE = (
    PEAK
    + """
import sys
from pellucid.data import prepare
from pellucid.settings import Settings

dataset, check = prepare(sys.argv[1], Settings())
print(len(dataset.sources), check.duplicates, check.near_duplicates, len(dataset.train), len(dataset.test))
print(peak_kilobytes() // 1024)
"""
)


MANY = int(os.environ.get("TEXTS", "100000"))
"""Texts that are prepared below; `TEXTS=1000000` in the environment makes a million."""


@pytest.mark.slow
def test_many_texts_are_prepared_in_bounded_memory(tmp_path: Path) -> None:
    """Rows of about 30 words, 1 % copied exactly and 1 % with a word more.

    Measured with a million: 0.75 to 1.14 GB, 0.2 of them pages of the store that the system can take back.
    """
    base = made_texts(MANY // 5, words=24)
    path = tmp_path / "many.csv"
    with path.open("w") as table:
        table.write("text,label\n")
        for row in range(MANY):
            kind = row % 100
            number = row - kind if kind in (1, 2) else row
            own = " ".join(str(number * factor) for factor in (7, 11, 13, 17, 19, 23))
            more = " more" * (kind == 2)
            table.write(f"{base[number % (MANY // 5)]} {own}{more},{'ham' if row % 3 else 'spam'}\n")
    ran = subprocess.run(
        [sys.executable, "-c", PREPARE, str(path)], check=True, capture_output=True, text=True, timeout=600
    )
    found, peak = ran.stdout.split("\n")[:2]
    rows, copies, near, train, test = map(int, found.split())
    assert (rows, copies) == (MANY, MANY // 100)
    assert near == pytest.approx(MANY / 100, rel=0.01)
    # Copies stay together, so a share is met by pairs.
    assert train == pytest.approx(MANY - 15_000, abs=100)
    assert test == pytest.approx(10_000, abs=100)
    # The words of some thousands of examples, in which giveaways are looked for, are the same for any number.
    assert int(peak) < 180 + 1.2 * MANY / 1000
