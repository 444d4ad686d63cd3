"""Names of classes and files, and texts."""

import io
import random
from pathlib import Path

from PIL import Image

from fuzz.mutating import NAUGHTY
from pellucid.answering.answers import Answer, answers_to, columns_of
from pellucid.bundle import load_any, save
from pellucid.data.sources.labelled import read_data
from pellucid.settings import Settings
from small_models import untrained_model


def name_trial(draw: random.Random, place: Path) -> str:
    """Class folders, file names and classes with odd names, read, answered and written in every form."""
    names = draw.sample(
        [name for name in NAUGHTY if name and "\0" not in name and "/" not in name and len(name) < 80], 3
    )
    content = io.BytesIO()
    Image.new("L", (8, 8), draw.randrange(256)).save(content, "PNG")
    for name in names:
        (place / "in" / name.strip("\x00")).mkdir(parents=True, exist_ok=True)
        (place / "in" / name / f"{draw.choice(names)}.png").write_bytes(content.getvalue())
    listing = read_data(str(place / "in"), Settings())
    model = untrained_model()
    model.classes = tuple(dict.fromkeys(draw.sample(NAUGHTY[1:], 10)))
    save(model, place / "model", {name: name for name in names})
    assert load_any(place / "model").classes == model.classes
    form = draw.choice(("csv", "jsonl", "parquet"))
    with answers_to(place / f"out.{form}", columns_of(model.classes)) as write:
        for source in listing.sources:
            shares = (0.1,) * len(model.classes)
            write([Answer(source, draw.choice(model.classes), 0.1, draw.choice(NAUGHTY), 0.5, shares)])
    return "written"
