"""`pellucid explain`: open a model on one image or text."""

import argparse
from pathlib import Path
from typing import Any

from pellucid.cli.command_line import add_table_flags, say, settings_from, write_document
from pellucid.language.sentence import Sentence

_EXAMPLES = (
    ("pellucid explain run/ photo.jpg --out page.html", "an image"),
    ('pellucid explain run/ --text "Free money" --out page.html', "a text itself"),
    ("pellucid explain run/ photo.jpg --model svm --out page.html", "another model"),
)


def add_parser(subparsers: Any) -> None:
    """Add `explain` to the commands."""
    parser = subparsers.add_parser(
        "explain",
        help="open a model on one image or text, down to its arithmetic",
        usage="pellucid explain RUN INPUT --out FILE.html [options]",
        examples=_EXAMPLES,
        main="--text --out --model --class --input-column".split(),
        description="Follow one image or text through the model that answers, every layer where it is a "
        "network: see how each number came about, how the error flows back, and what in the input drove the "
        "answer, each explanation put to the test; of an autoencoder, what each latent variable changes. The "
        "page is one HTML file that needs no network.",
    )
    parser.add_argument(
        "run_folder", metavar="RUN", help="Run, whose recommended model is opened, or model folder"
    )
    place = parser.add_argument(
        "input", metavar="INPUT", help="Image or text file, or a row of a table: FILE:ROW"
    )
    place.required = False  # `nargs="?"` would take nothing where an option stands between RUN and INPUT
    parser.add_argument("--text", metavar="TEXT", help="A text itself, in place of INPUT")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.html", help="The page")
    parser.add_argument(
        "--model",
        dest="model_name",
        metavar="NAME",
        help="Another model of the run, such as cnn or svm; default: the one that it recommends",
    )
    parser.add_argument(
        "--class",
        dest="class_name",
        metavar="NAME",
        help="Class or label to explain, or class that an autoencoder opens the "
        "image as; default: the most probable one",
    )
    add_table_flags(parser, ("input_column", "encoding", "delimiter", "quote"))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Explain one answer and return exit code 0."""
    from pellucid.answering.explain import explain
    from pellucid.export.app.explaining import living_page
    from pellucid.pipeline.run.stages import shown_meanwhile

    with shown_meanwhile(Sentence("opening the model and writing {out}", arguments.out)):
        done = explain(
            arguments.run_folder,
            arguments.input,
            arguments.out,
            settings_from(arguments),
            model_name=arguments.model_name,
            class_name=arguments.class_name,
            typed=arguments.text,
            page=living_page,
        )
    for warning in done.warnings:
        say(warning)
    found = done.explanation
    say(found.headline)
    if found.unfamiliar:
        say(Sentence("  {unfamiliar}", found.unfamiliar))
    if found.thresholds and found.target is not None:
        say(Sentence("  {threshold_words}", found.threshold_words))
        say(Sentence("  explained for {classes}", found.classes[found.target]))
    for line in found.mean_words:
        say(Sentence("  {line}", line))
    if found.latents is not None:
        say(Sentence("  {bound_words}", found.latents.bound_words))
    methods = found.attributions.methods if found.attributions is not None else ()
    for each in methods:
        verdict = "faithful here" if each.trial.is_faithful else "not faithful here"
        say(Sentence("  {name}: {verdict}", each.name, verdict))
    say(Sentence("page: {out}", done.out))
    if arguments.json:
        tried = {each.name: each.trial.is_faithful for each in methods}
        write_document(
            {"page": done.out, "answer": found.headline, "warnings": done.warnings, "faithful": tried}
        )
    return 0
