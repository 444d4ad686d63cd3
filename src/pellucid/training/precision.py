"""Arithmetic of training: chosen, and refused, by what the machine can do and never by timing.

Bf16 that is asked for is right on every processor, in all networks but those of `_WITHOUT_FALLBACK`: where
the processor does not multiply it, torch and oneDNN compute in fp32 and round, up to ten times as slowly.
"""

import os

import torch
from torch import nn

from pellucid.settings import Settings

# Autocast hands an LSTM to a primitive of oneDNN, which it has in bf16 from AVX-512 on and which nothing
# stands in for elsewhere. A GRU has none, stays in fp32 on the processor, and so works everywhere.
_WITHOUT_FALLBACK: dict[str, type[nn.RNNBase]] = {"lstm": nn.LSTM}

# oneDNN may be kept from what the processor has; torch only tells what the processor has.
_BOUNDS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
_BOUNDS_BELOW_BF16 = frozenset(
    {"sse41", "avx", "avx2", "avx2_vnni", "avx2_vnni_2", "avx512_core", "avx512_core_vnni"}
)


def choose_precision(settings: Settings, device: str) -> str:
    """Arithmetic of training: what was asked for, else the fastest that the machine has.

    `bf16` where the machine multiplies bfloat16 natively (AVX512-BF16 or AMX, unless a variable keeps oneDNN
    from it; CUDA from compute capability 8.0), else `fp32`.
    """
    if settings.precision != "auto":
        return settings.precision
    if device == "cpu":
        is_native = _processor_multiplies_bf16()
    else:
        is_native = device == "cuda" and torch.cuda.get_device_capability() >= (8, 0)
    return "bf16" if is_native else "fp32"


def _processor_multiplies_bf16() -> bool:
    bound = next(filter(None, map(os.environ.get, _BOUNDS)), "")
    is_there = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return is_there and bound.lower() not in _BOUNDS_BELOW_BF16


def lacking(precision: str, cell: str, device: str) -> str | None:
    """Clause that names what this machine lacks for training a network in an arithmetic; `None` if nothing.

    `precision` is `auto`, `fp32` or `bf16`; `cell` is `lstm` or `gru`, empty for a network that is not
    recurrent.
    """
    if precision != "bf16" or _computes_bf16(_WITHOUT_FALLBACK.get(cell, nn.Linear), device):
        return None
    here = "this processor" if device == "cpu" else device
    return f"{here} has no bf16" + (f" for the {cell.upper()} of rnn" if cell in _WITHOUT_FALLBACK else "")


def _computes_bf16(layer: type[nn.Module], device: str) -> bool:
    """Find out by trying, since torch has no question for what oneDNN has on this processor."""
    with torch.random.fork_rng(devices=[]):
        tried = layer(1, 1).to(device)
    try:
        with torch.autocast(device, torch.bfloat16):
            tried(torch.zeros(1, 1, 1, device=device))
    except RuntimeError:
        return False
    return True
