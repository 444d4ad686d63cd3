"""Columns of times: read strictly, split into past and future; columns of slices beside them."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from data.made import made_texts
from pellucid.data.preparing import prepare
from pellucid.data.sources.labelled import read_data
from pellucid.data.times import read_times
from pellucid.errors import DataError, UsageError
from pellucid.settings import Settings


def seconds(*values: object) -> list[float]:
    return read_times(list(values), "table.csv", lambda index: f"row {index + 2}").tolist()


NOON = datetime(2024, 3, 1, 12, tzinfo=UTC).timestamp()
DAY = datetime(2024, 3, 1, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-03-01", DAY),
        ("2024-03", DAY),
        ("20240301", DAY),
        (20240301, DAY),
        ("2024/03/01 12:00", NOON),
        ("2024-03-01T12:00:00.5", NOON + 0.5),
        ("2024-03-01T13:00:00+01:00", NOON),
        ("2024-03-01 12:00 Z", NOON),
        (" 1.3.2024 ", DAY),
        ("1.3.2024 9:30", DAY + 9.5 * 3600),
        ("1 March 2024", DAY),
        ("Mar 1, 2024", DAY),
        ("Fri, 1 Mar 2024 13:00:00 +0100", NOON),
        (str(int(NOON)), NOON),
        (1000 * int(NOON), NOON),
        (NOON + 0.25, NOON + 0.25),
        (datetime(2024, 3, 1, 12), NOON),
        (datetime(2024, 3, 1, 13, tzinfo=timezone(timedelta(hours=1))), NOON),
        (datetime(2024, 3, 1).date(), DAY),
        ("2024", datetime(2024, 1, 1, tzinfo=UTC).timestamp()),
    ],
)
def test_usual_forms_are_read(value: object, expected: float) -> None:
    assert seconds(value) == [expected]


def test_another_date_may_show_which_number_is_the_month() -> None:
    assert seconds("3/1/2024", "3/14/2024")[0] == DAY
    assert seconds("1/3/2024", "14/3/2024")[0] == DAY
    assert seconds("3/3/2024") == [datetime(2024, 3, 3, tzinfo=UTC).timestamp()]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("3/3/2024", "3/4/2024"), r"'3/4/2024' at row 3 can be read in two ways.*2024-03-01"),
        (("14/3/2024", "3/14/2024"), r"day stands first in '14/3/2024' at row 2 and the month in .* row 3"),
        (("2024-02-30",), r"no time: '2024-02-30' at row 2"),
        (("2024-03-01", "", None), r"no time: '' at row 3, '' at row 4"),
        (("12",), "no time: '12' at row 2"),
        ((float("nan"),), "no time: 'nan' at row 2"),
        ((True,), "no time: 'True' at row 2"),
        (("1/3/24",), "no time: '1/3/24' at row 2"),
        (("25.13.2024",), "no time"),
        (
            ("2024-03-01T12:00", "2024-03-01T12:00Z"),
            r"two kinds, times without a zone .* with a zone .*row 3",
        ),
        (("2024-03-01", str(int(NOON))), r"two kinds, .* and seconds since 1970"),
    ],
)
def test_what_is_no_time_or_can_be_read_in_two_ways_is_refused(values: tuple, message: str) -> None:
    with pytest.raises(DataError, match=message):
        seconds(*values)


def table(folder, rows: int = 200, name: str = "mails.csv", group: bool = False) -> str:
    """Texts whose order in time is not that of the rows."""
    days = np.random.default_rng(0).permutation(rows)
    lines = ["text,label,sent,land" + (",group" if group else "")]
    for index, (text, day) in enumerate(zip(made_texts(rows), days.tolist(), strict=True)):
        sent = (datetime(2023, 1, 1) + timedelta(days=day // 2)).date()
        cells = [text, "ab"[index % 2], str(sent), ["de", "fr", "it"][index % 3]]
        lines.append(",".join([*cells, *([f"g{index % 50}"] if group else [])]))
    (folder / name).write_text("\n".join(lines))
    return str(folder / name)


def test_the_past_is_trained_on_and_the_end_tested(tmp_path) -> None:
    place = table(tmp_path)
    times = read_data(place, Settings(time_column="sent")).times
    assert times is not None
    dataset, check = prepare(place, Settings(time_column="sent"))
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (140, 20, 40)
    assert times[dataset.train].max() < times[dataset.validation].min()
    assert times[dataset.validation].max() < times[dataset.test].min()
    assert any(said.startswith("Split by time: train 2023-01-01 to 2023-03-11") for said in check.sentences())


def test_a_group_stands_where_its_latest_example_does(tmp_path) -> None:
    place = table(tmp_path, group=True)
    listing = read_data(place, Settings(time_column="sent"))
    assert listing.times is not None
    dataset, check = prepare(place, Settings(time_column="sent"))
    groups = np.array(listing.groups)
    parts = [set(groups[positions]) for positions in dataset.split_positions.values()]
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]
    latest = {name: listing.times[groups == name].max() for name in set(groups)}
    train, validation, test = ([latest[name] for name in part] for part in parts)
    assert max(train) < min(validation)
    assert max(validation) < min(test)
    assert any("of earlier times stand with a later one" in said for said in check.sentences())


def test_neither_column_becomes_the_input_or_the_label(tmp_path) -> None:
    rows = [f"{text},{index % 2},{2000 + index}" for index, text in enumerate(made_texts(60))]
    (tmp_path / "t.csv").write_text("\n".join(["text,kind,year", *rows]))
    listing = read_data(str(tmp_path / "t.csv"), Settings(time_column="year"))
    assert set(listing.labels) == {"0", "1"}
    listing = read_data(str(tmp_path / "t.csv"), Settings(slice_column="kind"))
    assert listing.labels[0] == "2000"
    assert listing.slices == ["0", "1"] * 30


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"time_column": "when"}, "--time-column 'when' is not there"),
        ({"time_column": "label", "label_column": "label"}, "--time-column 'label'.*has the labels in it"),
        ({"slice_column": "text", "input_column": "text"}, "--slice-column 'text'.*has the texts in it"),
    ],
)
def test_a_column_that_cannot_serve_is_refused(tmp_path, given: dict[str, str], message: str) -> None:
    with pytest.raises((DataError, UsageError), match=message):
        read_data(table(tmp_path), Settings(**given))


@pytest.mark.parametrize("flag", ["time_column", "slice_column"])
def test_what_is_no_table_has_no_columns(flag: str) -> None:
    with pytest.raises(UsageError, match="sample:spam has no columns"):
        read_data("sample:spam", Settings(**{flag: "sent"}))


def test_times_beside_the_users_splits_are_refused(tmp_path) -> None:
    (tmp_path / "t.csv").write_text(
        "\n".join(["text,label,sent,split", *(f"{text},a,2024-01-01,train" for text in made_texts(5))])
    )
    with pytest.raises(UsageError, match="has splits of its own, which are not past and future"):
        read_data(str(tmp_path / "t.csv"), Settings(time_column="sent"))


@pytest.mark.parametrize("other", [{"split_column": "s"}, {"test": "t.csv"}, {"folds": 3}])
def test_two_ways_to_divide_the_data_contradict_each_other(other: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="--time-column: divides the data into past and future, but --"):
        Settings(time_column="sent", **other)


def test_one_moment_cannot_be_divided(tmp_path) -> None:
    rows = [f"{text},{'ab'[index % 2]},2024-01-0{1 + index % 2}" for index, text in enumerate(made_texts(60))]
    (tmp_path / "t.csv").write_text("\n".join(["text,label,sent", *rows]))
    with pytest.raises(DataError, match="2 different times of examples that may be parted cannot be divided"):
        prepare(str(tmp_path / "t.csv"), Settings(time_column="sent"))
