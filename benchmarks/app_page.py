"""A model as one page: its size beside the weights, and how soon it is ready, answers and follows a stroke.

    python benchmarks/app_page.py [--run RUN] [--images RUN ...] [--texts RUN ...] [--runs 5] [--json FILE]

Without `--run` a demo network (`pellucid train sample:fashion --preset quick --no-baselines`) is trained
first. Its page is opened in a browser so many times, asked about images one by one, and drawn on. A second
page holds EfficientNet-Lite0 at 160 pixels, where its weights are at hand, below a head that has learnt
nothing. Of runs on images after `--images`, and on texts after `--texts`, every network and classical model
is measured, the latter on mails of the bundled sample; without `--texts` `pellucid train sample:spam --preset
quick` is run first.

- beside the weights: bytes of the file without those that hold weights, packed; of texts without their
  vocabulary too, which belongs to the model as weights do;
- ready: from the start of the navigation until the page says so, weights opened;
- an answer: from pixels to probabilities and novelty, both views where the model averages over mirror images;
- a stroke: from the movement of the pointer until answer, all layers and the arithmetic of the chosen unit
  are drawn and the next picture is due; of texts from a word that is typed;
- requests: everything that the browser asked for beside the file itself.

First answers are slower than later ones, since JavaScript is compiled as it runs; they are counted. The
fastest stands beside the median, and behind both what each took of the processor, in all processes of the
browser together: other programs on the machine make times by the clock longer.

Takes: about 5 minutes on two cores, training included.
"""

import base64
import dataclasses
import gzip
import io
import json
import re
import statistics
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import command_line, heading, print_table, summary, write_json
from PIL import Image

from pellucid.answering.naming import model_of
from pellucid.bundle import ClassicalModel, ImageModel, Model, TextModel, load
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.errors import PellucidError
from pellucid.export.app.chromium import Tab, browsing, find_browser
from pellucid.export.app.content import page_of, refusal
from pellucid.export.app.exporting import ask
from pellucid.export.app.page_data import deflated, encoder_page_data, terms_page_data
from pellucid.export.export import metadata_of
from pellucid.networks.config import Architecture
from pellucid.pipeline.train import train
from pellucid.pretrained import packaged_backbone
from pellucid.settings import Settings
from pellucid.tasks import TEXTS

SIDE = 160
ANSWERS, STROKES = 20, 30
VOCABULARY = ("entries", "merges", "names", "terms")
CARD: dict[str, Any] = {"rows": [], "metric": "", "models": []}
WORD = """(async () => {
  const shown = () => new Promise((done) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = done;
    channel.port2.postMessage(0);
  }));
  const field = document.getElementById("text");
  field.value = GIVEN;
  const times = [];
  for (let number = 0; number < COUNT; number += 1) {
    const start = performance.now();
    field.value += ` word${number}`;
    field.dispatchEvent(new Event("input"));
    await shown();
    times.push(performance.now() - start);
  }
  return times;
})()"""
STROKE = """(async () => {
  const shown = () => new Promise((done) => requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = done;
    channel.port2.postMessage(0);
  }));
  const easel = document.getElementById("easel");
  const box = easel.getBoundingClientRect();
  const times = [];
  for (let number = 0; number < COUNT; number += 1) {
    const start = performance.now();
    easel.dispatchEvent(new PointerEvent(number ? "pointermove" : "pointerdown", {
      pointerId: 1, buttons: 1, bubbles: true,
      clientX: box.left + box.width * (0.2 + 0.6 * ((number * 7) % COUNT) / COUNT),
      clientY: box.top + box.height * (0.2 + 0.6 * number / COUNT),
    }));
    await shown();
    times.push(performance.now() - start);
  }
  return times;
})()"""


def backbone() -> ImageModel:
    """EfficientNet-Lite0 for photographs of 160 x 160 pixels."""
    found = packaged_backbone("efficientnet-lite0")
    config = found.config_for(10, Settings(), (3, SIDE, SIDE))
    config = dataclasses.replace(config, own=Architecture(backbone=found.architecture, seen=(SIDE, SIDE)))
    network = found.network(config, torch.Generator().manual_seed(0))
    return ImageModel(network, Preprocessing(SIDE, SIDE, 3), [f"class {number}" for number in range(10)])


def files_for(model: Model) -> list[dict[str, str]]:
    """Images of noise at the size of the model, as a page takes them."""
    assert model.preprocessing is not None
    image, draws = model.preprocessing, np.random.default_rng(0)
    found = []
    for _ in range(ANSWERS):
        pixels = draws.integers(0, 256, (image.height, image.width, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        found.append({"file": base64.b64encode(file.getvalue()).decode()})
    return found


def mails() -> list[dict[str, str]]:
    """Mails of the bundled sample, as a page takes them."""
    content = gzip.decompress((files("pellucid.data") / "spam" / "spam.jsonl.gz").read_bytes())
    return [{"text": json.loads(line)["text"]} for line in content.decode().splitlines()[:ANSWERS]]


def vocabulary_bytes(model: Model) -> int:
    """Bytes of what the encoder of a model of texts knows, as the page holds them; 0 of images."""
    if not isinstance(model, (TextModel, ClassicalModel)):
        return 0
    told: dict[str, Any] = {} if model.encoder is None else encoder_page_data(model.encoder)
    terms = (
        {} if not isinstance(model, ClassicalModel) or model.tfidf is None else terms_page_data(model.tfidf)
    )
    known = {key: each for key, each in {**told, **terms}.items() if key in VOCABULARY}
    return len(deflated(json.dumps(known).encode())) if known else 0


def measured(tab: Tab, model: Model, name: str, place: Path, runs: int) -> dict[str, Any]:
    """All figures of the page of one model."""
    content = page_of(model, metadata_of(model, name), CARD).html(None)
    place.write_bytes(content)
    weights = re.search(rb'id="weights">([^<]*)<', content)
    assert weights is not None
    tab.requests.clear()
    ready, busy = [], []
    for _ in range(runs):
        before = tab.processor_seconds()
        tab.open(place.as_uri())
        tab.evaluate("pellucid.ready.then(() => 1)")
        ready.append(float(tab.evaluate("performance.now()")))
        busy.append(1000 * (tab.processor_seconds() - before))
    tab.evaluate("pellucid.ready.then((page) => page.isDrawn()).then(() => 1)")
    of_texts = model.input_kind is TEXTS
    originals = mails() if of_texts else files_for(model)
    script = WORD.replace("GIVEN", json.dumps(originals[0].get("text", ""))) if of_texts else STROKE
    before = tab.processor_seconds()
    answers = [each["milliseconds"] for each in ask(tab, originals)]
    between = tab.processor_seconds()
    strokes = tab.evaluate(script.replace("COUNT", str(STROKES)), 300.0)
    after = tab.processor_seconds()
    others = [each for each in tab.requests if each != place.as_uri()]
    assert tab.errors == [], tab.errors
    return {
        "bytes": len(content),
        "beside_weights": len(content) - len(weights[1]) - vocabulary_bytes(model),
        "ready": summary(ready),
        "answer": summary(answers),
        "stroke": summary(strokes),
        "processor": {
            "ready": statistics.median(busy),
            "answer": 1000 * (between - before) / ANSWERS,
            "stroke": 1000 * (after - between) / STROKES,
        },
        "requests": len(others),
    }


def text_runs(folder: Path) -> list[Path]:
    """A run on the bundled mails."""
    train("sample:spam", out=folder / "texts", preset="quick", quiet=True)
    return [folder / "texts"]


def models_of_runs(runs: list[Path]) -> dict[str, Model]:
    """Models of runs that pages can hold, by what they are called in the table."""
    return {
        f"{run.name}: {place.name}": model
        for run in runs
        for place in sorted((run / "models").iterdir())
        if not refusal(model := load(place))
    }


def row(name: str, found: dict[str, Any]) -> list[str]:
    """Cells of the table."""
    times = [
        f"{found[key]['median']:,.0f} ({min(found[key]['values']):,.0f}) {found['processor'][key]:,.0f}"
        for key in ("ready", "answer", "stroke")
    ]
    sizes = [f"{found[key] / 1000:,.0f}" for key in ("bytes", "beside_weights")]
    return [name, *sizes, *times, str(found["requests"])]


def main() -> None:
    """Measure, and print the table."""
    parser = command_line(__doc__)
    parser.add_argument("--run", type=Path, help="Run whose recommended network is the demo network")
    parser.add_argument("--images", type=Path, nargs="*", default=[], help="Runs on images")
    parser.add_argument("--texts", type=Path, nargs="*", help="Runs on texts")
    parser.add_argument("--runs", type=int, default=5, help="How often each page is opened")
    given = parser.parse_args()
    about = heading(["pellucid", "torch", "numpy", "pillow"])
    program = find_browser()
    if program is None:
        raise SystemExit("no browser of the Chromium family is at hand")
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        run = given.run
        if run is None:
            run = Path(folder) / "run"
            train("sample:fashion", out=run, preset="quick", baselines=False, quiet=True)
        models: dict[str, Model] = {"demo network": load(model_of(run).folder)}
        try:
            models["efficientnet-lite0, 160 px"] = backbone()
        except PellucidError as error:
            print(f"left out: {error}\n")
        models |= models_of_runs(given.images)
        models |= models_of_runs(text_runs(Path(folder)) if given.texts is None else given.texts)
        with browsing(program) as tab:
            print(f"browser   {tab.product}\n")
            for name, model in models.items():
                found[name] = measured(tab, model, name, Path(folder) / "app.html", given.runs)
    header = ["page", "kB", "beside weights, kB", "ready, ms", "an answer, ms", "a stroke, ms", "requests"]
    print_table(header, [row(name, each) for name, each in found.items()])
    print(
        f"median (fastest) of {given.runs} openings, {ANSWERS} answers, {STROKES} strokes by the clock, and "
        "what each took of the processor in all processes of the browser, decoding of the image included"
    )
    write_json(given.json, {**about, "pages": found})


if __name__ == "__main__":
    main()
