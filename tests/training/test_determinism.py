import os

import pytest
import torch

import generators
from pellucid.errors import UsageError
from pellucid.settings import Settings
from pellucid.training.hardware import choose_device, choose_threads, pinned
from training.sessions import assert_a_resume_ends_alike, same


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


# Networks whose batches have several parts, of which threads compute some each, and some of one part.
FAMILIES = {
    "cnn": ("begin", {"batch_size": 260, "dropout": 0.3}, 4),
    "cnn bf16": ("begin", {"batch_size": 260, "precision": "bf16"}, 4),
    "cnn of one part": ("begin", {}, 1),
    "cnn of five parts": ("begin", {"batch_size": 70, "parts": 5, "batch_norm": False}, 5),
    "muon": ("begin", {"batch_size": 200, "width": 32, "optimizer": "muon"}, 3),
    "gd": ("begin", {"optimizer": "gd", "parts": 2}, 2),
    "lenet": ("begin", {"model": "lenet", "batch_size": 200, "optimizer": "nesterov"}, 3),
    "mlp": ("begin", {"model": "mlp", "batch_size": 300, "width": 300, "parts": 2}, 2),
    "mlp of one part": ("begin", {"model": "mlp", "width": 700}, 1),
    "numbers": ("begin_numbers", {"batch_size": 200}, 3),
    "text-cnn": ("begin_texts", {"batch_size": 128, "dropout": 0.3}, 4),
    "rnn": ("begin_texts", {"model": "rnn", "batch_size": 128}, 4),
    "transformer": ("begin_texts", {"model": "transformer", "width": 64, "batch_size": 128}, 4),
    "rnn bf16": ("begin_texts", {"model": "rnn", "batch_size": 128, "precision": "bf16", "epochs": 1}, 4),
    "bag": ("begin_texts", {"model": "bag"}, 1),
    "vae": ("begin_generator", {"model": "vae", "batch_size": 200}, 3),
    "gan": ("begin_generator", {"model": "gan", "batch_size": 96, "parts": 3}, 3),
}


@pytest.fixture
def begin_generator():
    """A function that starts a session of a network which makes digits."""
    return generators.begin


@pytest.mark.parametrize("family", FAMILIES)
def test_the_number_of_threads_decides_nothing(request, family):
    start, given, parts = FAMILIES[family]
    begin = request.getfixturevalue(start)
    if family == "rnn bf16":
        request.getfixturevalue("bf16_lstm")
    sessions = [begin(threads=threads, **given) for threads in (1, 2, 3)]
    assert {session.batches.recipe.parts for session in sessions} == {parts}
    one, *others = [session.run().state_dict() for session in sessions]
    for other in others:
        assert same(one, other)
    one, *others = [
        [
            {name: each for name, each in record.items() if "second" not in name}
            for record in session.state.history
        ]
        for session in sessions
    ]
    assert others == [one, one]


@pytest.mark.parametrize("family", ["cnn", "rnn", "vae", "gan"])
def test_a_run_is_resumed_with_any_number_of_threads(request, tmp_path, family):
    start, given, _ = FAMILIES[family]
    begin, threads = request.getfixturevalue(start), iter((1, 3, 2))
    assert_a_resume_ends_alike(lambda: begin(threads=next(threads), **given), 3, tmp_path)
