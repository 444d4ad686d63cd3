"""The same training texts give the same bytes, in every process and with any number of threads."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import hashlib
from pellucid.data.raw_texts import Texts
import json, os, sys
import numpy as np
from pellucid.encoding import fit_ngrams, fit_tokens
from pellucid.settings import Settings

words = ["ship", "sails", "noon", "我", "喜欢", "café", "don't", "x1==y", "👍🏽", "grain", "oil", "ΣΊΣ"]
texts = [" ".join(words[(i * j * j + j) % len(words)] for j in range(3 + i % 9)) for i in range(1500)]
found = {}
for tokens in (None, "words", "sub-words", "characters", "bytes", "n-grams"):
    fit = fit_ngrams if tokens == "n-grams" else fit_tokens
    settings = Settings() if tokens in (None, "n-grams") else Settings(tokens=tokens)
    encoder, reasons = fit(Texts.of(texts), np.arange(0, 1500, 2), settings)
    encoded = encoder.encode(texts)
    parts = (encoder.content(), json.dumps([encoder.to_json(), reasons]).encode(), encoded.ids.tobytes())
    found[str(tokens)] = [hashlib.sha256(part).hexdigest() for part in parts]
print(json.dumps(found))
"""


def run(**variables: str) -> dict[str, list[str]]:
    environment = {name: each for name, each in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        capture_output=True,
        text=True,
        env=environment | variables,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_processes_and_threads_agree() -> None:
    first = run(PYTHONHASHSEED="1")
    assert first["None"][0] == first["words"][0]  # the rule
    assert len({each[0] for each in first.values()}) == 5
    assert run(PYTHONHASHSEED="2", TOKENIZERS_PARALLELISM="true", RAYON_NUM_THREADS="3") == first


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_no_warning_after_a_fork() -> None:
    program = PROGRAM + (
        "pid = os.fork()\n"
        "encoder, _ = fit_tokens(Texts.of(texts), np.arange(9), Settings(tokens='sub-words'))\n"
        "encoder.encode(texts)\n"
        "if pid: sys.exit(os.waitpid(pid, 0)[1])\n"
    )
    environment = {name: each for name, each in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_importing_starts_nothing() -> None:
    program = "import sys, os; import pellucid.encoding; print('tokenizers' in sys.modules, dict(os.environ))"
    environment = {name: each for name, each in os.environ.items() if name != "TOKENIZERS_PARALLELISM"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.startswith("False ")
    assert "TOKENIZERS_PARALLELISM" not in done.stdout
