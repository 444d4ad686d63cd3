"""Data sets packed for the page that trains, and the page written."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8
from markupsafe import Markup

from pellucid.data import prepare
from pellucid.data.dataset import Dataset
from pellucid.data.raw_texts import Texts
from pellucid.data.sources.labelled import read_data
from pellucid.data.splitting import places_in_strata
from pellucid.data.wording import count_of
from pellucid.errors import DataError, UsageError
from pellucid.export.app.shell import require_folder, script_values, shared_values, shell_environment
from pellucid.language.catalogue import CHINESE, language, translated
from pellucid.language.sentence import Sentence
from pellucid.pages.assembly import deflated, joined_script
from pellucid.safety.files import write_file
from pellucid.safety.strict import MOST_BYTES, read_json
from pellucid.settings import Settings

# What the page holds, so that it stays below 6 MB and answers at once.

SIDE = 28  # pixels
MOST_EXAMPLES = 4_000
USUAL_EXAMPLES = 2_000
_OF_SPAM = 600  # examples: enough to learn from, in a page that has the images too
_MOST_CLASSES = 20
_MOST_CHARACTERS = 400  # of a text
_VALIDATION_SHARE = 0.2  # of the examples

_SAMPLES = (("sample:fashion", USUAL_EXAMPLES), ("sample:spam", _OF_SPAM))


class Packed(NamedTuple):
    """A data set as the page holds it.

    Attributes:
        facts: of the form `PackedFacts` in the script's types.
        pixels: of all images, train before validation; empty of texts.
        sentence: how many examples of how many it holds.
    """

    facts: dict[str, Any]
    pixels: bytes
    sentence: str


def packed(dataset: Dataset, name: str, most: int) -> Packed:
    """Pack at most so many examples of a data set, called `name`: of each class its share.

    The test split stays outside, for a model that is judged later.
    """
    kept = min(len(dataset.validation), round(_VALIDATION_SHARE * most))
    parts = {
        "train": _chosen(dataset, dataset.train, most - kept),
        "validation": _chosen(dataset, dataset.validation, kept),
    }
    facts: dict[str, Any] = {"name": name, "classes": list(dataset.classes)}
    for part, positions in parts.items():
        facts[part] = {"labels": dataset.labels_at(positions).codes().tolist()}
    count = sum(map(len, parts.values()))
    nouns = count_of(len(dataset.train) + len(dataset.validation), dataset.noun)
    sentence: str = Sentence(
        "{count:,} of {nouns} from {name}, each class with its share", count, nouns, name
    )
    facts["note"] = {"en": str(sentence), "zh": str(translated(sentence, CHINESE))}
    if isinstance(dataset.inputs, Texts):
        for part, positions in parts.items():
            facts[part]["texts"] = [text[:_MOST_CHARACTERS] for text in dataset.inputs[positions]]
        return Packed({"kind": "text", **facts}, b"", sentence)
    pixels = b"".join(_bytes(dataset.inputs[positions]) for positions in parts.values())
    shape = [dataset.inputs.shape[3], *dataset.inputs.shape[1:3]]
    return Packed({"kind": "image", "shape": shape, **facts}, pixels, sentence)


def _chosen(
    dataset: Dataset, positions: Int64[np.ndarray, " some"], most: int
) -> Int64[np.ndarray, " chosen"]:
    """At most so many of some positions, of each class its share, in an order that no class decides."""
    order = np.random.default_rng(0).permutation(len(positions))
    places = places_in_strata(dataset.labels[positions], order, dataset.target)
    return positions[np.argsort(places, kind="stable")[:most]]


def _bytes(images: UInt8[np.ndarray, "n height width channels"]) -> bytes:
    """Pixels of images, channel by channel."""
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).tobytes()


def play_document(parts: Sequence[Packed]) -> dict[str, str]:
    """What the part of a page that trains is filled with: its data, deflated, and the engine's script."""
    facts = json.dumps([each.facts for each in parts], ensure_ascii=False, allow_nan=False)
    return {
        "play_facts": deflated(facts.encode()),
        "play_pixels": deflated(b"".join(each.pixels for each in parts)),
        "engine": Markup(joined_script("export/play/script/engine.js")),  # our own file
    }


def part_of_run(run: str) -> dict[str, str]:
    """What a model's page is filled with so that it trains too, on examples of the run's own data.

    Raises: `UsageError` if `run` is no run, or only a model folder; `DataError` if its data cannot be read
    again, or the page cannot learn it.
    """
    folder = Path(run)
    try:
        config = read_json(folder / "config.json", MOST_BYTES)
        place, settings = str(config["data"]["place"]), Settings(**config["settings"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            "--play: {run} is no run of pellucid train, whose data the page could train on; give such a run",
            run,
        ) from error
    part = _read(place, replace(settings, image_size=f"{SIDE}x{SIDE}"), USUAL_EXAMPLES)
    values = script_values("tab.js", "export/play")
    of_script = {"play_script": values["script"], "play_checksum": values["checksum"]}
    return {**play_document([part]), **of_script, "play_note": part.sentence}


def play_page(parts: Sequence[Packed], title: str | None) -> bytes:
    """The page that holds nothing else, as a file in the language of this program."""
    values = {"title": title, "language": language(), **play_document(parts), **shared_values()}
    values |= script_values("start.js", "export/play")
    return shell_environment().get_template("play.html").render(values).encode()


class WrittenPlay(NamedTuple):
    """Outcome of writing a page.

    Attributes:
        bytes: of the file.
        sentences: what it holds of each data set.
        data: by the name of each data set, how many examples it has to train on and to validate.
    """

    bytes: int
    sentences: tuple[str, ...]
    data: Mapping[str, Mapping[str, int]]


def play(
    place: str | None, out: Path, settings: Settings, most: int = USUAL_EXAMPLES, title: str | None = None
) -> WrittenPlay:
    """Write a page that trains on DATA, or on the bundled samples, with at most so many examples of it.

    Raises: `UsageError` if `out` has another ending or `most` is out of range; `DataError` if DATA cannot be
    used, has more than twenty classes or labels that are none; `StorageError` if `out` cannot be written.
    """
    if out.suffix.lower() != ".html":
        raise UsageError("--out: {out} does not end in .html; choose a name that does", out)
    require_folder(out)
    if not 50 <= most <= MOST_EXAMPLES:
        raise UsageError("--examples: {most} given; give 50 to {MOST_EXAMPLES}", most, MOST_EXAMPLES)
    wanted = _SAMPLES if place is None else ((place, most),)
    parts = [_read(each, replace(settings, image_size=f"{SIDE}x{SIDE}"), count) for each, count in wanted]
    content = play_page(parts, title)
    write_file(out, content)
    counts = {
        each.facts["name"]: {part: len(each.facts[part]["labels"]) for part in ("train", "validation")}
        for each in parts
    }
    return WrittenPlay(len(content), tuple(each.sentence for each in parts), counts)


def _read(place: str, settings: Settings, most: int) -> Packed:
    """Read, check and pack a data set; what the page cannot learn is refused before anything is decoded."""
    listing = read_data(place, settings)
    labels = listing.coded
    if not labels.exclusive():
        raise DataError(
            "{place}: its labels are {nouns}, but the page learns one class of each {noun}; choose a column "
            "of classes with --label-column, or train with pellucid train",
            place,
            labels.target.nouns,
            listing.noun,
        )
    count = sum(each >= max(1, settings.min_examples or 1) for each in labels.counts())
    if count > _MOST_CLASSES:
        raise DataError(
            "{place}: {classes} found, but the page shows at most {MOST_CLASSES}; merge some with --rename, "
            "leave rare ones out with --min-examples, or train with pellucid train",
            place,
            count_of(count, "class"),
            _MOST_CLASSES,
        )
    dataset, _ = prepare(listing, settings)
    return packed(dataset, _name(place), most)


def _name(place: str) -> str:
    """Name of the data, without the folders that it lies in."""
    return place.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
