"""`pellucid.runtime` where only onnxruntime, NumPy, Pillow and the modules of pellucid-runtime are."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
from runtime_distribution import chosen_modules

from exported_models import EVERY, content_of
from small_models import write_digits
from text_models import texts

INSTALLED = ("numpy", "PIL", "onnxruntime", "flatbuffers", "google.protobuf", "packaging")
THREE_LINES = """
import sys
from pellucid.runtime import load
model = load(sys.argv[1])
print(model.predict(sys.argv[2:]))
strangers = {"torch", "sklearn", "scipy", "pyarrow", "tokenizers", "safetensors"} & sys.modules.keys()
assert not strangers, strangers
assert getattr(sys.modules["jaxtyping"], "__file__", None) is None  # a stand-in
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """A folder with those packages and the modules of the wheel alone, as links."""
    folder = tmp_path_factory.mktemp("packages")
    for place, source in chosen_modules.files().items():
        link = folder / place.removeprefix(f"{chosen_modules.FOLDER}/")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(source)
    for name in INSTALLED:
        found = importlib.util.find_spec(name)
        if found is None or not found.submodule_search_locations:
            continue  # not every version of onnxruntime needs all of them
        place = Path(found.submodule_search_locations[0])
        top = place.parent if "." in name else place
        for each in (
            top,
            *(top.parent / f"{lib}.libs" for lib in (top.name, top.name.replace("PIL", "pillow"))),
        ):
            if each.is_dir() and not (folder / each.name).exists():
                (folder / each.name).symlink_to(each)
    return folder


def run(packages, *words):
    """Python without the packages of this environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        [sys.executable, "-S", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**environment, "PYTHONPATH": str(packages), "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )


def file_of(name, folder):
    (folder / "model.onnx").write_bytes(content_of(name))
    return folder / "model.onnx"


def test_images_are_answered(packages, tmp_path):
    paths = write_digits(tmp_path / "images", range(3))
    model = file_of("cnn, mirrored", tmp_path)
    done = run(packages, "-m", "pellucid.runtime", model, tmp_path / "images")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "input,label,probability,error,novelty"
    labels = [line.split(",")[1] for line in done.stdout.splitlines()[1:]]
    assert len(labels) == 3
    done = run(packages, "-c", THREE_LINES, model, *paths)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{labels}\n"


def test_texts_are_answered(packages, tmp_path):
    """By an average whose members read them as ids and as terms."""
    name = "average of texts that are read in three ways"
    table = tmp_path / "numbers.csv"
    table.write_text("text\n" + "".join(f"{text}\n" for text in texts()[:5]))
    model = EVERY[name]()
    best = model.predict_proba(texts()[:5]).argmax(axis=1)
    done = run(packages, "-m", "pellucid.runtime", file_of(name, tmp_path), table)
    assert done.returncode == 0, done.stderr
    labels = [line.split(",")[1] for line in done.stdout.splitlines()[1:]]
    assert labels == [model.classes[place] for place in best]


def test_what_is_missing_is_named(packages, tmp_path):
    done = run(packages, "-m", "pellucid.runtime", tmp_path / "none.onnx", "x")
    assert (done.returncode, done.stdout) == (4, "")
    assert "none.onnx: no such file" in done.stderr
    model = file_of("cnn, mirrored", tmp_path)
    (path,) = write_digits(tmp_path, [0])
    done = run(packages, "-m", "pellucid.runtime", model, path, "--out", tmp_path / "labels.parquet")
    assert (done.returncode, done.stderr) == (
        2,
        "error: pyarrow: is needed for this and not installed; pip install it\n",
    )
    done = run(packages, "-m", "pellucid.runtime", model, path, "--max-error", "0.1")
    assert done.returncode == 2
    assert "saved without held-out answers" in done.stderr


@pytest.mark.slow
def test_sub_words_and_unigram_pieces_need_no_package_more_and_word_pieces_one(packages, tmp_path):
    text = "I read a seven, and größer: they'll 数字"
    (tmp_path / "text.txt").write_text(text)
    asked = "-m", "pellucid.runtime"
    for name in ("rnn of sub-words", "text-cnn of unigram pieces"):
        done = run(packages, *asked, file_of(name, tmp_path), tmp_path / "text.txt")
        assert done.returncode == 0, done.stderr
        said = float(done.stdout.splitlines()[1].split(",")[2])
        assert said == pytest.approx(EVERY[name]().predict_proba([text]).max(), abs=1e-4)
    done = run(packages, *asked, file_of("sentence-encoder", tmp_path), tmp_path / "text.txt")
    assert (done.returncode, done.stdout) == (2, "")
    assert "splits words into pieces by tokenizers, which is not installed" in done.stderr


def test_what_only_pellucid_does_is_named(packages):
    done = run(packages, "-c", "import pellucid; pellucid.train")
    assert done.returncode == 1
    assert "pellucid.train: only pellucid-runtime is installed here; pip install pellucid" in done.stderr


PAGE = """
import sys
from types import SimpleNamespace
from pellucid.runtime import load
from pellucid.serving.page import page_of
metadata = load(sys.argv[1]).metadata
page = page_of(SimpleNamespace(
    name="a", metadata=metadata, others=("b",), needs_token=False, has_report=False, folder_page=None))
below = page.html.split("</h1>", 1)[1]
print(metadata.classes[0] in below, "models-title" in page.html, page.policy.count("sha256-"))
strangers = {"torch", "sklearn", "scipy", "pyarrow", "tokenizers", "safetensors"} & sys.modules.keys()
assert not strangers, strangers
"""


@pytest.mark.parametrize("name", ["cnn, mirrored", "logistic-regression of texts, with detector"])
def test_the_page_of_a_server_is_made(packages, tmp_path, name):
    """With the package of templates beside them, which the extra `serve` installs."""
    for library in ("jinja2", "markupsafe"):
        found = importlib.util.find_spec(library)
        place = packages / library
        if not place.exists():
            place.symlink_to(Path(found.submodule_search_locations[0]))
    done = run(packages, "-c", PAGE, file_of(name, tmp_path))
    assert done.returncode == 0, done.stderr
    # The names of classes are in the page's documents, which are deflated.
    assert done.stdout == "False True 2\n"
