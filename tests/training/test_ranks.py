"""Real processes that train together: the same weights, whatever their number, and whatever ends them."""

import contextvars
import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import generators
from killing import killed_and_resumed
from pellucid.errors import DivergedError, RankFailedError, UsageError
from pellucid.settings import Settings
from pellucid.training.joint import _Arrays, _examples
from pellucid.training.ranks import Ranks, packed, together, unpacked
from pellucid.training.steps import PartSum
from training.sessions import After, same
from training.test_determinism import FAMILIES


@pytest.fixture(scope="module")
def ranks():
    """Three ranks, of which this process is the first."""
    with together(Settings(processes=3, threads=1)) as found:
        yield found


@pytest.fixture
def begin_generator():
    return generators.begin


def alone(run):
    """What a function gives in a process that trains by itself."""
    return contextvars.Context().run(run)


@pytest.mark.parametrize(
    "family",
    [
        each if each in ("cnn", "rnn", "vae", "gan") else pytest.param(each, marks=pytest.mark.slow)
        for each in FAMILIES
    ],
)
def test_the_number_of_processes_decides_nothing(request, ranks, family):
    start, given, _ = FAMILIES[family]
    begin = request.getfixturevalue(start)
    if family == "rnn bf16":
        request.getfixturevalue("bf16_lstm")
    one, three = (begin(threads=1, **given) for _ in range(2))
    shared = []
    expected = alone(lambda: one.run().state_dict())
    assert same(expected, three.run([After(step=lambda state: shared.append(ranks.is_busy))]).state_dict())
    assert all(is_busy == (one.batches.recipe.parts > 1) for is_busy in shared)
    for before, after in zip(one.state.history, three.state.history, strict=True):
        assert {k: v for k, v in before.items() if "second" not in k} == {
            k: v for k, v in after.items() if "second" not in k
        }


@pytest.mark.slow
@pytest.mark.parametrize("family", ["cnn", "rnn", "gan"])
def test_a_training_is_resumed_with_any_number_of_processes(request, ranks, tmp_path, family):
    start, given, _ = FAMILIES[family]
    begin = request.getfixturevalue(start)
    expected = alone(lambda: begin(**given).run().state_dict())
    shared, resumed_alone = tmp_path / "shared", tmp_path / "alone"
    for each in (shared, resumed_alone):
        each.mkdir()
    resumed = alone(lambda: killed_and_resumed(lambda: begin(**given), 3, resumed_alone, 2))
    assert same(expected, resumed.run().state_dict())
    resumed = killed_and_resumed(lambda: begin(**given), 3, shared, 2)
    assert same(expected, alone(lambda: resumed.run().state_dict()))


def test_a_training_that_diverges_leaves_the_ranks_ready_for_another(ranks, start, digits):
    weights = np.full(len(digits.labels), np.nan)
    with pytest.raises(DivergedError, match="step 1: the loss is nan"):
        start(dataclasses.replace(digits, weights=weights), batch_size=260).run()
    assert not ranks.is_busy
    assert not ranks.is_broken


def test_images_in_a_file_are_read_there_by_every_rank(ranks, start, digits, tmp_path):
    np.save(tmp_path / "pixels.npy", digits.inputs)
    mapped = np.load(tmp_path / "pixels.npy", mmap_mode="r")[100:]
    rest = {"labels": digits.labels[100:], "train": np.arange(600), "validation": np.arange(600, 900)}

    def begin(inputs):
        return start(dataclasses.replace(digits, inputs=inputs, **rest), batch_size=260, epochs=1)

    expected = alone(lambda: begin(np.array(mapped)).run().state_dict())
    session = begin(mapped)
    document = _Arrays().of(session.batches.examples)["inputs"]
    assert document["path"] == str(tmp_path / "pixels.npy")
    assert "sent" not in document
    assert same(expected, session.run().state_dict())
    # The file that has that name now holds something else than what rank 0 learns from.
    (tmp_path / "others.npy").write_bytes(bytes((tmp_path / "pixels.npy").stat().st_size))
    os.replace(tmp_path / "others.npy", tmp_path / "pixels.npy")
    with pytest.raises(RankFailedError, match=r"pixels.npy: cannot be read here: it holds something else"):
        _examples({**_Arrays().of(session.batches.examples), "inputs": document}, [])


def test_nothing_listens_beyond_the_loopback(ranks):
    listening = []
    for process in (os.getpid(), *(about["pid"] for about in ranks._abouts[1:])):
        links = (os.readlink(each) for each in Path(f"/proc/{process}/fd").iterdir() if each.is_symlink())
        sockets = {link[8:-1] for link in links if link.startswith("socket:")}
        for table in ("tcp", "tcp6", "udp", "udp6"):
            rows = [row.split() for row in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]]
            is_open = {"0A", "07"}  # a TCP that listens, a UDP that is bound
            listening += [row[1] for row in rows if row[9] in sockets and row[3] in is_open]
    assert listening
    assert all(address.startswith("0100007F:") for address in listening)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["float32", "float64", "int64", "uint8", "bool"]),
            st.lists(st.integers(0, 3), max_size=3),
        )
    )
)
def test_a_message_is_taken_apart_again(kinds):
    draws = torch.Generator().manual_seed(0)
    sent = [torch.rand(shape, generator=draws).mul(9).to(getattr(torch, kind)) for kind, shape in kinds]
    document, received = unpacked(packed({"names": ["a", "ü"], "count": len(sent)}, sent))
    assert document == {"names": ["a", "ü"], "count": len(sent)}
    for one, other in zip(sent, received, strict=True):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)


def test_a_sum_of_parts_reaches_another_rank_as_it_is():
    gradients = [torch.randn(3, 2).T, None, torch.zeros(())]
    sent = PartSum(torch.rand(3).double(), gradients, [torch.rand(4)], [["accuracy"], ["variance"]])
    numbers, received, running, names = PartSum.from_message(sent.to_message(), "cpu")
    assert same(
        {"numbers": sent.numbers, "running": sent.running[0]}, {"numbers": numbers, "running": running[0]}
    )
    assert torch.equal(received[0], gradients[0])
    assert received[1] is None
    assert torch.equal(received[2], gradients[2])
    assert names == sent.names


@given(st.integers(1, 40), st.integers(1, 12))
def test_every_part_is_of_one_rank(parts, size):
    shares = [Ranks(rank, size, 1, 1.0).share(range(parts)) for rank in range(size)]
    assert [part for share in shares for part in share] == list(range(parts))
    assert all(
        Ranks(0, size, 1, 1.0).rank_of(part, parts) == rank
        for rank, share in enumerate(shares)
        for part in share
    )
    assert max(map(len, shares)) == -(-parts // size)


def test_torchrun_and_processes_are_not_asked_for_at_once(monkeypatch):
    for name, value in {
        "RANK": "0",
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="--processes: torchrun starts the processes already"):
        alone(lambda: together(Settings(processes=2)).__enter__())
