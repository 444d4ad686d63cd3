"""Corrections of labels: read, matched with examples, applied after the splits are cut, and appended."""

import csv
import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import spawning
from data.made import images_of, listing_of, read
from pellucid.data import prepare, write_ledger
from pellucid.data.applied_corrections import (
    ALREADY,
    CONFIRMED,
    CONTRADICTORY,
    LEFT_OUT,
    RELABELLED,
    REPLACED,
    UNMATCHED,
)
from pellucid.data.corrections import (
    COLUMNS,
    Correction,
    CorrectionsFile,
    content_digits,
    correction_line,
    read_corrections,
)
from pellucid.errors import ChangedFileError, DataError
from pellucid.settings import Settings

LABELS = ["cat", "dog"] * 30


HEADING = ",".join(COLUMNS)


def table(tmp_path, *rows, heading=HEADING):
    path = tmp_path / "corrections.csv"
    path.write_text("\n".join([heading, *rows]) + "\n", encoding="utf-8")
    return str(path)


def corrected(place, labels=LABELS, listing=None, **settings):
    """A data set and its check, corrected by a table."""
    given_listing = listing_of(labels) if listing is None else listing
    return prepare(given_listing, Settings(corrections=place, **settings))


def kinds(check):
    return [each.kind for each in check.corrections.outcomes]


def contents(listing=None):
    dataset, _ = prepare(listing_of(LABELS) if listing is None else listing, Settings())
    return content_digits(dataset.digests)


# Application.


def test_labels_change_examples_go_and_nobody_moves_to_another_split(tmp_path):
    before, _ = prepare(listing_of(LABELS), Settings())
    place = table(
        tmp_path,
        "table.csv:1,dog,label,cat",
        "table.csv:2,,leave-out,dog",
        "table.csv:3,,right,cat",
        "table.csv:5,dog,,cat",
        heading="input,label,action,was",
    )
    after, check = corrected(place)
    assert kinds(check) == [RELABELLED, LEFT_OUT, CONFIRMED, RELABELLED]
    assert [after.label_text(at) for at in (0, 2, 3, 4)] == ["dog", "cat", "dog", "dog"]
    for part, positions in before.split_positions.items():
        assert after.split_positions[part].tolist() == [at for at in positions.tolist() if at != 1]
    assert after.fingerprint != before.fingerprint
    said = "\n".join(check.sentences())
    assert "2 labels changed, 1 image left out, 1 label confirmed as right." in said
    of_test = sum(at in before.test for at in (0, 1, 4))
    assert f"{of_test} correction{'' if of_test == 1 else 's'} concern" in said
    counts = check.metrics()["corrections"]
    assert counts["concerned"] == {
        part: sum(at in before.split_positions[part] for at in (0, 1, 4))
        for part in ("train", "validation", "test")
    }
    assert (counts["relabelled"], counts["left_out"], counts["confirmed"], counts["rows"]) == (2, 1, 1, 4)
    assert check.metrics()["skipped"] == 1


def test_the_corrections_in_force_make_the_same_labels_again(tmp_path):
    """What was confirmed, and rows that later ones replaced, are handed on; what changed nothing is not."""
    place = table(
        tmp_path,
        "table.csv:1,dog,label,cat",
        "table.csv:2,,leave-out,dog",
        "table.csv:3,,right,cat",
        "table.csv:4,cat,label,dog",
        "table.csv:4,bird,label,cat",
        "table.csv:5,cat,label,cat",
        "gone.csv:9,cat,label,dog",
        heading="input,label,action,was",
    )
    first, check = corrected(place, labels=[*LABELS, *["bird"] * 10], skip_bad=True)
    assert kinds(check) == [RELABELLED, LEFT_OUT, CONFIRMED, REPLACED, RELABELLED, ALREADY, UNMATCHED]
    kept = check.corrections.in_force()
    assert [each.row for each in kept] == [2, 3, 4, 5, 6]
    again = CorrectionsFile(tmp_path / "again.csv")
    for each in kept:
        again.append(each)
    second, check = corrected(str(again.path), labels=[*LABELS, *["bird"] * 10])
    assert kinds(check) == [RELABELLED, LEFT_OUT, CONFIRMED, REPLACED, RELABELLED]
    assert second.fingerprint == first.fingerprint


def test_every_correction_is_in_the_ledger_and_beside_it(tmp_path):
    place = table(
        tmp_path, "table.csv:1,dog,label,cat", "table.csv:2,,leave-out,dog", heading="input,label,action,was"
    )
    dataset, check = corrected(place)
    rows = [json.loads(line) for line in write_ledger(tmp_path, dataset, check).read_text().splitlines()]
    assert rows[0]["reason"] == "label corrected from 'cat' (corrections.csv, row 2)"
    assert rows[0]["label"] == "dog"
    assert (rows[1]["fate"], rows[1]["split"]) == ("skipped", "")
    assert rows[1]["reason"] == "left out by a correction (corrections.csv, row 3)"
    assert all(len(row["content"]) == 17 and row["content"].startswith("x") for row in rows)
    with (tmp_path / "applied.csv").open(newline="") as file:
        applied = list(csv.DictReader(file))
    assert [row["outcome"] for row in applied] == ["relabelled", "left out"]
    # What was applied can be given again.
    again, _ = corrected(str(tmp_path / "applied.csv"))
    assert again.fingerprint == dataset.fingerprint


def test_an_example_is_found_again_when_rows_were_inserted_or_files_renamed(tmp_path):
    pixels = images_of(60)
    first = contents(listing_of(LABELS, pixels=pixels))
    # A row is inserted in front, so that every name is another's now.
    shifted = listing_of(["cat", *LABELS], pixels=np.concatenate([images_of(1, seed=9), pixels]))
    place = table(tmp_path, f"table.csv:1,dog,label,cat,{first[0]},,", f"gone.png,cat,label,dog,{first[1]},,")
    dataset, check = corrected(place, listing=shifted)
    assert [each.position for each in check.corrections.outcomes] == [1, 2]
    assert [dataset.label_text(at) for at in (0, 1, 2)] == ["cat", "dog", "cat"]
    with pytest.raises(DataError, match=r"row 2: 'table.csv:1' has another content than x\w{16}"):
        corrected(table(tmp_path, f"table.csv:1,dog,label,cat,x{'0' * 16},,"))


def test_of_several_copies_the_one_that_is_named_is_meant(tmp_path):
    pixels = images_of(60)
    pixels[4] = pixels[0]
    copies = listing_of(LABELS, pixels=pixels)
    first = contents(copies)
    place = table(tmp_path, f"table.csv:5,dog,label,cat,{first[4]},,")
    _, check = corrected(place, listing=copies)
    assert check.corrections.outcomes[0].position == 4
    with pytest.raises(
        DataError, match=r"'other' is not there, and its content is in 2 copies: 'table.csv:1'"
    ):
        corrected(table(tmp_path, f"other,dog,label,cat,{first[4]},,"), listing=copies)


@pytest.mark.parametrize(
    ("rows", "expected", "label"),
    [
        (["table.csv:1,dog,,cat", "table.csv:1,cow,,dog"], [REPLACED, RELABELLED], "cow"),  # goes on
        (["table.csv:1,dog,,cat", "table.csv:1,cow,,cat"], [REPLACED, RELABELLED], "cow"),  # another mind
        (["table.csv:1,dog,,cat", "table.csv:1,dog,,cat"], [RELABELLED, ALREADY], "dog"),
        (["table.csv:1,dog,,cat", "table.csv:1,,right,cat"], [REPLACED, CONFIRMED], "cat"),
        (["table.csv:1,dog,,cat", "table.csv:1,,right,dog"], [RELABELLED, CONFIRMED], "dog"),
        (["table.csv:1,,leave-out,cat", "table.csv:1,dog,,cat"], [REPLACED, RELABELLED], "dog"),
        (["table.csv:2,dog,,cat"], [ALREADY], None),  # the data was put right meanwhile
        (["table.csv:2,cow,,cat", "table.csv:2,dog,,cow"], [REPLACED, ALREADY], None),  # in two steps
        (["table.csv:1,cat,,"], [ALREADY], "cat"),
    ],
)
def test_the_last_correction_of_an_example_counts(tmp_path, rows, expected, label):
    labels = [*LABELS, *["cow"] * 6]
    place = table(tmp_path, *rows, heading="input,label,action,was")
    dataset, check = corrected(place, labels)
    assert kinds(check) == expected
    assert label is None or dataset.label_text(0) == label
    assert dataset.label_text(1) == "dog"


def test_what_does_not_fit_is_refused_with_row_found_and_expected_or_passed_over(tmp_path):
    place = table(
        tmp_path,
        "table.csv:1,dog,,cow",
        "nobody.png,dog,,cat",
        "table.csv:3,dog,,cat",
        heading="input,label,action,was",
    )
    with pytest.raises(DataError) as refused:
        corrected(place)
    said = str(refused.value)
    assert said.startswith(
        f"{place}: 2 of 3 corrections do not fit somewhere; fix or remove them, or pass them over"
    )
    assert "\n  row 2: 'table.csv:1' is labelled 'cat'; the correction expects 'cow'" in said
    assert "\n  row 3: 'nobody.png' is no example of somewhere" in said
    dataset, check = corrected(place, skip_bad=True)
    assert kinds(check) == [CONTRADICTORY, UNMATCHED, RELABELLED]
    assert dataset.label_text(0) == "cat"
    assert check.metrics()["corrections"]["unmatched"] == 1
    said = "\n".join(check.sentences())
    assert "1 correction contradicts the data: row 2:" in said
    assert "1 correction fits no example: row 3:" in said


def test_a_new_class_needs_enough_examples(tmp_path):
    rows = [f"table.csv:{row},fox,,{LABELS[row - 1]}" for row in range(1, 31)]
    heading = "input,label,action,was"
    dataset, _ = corrected(table(tmp_path, *rows, heading=heading))
    assert dataset.classes == ("cat", "dog", "fox")
    with pytest.raises(
        DataError, match=r"1 new class: 'dgo' \(is it 'dog'\?\) has 1 example; .* needs 3, one for each"
    ):
        corrected(table(tmp_path, "table.csv:1,dgo,,cat", heading=heading))
    # A class that is too small is left out where that is asked for.
    dataset, check = corrected(table(tmp_path, "table.csv:1,dgo,,cat", heading=heading), min_examples=2)
    assert dataset.classes == ("cat", "dog")
    assert check.rare == {"dgo": 1}


def test_numbers_are_corrected_by_numbers(tmp_path):
    numbers = [str(0.5 + row) for row in range(60)]
    settings = Settings(target="number")
    from pellucid.data.sources.labelled import as_asked

    listing = as_asked(listing_of(numbers), settings)
    place = table(tmp_path, "table.csv:2,-3.25,,1.50", heading="input,label,action,was")
    dataset, check = corrected(place, listing=listing, target="number")
    assert dataset.labels[1] == -3.25
    assert kinds(check) == [RELABELLED]
    with pytest.raises(
        DataError, match=r"1 malformed correction; fix it\n  row 2: label 'many'; a finite number"
    ):
        corrected(
            table(tmp_path, "table.csv:2,many", heading="input,label"), listing=listing, target="number"
        )


def test_several_labels_are_corrected_as_a_set(tmp_path):
    path = tmp_path / "texts.csv"
    rows = [f"text number {row},{('c', 'a;b', 'a', 'b;c')[row % 4]}" for row in range(60)]
    path.write_text("\n".join(["text,label", *rows]) + "\n")
    listing = read(path)
    source = listing.sources[0]
    rows = [f"{listing.sources[at]},b; c; d,,c" for at in range(0, 40, 4)]
    place = table(tmp_path, *rows, heading="input,label,action,was")
    dataset, check = prepare(str(path), Settings(corrections=place))
    assert kinds(check) == [RELABELLED] * 10
    assert dataset.label_text(0) == "b;c;d"
    assert dataset.classes == ("a", "b", "c", "d")
    assert dataset.label_text(40) == "c"
    held_out = next(listing.sources[at] for at in dataset.test.tolist() if at % 4 == 0)
    once = table(tmp_path, f"{held_out},e,,c", heading="input,label,action,was")
    with pytest.raises(DataError, match=r"1 new class: 'e' has 0 examples; .* needs an example to train"):
        prepare(str(path), Settings(corrections=once))
    nothing = table(tmp_path, f"{source},,label,c", heading="input,label,action,was")
    dataset, _ = prepare(str(path), Settings(corrections=nothing))
    assert dataset.label_text(0) == ""


# Tables.


@pytest.mark.parametrize(
    ("rows", "heading", "message"),
    [
        (
            ["a.png,cat,burn"],
            "input,label,action",
            r"row 2: action 'burn'; one of label, leave-out, right is",
        ),
        (["a.png,cat,12"], "input,label,content", r"row 2: content '12'; x and 16 hexadecimal digits are"),
        ([",cat"], "input,label", r"row 2: neither input nor content; one of them has to name the example"),
        (
            ["a.png,cat"],
            "file,class",
            r"columns 'file', 'class' found; a table of corrections has input, label",
        ),
        (["a.png,cat,x"], "input,label", r"row 2 has 3 fields, the first row 2"),
        (['a.png,"cat'], "input,label", r"quote opened at row 2 never closes"),
    ],
)
def test_a_malformed_table_is_refused_with_its_row(tmp_path, rows, heading, message):
    with pytest.raises(DataError, match=message):
        read_corrections(table(tmp_path, *rows, heading=heading))


def test_a_missing_table_and_one_of_another_kind_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"--corrections .*nowhere.csv: no such file"):
        read_corrections(str(tmp_path / "nowhere.csv"))
    (tmp_path / "page.html").write_text("x")
    with pytest.raises(DataError, match=r"page.html: no table by its name"):
        read_corrections(str(tmp_path / "page.html"))


def test_tables_of_other_forms_and_of_spreadsheets_are_read(tmp_path):
    path = tmp_path / "corrections.jsonl"
    path.write_text(
        '{"input": "a.png", "label": 3}\n{"input": "b.png", "action": "leave-out", "label": null}\n'
    )
    assert [(each.label, each.action) for each in read_corrections(str(path)).rows] == [
        ("3", "label"),
        ("", "leave-out"),
    ]
    path = tmp_path / "corrections.csv"
    path.write_bytes("\ufeffinput;label\r\nä.png;größer\r\n".encode())
    assert read_corrections(str(path)).rows[0].label == "größer"


@given(
    st.lists(
        st.tuples(*[st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)] * 3),
        min_size=1,
        max_size=5,
    )
)
def test_what_was_appended_is_read_again(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("table") / "corrections.csv"
    table_of = CorrectionsFile(path)
    for place, label, was in rows:
        place, label, was = (each.replace("\0", "") or "-" for each in (place, label, was))
        table_of.append(Correction(place, label, was=was))
    found = read_corrections(str(path)).rows
    assert [(each.input, each.label, each.was) for each in found] == [
        tuple(part.replace("\0", "") or "-" for part in row) for row in rows
    ]
    assert CorrectionsFile(path).rows == list(found)


def test_a_table_without_rows_corrects_nothing(tmp_path):
    path = tmp_path / "corrections.csv"
    assert CorrectionsFile(path).rows == []
    dataset, check = corrected(str(path))
    assert check.metrics()["corrections"]["rows"] == 0
    assert dataset.fingerprint == prepare(listing_of(LABELS), Settings())[0].fingerprint


def test_a_row_that_was_cut_short_is_removed_when_the_table_is_opened(tmp_path):
    path = tmp_path / "corrections.csv"
    CorrectionsFile(path).append(Correction("a.png", "cat"))
    whole = path.read_bytes()
    path.write_bytes(whole + correction_line(Correction("b.png", "dog"))[:-9])
    assert [each.input for each in CorrectionsFile(path).rows] == ["a.png"]
    assert path.read_bytes() == whole
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="not a table of corrections with the columns input, label"):
        CorrectionsFile(path)


KILLED = """
import os, sys
from pathlib import Path
from pellucid.data.corrections import Correction, CorrectionsFile
table, at = CorrectionsFile(Path(sys.argv[1])), int(sys.argv[2])
while True:
    table.append(Correction(f"{at}.png", "cat", was="dog"))
    os.write(1, f"{at}\\n".encode())
    at += 1
"""


def test_a_last_row_without_an_end_is_kept_where_it_is_whole(tmp_path):
    """An editor that leaves the last line without an end is no kill that cut it short."""
    path = tmp_path / "corrections.csv"
    by_hand = f"{HEADING}\na.png,cat,,,,,\n'=b.png,'-dog,label,,,,"
    path.write_text(by_hand)
    table = CorrectionsFile(path)
    assert [(each.input, each.label) for each in table.rows] == [("a.png", "cat"), ("=b.png", "-dog")]
    table.append(Correction("c.png", "cat"))
    assert [each.row for each in table.rows] == [2, 3, 4]
    assert path.read_text() == by_hand + "\nc.png,cat,label,,,,\n"
    assert table.content() == path.read_bytes()


def test_a_table_that_somebody_else_changed_is_left_alone(tmp_path):
    path = tmp_path / "corrections.csv"
    table = CorrectionsFile(path)
    table.append(Correction("a.png", "cat"))
    with path.open("a") as file:
        file.write("b.png,dog,label,,,,\n")
    before = path.read_bytes()
    with pytest.raises(ChangedFileError, match=r"corrections.csv: was changed by somebody else"):
        table.append(Correction("c.png", "cat"))
    assert path.read_bytes() == before
    path.rename(tmp_path / "other.csv")
    with pytest.raises(ChangedFileError, match=r"corrections.csv: is no longer there"):
        table.append(Correction("c.png", "cat"))
    assert not path.exists()
    assert [each.input for each in table.rows] == ["a.png"]


def test_only_forms_in_which_we_write_are_kept_from_formulas(tmp_path):
    """What a user wrote as JSON is meant as it is."""
    path = tmp_path / "corrections.jsonl"
    path.write_text(json.dumps({"input": "'=a.png", "label": "'-1"}) + "\n")
    (row,) = read_corrections(str(path)).rows
    assert (row.input, row.label) == ("'=a.png", "'-1")
    path = tmp_path / "corrections.csv"
    path.write_text("input,label\n'=a.png,''-1\n")
    (row,) = read_corrections(str(path)).rows
    assert (row.input, row.label) == ("=a.png", "'-1")


def test_nothing_that_was_confirmed_is_lost_when_the_writer_is_killed(tmp_path):
    path, start = tmp_path / "corrections.csv", 0
    for pause in (0.05, 0.01, 0.03):
        with spawning.Process("-c", KILLED, path, start, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            confirmed = [child.stdout.readline()]
            time.sleep(pause)
            os.kill(child.pid, signal.SIGKILL)
            confirmed += child.stdout.read().split(b"\n")
        last = max(int(each) for each in confirmed if each.strip())
        rows = CorrectionsFile(path).rows
        assert [each.input for each in rows] == [f"{at}.png" for at in range(len(rows))]
        assert last + 1 <= len(rows) <= last + 2
        start = len(rows)
