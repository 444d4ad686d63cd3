"""The OpenAPI document, tried by schemathesis against real servers: replies are as it says."""

import json
import subprocess
import sys

import pytest

from exported_models import exported
from pellucid.serving.application import document
from serving.served import IMAGES, TEXTS, serving, write_models

pytest.importorskip("schemathesis")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("models"), words=TEXTS, svm=IMAGES)


def try_all(server, examples, seed, *flags):
    """Run schemathesis with all of its checks but one: no schema says which bytes are an image of a model."""
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", f"http://127.0.0.1:{server.port}/openapi.json",
            "--max-examples", str(examples), "--seed", str(seed), "--no-color", "--phases",
            "examples,coverage,fuzzing", "--exclude-checks", "positive_data_acceptance", *flags,
        ],
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


@pytest.mark.slow
def test_a_server_answers_as_it_says(models):
    with serving(*models, "--workers", "1") as server:
        try_all(server, 5, 1)
        assert not [line for line in server.said if "Traceback" in line]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_server_answers_as_it_says_to_many_more(models, tmp_path, seed):
    token = "a-token-that-is-long-enough"
    (tmp_path / "token").write_text(token)
    with serving(*models, "--token-file", tmp_path / "token") as server:
        try_all(server, 100, seed, "--header", f"Authorization: Bearer {token}")


def test_the_document_names_every_path_and_model():
    found = document(("a", "b"), needs_token=False)
    assert found["openapi"] == "3.1.0"
    assert found["paths"]["/api/predict"]["post"]["parameters"][0]["schema"] == {"enum": ["a", "b"]}
    assert "security" not in json.dumps(found)
    locked = document(("a",), needs_token=True)
    assert locked["paths"]["/metrics"]["get"]["security"] == [{"token": []}]
    assert "401" in locked["paths"]["/api/explain"]["post"]["responses"]
    assert exported(TEXTS).classes  # the server of these tests answers classes
