"""`pellucid export`: write a trained model as one ONNX file, or as one page."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pellucid.cli.command_line import say, write_document
from pellucid.errors import UsageError
from pellucid.language.sentence import Sentence

if TYPE_CHECKING:
    from pellucid.export.app.exporting import ExportedApp
    from pellucid.export.export import Exported

_MOST_TO_TRY = 24
_LEAST_SHOWN = 1e-9  # digits beyond the ninth mean nothing to anybody

_EXAMPLES = (
    ("pellucid export run/ --out model.onnx", "for programs"),
    ("pellucid export run/ --out app.html", "a page that answers in a browser"),
)


def add_parser(subparsers: Any) -> None:
    """Add `export` to the commands."""
    parser = subparsers.add_parser(
        "export",
        help="write a trained model as one ONNX file, or as one page",
        usage="pellucid export RUN --out FILE [options]",
        examples=_EXAMPLES,
        description="Write a trained model as one ONNX file, with its classes, preprocessing, temperature, "
        "novelty and thresholds. It gets its name once it has answered held-out examples of the run, from "
        "their original files, as the model does. `python -m pellucid.runtime` answers it without PyTorch. "
        "An --out that ends in .html becomes a page that answers in any current browser, from disk and "
        "without a network.",
    )
    parser.add_argument("run_folder", metavar="RUN", help="Run of train, or a model folder in one")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="File to write, ending in .onnx or .html"
    )
    parser.add_argument("--model", metavar="NAME", help="Model of the run; default: the recommended one")
    parser.add_argument(
        "--precision",
        choices=("fp32", "fp16", "int8"),
        default="fp32",
        help="fp16: weights in half precision; int8: weights and activations in 8 bits. Refused, with the "
        "figures, where the file is not smaller, or slower, or less accurate beyond chance (default: fp32)",
    )
    parser.add_argument("--title", help="Heading of a page (default: its classes)")
    parser.add_argument(
        "--examples",
        type=int,
        metavar="N",
        help="Test examples, 0 to 24, that a page holds to try the model on; whoever gets the page has them "
        "(default: 6)",
    )
    parser.add_argument(
        "--play",
        action="store_true",
        help="A page also trains: a small network that its reader chooses, on up to 2,000 examples of the "
        "run's data, images as 28 x 28 pixels; whoever gets the page has them",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Export and return exit code 0."""
    if arguments.out.suffix.lower() == ".html":
        return _page(arguments)
    options = ("--title", arguments.title), ("--examples", arguments.examples), ("--play", arguments.play)
    for option, value in options:
        if value:
            raise UsageError("{option}: it is for a page; leave it out, or write --out app.html", option)
    from pellucid.data.wording import count_of
    from pellucid.export.export import export
    from pellucid.pipeline.run.stages import shown_meanwhile

    with shown_meanwhile(Sentence("writing {out} and proving it", arguments.out)):
        done = export(arguments.run_folder, arguments.out, arguments.model, say, arguments.precision)
    proof = done.proof
    examples = count_of(proof.examples, Sentence("held-out {noun}", done.noun))
    form = "" if done.judged is None else Sentence(" In {precision} it is worth it.", done.judged.precision)
    what = "it" if done.judged is None else "the file in fp32"
    say(
        Sentence(
            "{model} written: {bytes:.1f} MB. On {examples} "
            "{what} gave the labels of the model, and no answer differs by more than "
            "{difference}; onnx.reference agrees on {reference}.{form}",
            done.model,
            done.bytes / 1000000.0,
            examples,
            what,
            _difference(proof.difference),
            proof.reference,
            form,
        )
    )
    say(Sentence("next: python -m pellucid.runtime {out} INPUT...", arguments.out))
    if arguments.json:
        _document(arguments.out, done, done.judged and done.judged._asdict())
    return 0


def _page(arguments: argparse.Namespace) -> int:
    """Write a page; its weights are in half precision whatever is asked for.

    Raises: `UsageError` if a precision was asked for.
    """
    from pellucid.data.wording import count_of
    from pellucid.export.app.exporting import export_app
    from pellucid.export.play.playing import part_of_run
    from pellucid.pipeline.run.stages import shown_meanwhile

    if not 0 <= (arguments.examples or 0) <= _MOST_TO_TRY:
        raise UsageError(
            "--examples: {examples} given; give 0 to {MOST_TO_TRY}", arguments.examples, _MOST_TO_TRY
        )
    if arguments.precision != "fp32":
        raise UsageError("--precision: a page always holds weights in half precision; leave it out")
    with shown_meanwhile(Sentence("writing {out} and proving it", arguments.out)):
        training = part_of_run(arguments.run_folder) if arguments.play else None
        done = export_app(
            arguments.run_folder,
            arguments.out,
            arguments.model,
            say,
            arguments.title,
            arguments.examples,
            training=training,
        )
    proof = "It was not proved in a browser: none was found, of Chromium, Chrome and Edge; the page says so."
    if done.proof is not None:
        examples = count_of(done.proof.examples, Sentence("held-out {noun}", done.noun))
        proof = Sentence(
            "In {browser} it gave the labels of the model on {examples}, "
            "and no answer differs by more than {difference}.",
            done.proof.browser,
            examples,
            _difference(done.proof.difference),
        )
    say(Sentence("{model} written: {bytes:.1f} MB. {proof}", done.model, done.bytes / 1000000.0, proof))
    if done.examples and arguments.examples is None:
        shown = count_of(done.examples, Sentence("test {noun}", done.noun))
        say(
            Sentence(
                "The page contains {shown}, which everybody has who gets it; --examples 0 leaves them out.",
                shown,
            )
        )
    if training is not None:
        say(Sentence("It can train on {sentence}.", training["play_note"]))
    say(Sentence("next: open {out} in a browser", arguments.out))
    if arguments.json:
        _document(arguments.out, done, None)
    return 0


def _document(out: Path, done: "Exported | ExportedApp", judged: Any) -> None:
    """Print what was written and how it was proved."""
    proof = None if done.proof is None else done.proof._asdict()
    found = {"file": out, "model": done.model, "bytes": done.bytes}
    write_document({**found, "proof": proof, "precision": judged})


def _difference(largest: float) -> str:
    return f"{max(largest, _LEAST_SHOWN):.1e}"
