import threading
import time

import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from pellucid.pieces import in_pieces, shared_out, threads


def test_results_come_in_order_whoever_is_first():
    def work(piece):
        time.sleep(0.02 if piece == 0 else 0)
        return piece, threading.get_ident()

    with shared_out(3):
        found = in_pieces(work, range(9))
    assert [piece for piece, _ in found] == [*range(9)]
    assert found[0][1] == threading.get_ident()
    assert len({worker for _, worker in found}) > 1


@pytest.mark.parametrize("count", [1, 2])
def test_every_piece_has_one_thread_of_torch_and_the_caller_its_own_again(count):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        assert in_pieces(lambda _: torch.get_num_threads(), range(4)) == [1] * 4
        with shared_out(2):
            assert threads() == 2
            assert in_pieces(lambda _: torch.get_num_threads(), range(4)) == [1] * 4
        assert (torch.get_num_threads(), threads()) == (count, count)
    finally:
        torch.set_num_threads(before)


def test_pieces_of_a_piece_are_done_by_its_thread():
    def inner(_):
        return threading.get_ident()

    def outer(piece):
        time.sleep(0.01)
        return piece == 0 or set(in_pieces(inner, range(3))) == {threading.get_ident()}

    with shared_out(2):
        assert all(in_pieces(outer, range(4)))


def test_an_error_stops_what_is_not_begun_and_is_raised():
    done = []

    def work(piece):
        if piece == 1:
            raise ValueError("piece 1")
        time.sleep(0.05)
        done.append(piece)

    with shared_out(2), pytest.raises(ValueError, match="piece 1"):
        in_pieces(work, range(50))
    assert len(done) < 10


def test_no_pieces_give_nothing():
    assert in_pieces(lambda piece: piece, []) == []


def test_blas_has_one_thread_within_and_its_own_again():
    def blas():
        return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}

    with threadpool_limits(2, "blas"):
        with shared_out(3):
            in_pieces(lambda _: None, range(4))
            assert blas() == {1}
        assert blas() == {2}
