"""Curves and scores for TensorBoard and MLflow, read back with their own libraries."""

import http.server
import json
import struct
import sys
import threading
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pellucid.errors import UsageError
from pellucid.pipeline.run.stages import Stages
from pellucid.pipeline.train import train
from pellucid.pipeline.watching import logs
from pellucid.settings import Settings

GIVEN = {
    "epochs": 3, "width": 8, "threads": 1, "folds": 0, "baselines": False, "quiet": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    found = load_digits()
    pixels = (found.images * 15).astype(np.uint8)
    path = tmp_path_factory.mktemp("digits") / "digits.npz"
    parts = {"train": slice(0, 600), "val": slice(600, 1150), "test": slice(1150, 1350)}
    arrays = {f"x_{name}": pixels[part] for name, part in parts.items()}
    np.savez(path, **arrays, **{f"y_{name}": found.target[part] for name, part in parts.items()})
    return path


def events(folder):
    """Events of the files in a folder, in order, each of a checked record."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import masked_crc32c

    found = []
    for path in sorted(folder.glob("events.out.tfevents.*"), key=lambda path: path.stat().st_mtime_ns):
        content, at = path.read_bytes(), 0
        while at < len(content):
            (length,) = struct.unpack_from("<Q", content, at)
            assert struct.unpack_from("<I", content, at + 8)[0] == masked_crc32c(content[at : at + 8])
            record = content[at + 12 : at + 12 + length]
            assert struct.unpack_from("<I", content, at + 12 + length)[0] == masked_crc32c(record)
            event = Event()
            event.ParseFromString(record)
            found.append(event)
            at += 16 + length
    return found


def scalars(folder):
    """Values by tag and step, as TensorBoard shows them: a session's start drops the steps from there on."""
    from tensorboardX.proto.event_pb2 import SessionLog

    found = {}
    for event in events(folder):
        if event.HasField("session_log") and event.session_log.status == SessionLog.START:
            found = {key: value for key, value in found.items() if key[1] < event.step}
        for value in event.summary.value:
            if value.HasField("simple_value"):
                assert (value.tag, event.step) not in found, "written twice"
                found[value.tag, event.step] = value.simple_value
    return found


def curves(run):
    """What the history holds, by name and epoch."""
    lines = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    return {
        (name, line["epoch"]): line[name]
        for line in lines
        for name in ("train_loss", "validation_loss", "validation_accuracy", "learning_rate")
    }


def test_tensorboard_has_the_curves_of_the_report_and_the_scores_of_the_test(digits, tmp_path):
    run, place = tmp_path / "run", tmp_path / "events"
    train(str(digits), out=run, log=f"tensorboard:{place}", **GIVEN)
    found = scalars(place / "cnn")
    for key, value in curves(run).items():
        assert found[key] == pytest.approx(value, rel=1e-6)
    tested = json.loads((run / "metrics.json").read_text())["models"]["cnn"]["test"]
    assert found["test/accuracy", 0] == pytest.approx(tested["accuracy"]["value"], rel=1e-6)
    assert any(tag.startswith("weights/") and tag.endswith("/gradient_norm") for tag, _ in found)
    texts = {value.tag for event in events(place / "run") for value in event.summary.value}
    assert {"settings/text_summary", "command/text_summary", "verdict/text_summary"} <= texts
    config = json.loads((run / "config.json").read_text())
    assert "log" not in config["settings"]
    assert "--log" not in config["command"]


@pytest.mark.slow
def test_a_resumed_run_has_every_epoch_once(digits, tmp_path, monkeypatch):
    from pellucid.training.observers import Checkpointer

    monkeypatch.setattr(Checkpointer.__init__, "__defaults__", (0.0, 0.0))
    run, log = tmp_path / "run", f"tensorboard:{tmp_path / 'events'}"
    real = logs._Epochs.after_epoch

    def fails(self, state):
        real(self, state)
        if len(state.history) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(logs._Epochs, "after_epoch", fails)
        with pytest.raises(KeyboardInterrupt):
            train(str(digits), out=run, log=log, **GIVEN)
    train(str(digits), out=run, log=log, resume=True, **GIVEN)
    found = scalars(tmp_path / "events" / "cnn")
    for key, value in curves(run).items():
        assert found[key] == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("text", ["tensorboard", "tensorboard:", "wandb:here", "mlflow: "])
def test_a_place_of_another_form_is_refused(text):
    with pytest.raises(UsageError, match=r"--log: .* is neither tensorboard:DIR nor mlflow:URI"):
        Settings(log=text)


@pytest.mark.parametrize(("tool", "module"), [("tensorboard", "tensorboardX"), ("mlflow", "mlflow")])
def test_a_missing_library_is_named_before_the_work_begins(tool, module, tmp_path, monkeypatch):
    for name in [each for each in sys.modules if each.partition(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=rf"pip install 'pellucid\[{tool}\]'"):
        train("sample:fashion", out=tmp_path / "run", log=f"{tool}:{tmp_path / 'log'}", **GIVEN)
    assert not (tmp_path / "run").exists()


def test_a_folder_that_cannot_be_written_to_is_refused_before_the_work_begins(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"--log tensorboard:.*file/events"):
        train("sample:fashion", out=tmp_path / "run", log=f"tensorboard:{tmp_path / 'file/events'}", **GIVEN)
    assert not (tmp_path / "run").exists()


class _Failing:
    """A writer that fails for a while."""

    def __init__(self, failures):
        self.failures, self.written = failures, []

    def points(self, found):
        if self.failures:
            self.failures -= 1
            raise OSError("connection refused\nand a long story")
        self.written += found


@pytest.mark.parametrize("failures", [2, 10**6])
def test_what_fails_is_tried_again_and_warned_of_once(failures, monkeypatch, capsys):
    monkeypatch.setattr(logs, "_AGAIN", 0.01)
    monkeypatch.setattr(logs, "_AT_THE_END", 0.2)
    writer, stages = _Failing(failures), Stages()
    log = logs._Log(writer, "--log mlflow", stages)
    for epoch in range(1, 4):
        log._put_points([logs.Point("cnn", "train_loss", 0.5, epoch)])
    log.end()
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("connection refused; the run goes on") == 1
    assert "a long story" not in said
    if failures == 2:
        assert [point.epoch for point in writer.written] == [1, 2, 3]
    assert ("lacks the end of the run" in said) == (failures > 2)


def _mlflow_run(place):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(place)
    experiment = client.get_experiment_by_name("pellucid")
    (found,) = client.search_runs([experiment.experiment_id])
    return client, found


@pytest.mark.slow
@pytest.mark.parametrize("store", ["file:{}/mlruns", "sqlite:///{}/mlflow.db"])
def test_mlflow_has_curves_scores_settings_and_the_report(store, digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where a store of sqlite has its artifacts
    run, place = tmp_path / "run", store.format(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of SQLAlchemy and MLflow, about each other
        train(str(digits), out=run, log=f"mlflow:{place}", **GIVEN)
        client, found = _mlflow_run(place)
        for (name, epoch), value in curves(run).items():
            history = client.get_metric_history(found.info.run_id, f"cnn/{name}")
            assert {each.step: each.value for each in history}[epoch] == pytest.approx(value)
            assert len(history) == 3
        assert found.info.status == "FINISHED"
        assert found.data.params["width"] == "8"
        assert found.data.params["recipe.optimizer"]
        tested = json.loads((run / "metrics.json").read_text())["models"]["cnn"]["test"]
        assert found.data.metrics["cnn/test/accuracy"] == pytest.approx(tested["accuracy"]["value"])
        kept = client.download_artifacts(found.info.run_id, "report.html", str(tmp_path))
    with open(kept, encoding="utf-8") as file:
        assert file.read() == (run / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_mlflow_goes_on_in_the_same_run_where_it_is_resumed(digits, tmp_path, monkeypatch):
    run, place = tmp_path / "run", f"file:{tmp_path}/mlruns"
    real = logs._Epochs.after_epoch

    def fails(self, state):
        real(self, state)
        if len(state.history) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(logs._Epochs, "after_epoch", fails)
        with pytest.raises(KeyboardInterrupt):
            train(str(digits), out=run, log=f"mlflow:{place}", **GIVEN)
    client, found = _mlflow_run(place)
    assert found.info.status == "KILLED"
    train(str(digits), out=run, log=f"mlflow:{place}", resume=True, **GIVEN)
    client, found = _mlflow_run(place)
    assert found.info.status == "FINISHED"
    steps = [each.step for each in client.get_metric_history(found.info.run_id, "cnn/train_loss")]
    assert steps == [1, 2, 3]


class _Tracking(http.server.BaseHTTPRequestHandler):
    """As much of a tracking server as a run asks for."""

    def do_GET(self):
        self._answer({"experiment": {"experiment_id": "1", "name": "pellucid", "lifecycle_stage": "active"}})

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        info = {"run_id": "7", "run_uuid": "7", "experiment_id": "1", "status": "RUNNING", "start_time": 1}
        info |= {"artifact_uri": "mlflow-artifacts:/7", "lifecycle_stage": "active"}
        self._answer({"run": {"info": info, "data": {}}})

    def _answer(self, document):
        content = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.mark.slow
def test_a_server_that_goes_away_in_mid_training_loses_no_run(digits, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(logs, "_AT_THE_END", 2.0)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Tracking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    real = logs._Epochs.after_epoch

    def goes(self, state):
        if len(state.history) == 1:
            server.shutdown()
            server.server_close()
        real(self, state)

    monkeypatch.setattr(logs._Epochs, "after_epoch", goes)
    log = f"mlflow:http://127.0.0.1:{server.server_port}"
    train(str(digits), out=tmp_path / "run", log=log, **{**GIVEN, "quiet": False})
    assert (tmp_path / "run" / "metrics.json").exists()
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("the run goes on, and what is missing") == 1
    assert said.count("lacks the end of the run") == 1
    with pytest.raises(UsageError, match="--log mlflow:http"):  # one that is away from the beginning
        train(str(digits), out=tmp_path / "other", log=log, **GIVEN)
    assert not (tmp_path / "other").exists()
