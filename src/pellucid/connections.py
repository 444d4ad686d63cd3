"""Connections of local servers: uvicorn's, with a deadline for each request, and room made for new ones.

uvicorn waits for ever for the rest of a header that comes a byte at a time, and for ever for the first byte.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from pellucid.budgets import CONNECTIONS, REQUEST_SECONDS

_REASON = b'{"error": "the request took longer than %d seconds"}' % REQUEST_SECONDS
_TOO_LATE = (
    b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n" % len(_REASON)
) + _REASON


class _Corked:
    """A transport that sends what is written in one turn of the event loop together.

    A reply comes as its head, its body and its end; each would be a packet that wakes its reader.
    """

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop, self._waiting = transport, loop, bytearray()

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
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Bounded(H11Protocol):
    """A connection on which a request has a deadline from its first byte on, which its scope states.

    Where there are too many connections, the one that has been idle longest is closed.
    """

    def connection_made(self, transport: Any) -> None:
        """Begin, and make room."""
        super().connection_made(transport)
        self.transport = _Corked(transport, self.loop)  # type: ignore[assignment]
        self.app_state = {}
        self._timer: asyncio.TimerHandle | None = None
        self._has_sent = False
        self._begin()
        if len(self.connections) > CONNECTIONS:
            others = [each for each in self.connections if isinstance(each, Bounded) and each is not self]
            idle = [each for each in others if each.is_idle]
            if idle:
                min(idle, key=lambda each: each.since).transport.abort()

    @property
    def is_idle(self) -> bool:
        """True while no request is answered here."""
        return self.cycle is None or self.cycle.response_complete

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request; its deadline ends with its last one."""
        if self._timer is None:
            self._begin()
        self._has_sent = True
        super().data_received(data)
        if self.cycle is not None and not self.cycle.more_body:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the deadline with the connection."""
        self._end()
        super().connection_lost(exc)

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
