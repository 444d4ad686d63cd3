"""Serving: exported models answer over HTTP, with onnxruntime, NumPy, Pillow and the server alone."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.runtime import stand_in_for_jaxtyping

stand_in_for_jaxtyping()


@dataclass(frozen=True)
class ServeOptions:
    """Options of a server."""

    host: str = "127.0.0.1"
    port: int = 8000
    token_file: Path | None = None
    allowed_hosts: tuple[str, ...] = ()  # names under which a proxy or other machines reach it
    corrections: Path | None = None  # table in which the report of the served run saves corrections
    workers: int | None = None  # processes that answer; default: one for each core, at most 8


def add_flags(parser: Any) -> None:
    """Add the flags to a parser."""
    text = "Address to listen at (default: this machine alone)"
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help=text)
    text = "Port (default: 8000; 0: any free)"
    parser.add_argument("--port", type=int, default=8000, metavar="N", help=text)
    text = "Whoever asks must send the token that this file holds"
    parser.add_argument("--token-file", type=Path, metavar="FILE", help=text)
    text = "Name under which a proxy or other machines reach it; repeatable"
    parser.add_argument("--allow-host", action="append", default=[], metavar="NAME", help=text)
    text = "Processes that answer (default: one for each core, at most 8)"
    parser.add_argument("--workers", type=int, metavar="N", help=text)


def options_of(arguments: argparse.Namespace) -> ServeOptions:
    """The options that were given."""
    return ServeOptions(
        host=arguments.host,
        port=arguments.port,
        token_file=arguments.token_file,
        allowed_hosts=tuple(arguments.allow_host),
        workers=arguments.workers,
    )
