"""Connections of local servers: uvicorn's, with deadlines for requests and replies, and room for new ones.

uvicorn waits for ever for the rest of a header that comes a byte at a time, for ever for the first byte, and
for ever for a client that does not read its reply.
"""

import asyncio
import socket
import struct
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from pellucid.safety.budgets import CONNECTIONS, REPLY_SECONDS, REQUEST_SECONDS

# Where a reply ends before its request does, the rest is taken and thrown away for so long: whoever sends
# it would otherwise see a broken connection in place of the reply. So many do it at a time, with a pause
# after each piece (256 kB at most), so that what is thrown away takes no more than about a tenth of the
# event loop.
_LINGER_SECONDS = 1.0
_LINGER_PAUSE = 0.002
_MOST_LINGERING = 16

# For how long a closed connection sends what it has: not at all.
_NO_LONGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
_REASON = b'{"error": "the request took longer than %d seconds"}' % REQUEST_SECONDS
_TOO_LATE = (
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n" % len(_REASON)
) + _REASON


class _Corked:
    """A transport that sends what is written in one turn of the event loop together.

    A reply comes as its head, its body and its end; each would be a packet that wakes its reader.

    Args:
        transport: that sends.
        loop: the event loop.
        lingers: asked before the transport is closed; where it is true, that is done later.
    """

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop, lingers: Callable[[], bool]) -> None:
        self._transport, self._loop, self._lingers, self._waiting = transport, loop, lingers, bytearray()

    def write(self, data: bytes) -> None:
        if not self._waiting:
            self._loop.call_soon(self._send)
        self._waiting += data

    def _send(self) -> None:
        if self._waiting:
            self._transport.write(bytes(self._waiting))
            self._waiting.clear()

    def close(self) -> None:
        self._send()
        if self._lingers():
            return
        self._transport.close()
        if self._transport.get_write_buffer_size():  # which whoever does not read would keep here for ever
            self._loop.call_later(REPLY_SECONDS, self._transport.abort)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Bounded(H11Protocol):
    """A connection on which a request has a deadline from its first byte on, which its scope states.

    Whoever takes nothing of a reply for `REPLY_SECONDS` is cut off. Where there are too many connections, one
    of the address that has most of them is closed: the one that has been idle longest, or else waits longest
    for its client to read.
    """

    def connection_made(self, transport: Any) -> None:
        """Begin, and make room."""
        super().connection_made(transport)
        self.transport = _Corked(transport, self.loop, self._lingers)  # type: ignore[assignment]
        self.app_state = {}
        self.address = self.client[0] if self.client else ""
        self.is_lingering = False
        self._timer: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._has_sent = False
        self._begin()
        if len(self.connections) > CONNECTIONS:
            self._make_room()

    @property
    def is_idle(self) -> bool:
        """True while no request is answered here."""
        return self.cycle is None or self.cycle.response_complete

    @property
    def is_unread(self) -> bool:
        """True while a reply waits for its client to take more of it."""
        return self._unread is not None

    def _make_room(self) -> None:
        others = [each for each in self.connections if isinstance(each, Bounded) and each is not self]
        counts = Counter(each.address for each in others)
        found = [each for each in others if each.is_idle] or [each for each in others if each.is_unread]
        if found:
            min(found, key=lambda each: (-counts[each.address], each.since)).cut_off()

    def cut_off(self) -> None:
        """End the connection at once, with what the system keeps of a reply that nobody reads."""
        own = self.transport.get_extra_info("socket")
        if own is not None:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LONGER)
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request; its deadline ends with its last one."""
        if self.is_lingering:
            self.flow.pause_reading()
            self.loop.call_later(_LINGER_PAUSE * self._lingering, self._read_on)
            return
        if self._timer is None:
            self._begin()
        self._has_sent = True
        super().data_received(data)
        if self.cycle is not None and not self.cycle.more_body:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the deadlines with the connection."""
        self._end()
        self._end_unread()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for whoever does not read."""
        super().pause_writing()
        self.since = self.loop.time()
        self._unread = self.loop.call_later(REPLY_SECONDS, self.cut_off)

    def resume_writing(self) -> None:
        """Go on with a reply."""
        self._end_unread()
        super().resume_writing()

    def _end_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    @property
    def _lingering(self) -> int:
        return sum(isinstance(each, Bounded) and each.is_lingering for each in self.connections)

    def _lingers(self) -> bool:
        """Keep a connection for a moment whose reply ended before its request, if few others are kept."""
        is_whole = self.cycle is None or not self.cycle.more_body
        if is_whole or self.is_lingering or self._lingering >= _MOST_LINGERING:
            return False
        self.is_lingering = True
        self._end()
        self._timer = self.loop.call_later(_LINGER_SECONDS, self.transport.abort)
        self.transport.write_eof()
        self.flow.resume_reading()
        return True

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def _begin(self) -> None:
        self.since = self.loop.time()
        self.app_state["deadline"] = self.since + REQUEST_SECONDS
        self._timer = self.loop.call_at(self.app_state["deadline"], self._close_late)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_late(self) -> None:
        """Close a connection whose request is not complete, of which nothing was answered yet."""
        self._timer = None
        if self.transport.is_closing() or not (self.is_idle or self.cycle.more_body):
            return
        if self._has_sent and (self.is_idle or not self.cycle.response_started):
            self.transport.write(_TOO_LATE)
        self.transport.close()
