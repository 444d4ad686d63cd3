"""Hardware of training: device, threads, arithmetic and memory, chosen so that training repeats itself."""

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator

import torch
from torch import nn

from pellucid import cores
from pellucid.arithmetic.draws import Purpose, torch_seed
from pellucid.errors import UsageError
from pellucid.language.sentence import Sentence
from pellucid.pieces import shared_out
from pellucid.settings import Settings
from pellucid.training.recipe import Recipe


def seed_step(recipe: Recipe, step: int) -> None:
    """Seed torch's own generators of the device for one step, of which dropout draws.

    `torch.manual_seed` seeds every kind of device, absent ones too, and takes longer than the
    step of a small network.
    """
    seed = torch_seed(recipe.seed, Purpose.DROPOUT, step)
    torch.default_generator.manual_seed(seed)
    if recipe.device == "cuda":
        torch.cuda.manual_seed(seed)
    elif recipe.device == "mps":
        torch.mps.manual_seed(seed)


@contextlib.contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Compute piece by piece with so many threads, and restore torch's own random state afterwards."""
    with shared_out(threads), torch.random.fork_rng():
        yield


def choose_threads(settings: Settings) -> int:
    """Processor threads to use, at least 1, by the rule of `cores`."""
    return cores.threads(settings.threads)


def choose_device(settings: Settings) -> str:
    """Device to train on: the setting, else CUDA where there is one, else the processor.

    Raises: `UsageError` if the device asked for is not there.
    """
    found = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if settings.device == "auto":
        return "cuda" if found["cuda"] else "cpu"
    if not found[settings.device]:
        raise UsageError("--device: {device} is not available here; use --device auto", settings.device)
    return settings.device


# Bf16 that is asked for is right on every processor, in all networks but those of `_WITHOUT_FALLBACK`: where
# the processor does not multiply it, torch and oneDNN compute in fp32 and round, up to ten times as slowly.
# Autocast hands an LSTM to a primitive of oneDNN, which it has in bf16 from AVX-512 on and which nothing
# replaces elsewhere. A GRU has none, stays in fp32 on the processor, and so works everywhere.
_WITHOUT_FALLBACK: dict[str, type[nn.RNNBase]] = {"lstm": nn.LSTM}

# oneDNN may be kept from what the processor has; torch only reports what the processor has.
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
        is_there = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        is_native = is_there and _bound().lower() not in _BOUNDS_BELOW_BF16
    else:
        is_native = device == "cuda" and torch.cuda.get_device_capability() >= (8, 0)
    return "bf16" if is_native else "fp32"


def _bound() -> str:
    """What oneDNN is kept to; empty without a bound."""
    return next(filter(None, map(os.environ.get, _BOUNDS)), "")


def instructions() -> str:
    """The processor's instructions that decide how sums round, as torch and oneDNN use them."""
    have = {"bf16": torch.cpu._is_avx512_bf16_supported(), "AMX": torch.cpu._is_amx_tile_supported()}
    found = " ".join([torch.backends.cpu.get_cpu_capability(), *(name for name in have if have[name])])
    return found + (Sentence(", oneDNN up to {upper}", _bound().upper()) if _bound() else "")


def arithmetic(recipe: Recipe) -> torch.autocast:
    """Context in which networks compute in the recipe's arithmetic."""
    # Its cache of weights is one for all threads, and every weight is used once.
    is_bf16 = recipe.precision == "bf16"
    return torch.autocast(recipe.device, dtype=torch.bfloat16, enabled=is_bf16, cache_enabled=False)


def lacking(precision: str, cell: str, device: str) -> str | None:
    """Clause that names what this machine lacks for training a network in an arithmetic; `None` if nothing.

    `precision` is `auto`, `fp32` or `bf16`; `cell` is `lstm` or `gru`, empty for a network that is not
    recurrent.
    """
    if precision != "bf16" or _computes_bf16(_WITHOUT_FALLBACK.get(cell, nn.Linear), device):
        return None
    here = "this processor" if device == "cpu" else device
    return Sentence("{here} has no bf16", here) + (
        Sentence(" for the {upper} of rnn", cell.upper()) if cell in _WITHOUT_FALLBACK else ""
    )


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


# Names of glibc's <malloc.h>; the values are part of its ABI.
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3


def keep_freed_memory() -> bool:
    """Keep large freed blocks in the process instead of giving them back after every step.

    By default glibc maps every block above 32 MB afresh, and each page of it faults when it is
    first touched: activations of large images or batches pay that in every step. The setting
    holds for the whole process; numbers do not change. False on systems without glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        library = ctypes.CDLL("libc.so.6")
        return bool(library.mallopt(_TRIM_THRESHOLD, 2**31 - 1) and library.mallopt(_MMAP_THRESHOLD, 2**30))
    except (OSError, AttributeError):
        return False
