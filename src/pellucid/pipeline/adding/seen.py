"""Leaks through a generator: it must not have learned from images that judge the classifier.

What it makes resembles what it learned from, so a generator that has seen test images smuggles them into
training. The same data split in the same way is told by its fingerprint; any other data of the generator is
read again and compared image by image, by the digests of their content.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.data import read_data
from pellucid.data.decoded import content_of
from pellucid.data.wording import count_of, visible
from pellucid.errors import UsageError
from pellucid.pipeline.continual.earlier_data import earlier_data
from pellucid.pipeline.run.context import RunContext
from pellucid.settings import Settings
from pellucid.strict import MOST_BYTES, read_json


def require_unseen(run: str, place: str, context: RunContext) -> None:
    """Refuse a generator that learned from images of this run's validation or test split, or may have.

    It trained on its training split and chose its weights by its validation split: neither may hold a test
    image of this run, nor the former a validation image. Exact copies count; near copies are not looked for.
    `run` is that of the generator, `place` the DATA of this run.

    Raises: `UsageError` if it did, or its data cannot be read any more.
    """
    config = _config(Path(run))
    dataset, settings = context.dataset, context.settings
    data, former = config["data"], config["settings"]
    if data.get("fingerprint") == dataset.fingerprint:
        return
    [earlier] = earlier_data([{"run": run, "data": data, "settings": former, "known": None}])
    if earlier.dataset is None:
        raise UsageError(
            f"--add-generated: {run}: nobody can tell whether it learned from validation or test images of "
            f"this run: {visible(earlier.reason)}; train a generator on {place} with --seed {settings.seed}"
        )
    theirs = _digests(earlier.place, _settings(former))
    ours = _digests(place, settings)
    learnt = {theirs[row] for row in earlier.dataset.train.tolist()}
    chosen_by = {theirs[row] for row in earlier.dataset.validation.tolist()}
    for part, rows, known in (
        ("test", dataset.test, learnt | chosen_by),
        ("validation", dataset.validation, learnt),
    ):
        seen = [row for row in rows.tolist() if ours[row] in known]
        if seen:
            raise UsageError(
                f"--add-generated: {run} has learned from {count_of(len(seen), 'image')} of the {part} split "
                f"of this run, such as {visible(dataset.sources[seen[0]])}, and images made by it would give "
                f"them away; train a generator on {place} with --seed {settings.seed}, which splits it alike"
            )


def _config(place: Path) -> Mapping[str, Any]:
    """Statement of a run about its data.

    Raises: `UsageError` if there is no run, but a model folder alone.
    """
    for folder in (place, place.parent, place.parent.parent):
        try:
            found = read_json(folder / "config.json", MOST_BYTES)
            _settings(found["settings"])
            found["data"]["place"]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # no run: a model folder lies one folder or two within its run
        return dict(found)
    raise UsageError(
        f"--add-generated: {place} is a model folder without its run, so nobody can tell whether it learned "
        "from validation or test images of this run; give the folder of the run"
    )


def _settings(values: Mapping[str, Any]) -> Settings:
    return Settings(**values)


def _digests(place: str, settings: Settings) -> list[bytes]:
    """Digest of the content of every image, in the order of the data."""
    found = content_of(read_data(place, settings), settings, None).digests
    return [row.tobytes() for row in np.ascontiguousarray(found)]
