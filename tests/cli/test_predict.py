import csv
import io
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import spawning
from models_with_detectors import with_detector
from pellucid import TextClassifier
from pellucid.arithmetic.rounding import percent
from pellucid.bundle import save
from pellucid.cli.command_line import counted
from pellucid.cli.main import main
from small_models import CLASSES, trained_model, write_digits


@pytest.fixture(scope="module")
def run(saved_run):
    return saved_run(trained_model())


def test_csv_goes_to_standard_output_and_words_to_standard_error(run, tmp_path, capfd):
    paths = write_digits(tmp_path, range(3))
    (tmp_path / "bad.png").write_bytes(b"")
    assert main(["predict", str(run), *map(str, paths), str(tmp_path / "bad.png")]) == 0
    output = capfd.readouterr()
    rows = list(csv.DictReader(io.StringIO(output.out)))
    assert list(rows[0]) == ["input", "label", "probability", "error", "novelty"]
    assert [row["input"] for row in rows] == [*map(str, paths), str(tmp_path / "bad.png")]
    assert rows[3] == {
        "input": str(tmp_path / "bad.png"), "label": "", "probability": "",
        "error": "empty file (zero bytes)", "novelty": "",
    }  # fmt: skip
    assert output.err == "3 images labelled by mlp\n1 could not be read: see the column error\n"


def test_a_model_folder_a_file_and_probabilities(run, tmp_path, capfd):
    write_digits(tmp_path / "images", range(3))
    out = tmp_path / "answers.csv"
    words = ["predict", str(run / "model"), str(tmp_path / "images"), "--out", str(out), "--probabilities"]
    assert main(words) == 0
    assert out.read_text().startswith(",".join(["input,label,probability,error,novelty", *CLASSES]) + "\n")
    output = capfd.readouterr()
    assert output.out == ""
    assert output.err == "3 images labelled by mlp\n"


def test_what_is_unlike_the_training_data_is_said(tmp_path, capfd):
    save(with_detector(trained_model(), train=1000, validation=300), tmp_path / "model", {})
    paths = write_digits(tmp_path / "images", range(1400, 1440))
    chance = np.random.default_rng(0)
    for path in paths[:20]:
        Image.fromarray(chance.integers(0, 256, (8, 8), np.uint8)).save(path)
    assert main(["predict", str(tmp_path / "model"), str(tmp_path / "images")]) == 0
    output = capfd.readouterr()
    rows = list(csv.DictReader(io.StringIO(output.out)))
    alarms = sum(float(row["novelty"]) > 0.95 for row in rows)
    assert alarms >= 10
    said = f"{alarms} images ({percent(alarms / 40)}) unlike the training data, where 5 % is expected"
    assert f"{said}: see the column novelty\n" in output.err
    assert "Drift: in " in output.err
    assert max(map(len, output.err.splitlines())) <= 100


def test_a_table_with_a_column_of_ones_own(run, tmp_path, capfd):
    write_digits(tmp_path, range(1))
    (tmp_path / "table.csv").write_bytes("bild;größe\n0000.png;1\n".encode("latin-1"))
    words = ["predict", str(run), str(tmp_path / "table.csv"), "--input-column", "bild"]
    assert main([*words, "--encoding", "latin-1"]) == 0
    output = capfd.readouterr()
    assert f"{tmp_path / 'table.csv'}:2,digit 0," in output.out
    assert "images from column 'bild'" in output.err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["{run}", "{tmp}/nowhere.png"], 3, "error: {tmp}/nowhere.png: no such file or folder\n"),
        (["{run}", "{tmp}"], 3, "error: {tmp}: no image in this folder; choose another INPUT\n"),
        (["{run}", "{tmp}", "--out", "{tmp}/a.txt"], 2, "does not end in .csv, .jsonl, .parquet"),
        (["{tmp}/nowhere", "{run}/x.png"], 4, "error: {tmp}/nowhere: there is no such folder"),
        (["{run}", "{run}/x.png", "--out", "{tmp}/no/a.csv"], 5, "create the folder first"),
    ],
)
def test_exit_codes(words, code, message, run, tmp_path, capfd):
    write_digits(run, range(1))[0].rename(run / "x.png")
    filled = [word.format(run=run, tmp=tmp_path) for word in words]
    assert main(["predict", *filled]) == code
    output = capfd.readouterr()
    assert message.format(tmp=tmp_path) in output.err
    assert output.out == ""
    assert list(tmp_path.iterdir()) == []


def test_the_only_input_that_cannot_be_read_is_an_error_and_has_its_row(run, tmp_path, capfd):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"")
    assert main(["predict", str(run), str(bad)]) == 3
    output = capfd.readouterr()
    (row,) = csv.DictReader(io.StringIO(output.out))
    assert row["error"] == "empty file (zero bytes)"
    assert "1 could not be read" in output.err
    assert main(["predict", str(run), str(bad), str(bad)]) == 0  # a batch never stops


@pytest.mark.parametrize("words", [[], ["run", "x", "--probability-of", "1"]])
def test_usage(words, capfd):
    try:
        code = main(["predict", *words])
    except SystemExit as stopped:
        code = stopped.code
    assert code == 2
    assert capfd.readouterr().err.startswith("error: ")


def test_nothing_to_label(capfd):
    assert main(["predict", "run"]) == 2
    assert capfd.readouterr().err.startswith("error: INPUT: nothing to label")


def test_shards_and_their_merge(run, tmp_path, capfd):
    write_digits(tmp_path / "images", range(5))
    words = ["predict", str(run), str(tmp_path / "images"), "--out", str(tmp_path / "out.csv")]
    assert main(words) == 0
    whole = (tmp_path / "out.csv").read_bytes()
    for number in (1, 2):
        assert main([*words, "--shard", f"{number}/2"]) == 0
    capfd.readouterr()
    assert main(["predict", "--merge", str(tmp_path / "out.csv")]) == 0
    said = f"5 rows of 2 parts merged into {tmp_path / 'out.csv'}; the parts are no longer needed\n"
    assert capfd.readouterr().err == said
    assert (tmp_path / "out.csv").read_bytes() == whole


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["run", "x", "--out", "a.csv", "--shard", "9/8"],
            "error: --shard: '9/8' is no shard; give I/N with I",
        ),
        (["run", "x", "--merge", "a.csv"], "error: --merge: takes nothing but the file whose parts"),
        (["--merge", "a.csv", "--shard", "1/2"], "error: --merge: takes nothing but the file whose parts"),
        (["--merge", "a.csv", "--probabilities"], "error: --merge: takes nothing but the file whose parts"),
    ],
)
def test_a_wrong_shard_is_refused_before_anything_is_read(words, message, capfd):
    assert main(["predict", *words]) == 2
    said = capfd.readouterr().err
    assert said.startswith(message)
    assert said.count("\n") == 1


def pellucid(*words, **more):
    code = "import sys; from pellucid.cli.main import main; sys.exit(main())"
    return spawning.Process("-c", code, *words, stderr=subprocess.PIPE, **more)


def test_a_reader_that_leaves_early_is_no_error(run, tmp_path):
    write_digits(tmp_path, range(1))
    (tmp_path / "table.csv").write_text("image\n" + "0000.png\n" * 20_000)
    with pellucid("predict", run, tmp_path / "table.csv", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"input,label,probability,error,novelty\n"
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read().decode()
        assert process.wait() == 0
    assert "Traceback" not in said
    assert "error:" not in said


def test_names_reach_a_pipe_in_utf8_whatever_the_locale(run, tmp_path):
    write_digits(tmp_path, range(1))[0].rename(tmp_path / "猫.png")
    around = {**os.environ, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    with pellucid("predict", run, tmp_path, stdout=subprocess.PIPE, env=around) as process:
        output, _ = process.communicate()
        assert process.returncode == 0
    assert f"{tmp_path}/猫.png,digit 0,".encode() in output or b"\\xe7\\x8c\\xab.png" in output


@pytest.fixture(scope="module")
def text_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts") / "model"
    TextClassifier(model="logistic-regression").fit(
        ["good film", "nice film", "bad film", "awful film"] * 10, ["pos", "pos", "neg", "neg"] * 10
    ).save(folder)
    return folder


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("free money now", "give --text 'free money now', or echo 'free money now' | pellucid predict RUN -"),
        ("is it free?", "give --text 'is it free?', or echo"),
        ("free " * 20, "give --text '...', or echo '...' | pellucid predict RUN -"),
        ("mails/gone.txt", None),
    ],
)
def test_a_text_where_a_file_is_expected(text_model, text, advice, capfd):
    assert main(["predict", str(text_model), text]) == 3
    message = capfd.readouterr().err
    assert message.startswith(f"error: {text}: no such file or folder")
    assert (advice or "") in message
    assert ("--text" in message) == (advice is not None)


def test_texts_on_standard_input(text_model):
    with pellucid("predict", text_model, "-", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        output, said = process.communicate(b"a nice thing\n\nawful bad\n")
        assert process.returncode == 0, said
    rows = list(csv.DictReader(io.StringIO(output.decode())))
    assert [row["input"] for row in rows] == ["stdin:1", "stdin:2", "stdin:3"]
    assert [row["label"] for row in rows] == ["pos", "", "neg"]
    assert rows[1]["error"] == "holds no text"


def test_progress_shows_rate_and_what_is_left():
    assert counted(1024, 60_000, 530.4) == "1,024/60,000, 530/s"
    assert counted(1024, None, 5300.0) == "1,024, 5,300/s"
    assert counted(0, 5, 0.0) == "0/5"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_progress_on_a_terminal(run, tmp_path):
    import pty

    write_digits(tmp_path, range(1))
    (tmp_path / "table.csv").write_text("image\n" + "0000.png\n" * 20_000)
    ours, theirs = pty.openpty()
    code = "import sys; from pellucid.cli.main import main; sys.exit(main())"
    words = ("predict", run, tmp_path / "table.csv", "--out", tmp_path / "out.csv")
    process = spawning.Process("-c", code, *words, stderr=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    said = b""
    try:
        while piece := os.read(ours, 65536):
            said += piece
    except OSError:
        pass  # what Linux says at the end of a pseudo-terminal
    assert process.wait() == 0
    os.close(ours)
    assert b"/20,000, " in said
    assert b"/s" in said
    assert re.search(rb"\d:\d\d:\d\d", said)
