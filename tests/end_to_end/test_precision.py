"""Whole commands on a processor without bf16, played by any x86-64."""

import json

import pytest

from processors import AVX2, plays_avx2
from runs_to_continue import write_texts

pytestmark = pytest.mark.slow

SMALL = (
    "--model", "rnn", "--width", "4", "--length", "4", "--epochs", "1", "--threads", "1", "--no-baselines",
)  # fmt: skip


@plays_avx2
def test_a_processor_without_bf16_trains_in_fp32_and_says_what_it_cannot_do(process, tmp_path):
    data, run = write_texts(tmp_path / "data.csv", range(3), slice(0, 400)), tmp_path / "run"
    refused = process("train", data, "--out", run, *SMALL, "--precision", "bf16", **AVX2)
    assert refused.returncode == 2
    assert refused.stderr.startswith(
        "error: --precision: this processor has no bf16 for the LSTM of rnn; give"
    )
    process.succeed("train", data, "--out", run, *SMALL, **AVX2)
    config = json.loads((run / "config.json").read_text())
    assert config["plan"]["recipe"]["precision"] == "fp32"
    assert config["versions"]["instructions"].startswith("AVX2")
