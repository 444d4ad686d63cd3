"""`python -m pellucid.serving MODEL.onnx...`: answer requests over HTTP, as `pellucid serve` does."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.errors import PellucidError
from pellucid.serving.serve import ServeOptions, serve, sources_of


def add_flags(parser: Any) -> None:
    """Add the options of a server, which `pellucid serve` has too."""
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="Address to listen at (default: this machine alone)",
    )
    parser.add_argument(
        "--port", type=int, default=8000, metavar="N", help="Port (default: 8000; 0: any free)"
    )
    parser.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="Whoever asks must send the token that this file holds",
    )
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME",
        help="Name under which a proxy or other machines reach it; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="Processes that answer (default: one for each core, at most 8)",
    )


def options_of(arguments: argparse.Namespace) -> ServeOptions:
    """The options that were given."""
    return ServeOptions(
        host=arguments.host,
        port=arguments.port,
        token_file=arguments.token_file,
        allowed_hosts=tuple(arguments.allow_host),
        workers=arguments.workers,
    )


def main(words: Sequence[str] | None = None) -> int:
    """Run the command of `words`, by default those of `sys.argv`, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m pellucid.serving",
        description="Answer requests over HTTP with models that `pellucid export` wrote.",
    )
    parser.add_argument("models", metavar="FILE.onnx", nargs="+", help="FILE, or NAME=FILE")
    add_flags(parser)
    arguments = parser.parse_args(words)
    try:
        serve(sources_of(arguments.models), options_of(arguments), _say)
    except PellucidError as error:
        _say(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def _say(sentence: str) -> None:
    from pellucid.data.wording import visible

    lines = sentence.split("\n")
    sys.stderr.write("".join(f"{line if line.isprintable() else visible(line)}\n" for line in lines))
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
