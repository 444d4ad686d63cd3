"""`python -m pellucid.serving MODEL.onnx...`: answer requests over HTTP, as `pellucid serve` does."""

import argparse
import sys
from collections.abc import Sequence

from pellucid.errors import PellucidError
from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence
from pellucid.serving import add_flags, options_of
from pellucid.serving.serve import serve, sources_of


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
        _say(Sentence("error: {error}", error))
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def _say(sentence: str) -> None:
    from pellucid.data.wording import visible

    lines = translated(sentence).split("\n")
    sys.stderr.write("".join(f"{line if line.isprintable() else visible(line)}\n" for line in lines))
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
