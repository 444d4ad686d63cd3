"""Which arithmetic is chosen, and which is refused, on processors of either kind."""

import os
import subprocess
import sys

import pytest
import torch

from pellucid.settings import Settings
from pellucid.training import hardware
from pellucid.training.hardware import choose_precision, instructions, lacking
from processors import AVX2, plays_avx2

NO_LSTM = "this processor has no bf16 for the LSTM of rnn"


@pytest.fixture
def processor(monkeypatch):
    """A function that makes torch say what the processor has, and sets how far oneDNN may use it."""

    def play(*, avx512_bf16=False, amx=False, **bounds):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
        for name in ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"):
            monkeypatch.setenv(name, bounds.get(name, ""))

    return play


@pytest.mark.parametrize(
    ("features", "chosen"), [({}, "fp32"), ({"avx512_bf16": True}, "bf16"), ({"amx": True}, "bf16")]
)
def test_precision_is_what_was_asked_for_else_by_capability(processor, features, chosen):
    processor(**features)
    assert choose_precision(Settings(), "cpu") == chosen
    for asked in ("fp32", "bf16"):
        assert choose_precision(Settings(precision=asked), "cpu") == asked


@pytest.mark.parametrize(
    ("bounds", "chosen"),
    [
        ({"ONEDNN_MAX_CPU_ISA": "AVX2"}, "fp32"),
        ({"DNNL_MAX_CPU_ISA": "avx512_core"}, "fp32"),
        ({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}, "bf16"),
        ({"ONEDNN_MAX_CPU_ISA": "DEFAULT", "DNNL_MAX_CPU_ISA": "AVX2"}, "bf16"),  # the newer name counts
    ],
)
def test_what_onednn_may_not_use_is_not_there(processor, bounds, chosen):
    processor(avx512_bf16=True, **bounds)
    assert choose_precision(Settings(), "cpu") == chosen


def test_the_instructions_that_sums_depend_on_are_named(processor, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    processor(avx512_bf16=True, amx=True)
    assert instructions() == "AVX512 bf16 AMX"
    processor(avx512_bf16=True, ONEDNN_MAX_CPU_ISA="avx2")
    assert instructions() == "AVX512 bf16, oneDNN up to AVX2"


def test_only_an_lstm_in_bf16_can_be_too_much_and_a_device_without_bf16(monkeypatch):
    monkeypatch.setattr(hardware, "_computes_bf16", lambda layer, device: layer is not torch.nn.LSTM)
    assert lacking("bf16", "lstm", "cpu") == NO_LSTM
    for asked, cell in (("bf16", "gru"), ("bf16", ""), ("fp32", "lstm"), ("auto", "lstm")):
        assert lacking(asked, cell, "cpu") is None
    monkeypatch.setattr(hardware, "_computes_bf16", lambda layer, device: device == "cpu")
    assert lacking("bf16", "", "cuda") == "cuda has no bf16"
    assert lacking("bf16", "", "cpu") is None


def test_what_is_said_of_this_processor_is_so():
    before = torch.get_rng_state()
    said = lacking("bf16", "lstm", "cpu")
    assert torch.equal(torch.get_rng_state(), before)  # the try takes no draw from a training
    with torch.autocast("cpu", torch.bfloat16):
        torch.nn.GRU(1, 1)(torch.zeros(1, 1, 1))
        if said is None:
            torch.nn.LSTM(1, 1)(torch.zeros(1, 1, 1))
        else:
            with pytest.raises(RuntimeError, match="could not create a primitive"):
                torch.nn.LSTM(1, 1)(torch.zeros(1, 1, 1))
    if choose_precision(Settings(), "cpu") == "bf16":
        assert said is None


@plays_avx2
def test_a_processor_that_plays_avx2_is_taken_for_one():
    code = (
        "from pellucid.settings import Settings\n"
        "from pellucid.training.hardware import choose_precision, lacking\n"
        "print(choose_precision(Settings(), 'cpu'), *(lacking('bf16', cell, 'cpu') for cell in ('lstm', '')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **AVX2}
    )
    assert done.stdout == f"fp32 {NO_LSTM} None\n", done.stderr
