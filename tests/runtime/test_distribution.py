"""The wheel pellucid-runtime: what it holds, and how it lives beside the wheel pellucid."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from runtime_distribution import chosen_modules

from exported_models import content_of
from small_models import write_digits

# Of which onnxruntime, NumPy and Pillow have 178; the rest is the package with the page of its server.
MOST_BYTES = 182_000_000
NOT_COUNTED = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence")


def test_the_wheel_holds_no_module_that_needs_more_than_it_installs():
    chosen = chosen_modules.modules()
    known = (
        chosen_modules.LIBRARIES | chosen_modules.ON_REQUEST | chosen_modules.STAND_IN | chosen_modules.SERVER
    )
    assert set(chosen_modules.libraries(chosen)) == known
    assert "pellucid.runtime.exported" in chosen
    assert "pellucid.answering.decisions" in chosen
    for room in ("training", "networks", "pipeline", "classical", "reports", "cli", "estimators"):
        assert not [name for name in chosen if name.startswith(f"pellucid.{room}")]
    # The page of a server, and nothing else that exports.
    exports = {name for name in chosen if name.startswith("pellucid.export")}
    assert exports == {"pellucid.export", "pellucid.export.app", "pellucid.export.app.shell"}
    assert {path.suffix for path in chosen_modules.page_files()} == {".html", ".css", ".js", ".json"}


def test_the_wheel_shares_no_file_with_pellucid():
    tops = {place.partition("/")[0] for place in chosen_modules.files()}
    assert tops == {"pellucid_runtime", "pellucid-runtime.pth"}


def test_a_module_that_needs_another_library_stops_the_build(monkeypatch):
    monkeypatch.setattr(chosen_modules, "LIBRARIES", {"numpy", "onnxruntime"})
    with pytest.raises(RuntimeError, match=r"modules import libraries that are no dependencies: \{'PIL'"):
        chosen_modules.files()


def test_imports_are_followed_into_functions_and_lazy_rooms_but_not_for_types(tmp_path, monkeypatch):
    package = tmp_path / "pellucid"
    for name, content in {
        "__init__": "",
        "start": "def later():\n    from pellucid.room import thing\n",
        "room/__init__": "if TYPE_CHECKING:\n    from pellucid.room.home import thing\n"
        "    from pellucid.room.other import another\n",
        "room/home": "import PIL.Image\n",
        "room/other": "",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / f"{name}.py").write_text(content)
    monkeypatch.setattr(chosen_modules, "SOURCE", tmp_path)
    monkeypatch.setattr(chosen_modules, "ENTRANCES", ("pellucid.start",))
    found = chosen_modules.modules()
    assert set(found) == {"pellucid", "pellucid.start", "pellucid.room", "pellucid.room.home"}
    assert chosen_modules.libraries(found) == {"PIL": ["pellucid.room.home"]}


def called(*words, **given):
    """Output of a program that must succeed, without this environment's Python path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in words],
        capture_output=True, text=True, timeout=600, env=environment, check=False, **given,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    places = (chosen_modules.ROOT, chosen_modules.HERE)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, *places]
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, check=False)
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip("the package index cannot be reached")
    assert done.returncode == 0, done.stderr
    return {path.name.partition("-")[0]: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def environment(wheels, tmp_path_factory):
    """A fresh environment in which pellucid-runtime was installed as a user does."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    called(sys.executable, "-m", "venv", folder)
    called(folder / "bin" / "python", "-m", "pip", "install", "--quiet", wheels["pellucid_runtime"])
    return folder


def packages_of(environment):
    scheme = sysconfig.get_path("purelib", "venv", {"base": str(environment), "platbase": str(environment)})
    return Path(scheme)


@pytest.mark.slow
def test_an_environment_of_the_wheel_is_small(environment):
    files = [path for path in packages_of(environment).rglob("*") if path.is_file() and not path.is_symlink()]
    counted = [
        path
        for path in files
        if not path.relative_to(packages_of(environment)).parts[0].startswith(NOT_COUNTED)
    ]
    assert any(path.suffix == ".pyc" for path in counted)  # as pip leaves it
    assert sum(path.stat().st_size for path in counted) <= MOST_BYTES


@pytest.mark.slow
def test_both_wheels_live_beside_each_other(wheels, environment, tmp_path):
    python = environment / "bin" / "python"
    (tmp_path / "model.onnx").write_bytes(content_of("cnn, mirrored"))
    (image,) = write_digits(tmp_path / "images", [0])
    place = "import pellucid.runtime; print(pellucid.runtime.__file__)"

    def answers_from(folder):
        rows = called(python, "-m", "pellucid.runtime", tmp_path / "model.onnx", image)
        assert rows.startswith("input,label")
        assert called(environment / "bin" / "pellucid-runtime", tmp_path / "model.onnx", image) == rows
        assert Path(called(python, "-c", place)).is_relative_to(packages_of(environment) / folder)
        return rows

    def pip(*words):
        called(python, "-m", "pip", "--quiet", *words)

    alone = answers_from("pellucid_runtime")
    pip("install", "--no-deps", wheels["pellucid"])
    assert answers_from("pellucid") == alone
    pip("uninstall", "--yes", "pellucid")
    assert answers_from("pellucid_runtime") == alone
    pip("install", "--no-deps", wheels["pellucid"])
    pip("uninstall", "--yes", "pellucid-runtime")
    rows = called(python, "-m", "pellucid.runtime", tmp_path / "model.onnx", image)
    assert rows == alone
    assert not (packages_of(environment) / "pellucid_runtime").exists()
