"""Help in two lengths, and messages about what was mistyped."""

import re

import pytest

from command_line import within
from pellucid.cli.main import COMMANDS, build_parser

NAMES = [each.__name__.rpartition(".")[2] for each in COMMANDS]


@pytest.fixture(autouse=True)
def _columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def flags_of(text):
    return set(re.findall(r"^  (?:-h, )?(--[a-z-]+)", text, re.MULTILINE))


@pytest.mark.parametrize("name", NAMES)
def test_short_help_fits_a_screen_and_the_rest_is_in_help_all(name):
    short, whole = within.succeed(name, "--help").stdout, within.succeed(name, "--help-all").stdout
    for line in (*short.splitlines(), *whole.splitlines()):
        assert len(line) <= 80, line
    assert len(short.splitlines()) <= 40
    assert short.startswith(f"usage: pellucid {name}")
    (subparsers,) = (each for each in build_parser()._actions if isinstance(each.choices, dict))
    options = {
        flag
        for action in subparsers.choices[name]._actions
        for flag in action.option_strings[:1]
        if flag not in ("-h", "--help-all")
    }
    assert options <= flags_of(whole) | {"--no-groups"}
    assert flags_of(short) <= flags_of(whole)
    if short != whole:
        assert len(flags_of(short) - {"--help", "--help-all"}) <= 10
        hidden = len(flags_of(whole) - flags_of(short))
        assert short.endswith(f"\n{hidden} more options: pellucid {name} --help-all\n")


@pytest.mark.parametrize("name", [each for each in NAMES if each != "demo"])
def test_every_example_is_understood(name):
    text = within.succeed(name, "--help").stdout
    examples = re.findall(r"^  pellucid (.*?) +# .*$", text, re.MULTILINE)
    assert len(examples) >= 2
    for example in examples:
        words = [each.strip('"') for each in re.findall(r'"[^"]*"|\S+', example)]
        assert build_parser().parse_args(words).run.__module__ == f"pellucid.cli.{name}"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trian", "x"], "COMMAND: 'trian' is not known (did you mean train?); choose one of demo, "),
        (["Train", "x"], "(did you mean train? They differ only in capitals); choose"),
        (["train", "x", "--modle", "cnn"], "--modle: there is no such option (did you mean --model?); "),
        (
            ["train", "x", "\u2014\u2014model"],
            "\u2014\u2014model: there is no such option (did you mean --model?); ",
        ),
        (["train", "x", "\uff0d\uff0dmodle\uff1dcnn"], "there is no such option (did you mean --model?); "),
        (["train", "--modle=cnn"], "--modle: there is no such option (did you mean --model?); "),
        (["train", "x", "--lr", "1"], "--lr: there is no such option (did you mean --learning-rate?); "),
        (["train", "x", "--gpu"], "--gpu: there is no such option (did you mean --device?); see"),
        (["predict", "x", "--gpu"], "--gpu: there is no such option; see pellucid predict --help"),
        (["train", "x", "--batch", "8", "--out-dir", "y"], "--out-dir: there is no such option (did you"),
        (["train", "x", "--force"], "--force: there is no such option (did you mean --overwrite?); "),
        (["train", "x", "--test-size", "9"], "--test-size: there is no such option; see pellucid train "),
        (["train", "x", "--device", "gpu"], "--device: 'gpu' is not known (did you mean cuda?); choose"),
        (["train", "x", "--qqq"], "--qqq: there is no such option; see pellucid train --help-all"),
        (
            ["train", "x", "--model", "cnnn"],
            "--model: 'cnnn' is not known (did you mean cnn?); choose one of ",
        ),
        (["predict", "x", "--Text", "y"], "(did you mean --text? They differ only in capitals); see"),
        (["export", "x", "--precision", "f16"], "--precision: 'f16' is not known (did you mean fp16?); "),
        (["train", "x", "--model", "forest"], "'forest' is not known (did you mean random-forest?); choose"),
        (["--versoin"], "--versoin: there is no such option (did you mean --version?); see pellucid --help"),
    ],
)
def test_what_was_meant_is_said(words, message):
    done = within(*words)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_text_may_begin_with_dashes_and_abbreviations_go_on_working():
    parsed = build_parser().parse_args(["predict", "run", "--text", "-- free money --now", "--prob"])
    assert parsed.text == ["-- free money --now"]
    assert parsed.probabilities
    assert build_parser().parse_args(["predict", "run", "--", "--odd-name.png"]).inputs == ["--odd-name.png"]


def test_columns_that_are_meant(tmp_path):
    table = tmp_path / "mails.csv"
    table.write_text("text,Label\n" + "".join(f"free money {row},{row % 2}\n" for row in range(40)))
    done = within("inspect", table, "--label-column", "Lable")
    assert done.returncode == 3
    assert (
        "--label-column 'Lable' is not there (did you mean Label?); columns are 'text', 'Label'"
        in done.stderr
    )
    done = within("inspect", table, "--label-column", "label")
    assert "'label' is not there (did you mean Label? They differ only in capitals); columns" in done.stderr
