"""The queues before the processes: who is asked next, who is refused, and who never waits for whom."""

import asyncio
import json

import pytest

from pellucid.serving import workers
from pellucid.serving.workers import Asked, Gone, Overloaded, Workers, _Ended

ASKED = Asked(b"short", b"long")


class Process:
    """A process that answers when it is let go, or at once; `replies` are what it then does, in order."""

    def __init__(self, *replies, is_waiting: bool = True) -> None:
        self.replies, self.seen = list(replies), []
        self.let_go = asyncio.Event()
        self.gone = asyncio.get_running_loop().create_future()
        self.gone.set_result(None)
        if not is_waiting:
            self.let_go.set()

    async def ask(self, message, content):
        self.seen.append((message, content))
        await self.let_go.wait()
        self.let_go.clear()
        reply = self.replies.pop(0) if self.replies else {"status": 200}
        if isinstance(reply, Exception):
            raise reply
        return reply, b"{}"

    def kill(self) -> None:
        pass


def workers_of(*processes) -> Workers:
    found = Workers([], len(processes))
    found._replace = never  # a real process would be started
    for each in processes:
        found._take(each)
    return found


async def never() -> None:
    await asyncio.Event().wait()


async def present() -> bool:
    return False


async def settled(turns: int = 20) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


def asking(of: Workers, name: bytes = b"", *, is_long: bool = False, is_gone=present):
    return asyncio.ensure_future(of.answer(ASKED, name, is_gone, is_long=is_long))


def test_long_requests_leave_a_process_to_short_ones() -> None:
    async def tried():
        one, two = Process(), Process()
        of = workers_of(one, two)
        long = [asking(of, name, is_long=True) for name in (b"a", b"b", b"c")]
        await settled()
        assert of.waiting == 2
        assert [*one.seen, *two.seen] == [(b"long", b"a")]
        short = asking(of, b"d")
        await settled()
        free = one if one.seen[-1][1] == b"d" else two
        assert free.seen == [(b"short", b"d")]
        free.let_go.set()
        assert (await short).status == 200
        await settled()
        assert len(free.seen) == 1  # the long ones go on waiting for the other process
        busy = two if free is one else one
        for at in range(3):
            busy.let_go.set()
            assert (await long[at]).status == 200
            await settled()
        assert [name for _, name in busy.seen] == [b"a", b"b", b"c"]

    asyncio.run(tried())


def test_the_only_process_takes_both_the_one_that_waits_longest_first() -> None:
    async def tried():
        one = Process()
        of = workers_of(one)
        given = [asking(of, b"1"), asking(of, b"2", is_long=True), asking(of, b"3")]
        for each in given:
            await settled()
            one.let_go.set()
            await each
        assert [name for _, name in one.seen] == [b"1", b"2", b"3"]

    asyncio.run(tried())


def test_what_turns_out_to_be_long_is_asked_again_among_the_long_ones() -> None:
    async def tried():
        one, two = Process({"is_long": True}, is_waiting=False), Process(is_waiting=False)
        of = workers_of(two, one)
        one.let_go.set()
        reply = asking(of, b"a")
        await settled()
        one.let_go.set()
        assert (await reply).status == 200
        assert [message for message, _ in [*one.seen, *two.seen]] == [b"short", b"long"]

    asyncio.run(tried())


@pytest.mark.parametrize(
    ("is_long", "status", "messages"), [(False, 200, [b"short", b"long"]), (True, 422, [b"long"])]
)
def test_a_step_that_takes_too_much_of_a_short_request_is_tried_as_a_long_one(is_long, status, messages):
    async def tried():
        ended, other = Process(_Ended("SIGXCPU"), is_waiting=False), Process(is_waiting=False)
        of = workers_of(other, ended)
        reply = await of.answer(ASKED, b"", present, is_long=is_long)
        assert reply.status == status
        assert (b"SIGXCPU" in reply.body) == is_long
        assert [message for message, _ in [*ended.seen, *other.seen]] == messages
        assert (of.restarts, of.alive) == (1, 1)
        await of.stop()

    asyncio.run(tried())


def test_a_request_waits_no_longer_than_that_and_the_process_goes_to_the_next(monkeypatch) -> None:
    monkeypatch.setattr(workers, "LONGEST_WAIT", 0.05)

    async def tried():
        one = Process()
        of = workers_of(one)
        first = asking(of, b"1")
        await settled()
        second = asking(of, b"2")
        with pytest.raises(Overloaded):
            await second
        third = asking(of, b"3")
        await settled()
        one.let_go.set()
        await first
        await settled()
        one.let_go.set()
        assert (await third).status == 200
        assert [name for _, name in one.seen] == [b"1", b"3"]

    asyncio.run(tried())


def test_whoever_is_gone_leaves_the_process_to_the_next() -> None:
    async def tried():
        one = Process()
        of = workers_of(one)
        first = asking(of, b"1", is_long=True)

        async def is_gone() -> bool:
            return True

        await settled()
        gone, last = asking(of, b"2", is_long=True, is_gone=is_gone), asking(of, b"3", is_long=True)
        await settled()
        one.let_go.set()
        await first
        with pytest.raises(Gone):
            await gone
        await settled()
        one.let_go.set()
        assert (await last).status == 200
        assert [name for _, name in one.seen] == [b"1", b"3"]
        assert of.overload(is_long=True) is None

    asyncio.run(tried())


def test_the_wait_is_shared_by_the_processes() -> None:
    """Four waiting requests of 1.5 seconds each: too many for one process, not for two."""

    async def tried():
        for count, is_refused in ((1, True), (2, False)):
            processes = [Process() for _ in range(count)]
            of = workers_of(*processes)
            of._short.took(1.5)
            of._long.took(1.5)
            given = [asking(of) for _ in range(count + 3)]
            await settled()
            assert of.waiting == 3
            assert (of.overload() is not None) == is_refused
            if is_refused:
                assert of.overload().seconds == 6
            for each in given:
                each.cancel()
            await asyncio.gather(*given, return_exceptions=True)

    asyncio.run(tried())


def test_long_requests_are_judged_by_their_own_queue() -> None:
    """However long they take, short ones are not refused for it."""

    async def tried():
        of = workers_of(Process(), Process())
        of._long.took(30.0)
        of._short.took(0.001)
        long = [asking(of, is_long=True)]
        await settled()
        assert of.overload(is_long=True).seconds == 30
        short = [asking(of) for _ in range(20)]
        await settled()
        assert of.overload() is None
        for each in (*long, *short):
            each.cancel()
        await asyncio.gather(*long, *short, return_exceptions=True)

    asyncio.run(tried())


def test_reasons_are_json() -> None:
    async def tried():
        of = workers_of(Process(_Ended("SIGSEGV"), is_waiting=False))
        reply = await of.answer(ASKED, b"", present)
        assert json.loads(reply.body) == {
            "error": "this input is refused: the process that answers it SIGSEGV"
        }
        await of.stop()

    asyncio.run(tried())
