"""The settings table: every row is sound, every refusal says where, what and what to do."""

import dataclasses
import json
import math
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.errors import UsageError
from pellucid.settings import ROWS, Settings, name_of, parse_duration, parse_image_size

ROW_OF = {row.name: row for row in ROWS}
BOUNDED = [row for row in ROWS if row.low is not None and row.kind is not dict]
CHOSEN = [row for row in ROWS if row.choices and row.kind is not dict]


def test_defaults_are_admitted_and_kept() -> None:
    settings = Settings()
    assert {row.name: row.default for row in ROWS} == dataclasses.asdict(settings)


def test_every_row_can_be_shown_to_people() -> None:
    for row in ROWS:
        assert row.meaning[0].isupper(), row.name
        assert not row.meaning.endswith("."), row.name
        assert row.kind in (bool, int, float, str, dict)
        assert (row.kind is dict) == bool(row.form) == (row.read is not None), row.name
        assert re.fullmatch(r"--[a-z]+(-[a-z]+)*", row.flag)
        assert (row.low is None) == (row.high is None), row.name
        assert row.default is None or not row.choices or row.default in row.choices, row.name


def test_bounds_and_choices_are_admitted_and_what_lies_outside_is_refused() -> None:
    assert BOUNDED
    assert CHOSEN
    for row in BOUNDED:
        assert row.low is not None
        assert row.high is not None
        for admitted in (row.low, row.high):
            assert getattr(Settings(**{row.name: admitted}), row.name) == admitted
        for refused in (row.low - 1, row.high + 1):
            with pytest.raises(UsageError, match=rf"^{row.flag}: .* is outside .* to "):
                Settings(**{row.name: refused})
    for row in CHOSEN:
        for choice in row.choices:
            assert getattr(Settings(**{row.name: choice}), row.name) == choice
        with pytest.raises(
            UsageError, match=rf"^{row.flag}: 'purple' is not known; choose one of {row.choices[0]}"
        ):
            Settings(**{row.name: "purple"})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("epochs", "3", "'3' is not a whole number"),
        ("epochs", 2.5, "2.5 is not a whole number"),
        ("epochs", True, "True is not a whole number"),
        ("epochs", math.inf, "inf is not a whole number"),
        ("epochs", 10**400, "is outside 1 to 100000"),
        ("learning_rate", "fast", "'fast' is not a number"),
        ("learning_rate", math.nan, "nan is not a number"),
        ("learning_rate", math.inf, "inf is outside 1e-09 to 1000.0"),
        ("learning_rate", False, "False is not a number"),
        ("skip_bad", 1, "1 is not true or false"),
        ("batch_norm", None, "None is not true or false"),
        ("seed", None, "None is not a whole number"),
        ("label_column", 2.5, "2.5 is not a text"),
        ("label_column", True, "True is not a text"),
        ("model", None, "None is not a text"),
        ("model", 3, "3 is not a text"),
    ],
)
def test_wrong_types_are_refused(name: str, value: object, words: str) -> None:
    with pytest.raises(UsageError, match=f"^run.toml: {ROW_OF[name].flag}: .*{re.escape(words)}"):
        Settings.from_mapping({name: value}, "run.toml")


def test_values_become_plain_and_json() -> None:
    given = {
        "epochs": np.int64(3),
        "seed": 4.0,
        "learning_rate": np.float32(0.5),
        "dropout": 0,
        "image_size": 32,
    }
    settings = Settings.from_mapping(given, "arrays")
    plain = {"epochs": 3, "seed": 4, "learning_rate": 0.5, "dropout": 0.0, "image_size": "32"}
    for name, value in plain.items():
        assert getattr(settings, name) == value
        assert type(getattr(settings, name)) is type(value)
    assert Settings(**json.loads(json.dumps(dataclasses.asdict(settings)))) == settings


def test_label_smoothing_contradicts_mse() -> None:
    with pytest.raises(
        UsageError, match=r"^--label-smoothing: belongs to cross-entropy, but --loss is mse; leave"
    ):
        Settings(loss="mse", label_smoothing=0.1)
    assert Settings(loss="mse", label_smoothing=0.0).loss == "mse"


def test_a_toml_file_gives_the_same_settings_as_the_constructor(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('epochs = 3\nlearning-rate = 1\nimage_size = "24x48"\naugment = false\n')
    settings = Settings.from_mapping(tomllib.loads(file.read_text()), str(file))
    assert settings == Settings(epochs=3, learning_rate=1.0, image_size="24x48", augment=False)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"epoch": 3},
            r"^run.toml: unknown setting 'epoch' \(did you mean epochs\?\); known are activation, .*width$",
        ),
        ({"batch-size": 3, "batch_size": 4}, r"^run.toml: setting 'batch_size' is given twice; leave one"),
        ({"epochs": 0}, r"^run.toml: --epochs: 0 is outside 1 to 100000$"),
    ],
)
def test_a_bad_toml_file_is_refused_with_its_name(values: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Settings.from_mapping(values, "run.toml")


@pytest.mark.parametrize("text", ["", "32x", "32X32", "-3", "3.5", "32x32x3", "99999", "٣"])
def test_other_forms_of_image_size_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--image-size: .* is neither N nor HxW, such as 32 or 24x48$"):
        Settings(image_size=text)


@pytest.mark.parametrize(
    "text", ["", "0", "0s", "0.0h", "-5s", "10 minutes", "1e3", "m", "5d", "inf", "9" * 400, "٣s"]
)
def test_other_forms_of_duration_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--time-limit: .* is not a duration such as 90s, 10m or 1h$"):
        Settings(time_limit=text)


def test_sizes_and_durations() -> None:
    assert list(map(parse_image_size, (None, "32", "24x48", "4096x1"))) == [
        None,
        (32, 32),
        (24, 48),
        (4096, 1),
    ]
    assert list(map(parse_duration, (None, "90", "10m", "1.5h", "0.5 s"))) == [None, 90.0, 600.0, 5400.0, 0.5]
    with pytest.raises(UsageError, match=r"^--image-size: .* is outside 1 to 4096 pixels a side$"):
        Settings(image_size="32x5000")


@given(st.text())
def test_any_text_is_a_size_or_refused(text: str) -> None:
    try:
        size = parse_image_size(text)
    except UsageError:
        return
    assert size is not None
    assert 1 <= min(size) <= max(size) <= 4096


@given(st.text(alphabet="0123456789.smh "))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except UsageError:
        return
    assert seconds is not None
    assert 0 < seconds < math.inf


def test_a_word_of_python_has_its_own_name_there_and_nowhere_else() -> None:
    row = ROW_OF["from_"]
    assert (row.key, row.flag) == ("from", "--from")
    assert Settings.from_mapping({"from": "run"}, "on.toml").from_ == "run"
    assert Settings.from_mapping({"from_": "run"}, "settings").from_ == "run"
    with pytest.raises(UsageError, match=r"on.toml: setting 'from_' is given twice; leave one of them out"):
        Settings.from_mapping({"from": "run", "from_": "run"}, "on.toml")
    with pytest.raises(UsageError, match=r"did you mean from\?\); known are .*, from, .*"):
        Settings.from_mapping({"form": "run"}, "on.toml")


def test_every_key_is_the_name_of_one_row() -> None:
    assert [name_of(row.key) for row in ROWS] == [row.name for row in ROWS]
    assert [name_of(row.flag[2:]) for row in ROWS] == [row.name for row in ROWS]
    assert name_of("no-such-thing") == "no_such_thing"


def test_a_path_is_a_text() -> None:
    found = Settings.from_mapping({"from": Path("a") / "run", "test": Path("more.csv")}, "settings")
    assert (found.from_, found.test) == ("a/run", "more.csv")
    with pytest.raises(UsageError, match=r"--model: 'cnn-too' is not known"):
        Settings.from_mapping({"model": Path("cnn-too")}, "settings")


def test_weights_of_classes_are_read_from_a_text_and_from_a_mapping() -> None:
    for weights in ("spam=5, ham=1", '{"spam": 5, "ham": 1}', {"spam": 5, "ham": 1.0}):
        assert Settings(class_weight=weights).class_weight == {"spam": 5.0, "ham": 1.0}
    assert Settings(class_weight={0: 2, True: 3, 1.5: 4}).class_weight == {"0": 2.0, "true": 3.0, "1.5": 4.0}
    assert Settings(class_weight="a=b=2").class_weight == {"a=b": 2.0}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("spam", "'spam' is not CLASS=NUMBER, such as spam=5"),
        ("spam=much", "'spam=much' is not CLASS=NUMBER"),
        ("a=1,a=2", "'a' is there twice, with 1.0 and 2.0"),
        ("{", "not a JSON object"),
        ("a=0", "0.0 for 'a' is outside"),
        ({"a": math.nan}, "nan for 'a' is not a number"),
        (3, "3 is none of none, balanced, CLASS=WEIGHT"),
    ],
)
def test_unfit_weights_of_classes_are_refused(given: object, words: str) -> None:
    with pytest.raises(UsageError, match=f"^--class-weight: {words}"):
        Settings(class_weight=given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content",
    ["old,new\n0,zero\n1,one\n", "0\tzero\n\n1\tone", '{"0": "zero", "1": "one"}', '"0",zero\n1, one'],
)
def test_new_names_are_read_from_a_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "names").write_text(content)
    settings = Settings(rename=tmp_path / "names")  # type: ignore[arg-type]
    assert settings.rename == {"0": "zero", "1": "one"}
    assert Settings(**dataclasses.asdict(settings)) == settings


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("0,zero\n0,one\n", "'0' is there twice, with 'zero' and 'one'"),
        ("0,zero,more\n", "row 1 has 3 cells"),
        ("0\n", "row 1 has 1 cells"),
        ("0,\n", "'0' stands beside an empty name"),
        ("", "is none of FILE"),
        ("{}", "is none of FILE"),
        ("{1", "not a JSON object"),
        ("\xff,a", "not text in UTF-8"),
    ],
)
def test_unfit_tables_of_names_are_refused(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "names.csv").write_bytes(content.encode("latin-1"))
    with pytest.raises(UsageError, match=f"^--rename: .*{words}"):
        Settings(rename=str(tmp_path / "names.csv"))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"^--rename: .*missing.csv: no such file"):
        Settings(rename=str(tmp_path / "missing.csv"))  # type: ignore[arg-type]


@pytest.mark.parametrize("backbone", [None, "none"])
def test_weights_without_a_backbone_are_refused(backbone: str | None) -> None:
    with pytest.raises(UsageError, match=r"--weights: belongs to --backbone NAME"):
        Settings(weights="weights.safetensors", backbone=backbone)
