"""Checkpoints, and the files of finished runs."""

import hashlib
import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from fuzz.mutating import mutate_bytes, mutate_json, mutate_tensors
from pellucid.errors import PellucidError
from pellucid.networks import InputFacts, design
from pellucid.pipeline.finished_run import Run
from pellucid.safety.strict import sealed as sealed_document
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from pellucid.training import Examples, Session, Surroundings, choose_recipe
from small_models import digits


@cache
def _checkpoint() -> tuple[dict[str, bytes], Callable[[], Session]]:
    import tempfile

    from pellucid.training.state import save_checkpoint

    pixels, labels = digits()
    examples = Examples(pixels, labels, np.arange(60), np.arange(60, 90), 10, CLASSIFICATION)
    chosen = Settings(model="mlp", width=8, depth=1, epochs=2, batch_size=32, threads=1)
    around = Surroundings(
        train_labels=labels[:60], classes=10, target=CLASSIFICATION, takes="images", shortest_side=8,
        mirror_keeps_class=False, precision="fp32", device="cpu", threads=1,
    )  # fmt: skip
    config = design("mlp", chosen, InputFacts((1, 8, 8), 10, 60))

    def begin() -> Session:
        return Session.start(config, examples, choose_recipe(chosen, around))

    session = begin()
    session.run()
    with tempfile.TemporaryDirectory() as place:
        path = save_checkpoint(Path(place), session.state, {"data": 1})
        return {each.name: each.read_bytes() for each in path.iterdir()}, begin


def checkpoint_trial(draw: random.Random, place: Path) -> str:
    """A checkpoint whose seals are right again after the change, gone on from."""
    from pellucid.training.state import load_checkpoint

    whole, begin = _checkpoint()
    files = dict(whole)
    document = json.loads(files["state.json"])
    if draw.random() < 0.6:
        document = mutate_json(draw, document)
    else:
        files["state.safetensors"] = mutate_tensors(draw, files["state.safetensors"])
    if isinstance(document, dict) and draw.random() < 0.9:
        document["sha256"] = hashlib.sha256(files["state.safetensors"]).hexdigest()
    try:
        files["state.json"] = (
            sealed_document(document) if isinstance(document, dict) else json.dumps(document).encode()
        )
    except (ValueError, UnicodeError):
        return "unwritable"
    folder = place / "step-000000009"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    session = begin()
    total = session.batches.recipe.total_steps
    load_checkpoint(place, session.state, session.batches)
    assert 0 <= session.state.step <= total
    session.run()
    assert all(bool(tensor.isfinite().all()) for tensor in session.network.state_dict().values())
    return "gone on from"


_METRICS = {
    "format": 2, "task": "image-classification", "seed": 0, "classes": ["a", "b"], "recommended": "cnn",
    "reason": "it is", "data": {"train": 1, "validation": 1, "test": 4}, "comparisons": [],
    "models": {"cnn": {"test": {"accuracy": {"value": 0.5, "low": 0.4, "high": 0.6}}, "train_examples": 10,
                       "train_seconds": 1.0, "bytes": 100}},
}  # fmt: skip
_CONFIG = {
    "format": 1, "settings": {"seed": 0, "model": "cnn", "epochs": 2}, "versions": {"torch": "2"},
    "data": {"place": "data.npz", "train": 1, "validation": 1, "test": 4},
    "plan": {"network": {"name": "cnn"}, "recipe": {}},
}  # fmt: skip
_ROWS = [
    {
        "id": row,
        "source": f"data.npz:x_train:{row}",
        "label": "a",
        "split": "train",
        "fate": "used",
        "reason": "",
    }
    for row in range(4)
]


def run_trial(draw: random.Random, place: Path) -> str:
    """The files of a finished run, read by whatever reads them."""
    from pellucid.answering.predict import _same_for_all
    from pellucid.answering.training_examples import is_data_of, known_label, model_of, rows_of
    from pellucid.pipeline.continual.starting_point import _config_of
    from pellucid.pipeline.run.journal import Journal, RunFolder, settings_of

    metrics, config = mutate_json(draw, _METRICS), mutate_json(draw, _CONFIG)
    rows = mutate_json(draw, _ROWS)
    config = config if isinstance(config, dict) else {}
    try:
        (place / "config.json").write_bytes(sealed_document(config))
        (place / "metrics.json").write_text(json.dumps(metrics))
        lines = "\n".join(map(json.dumps, rows if isinstance(rows, list) else [])).encode()
    except (ValueError, UnicodeError):
        return "unwritable"
    (place / "data.jsonl").write_bytes(mutate_bytes(draw, lines) if draw.random() < 0.5 else lines)
    outcomes = []
    reading: list[Callable[[], object]] = [
        lambda: settings_of({}, Journal(RunFolder(place), resume=True)),
        lambda: Run(place).metrics,
        lambda: model_of(place),
        lambda: _same_for_all(place, "image"),
        lambda: is_data_of(place, "data.npz", 10),
        lambda: known_label(place, "data.npz"),
        lambda: _config_of(place),
    ]
    for read in reading:
        try:
            read()
            outcomes.append("read")
        except PellucidError:
            outcomes.append("refused")
    try:
        rows_of(place, ("train",), 10)
    except (OSError, ValueError, KeyError, TypeError):  # what its only caller turns into a sentence
        pass
    return "read" if "refused" not in outcomes else "partly refused"
