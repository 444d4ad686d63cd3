"""A model as one page: its size beside the weights, and how soon it is ready, answers and follows a stroke.

    python benchmarks/app_page.py [--run RUN] [--runs 5] [--json FILE]

Without `--run` a demo network (`pellucid train sample:fashion --preset quick --no-baselines`) is trained
first. Its page is opened in a browser so many times, asked about images one by one, and drawn on. A second
page holds EfficientNet-Lite0 at 160 pixels, where its weights are at hand, below a head that has learnt
nothing.

- beside the weights: bytes of the file without those that hold weights, packed;
- ready: from the start of the navigation until the page says so, weights opened;
- an answer: from pixels to probabilities and novelty, both views where the model averages over mirror images;
- a stroke: from the movement of the pointer until answer, all layers and the arithmetic of the chosen unit
  are drawn and the next picture is due;
- requests: everything that the browser asked for beside the file itself.

First answers are slower than later ones, since JavaScript is compiled as it runs; they are counted. The
fastest stands beside the median, and behind both what each took of the processor, in all processes of the
browser together: other programs on the machine make times by the clock longer.

Takes: about 2 minutes on two cores, training included.
"""

import argparse
import base64
import dataclasses
import io
import re
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import heading, print_table, summary, write_json
from PIL import Image

from pellucid.answering.naming import model_of
from pellucid.bundle import ImageModel, Model, load
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.errors import PellucidError
from pellucid.export.app.chromium import Tab, browsing, find_browser
from pellucid.export.app.content import page_of
from pellucid.export.app.proving import ask
from pellucid.export.export import metadata_of
from pellucid.networks.own_layers import Architecture
from pellucid.pipeline.train import train
from pellucid.pretrained import packaged_backbone
from pellucid.settings import Settings

SIDE = 160
ANSWERS, STROKES = 20, 30
CARD: dict[str, Any] = {"rows": [], "metric": "", "models": []}
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
    before = tab.processor_seconds()
    answers = [each["milliseconds"] for each in ask(tab, files_for(model))]
    between = tab.processor_seconds()
    strokes = tab.evaluate(STROKE.replace("COUNT", str(STROKES)), 300.0)
    after = tab.processor_seconds()
    others = [each for each in tab.requests if each != place.as_uri()]
    assert tab.errors == [], tab.errors
    return {
        "bytes": len(content),
        "beside_weights": len(content) - len(weights[1]),
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--run", type=Path, help="Run whose recommended network is the demo network")
    parser.add_argument("--runs", type=int, default=5, help="How often each page is opened")
    parser.add_argument("--json", type=Path, help="File for the numbers")
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
