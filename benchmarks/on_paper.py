"""A hundred million images on a rented cluster, worked out from measured rates and assumed prices.

    python benchmarks/on_paper.py [--nodes 8] [--price 0.80] [...]      the tables, with other numbers
    python benchmarks/on_paper.py --write                               the tables of docs/on-paper.md
    python benchmarks/on_paper.py --measure [--few 1000] [--many 4000]  the rates of this machine

Every number of docs/on-paper.md is in a table or sentence that this script writes there. Rates were
measured by `--measure`: processor seconds of commands on many images less those on few, so that starting
does not count.

Takes: no time; with `--measure` two minutes on one core
"""

import argparse
import json
import math
import os
import re
import statistics
import subprocess
import tarfile
import tempfile
import textwrap
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

PAGE = Path(__file__).resolve().parent.parent / "docs" / "on-paper.md"
_BLOCK = re.compile(r"(<!-- by on_paper\.py: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_HOUR, _DAY, _MONTH = 3600, 86_400, 730  # seconds, seconds, hours


class Input(NamedTuple):
    """A number that the page begins with."""

    value: float
    what: str
    source: str


# Measured, one core; `--measure` prints them anew.
RATES = {
    "file_bytes": Input(3796, "bytes of a JPEG file of 160 x 160 pixels", "made by `larger_than_memory.py`"),
    "prepare": Input(2.42, "ms to read, decode, hash and check an image, once", "`pellucid inspect`"),
    "reopen": Input(
        0.133, "ms an image for the same from the cache, at every start", "`pellucid inspect` again"
    ),
    "train": Input(
        2.52, "ms an image for a step of `cnn` at 64 x 64 in colour", "`pellucid train --threads 1`"
    ),
    "predict": Input(4.01, "ms an image to decode and label", "`pellucid predict`"),
    "listing": Input(0.0202, "ms to list a file of a folder", "`open_places`, as `predict` does"),
    "memory": Input(2760, "bytes of memory an example while data is checked", "`pellucid inspect`"),
    "ledger": Input(141, "bytes of an example in `data.jsonl`", "`pellucid train`"),
    "answer": Input(83.8, "bytes of a row of answers", "`pellucid predict`"),
    "parameters": Input(789_000, "parameters of `cnn`", "`metrics.json`"),
}
# What the code says.
RULES = {
    "part": Input(64, "images in a part of a batch", "batch norm needs about so many"),
    "most_parts": Input(1024, "parts of a batch at most", "`--parts`"),
    "batch_by_rule": Input(256, "largest batch by rule for `quick`", "`training/recipe_defaults.py`"),
    "epochs": Input(6, "epochs of `quick`", "`training/recipe_defaults.py`"),
    "save": Input(60, "seconds between two checkpoints of a long epoch", "`training/observers.py`"),
    "time_out": Input(120, "seconds until a silent process counts as gone", "`training/ranks.py`"),
    "save_answers": Input(2, "seconds between two saves of answers", "`answering/resumable_output.py`"),
}
# Assumed: nobody offered these.
ASSUMED = {
    "examples": Input(100_000_000, "images", "the question"),
    "side": Input(64, "pixels of a side as trained, in three colours", "the question"),
    "batch": Input(8192, "images of a batch (`--batch-size`)", "chosen for its parts"),
    "nodes": Input(8, "nodes", "as many as the parts keep busy"),
    "cores": Input(16, "cores of a node", "assumption"),
    "price": Input(0.80, "dollars for a node for an hour", "assumption"),
    "price_spot": Input(0.28, "dollars for a node for an hour that may be taken away", "assumption"),
    "price_disk": Input(0.08, "dollars for a GB of common disk for a month", "assumption"),
    "gigabits": Input(10, "Gbit/s between two nodes", "assumption"),
    "latency": Input(0.2, "ms until a message arrives", "assumption"),
    "failing": Input(
        0.0065, "failures of a node a day", "assumption, of the size that arXiv:2410.21680 reports"
    ),
    "taken": Input(0.05, "times a day that a node which may be taken away is", "assumption"),
    "replace": Input(300, "seconds until another node is there", "assumption"),
}
INPUTS = {**RATES, **RULES, **ASSUMED}


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [header, ("---",) * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def said(text: str) -> str:
    """A paragraph below a table."""
    return f"\n{textwrap.fill(' '.join(text.split()), 118, break_long_words=False, break_on_hyphens=False)}\n"


def number(value: float, digits: int = 3) -> str:
    """A number with so many digits that count, without zeros behind them."""
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    text = f"{round(value, places):,.{max(0, places)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def size(value: float) -> str:
    """Bytes in the unit that suits them."""
    for unit, power in (("TB", 12), ("GB", 9), ("MB", 6), ("kB", 3)):
        if value >= 10**power:
            return f"{number(value / 10**power)} {unit}"
    return f"{number(value)} bytes"


def span(seconds: float) -> str:
    """Seconds in the unit that suits them."""
    for unit, length in (("days", _DAY), ("hours", _HOUR), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{number(seconds / length)} {unit}"
    return f"{number(seconds)} s" if seconds >= 1 else f"{number(1000 * seconds)} ms"


def money(dollars: float) -> str:
    return f"${number(dollars)}" if dollars < 1000 else f"${dollars:,.0f}"


class Plan:
    """What follows from the inputs `i`, in seconds, bytes and dollars."""

    def __init__(self, given: SimpleNamespace) -> None:
        self.i = i = given
        self.pixels = 3 * i.side**2
        self.gradients = 4 * i.parameters

    def parts(self, batch: float) -> int:
        return int(min(self.i.most_parts, max(1, batch // self.i.part)))

    def steps(self, batch: float) -> int:
        """Steps of all epochs."""
        return int(self.i.epochs) * math.ceil(self.i.examples / batch)

    def computing(self, batch: float, nodes: float) -> float:
        """Seconds of a step: the core with the most parts decides."""
        parts = self.parts(batch)
        return math.ceil(parts / (nodes * self.i.cores)) * (batch / parts) * self.i.train / 1000

    def exchanging(self, nodes: float, gigabits: float | None = None) -> float:
        """Seconds of a step: sums go up the tree to the first node, and its sum goes down a tree to all."""
        levels = 2 * math.ceil(math.log2(nodes)) if nodes > 1 else 0
        return levels * (8 * self.gradients / (1e9 * (gigabits or self.i.gigabits)) + self.i.latency / 1000)

    def training(self, batch: float, nodes: float) -> float:
        return self.steps(batch) * (self.computing(batch, nodes) + self.exchanging(nodes))

    @property
    def preparing(self) -> float:
        """Seconds on the cores of one node."""
        return self.i.examples * self.i.prepare / 1000 / self.i.cores

    @property
    def reopening(self) -> float:
        """Seconds of one core at a start."""
        return self.i.examples * self.i.reopen / 1000

    @property
    def end(self) -> float:
        """Seconds that the end of a node costs; half of what is between two checkpoints is computed again."""
        return self.i.time_out + self.i.replace + self.reopening + self.i.save / 2

    @property
    def listing(self) -> float:
        """Seconds of one core: files are counted first, and then gone through up to the shard."""
        return 2 * self.i.examples * self.i.listing / 1000

    @property
    def predicting(self) -> float:
        """Seconds of one core."""
        return self.i.examples * self.i.predict / 1000


def _inputs(plan: Plan, named: dict[str, Input]) -> str:
    values = vars(plan.i)
    return table(
        ("Flag", "Value", "What", "From"),
        [
            (f"`--{name.replace('_', '-')}`", number(values[name], 9), each.what, each.source)
            for name, each in named.items()
        ],
    )


def storage(plan: Plan) -> str:
    """What lies on disks."""
    i = plan.i
    kept = {
        "files": i.examples * i.file_bytes,
        "decoded once, in the cache": i.examples * plan.pixels,
        "ledger, before it is packed": i.examples * i.ledger,
        "answers to as many inputs": i.examples * i.answer,
    }
    rows = [(name, size(each), money(each / 1e9 * i.price_disk)) for name, each in kept.items()]
    total = sum(kept.values())
    rows.append(("**all**", size(total), money(total / 1e9 * i.price_disk)))
    return table(("What", "Size", "A month of it on a common disk"), rows) + said(
        f"""
        The cache is larger than by default:
        `PELLUCID_CACHE_GB={math.ceil(i.examples * plan.pixels / 1e9) + 1}`.
        """
    )


def preparation(plan: Plan) -> str:
    """Reading, decoding and checking."""
    i = plan.i
    alone = plan.preparing * i.cores
    rows = [
        ("read, decode and check, once, one core", span(alone)),
        (f"the same, {i.cores:.0f} cores of one node", span(plan.preparing)),
        ("open all that again, at every start, one core", span(plan.reopening)),
        ("memory while data is checked", size(i.examples * i.memory)),
    ]
    return table(("Stage", ""), rows) + said(
        """
        Decoding is shared out over cores; what is checked afterwards is computed by one
        process, so the second line is the least it takes. Memory grows with the examples: the
        first node needs so much.
        """
    )


def parts(plan: Plan) -> str:
    """What the size of a batch allows."""
    i = plan.i
    rows = []
    for batch in (i.batch_by_rule, 1024, 4096, 8192, 16384, i.part * i.most_parts):
        count = plan.parts(batch)
        nodes = max(1, count // i.cores)
        steps = plan.steps(batch)
        shown = span(plan.training(batch, nodes))
        rows.append((f"{batch:,.0f}", f"{count:,}", f"{nodes:,.0f}", f"{steps:,}", shown))
    return table(
        ("Batch", "Parts: most threads", f"Nodes of {i.cores:.0f} cores that have work", "Steps", "Training"),
        rows,
    ) + said(
        f"""
        By rule the batch is at most {i.batch_by_rule:.0f}, which is
        {plan.parts(i.batch_by_rule)} parts: no more threads than these help, on however many
        machines. A larger batch is another recipe, whose accuracy has to be looked at on a part
        of the data first.
        """
    )


def cluster(plan: Plan) -> str:
    """Nodes at one size of batch."""
    i = plan.i
    rows = []
    for nodes in (1, 2, 4, 8, 12, 16):
        computing, exchanging = plan.computing(i.batch, nodes), plan.exchanging(nodes)
        rate = i.batch / (computing + exchanging)
        seconds = plan.training(i.batch, nodes)
        rows.append(
            (
                f"{nodes}",
                f"{math.ceil(plan.parts(i.batch) / (nodes * i.cores))}",
                span(computing),
                span(exchanging),
                f"{rate:,.0f}",
                f"{size(rate * plan.pixels / nodes)}/s",
                span(seconds),
                money(nodes * seconds / _HOUR * i.price),
            )
        )
    work = ("Nodes", "Parts of a core", "Computing a step", "Exchanging a step")
    header = (*work, "Images/s", "Input of a node", "Training", "Cost")
    most = plan.parts(i.batch) / i.cores
    return table(header, rows) + said(
        f"""
        Batches of {i.batch:,.0f} are {plan.parts(i.batch)} parts. A step takes as long as the
        core with the most parts, so nodes pay where the parts divide by their cores, and beyond
        {number(most)} nodes nothing is gained.
        """
    )


def network(plan: Plan) -> str:
    """What the network between nodes has to be."""
    i = plan.i
    levels = math.ceil(math.log2(i.nodes))
    computing = plan.computing(i.batch, i.nodes)
    rows = []
    for gigabits in (1, 10, 25, 100):
        exchanging = plan.exchanging(i.nodes, gigabits)
        rows.append(
            (f"{gigabits} Gbit/s", span(exchanging), f"{100 * computing / (computing + exchanging):.1f} %")
        )
    return table(("Between two nodes", "Exchanging a step", "Share of a step that computes"), rows) + said(
        f"""
        Gradients are {size(plan.gradients)}. With {i.nodes:.0f} nodes they go {levels} times up
        the tree and {levels} times down, {size(2 * (i.nodes - 1) * plan.gradients)} a step over
        all wires and {size(2 * (i.nodes - 1) * plan.gradients * plan.steps(i.batch))} in all.
        """
    )


def failures(plan: Plan) -> str:
    """What nodes that end cost."""
    i = plan.i
    seconds = plan.training(i.batch, i.nodes)
    rows = []
    for name, rate, price in (
        ("own for the time", i.failing, i.price),
        ("may be taken away", i.failing + i.taken, i.price_spot),
    ):
        # The whole cluster is paid for while one node is waited for.
        expected = i.nodes * rate * seconds / _DAY
        whole = seconds + expected * plan.end
        rows.append(
            (
                name, number(expected), f"{100 * math.exp(-expected):.0f} %", span(expected * plan.end),
                f"{100 * seconds / whole:.1f} %", span(whole), money(i.nodes * whole / _HOUR * price),
            )
        )  # fmt: skip
    header = (
        "Nodes",
        "Expected ends",
        "Chance of none",
        "Lost by them",
        "Time that trains",
        "In all",
        "Cost",
    )
    return table(header, rows) + said(
        f"""
        An end costs {span(plan.end)}: {span(i.time_out)} until it is noticed, {span(i.replace)}
        until another node is there, {span(plan.reopening)} until the data is open again, and
        {span(i.save / 2)} of steps that are computed again, half the time between two
        checkpoints. Without another node the same command goes on with the nodes that are left,
        to the same weights.
        """
    )


def predictions(plan: Plan) -> str:
    """As many inputs to label."""
    i = plan.i
    rows = []
    for nodes in (1, i.nodes, 4 * i.nodes):
        workers = nodes * i.cores
        listing, seconds = plan.listing, plan.predicting / workers
        expected = nodes * i.failing * seconds / _DAY
        rows.append(
            (
                f"{nodes:.0f}", f"{workers:,.0f}", span(seconds), span(listing), span(seconds + listing),
                money(nodes * (seconds + listing) / _HOUR * i.price), number(expected),
            )
        )  # fmt: skip
    header = (
        "Nodes",
        "Shards, one a core",
        "Labelling",
        "Listing files first",
        "In all",
        "Cost",
        "Expected ends",
    )
    return table(header, rows) + said(
        f"""
        Every shard lists all {i.examples:,.0f} files first; of Parquet files it reads the
        footers alone. A shard that is killed goes on from its last save, at most
        {span(i.save_answers)} before, once it has listed them again. The answers are
        {size(i.examples * i.answer)}, which the merge reads twice and writes once.
        """
    )


def whole(plan: Plan) -> str:
    """All together."""
    i = plan.i
    seconds = plan.training(i.batch, i.nodes)
    expected = i.nodes * i.failing * seconds / _DAY
    labelling = plan.listing + plan.predicting / (i.nodes * i.cores)
    stored = i.examples * (i.file_bytes + plan.pixels + i.answer) / 1e9 * i.price_disk
    costs = {
        "preparing, one node": (plan.preparing, plan.preparing * i.price / _HOUR),
        f"opening and training, {i.nodes:.0f} nodes": (
            plan.reopening + seconds,
            i.nodes * (plan.reopening + seconds) * i.price / _HOUR,
        ),
        "expected ends of nodes": (expected * plan.end, i.nodes * expected * plan.end * i.price / _HOUR),
        f"labelling as many, {i.nodes:.0f} nodes": (
            labelling,
            i.nodes * labelling * i.price / _HOUR,
        ),
        "a month of disk": (0.0, stored),
    }
    rows = [(name, span(time_) if time_ else "", money(cost)) for name, (time_, cost) in costs.items()]
    total = [sum(each[place] for each in costs.values()) for place in (0, 1)]
    rows.append(("**all**", span(total[0]), money(total[1])))
    return table(("What", "Time", "Cost"), rows)


BLOCKS: dict[str, Callable[[Plan], str]] = {
    "rates": partial(_inputs, named=RATES),
    "rules": partial(_inputs, named=RULES),
    "assumed": partial(_inputs, named=ASSUMED),
    "storage": storage,
    "preparation": preparation,
    "parts": parts,
    "cluster": cluster,
    "network": network,
    "failures": failures,
    "predictions": predictions,
    "whole": whole,
}


def filled(page: str, plan: Plan) -> str:
    """The page with every block written anew."""
    return _BLOCK.sub(lambda found: f"{found[1]}{BLOCKS[found[2]](plan)}{found[4]}", page)


def default_plan() -> Plan:
    return Plan(SimpleNamespace(**{name: each.value for name, each in INPUTS.items()}))


def measure(few: int, many: int) -> dict[str, float]:
    """Rates of one core, by the real commands on images made for it."""
    from larger_than_memory import sampled, shards
    from measuring import PELLUCID, Ended, ran

    from pellucid.data.sources.places import open_places
    from pellucid.input_kinds import IMAGES
    from pellucid.settings import Settings

    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        around = {"XDG_CACHE_HOME": str(scratch / "cache"), "OMP_NUM_THREADS": "1"}
        data = {count: shards(scratch / f"of {count}", count, 160) for count in (few, many)}

        def of_one(command: Callable[[Path], list[object]]) -> float:
            """Milliseconds of the processor that an example more takes."""
            spent = [ran(command(data[count]), around).processor_seconds for count in (few, many)]
            return 1000 * (spent[1] - spent[0]) / (many - few)

        def inspecting(folder: Path) -> list[object]:
            return [PELLUCID, "inspect", folder, "--image-size", "64"]

        run, out = scratch / "run", scratch / "answers.csv"

        def training(epochs: int) -> Ended:
            words = [
                PELLUCID,
                "train",
                data[many],
                "--out",
                run,
                "--overwrite",
                "--model",
                "cnn",
                "--threads",
                "1",
            ]
            words += ["--epochs", str(epochs), "--image-size", "64", "--batch-size", "512", "--no-baselines"]
            return ran([*words, "--backbone", "none", "--folds", "0"], around)

        found = {
            "file_bytes": statistics.fmean(
                member.size
                for member in tarfile.open(next(data[few].iterdir()))
                if member.name.endswith("jpg")
            ),
            "prepare": of_one(inspecting),
            "reopen": of_one(inspecting),
        }
        spent = [training(epochs).processor_seconds for epochs in (1, 1, 5)][1:]  # the first one decodes
        metrics = json.loads((run / "metrics.json").read_text())
        found["train"] = 1000 * (spent[1] - spent[0]) / (4 * metrics["data"]["train"])
        found["predict"] = of_one(
            lambda folder: [PELLUCID, "predict", run, *sorted(folder.glob("*.tar")), "--out", out]
        )
        (scratch / "names").mkdir()
        for each in range(50_000):
            (scratch / "names" / f"{each:08}.png").touch()
        before = time.process_time()
        assert open_places([str(scratch / "names")], Settings(), IMAGES).count() == 50_000
        found["listing"] = 1000 * (time.process_time() - before) / 50_000
        most = {}
        for count in (20_000, 60_000):
            with subprocess.Popen(
                [PELLUCID, "inspect", shards(scratch / f"small {count}", count, 8)],
                env={**os.environ, **around}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            ) as process:  # fmt: skip
                most[count] = max(sampled(process, 0.05))
        found["memory"] = (most[60_000] - most[20_000]) * 2**20 / 40_000
        found["ledger"] = (run / "data.jsonl").stat().st_size / many
        found["answer"] = out.stat().st_size / many
        found["parameters"] = metrics["models"]["cnn"]["parameters"]
        return found


def main() -> None:
    """Print the tables, write them into the page, or measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the tables into docs/on-paper.md")
    parser.add_argument("--measure", action="store_true", help="measure the rates of this machine")
    parser.add_argument("--few", type=int, default=1000)
    parser.add_argument("--many", type=int, default=4000)
    for name, each in INPUTS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, default=each.value, help=each.what)
    given = parser.parse_args()
    plan = Plan(SimpleNamespace(**{name: getattr(given, name) for name in INPUTS}))
    if given.measure:
        from measuring import heading

        heading("pellucid", "torch", "pillow")
        for name, value in measure(given.few, given.many).items():
            print(f"{name:12}{number(value, 4):>16}  {RATES[name].what}")
    elif given.write:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), plan), encoding="utf-8")
    else:
        for name, block in BLOCKS.items():
            print(f"## {name}\n\n{block(plan)}")


if __name__ == "__main__":
    main()
