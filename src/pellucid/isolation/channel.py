"""Messages between a process and its child: JSON behind its length, nothing that could run."""

import json
import socket
import struct
from collections.abc import Mapping
from typing import Any

from pellucid.strict import parse_line

_LENGTH = struct.Struct("<Q")


class Channel:
    """One end of a pair of sockets.

    Args:
        end: of the pair; it is closed with the channel.
        most: bytes of the longest message that is taken.
    """

    def __init__(self, end: socket.socket, most: int) -> None:
        self._end, self._most = end, most

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message of plain values.

        Raises: `OSError` if the other end is gone.
        """
        content = json.dumps(message).encode()
        self._end.sendall(_LENGTH.pack(len(content)) + content)

    def receive(self) -> dict[str, Any] | None:
        """The next message; `None` where the other end is gone.

        Raises: `ValueError` if it is none, or too long; `OSError` if it does not come in time.
        """
        head = self._bytes(_LENGTH.size)
        if head is None:
            return None
        length = _LENGTH.unpack(head)[0]
        if length > self._most:
            raise ValueError(f"a message of {length:,} bytes")
        content = self._bytes(length)
        if content is None:
            return None
        message = parse_line(content.decode())
        if not isinstance(message, dict):
            raise ValueError("a message that is no object")
        return message

    def close(self) -> None:
        """Close this end."""
        self._end.close()

    def _bytes(self, count: int) -> bytes | None:
        found = bytearray()
        while len(found) < count:
            part = self._end.recv(min(count - len(found), 1 << 20))
            if not part:
                return None
            found += part
        return bytes(found)
