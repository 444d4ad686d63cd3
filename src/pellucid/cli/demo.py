"""`pellucid demo`: train on the bundled real samples and show what comes out."""

import argparse
import sys
from pathlib import Path
from typing import Any

_SAMPLES = {"sample:fashion": "{}", "sample:spam": "{}-spam"}
"""Each sample, and the folder of its run after the one that was named."""


def add_parser(subparsers: Any) -> None:
    """Add `demo` to the commands."""
    parser = subparsers.add_parser(
        "demo",
        help="train on the bundled real samples",
        description="Train networks and their baselines on 10,000 real images of clothes and on real "
        "e-mails, wanted and unwanted, in a few minutes. The e-mails' results go to RUN-spam.",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("demo-run"), metavar="RUN", help="Where the results go"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Train on `sample:fashion` and `sample:spam`, end with the paths of the reports; exit code 0."""
    from pellucid.pipeline.train import train

    out: Path = arguments.out
    finished = [
        train(sample, out=Path(name.format(out)), overwrite=True, preset="quick")
        for sample, name in _SAMPLES.items()
    ]
    for each in finished:
        sys.stdout.write(f"{each.verdict}\n{each.report}\n")
    return 0
