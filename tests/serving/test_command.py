"""`pellucid serve` of runs and model folders: exported once, compared where there are examples, and kept."""

import json
import shutil
import signal

import pytest

from command_line import within
from pellucid.bundle import load
from pellucid.errors import ModelFileError, UsageError
from pellucid.export import export
from pellucid.export.export import served_content
from pellucid.serving import serve
from serving.served import JSON, serving

COMMAND = ("-m", "pellucid", "serve")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of mails, whose model is a linear one: trained and exported within seconds."""
    place = tmp_path_factory.mktemp("runs") / "mails"
    within.succeed(
        "train", "sample:spam", "--out", place, "--model", "logistic-regression", "--preset", "quick"
    )
    return place


def test_a_run_is_exported_once_and_answers_as_its_model(run, tmp_path):
    text = "Buy cheap pills now, limited offer"
    expected = load(run / "model").predict_proba([text])[0]
    cache = {"XDG_CACHE_HOME": str(tmp_path)}
    for number in range(2):
        with serving(run, "--workers", "1", command=COMMAND, **cache) as server:
            status, found = server.predict(json.dumps({"text": text}), JSON)
            assert status == 200
            assert list(found["probabilities"].values()) == pytest.approx(expected.tolist(), abs=1e-4)
            said = "".join(server.said)
            assert ("exporting it, once" in said) == (number == 0)
            assert ("comparing it with the model" in said) == (number == 0)
            assert "mails: logistic-regression, takes texts" in said
            assert server.end(signal.SIGINT) == 0


def test_a_model_folder_without_a_run_is_served_with_a_warning_and_not_kept(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(run / "model", tmp_path / "alone")
    said = []
    content = served_content(str(tmp_path / "alone"), said.append)
    assert any("is served without having been compared" in sentence for sentence in said)
    assert content == served_content(str(tmp_path / "alone"), said.append)
    assert len(said) == 4
    assert not list((tmp_path / "cache").rglob("*.onnx"))


def test_a_folder_that_changes_while_it_is_read_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    shutil.copytree(run, tmp_path / "run")
    proved = export._proved

    def changing(place, announce):
        content = proved(place, announce)
        document = tmp_path / "run" / "model" / "model.json"
        document.write_bytes(document.read_bytes() + b"\n")
        return content

    monkeypatch.setattr(export, "_proved", changing)
    with pytest.raises(ModelFileError, match="changed while it was read; start again"):
        served_content(str(tmp_path / "run"), lambda sentence: None)
    assert not list((tmp_path / "cache").rglob("*.onnx"))


@pytest.mark.slow
def test_a_kept_file_that_was_changed_is_made_anew(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    content = served_content(str(run), lambda sentence: None)
    (kept,) = tmp_path.rglob("*.onnx")
    assert kept.read_bytes()[:-32] == content
    kept.write_bytes(kept.read_bytes()[:-33] + b"x" * 33)
    said = []
    assert served_content(str(run), said.append) == content
    assert said


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (
            "prometheus_client",
            r"serve: needs prometheus-client, which is not installed; pip install 'pellucid\[serve\]'",
        )
    ],
)
def test_what_is_not_installed_is_named(monkeypatch, module, reason):
    find = serve.importlib.util.find_spec
    monkeypatch.setattr(
        serve.importlib.util, "find_spec", lambda name: None if name == module else find(name)
    )
    with pytest.raises(UsageError, match=reason):
        serve.require_installed()


def test_an_export_that_needs_more_names_it(run, monkeypatch):
    find = export.importlib.util.find_spec
    monkeypatch.setattr(
        export.importlib.util, "find_spec", lambda name: None if name == "onnxscript" else find(name)
    )
    with pytest.raises(UsageError, match=r"to export it needs onnxscript; pip install 'pellucid\[serve\]'"):
        served_content(str(run), lambda sentence: None)
