"""What docs/serving.md and the Dockerfile say, run against a real server."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from exported_models import exported
from serving.served import IMAGES, png_of, serving, write_models

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
PORT = "127.0.0.1:8000"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(*write_models(tmp_path_factory.mktemp("models"), svm=IMAGES), "--workers", "1") as server:
        yield server


def blocks(language):
    """The code of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def run(command, code, server, folder):
    """Standard output of a program that must succeed, with an image beside it."""
    (folder / "image.png").write_bytes(png_of(0))
    assert PORT in code
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= 5, "a client has at most five lines"
    done = subprocess.run(
        [*command, code.replace(PORT, f"127.0.0.1:{server.port}")],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def expected():
    return exported(IMAGES).predict([png_of(0)])[0]


def test_the_client_in_python(server, tmp_path):
    assert run([sys.executable, "-c"], blocks("python")[0], server, tmp_path) == expected()


def test_the_client_in_javascript(server, tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    assert run([node, "--input-type=module", "--eval"], blocks("js")[0], server, tmp_path) == expected()


def test_the_client_in_curl(server, tmp_path):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    code = next(block for block in blocks("sh") if "--data-binary" in block)
    assert json.loads(run(["sh", "-c"], code, server, tmp_path))["label"] == expected()


def test_what_the_page_names_is_there(server):
    """Paths, metrics and flags."""
    paths = set(re.findall(r"(?:GET|POST) (/[\w/.]*)`", PAGE))
    assert paths == set(json.loads(server.ask("GET", "/openapi.json")[2])["paths"])
    shown = server.ask("GET", "/metrics")[2].decode()
    for name in set(re.findall(r"pellucid_\w+", PAGE)) - {"pellucid_runtime"}:
        assert f"# HELP {re.sub('_sum$', '', name)} " in shown.replace("_total ", "_total "), name
    help_text = subprocess.run(
        [sys.executable, "-m", "pellucid.serving", "--help"], capture_output=True, text=True, check=True,
        env={**os.environ, "COLUMNS": "200"},
    ).stdout  # fmt: skip
    flags = set(re.findall(r"`(--[a-z-]+)", PAGE)) - {"--threads"}
    assert flags
    assert all(flag in help_text for flag in flags)


def test_the_dockerfile_is_short_and_starts_what_there_is():
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert len(lines) <= 20
    text = "\n".join(lines)
    assert re.search(r"^USER \d+:\d+$", text, re.MULTILINE)
    scripts = (ROOT / "tools" / "runtime_distribution" / "pyproject.toml").read_text()
    assert 'pellucid-serve = "pellucid.serving.__main__:main"' in scripts
    assert re.search(r'^ENTRYPOINT \["/app/bin/pellucid-serve", "--host", "0.0.0.0"\]$', text, re.MULTILINE)
    assert re.search(r"^serve = .*starlette.*$", scripts, re.MULTILINE)
