"""`pellucid serve`: answer requests over HTTP, on a page and for programs."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from pellucid.cli.command_line import say, write_document
from pellucid.serving import add_flags, options_of

_EXAMPLES = (
    ("pellucid serve run/", "a page and an API"),
    ("pellucid serve cats.onnx mails=text.onnx", "two models"),
    ("pellucid serve run/ --corrections c.csv", "labels put right there"),
    ("pellucid serve run/ --host 0.0.0.0 --token-file T", "for others"),
)


def add_parser(subparsers: Any) -> None:
    """Add `serve` to the commands."""
    parser = subparsers.add_parser(
        "serve",
        help="answer requests over HTTP, on a page and for programs",
        usage="pellucid serve RUN|FOLDER|FILE.onnx... [options]",
        examples=_EXAMPLES,
        description="Serve models by onnxruntime: a page at / and an API (see /openapi.json), on this "
        "machine alone unless --host says otherwise. A run is exported first, once. Several models have "
        "names: NAME=PATH, else the name of the file or folder; /api/predict?model=NAME asks one, the first "
        "by default. Files are read once: what becomes of them later changes no answer. Ctrl-C or SIGTERM "
        "finishes what is under way.",
    )
    parser.add_argument(
        "models", metavar="MODEL", nargs="+", help="RUN, model folder or ONNX file, or NAME=PATH"
    )
    text = "Serve the run's report, too, and save corrections of labels in this table"
    parser.add_argument("--corrections", type=Path, metavar="FILE", help=text)
    add_flags(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM, and return exit code 0."""
    from pellucid.serving.serve import named, require_installed, require_names, serve, sources_of
    from pellucid.serving.workers import Source

    require_installed()
    sources: list[Source] = []
    for each in arguments.models:
        name, place = named(each)
        if Path(place).is_dir():
            from pellucid.export.export import folder_page, served_content

            stem = Path(place).absolute().name
            content = served_content(place, say)
            sources.append(Source(name or stem, place, content, folder_page(place)))
        else:
            sources += sources_of([each])
    require_names(sources)
    options = replace(options_of(arguments), corrections=arguments.corrections)
    serve(sources, options, say, write_document if arguments.json else None)
    return 0
