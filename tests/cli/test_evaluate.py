import json

import pytest

from models_with_detectors import with_detector
from number_models import number_model
from pellucid.bundle import save
from pellucid.cli.main import main
from small_models import trained_model, write_digits


@pytest.fixture(scope="module")
def run(saved_run):
    return saved_run(trained_model())


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_digits(folder, range(1000, 1200), by_class=True)
    (folder / "notes.txt").write_text("left out")
    return folder


def test_a_table_for_people(run, data, capfd):
    assert main(["evaluate", str(run), str(data)]) == 0
    output = capfd.readouterr()
    assert "Scored  all rows: 200 images, 0 skipped" in output.out
    for words in ("Accuracy", "Macro-F1", "Log loss (nats)", "Expected calibration error", "95 % interval"):
        assert words in output.out
    assert "notes.txt" in output.err


def test_drift_is_said_and_stands_in_the_document(data, tmp_path, capfd):
    save(with_detector(trained_model(), train=700, validation=300), tmp_path / "model", {})
    assert main(["evaluate", str(tmp_path / "model"), str(data), "--json"]) == 0
    drift = json.loads(capfd.readouterr().out)["drift"]
    assert drift["examples"] == 200
    assert drift["reference_examples"] == 300
    assert 0.3 < drift["foreignness"]["superiority"] < 0.7
    assert main(["evaluate", str(tmp_path / "model"), str(data)]) == 0
    output = capfd.readouterr().out
    assert "Unlike the training data: " in output
    assert " ".join(drift["verdict"].split()) in " ".join(output.split())


def test_the_seed_moves_the_intervals_and_nothing_else(run, data, capfd):
    def scores(seed):
        assert main(["evaluate", str(run), str(data), "--json", "--seed", str(seed)]) == 0
        return json.loads(capfd.readouterr().out)["test"]

    assert scores(1) == scores(1)
    assert scores(1)["log_loss"]["value"] == scores(2)["log_loss"]["value"]
    assert scores(1)["log_loss"]["low"] != scores(2)["log_loss"]["low"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["{run}", "{tmp}/nowhere"], 3, "no such file or folder"),
        (["{run}", "sample:fashion"], 3, "the model does not know classes 'Ankle boot', 'Bag'"),
        (["{tmp}", "sample:fashion"], 4, "neither a model folder nor a finished run"),
    ],
)
def test_exit_codes(words, code, message, run, tmp_path, capfd):
    filled = [word.format(run=run, tmp=tmp_path) for word in words]
    assert main(["evaluate", *filled]) == code
    output = capfd.readouterr()
    assert message in output.err
    assert output.out == ""


def test_confusion_as_a_table(run, data, tmp_path, capfd):
    path = tmp_path / "confusion.csv"
    assert main(["evaluate", str(run), str(data), "--json", "--confusion", str(path)]) == 0
    document = json.loads(capfd.readouterr().out)
    head, *rows = (line.split(",") for line in path.read_text(encoding="utf-8").splitlines())
    assert head == ["true / answer", *document["classes"]]
    assert [row[0] for row in rows] == document["classes"]
    assert [[int(count) for count in row[1:]] for row in rows] == document["confusion"]


def test_confusion_is_refused(run, data, tmp_path, saved_run, capfd):
    assert main(["evaluate", str(run), str(data), "--confusion", "c.txt"]) == 2
    assert "does not end in .csv" in capfd.readouterr().err
    numbers = saved_run(number_model("mlp"))
    assert main(["evaluate", str(numbers), str(data), "--confusion", str(tmp_path / "c.csv")]) == 2
    assert "the model predicts numbers" in capfd.readouterr().err
