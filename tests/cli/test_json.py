"""`--json`: one document on standard output for what a command finds, and for every error."""

import json
import signal
import subprocess
from pathlib import Path

import jsonschema
import pytest

import spawning
from command_line import within
from pellucid.cli.main import COMMANDS
from pellucid.errors import DataError
from pellucid.language.codes import codes
from small_models import trained_model, write_digits

NAMES = [each.__name__.rpartition(".")[2] for each in COMMANDS]


def document(*words: object, code: int = 0):
    """What a command prints on standard output: one document, and nothing else."""
    done = within(*words, "--json")
    assert done.returncode == code, done.stderr
    assert done.stdout.endswith("\n")
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def run(saved_run):
    return saved_run(trained_model())


@pytest.mark.parametrize("name", NAMES)
def test_every_command_takes_it_and_refuses_an_unknown_option_as_a_document(name):
    error = document(name, "--no-such-option", code=2)["error"]
    assert (error["exit_code"], error["code"]) == (2, codes()["{message}; see {prog} --help{all}"])
    assert error["message"].startswith("--no-such-option: there is no such option")
    assert error["remedy"] == f"see pellucid {name} --help" or error["remedy"].endswith("--help-all")


def test_an_error_has_code_place_and_remedy(tmp_path):
    table = tmp_path / "mails.csv"
    table.write_text("text,label\nhello you,ham\nfree money,\n")
    message = f"{table}: empty label at row 3; fill it in or remove the row"
    assert document("train", table, "--out", tmp_path / "run", code=DataError.exit_code) == {
        "error": {
            "code": codes()["{place}: empty label at {some}; fill it in or remove the row"],
            "message": message,
            "place": str(table),
            "remedy": "fill it in or remove the row",
            "exit_code": 3,
        }
    }


def test_people_read_the_error_as_before(tmp_path):
    done = within("predict", tmp_path / "nowhere", "x.png", "--json")
    assert done.stderr == f"error: {json.loads(done.stdout)['error']['message']}\n"


def test_the_schema_has_all_commands_options_codes_and_results():
    found = document("schema")
    assert list(found["commands"]) == NAMES
    options = {name for each in found["commands"]["train"]["options"] for name in each["names"]}
    assert {"--out", "--time-limit", "--json"} <= options
    (count,) = (each for each in found["commands"]["generate"]["options"] if each["names"] == ["--count"])
    assert (count["takes"], count["required"]) == ("int", True)
    assert found["errors"] == {code: message for message, code in codes().items()}
    assert {*map(int, found["exit_codes"])} == {0, 1, 2, 3, 4, 5, 6, 7, 129, 130, 143}
    jsonschema.Draft202012Validator.check_schema(found["metrics"])


def test_answers_are_rows_of_the_document_or_in_the_file_that_it_names(run, tmp_path):
    paths = write_digits(tmp_path, range(3))
    (tmp_path / "bad.png").write_bytes(b"")
    found = document("predict", run, *paths, tmp_path / "bad.png")
    assert (found["labelled"], found["unreadable"], found["model"]) == (3, 1, "mlp")
    assert [each["input"] for each in found["answers"]] == [*map(str, paths), str(tmp_path / "bad.png")]
    assert [each["error"] for each in found["answers"]] == ["", "", "", "empty file (zero bytes)"]
    out = tmp_path / "answers.jsonl"
    written = document("predict", run, *paths, "--out", out)
    assert written["out"] == str(out)
    assert "answers" not in written
    assert [json.loads(line) for line in out.read_text().splitlines()] == found["answers"][:3]


@pytest.mark.slow
def test_the_whole_way_by_documents_alone(chromium, tmp_path):
    """From a folder to an exported page, each step taken from what the one before printed."""
    looked = document("inspect", "sample:spam")
    assert looked["train"] > looked["test"] > 0
    preview = document("train", "sample:spam", "--model", "bag", "--dry-run", tmp_path / "first.html")
    assert preview["sentences"]
    done = document(
        "train", "sample:spam", "--out", tmp_path / "run", "--preset", "quick", "--model", "bag",
        "--no-baselines", "--folds", "0",
    )  # fmt: skip
    schema = document("schema")["metrics"]
    jsonschema.validate(done["metrics"], schema)
    name = done["metrics"]["recommended"]
    assert done["metrics"] == json.loads(Path(done["metrics_file"]).read_text())
    scored = document("evaluate", done["run"], "sample:spam", "--model", name)
    assert isinstance(scored["warnings"], list)
    assert scored["test"]["accuracy"]["value"] > 0.8
    answers = document("predict", done["run"], "--text", "Free money now")["answers"]
    assert answers[0]["label"] in done["metrics"]["classes"]
    opened = document("explain", done["run"], "--text", "Free money now", "--out", tmp_path / "page.html")
    assert Path(opened["page"]).read_text().startswith("<!doctype html>")
    for out in ("model.onnx", "app.html"):
        exported = document("export", done["run"], "--out", tmp_path / out)
        assert exported["proof"]["examples"] > 0
        assert exported["bytes"] == (tmp_path / out).stat().st_size


@pytest.mark.slow
def test_a_server_says_its_address_as_a_document(run):
    words = ("-m", "pellucid", "serve", run, "--port", "0", "--workers", "1", "--json")
    process = spawning.Process(*words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        found = json.loads(process.stdout.readline())
        assert found["address"].startswith("http://127.0.0.1:")
        assert list(found["models"]) == [run.name]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()
