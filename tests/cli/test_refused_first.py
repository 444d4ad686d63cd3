"""What is missing is refused before anything is read or made."""

import pandas
import pytest

import pellucid
from command_line import within


@pytest.fixture
def unreadable(tmp_path):
    """DATA that is there, and is refused as soon as it is read."""
    path = tmp_path / "data.csv"
    path.write_text("")
    assert within("inspect", path).returncode == 3
    return path


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--device", "mps"], "--device: mps is not available here"),
        (["--backbone", "resnet18"], "--backbone: 'resnet18' comes with no weights of its own"),
        (["--backbone", "glove-6b-50"], "(did you mean glove-6b-50d?); give them with --weights"),
        (
            ["--backbone", "resnet18", "--weights", "gone.safetensors"],
            "gone.safetensors: there is no such file",
        ),
    ],
)
def test_before_the_data(unreadable, tmp_path, monkeypatch, given, message):
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    done = within("train", unreadable, "--out", tmp_path / "run", *given)
    assert done.returncode in (2, 4)
    assert message in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_backbone_whose_package_is_not_installed(unreadable, tmp_path, monkeypatch):
    monkeypatch.setattr("pellucid.pretrained.known_weights._place", lambda known: None)
    done = within("train", unreadable, "--out", tmp_path / "run", "--backbone", "all-minilm-l6-v2")
    assert (done.returncode, "its package is not installed" in done.stderr) == (2, True)
    assert not (tmp_path / "run").exists()


def test_a_refused_run_leaves_no_folder_and_no_lock(unreadable, tmp_path):
    assert within("train", unreadable, "--out", tmp_path / "new" / "run").returncode == 3
    assert not (tmp_path / "new").exists()
    empty, full = tmp_path / "empty", tmp_path / "full"
    for folder in (empty, full):
        folder.mkdir()
    (full / "file.txt").write_text("mine")
    assert within("train", unreadable, "--out", empty).returncode == 3
    assert within("train", unreadable, "--out", full).returncode == 5
    assert list(empty.iterdir()) == []
    assert [each.name for each in full.iterdir()] == ["file.txt"]
    with pytest.raises(pellucid.DataError):
        pellucid.train(pandas.DataFrame({"text": ["a", "b"], "label": ["a", "a"]}), out=tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("command", [("train",), ("compare", "--vary", "epochs=1,2")])
def test_data_before_out(tmp_path, command):
    name, *more = command
    gone = tmp_path / "gone"
    full = tmp_path / "full"
    full.mkdir()
    (full / "file.txt").write_text("no run")
    for out in ([], ["--out", tmp_path / "new"], ["--out", full]):
        done = within(name, gone, *more, *out)
        assert (done.returncode, done.stderr) == (3, f"error: {gone}: no such file or folder\n")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["full"]
