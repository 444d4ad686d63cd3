"""The recipes for many inputs, run as they are printed; and a local Ray of which one worker is killed."""

import csv
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import write_reference
from pyarrow import parquet

from exported_models import content_of
from models_with_detectors import with_detector
from pellucid.bundle import save
from pellucid.cli.main import main
from pellucid.runtime.__main__ import main as answer_by_runtime
from small_models import trained_model, write_digits

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="recipes are for Unix")]

RECIPES = write_reference.ROOT / "examples" / "many_inputs"
AROUND = {
    **os.environ,
    "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]),
    "PYTHONPATH": os.pathsep.join([str(write_reference.ROOT / "src"), os.environ.get("PYTHONPATH", "")]),
    "OMP_NUM_THREADS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_raylet_start_wait_time_s": "200",
}
COUNT = 2500

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'pellucid[ray]'"
)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A run, an exported model, and images of which one cannot be read."""
    folder = tmp_path_factory.mktemp("many")
    save(with_detector(trained_model(), train=1000, validation=300), folder / "run", {})
    (folder / "model.onnx").write_bytes(content_of("cnn, mirrored"))
    first = write_digits(folder / "images", range(50))
    for number in range(50, COUNT):
        os.link(first[number % 50], folder / "images" / f"{number:04}.png")
    (folder / "images" / "0777.png").unlink()
    (folder / "images" / "0777.png").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def whole(given):
    """The bytes of one `predict`."""
    assert (
        main(["predict", str(given / "run"), str(given / "images"), "--out", str(given / "whole.csv")]) == 0
    )
    return (given / "whole.csv").read_bytes()


@pytest.fixture(scope="module")
def expected(given):
    """What the runtime answers by itself: a row for each image."""
    out = given / "runtime.csv"
    assert answer_by_runtime([str(given / "model.onnx"), str(given / "images"), "--out", str(out)]) == 0
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == COUNT
    return rows


def run(*words, **more):
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, timeout=600, env={**AROUND, **more},
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def require_equal(rows, expected):
    """Rows of a data frame's columns, in order, against those of the runtime."""
    assert len(rows) == len(expected)
    for row, wanted in zip(rows, expected, strict=True):
        assert row["path"].removeprefix("file:") == wanted["input"]
        assert row["label"] == wanted["label"]
        assert row["error"] == wanted["error"]
        if wanted["probability"]:
            assert row["probability"] == pytest.approx(float(wanted["probability"]), abs=1e-6)


def test_processes_by_xargs(given, whole, tmp_path):
    out = tmp_path / "answers.csv"
    run("sh", RECIPES / "xargs.sh", given / "run", given / "images", out, 3)
    assert out.read_bytes() == whole


def test_an_array_job_of_slurm(given, whole, tmp_path):
    """Slurm itself is not needed: a task is what its variables say."""
    out = tmp_path / "answers.csv"
    words = ("sh", RECIPES / "slurm.sh", given / "run", given / "images", out, 2)
    for task in ("2", "1"):
        run(*words, SLURM_ARRAY_TASK_ID=task, SLURM_CPUS_PER_TASK="1")
    run("pellucid", "predict", "--merge", out)
    assert out.read_bytes() == whole


@needs_ray
def test_ray_data(given, expected, tmp_path):
    run(sys.executable, RECIPES / "ray_data.py", given / "model.onnx", given / "images", tmp_path / "out", 2)
    files = sorted((tmp_path / "out").glob("*.parquet"))
    rows = [row for file in files for row in parquet.read_table(file).to_pylist()]
    require_equal(rows, expected)


# A data set in small blocks, whose workers note their process and take their time, so that one can be killed.
SLOW_RAY = """
import json, os, sys, time
import ray
from pellucid.ray import Predictor

model, folder, noted, out = sys.argv[1:]

class Slow(Predictor):
    def __call__(self, batch):
        with open(noted, "a") as file:
            file.write(f"{os.getpid()}\\n")
        time.sleep(0.2)
        return super().__call__(batch)

ray.init(num_cpus=2, include_dashboard=False)
ray.data.DataContext.get_current().execution_options.preserve_order = True
ray.data.DataContext.get_current().enable_progress_bars = False
paths = [{"path": os.path.join(folder, name)} for name in sorted(os.listdir(folder))]
answers = ray.data.from_items(paths, override_num_blocks=50).map_batches(
    Slow, fn_constructor_args=(model, "path"), batch_size=50,
    compute=ray.data.ActorPoolStrategy(size=2), num_cpus=0.5,
)
with open(out, "w") as file:
    json.dump(answers.take_all(), file)
"""


@needs_ray
def test_a_worker_of_ray_that_is_killed_loses_no_row_and_repeats_none(given, expected, tmp_path):
    noted, out = tmp_path / "noted", tmp_path / "out.json"
    words = [sys.executable, "-c", SLOW_RAY, given / "model.onnx", given / "images", noted, out]
    with subprocess.Popen([str(word) for word in words], env=AROUND, stderr=subprocess.PIPE) as process:
        try:
            until = time.monotonic() + 500
            workers: list[int] = []
            while len(set(workers)) < 2 or len(workers) < 6:  # both are at work
                assert process.poll() is None
                assert time.monotonic() < until, "Ray did not begin"
                time.sleep(0.05)
                workers = list(map(int, noted.read_text().split())) if noted.exists() else []
            os.kill(workers[-1], signal.SIGKILL)
            _, said = process.communicate(timeout=600)
        finally:
            process.kill()
        assert process.returncode == 0, said[-3000:]
    assert len(set(map(int, noted.read_text().split()))) == 3  # another took the place of the killed one
    require_equal(json.loads(out.read_text()), expected)


@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")
@pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="Spark is not installed: pyspark")
def test_spark(given, expected, tmp_path):
    words = (RECIPES / "spark.py", given / "model.onnx", given / "images", tmp_path / "out")
    run(sys.executable, *words, PYSPARK_PYTHON=sys.executable, SPARK_LOCAL_IP="127.0.0.1")
    rows = parquet.read_table(tmp_path / "out").to_pylist()
    # Spark itself passes over empty files.
    require_equal(
        sorted(rows, key=lambda row: row["path"]), [row for row in expected if "empty" not in row["error"]]
    )
