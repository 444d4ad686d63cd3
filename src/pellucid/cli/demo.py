"""`pellucid demo`: train on the bundled real sample and show what comes out."""

import argparse
import sys
from pathlib import Path
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Add the command to the parser.

    Args:
        subparsers: argparse's collection of commands.
    """
    parser = subparsers.add_parser(
        "demo",
        help="train on the bundled real sample",
        description="Train a network and its rivals on 10,000 real pictures of clothes, in two minutes.",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("demo-run"), metavar="RUN", help="Where the results go"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train on `sample:fashion` and end with the path of the report.

    Args:
        arguments: what argparse read.

    Returns:
        Exit code 0.
    """
    from pellucid.pipeline.train import train

    finished = train("sample:fashion", out=arguments.out, overwrite=True, preset="quick")
    sys.stdout.write(f"{finished.verdict}\n{finished.report}\n")
    return 0
