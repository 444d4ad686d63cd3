"""Model card of a page: what the run says of the model that it holds, as rows and a table of its models."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pellucid.answering.training_examples import run_of
from pellucid.bundle import Model
from pellucid.reports.numbers import Score, interval, scored
from pellucid.settings.metrics import METRICS


def card_of(model: Model, name: str, folder: Path) -> dict[str, Any]:
    """Facts for the card of a model: rows of a word's key and a text, and the models of its run by score.

    A model folder that lies in no run has fewer.
    """
    run = run_of(folder)
    config, metrics = (_read(run, each) for each in ("config.json", "metrics.json"))
    rows = [
        ("cardTrained", _data(config, metrics, name)),
        ("cardScore", ""),
        ("cardInput", _input(model)),
        ("cardParameters", f"{model.parameters:,}"),
        ("cardDate", _date(run)),
        ("cardVersion", f"Pellucid {version('pellucid')}"),
    ]
    key = _metric(config, metrics, name)
    models = [] if key is None else _models(metrics["models"], key, name)
    own = next((each["score"] for each in models if each["is_own"]), "")
    words = "" if key is None else METRICS[key].words
    shown = {each: text for each, text in rows if text} | ({"cardScore": f"{words} {own}"} if own else {})
    return {
        "rows": [(each, shown[each]) for each, _ in rows if each in shown],
        "metric": words,
        "models": models,
    }


def _read(run: Path | None, name: str) -> Mapping[str, Any]:
    """A document of the run; nothing where it cannot be read, which only makes the card shorter."""
    try:
        found = None if run is None else json.loads((run / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _data(config: Mapping[str, Any], metrics: Mapping[str, Any], model: str) -> str:
    """Name of the data, without the folders it lay in, and how many examples the model learned from."""
    data = config.get("data")
    if not isinstance(data, dict) or "place" not in data:
        return ""
    name = str(data["place"]).replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    # Where folds judge, a model that is kept learns from the validation split too.
    own = (metrics.get("models") or {}).get(model)
    count = own.get("train_examples") if isinstance(own, dict) else data.get("train")
    return f"{name}, {count:,}" if isinstance(count, int) else name


def _input(model: Model) -> str:
    """Size of an image; nothing of other inputs."""
    if model.preprocessing is None:
        return ""
    image = model.preprocessing
    return f"{image.width} \u00d7 {image.height} \u00d7 {image.channels}"


def _date(run: Path | None) -> str:
    """The day on which the run ended."""
    try:
        ended = 0.0 if run is None else (run / "metrics.json").stat().st_mtime
    except OSError:
        return ""
    return datetime.fromtimestamp(ended, UTC).date().isoformat() if ended else ""


def _metric(config: Mapping[str, Any], metrics: Mapping[str, Any], name: str) -> str | None:
    """The metric that the run's models were chosen by, or else the first one that was measured."""
    try:
        measured = metrics["models"][name]["test"]
        asked = config["settings"]["metric"]
        return str(asked) if asked in measured else next(each for each in measured if each in METRICS)
    except (KeyError, TypeError, StopIteration):
        return None


def _models(models: Mapping[str, Any], key: str, own: str) -> list[dict[str, Any]]:
    """Every model with its score on the test examples, the best first."""
    found = []
    for name, facts in models.items():
        score = Score.read((facts.get("test") or {}).get(key)) if isinstance(facts, dict) else None
        if score is not None:
            found.append(
                {
                    "name": name,
                    "score": f"{scored(score)} {interval(score)}".strip(),
                    "is_own": name == own,
                    "by": score.value,
                }
            )
    return sorted(found, key=lambda each: each.pop("by"), reverse=not METRICS[key].is_error)
