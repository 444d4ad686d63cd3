"""Images a second that the page of `pellucid play` learns from, in a worker of Chromium, on one core.

    python benchmarks/play_in_browser.py [--seconds 4] [--runs 5]

Two networks on made images of 28 by 28 pixels: dense layers 784-64-10, and a small convolutional network (two
blocks of 8 and 16 filters of 3 by 3); cross-entropy, Adam, batches of 32, in single and in double precision.
Each run trains for so many seconds and reports as it does to the page; the figure is the median of the runs.

Takes: two minutes
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from pellucid.export.app.chromium import browsing, find_browser
from pellucid.pages.assembly import joined_script

PAGE = """<!doctype html><meta charset="utf-8"><script type="text/plain" id="engine">%s</script><script>
const text = document.getElementById("engine").textContent;
const worker = new Worker(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
const images = (count) => ({
  inputs: Uint8Array.from({ length: count * 784 }, (_, at) => (at * 7919) %% 256),
  labels: Uint8Array.from({ length: count }, (_, at) => at %% 10),
});
const speed = (design, seconds) => new Promise((done) => {
  const classes = Array.from({ length: 10 }, String);
  const data = { kind: "image", shape: [1, 28, 28], classes, train: images(2000), validation: images(64) };
  let began = 0;
  worker.onmessage = ({ data: message }) => {
    if (message.type === "ready") { began = performance.now(); worker.postMessage({ do: "run" }); }
    if (message.type === "progress" && message.step && performance.now() - began > 1000 * seconds) {
      worker.onmessage = null;
      worker.postMessage({ do: "pause" });
      done((1000 * message.step * design.batch) / (performance.now() - began));
    }
  };
  worker.postMessage({ do: "start", design, data });
});
</script>"""
USUAL = {
    "kernel": 3, "activation": "relu", "dropout": 0, "loss": "cross-entropy", "optimiser": "adam",
    "rate": 0.001, "batch": 32, "seed": 1,
}  # fmt: skip
NETWORKS = {
    "784-64-10": {"model": "mlp", "depth": 1, "width": 64},
    "small cnn": {"model": "cnn", "depth": 2, "width": 8},
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    program = find_browser()
    if program is None:
        raise SystemExit("no Chromium, Chrome or Edge was found")
    with tempfile.TemporaryDirectory() as folder, browsing(program) as tab:
        place = Path(folder) / "speed.html"
        place.write_text(PAGE % joined_script("export/play/script/engine.js"), encoding="utf-8")
        tab.open(place.as_uri())
        print(f"images a second, median of {given.runs} runs of {given.seconds:g} s, in {tab.product}")
        for name, network in NETWORKS.items():
            for precision in ("float32", "float64"):
                design = json.dumps({**USUAL, **network, "precision": precision})
                found = [
                    tab.evaluate(f"speed({design}, {given.seconds})", 60 + given.seconds)
                    for _ in range(given.runs)
                ]
                print(f"{name:10} {precision}  {statistics.median(found):8,.0f}")


if __name__ == "__main__":
    main()
