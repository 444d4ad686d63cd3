"""Repeatable training: seeded generators of torch, a fixed thread count and a chosen device."""

import contextlib
from collections.abc import Iterator

import torch

from pellucid import cores
from pellucid.errors import UsageError
from pellucid.settings import Settings

# Free cores that `sharing` was told; None outside of it.
_free: int | None = None


def seed_torch(seed: int, device: str) -> None:
    """Seed (below 2**63) torch's own generators of one device.

    `torch.manual_seed` seeds every kind of device, absent ones too, and takes longer than the
    step of a small network.
    """
    torch.default_generator.manual_seed(seed)
    if device == "cuda":
        torch.cuda.manual_seed(seed)
    elif device == "mps":
        torch.mps.manual_seed(seed)


@contextlib.contextmanager
def pinned(threads: int) -> Iterator[None]:
    """Compute with a fixed number of threads, which decides how sums round; restore torch's own state."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(before)


def choose_threads(settings: Settings) -> int:
    """Processor threads to use, at least 1.

    The setting; else what `OMP_NUM_THREADS` says; else one for each core that the run found free (`sharing`),
    and outside a run for each that this process may use.
    """
    asked = settings.threads or cores.asked()
    return asked or _free or cores.usable()


def is_left_open(settings: Settings) -> bool:
    """True where neither a setting nor `OMP_NUM_THREADS` says how many threads to use."""
    return not (settings.threads or cores.asked())


@contextlib.contextmanager
def sharing(free: int | None) -> Iterator[None]:
    """Within, `choose_threads` counts on so many free cores; None: on all that this process may use."""
    global _free
    before, _free = _free, free
    try:
        yield
    finally:
        _free = before


def choose_device(settings: Settings) -> str:
    """Device to train on: the setting, else CUDA where there is one, else the processor.

    Raises: `UsageError` if the device asked for is not there.
    """
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if settings.device == "auto":
        return "cuda" if present["cuda"] else "cpu"
    if not present[settings.device]:
        raise UsageError(f"--device: {settings.device} is not available here; use --device auto")
    return settings.device
