import os

import pytest
import torch

from pellucid.errors import UsageError
from pellucid.settings import Settings
from pellucid.training.hardware import choose_device, choose_threads, pinned
from training.sessions import same


def test_pinning_leaves_threads_and_random_state_as_they_were():
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    with pinned(1):
        assert torch.get_num_threads() == 1
        torch.manual_seed(5)
        torch.rand(3)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("said", "threads"), [("1", 1), ("3", 3), (" 2,4", 2), ("", None), ("0", None), ("many", None)]
)
def test_threads_are_those_asked_for_or_of_the_environment_or_one_per_core(monkeypatch, said, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert choose_threads(Settings()) == (threads or cores)
    assert choose_threads(Settings(threads=5)) == 5


def test_a_device_that_is_not_there_is_refused():
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    assert choose_device(Settings()) == "cpu"
    with pytest.raises(UsageError, match="--device: cuda is not available here; use --device auto"):
        choose_device(Settings(device="cuda"))


@pytest.mark.parametrize(
    ("start", "given"),
    [
        ("begin", {"precision": "bf16", "dropout": 0.3}),
        ("begin", {"model": "lenet", "optimizer": "nesterov", "learning_rate": 0.02}),
        ("begin_texts", {}),
    ],
)
def test_equal_seeds_give_equal_bytes_and_others_do_not(request, start, given):
    begin = request.getfixturevalue(start)
    first, again, other = (begin(epochs=1, seed=seed, **given).run().state_dict() for seed in (3, 3, 4))
    assert same(first, again)
    assert not same(first, other)
