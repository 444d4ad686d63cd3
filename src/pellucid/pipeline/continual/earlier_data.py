"""Earlier data: that of the run a network comes from, and of the runs before that one.

`config.json` of continual training carries the records of all data before it along, so that none of the
earlier runs is needed any more. Data is at hand where it can be read again and is what it was then, by its
fingerprint.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.data import Dataset, Preprocessing, prepare
from pellucid.data.earlier import EarlierConstraints
from pellucid.errors import PellucidError
from pellucid.pipeline.continual.incoming_data import prepare_for
from pellucid.pipeline.continual.starting_point import StartingPoint
from pellucid.pipeline.run.identity import data_identity
from pellucid.settings import ROWS, Settings
from pellucid.tasks import IMAGES, TEXTS, target_of

# Record to find earlier data again by: `run`, `settings`, `known` classes, `data` of `config.json`.
Record = Mapping[str, Any]

_NAMES = frozenset(row.name for row in ROWS)


@dataclass(frozen=True, eq=False)
class Earlier:
    """Data that the network learned from before.

    Attributes:
        place: DATA of the earlier run.
        dataset: the data as it was, split as it was; `None` where it is not at hand.
        reason: why it is not at hand; empty where it is.
    """

    place: str
    dataset: Dataset | None
    reason: str = ""


def records_of(start: StartingPoint) -> list[dict[str, Any]]:
    """Records by which everything that a network learned from can be found again.

    One record for each data set, the latest first; none where RUN is a model folder alone.
    """
    config = start.config
    if config is None:
        return []
    before = config.get("continual") or {}
    own = {
        "run": start.place,
        "data": config["data"],
        "settings": config["settings"],
        "known": before.get("old_classes"),
    }
    return [own, *before.get("earlier", ())]


def earlier_data(records: Sequence[Record]) -> list[Earlier]:
    """Read earlier data again, one for each record; what cannot be read, or has changed, has its reason."""
    return [_read(record) for record in records]


def _read(record: Record) -> Earlier:
    try:
        place = str(record["data"]["place"])
        dataset = _prepared(place, record)
        changed = [
            name for name, value in data_identity(dataset).items() if record["data"].get(name) != value
        ]
    except (PellucidError, OSError) as error:
        return Earlier(place, None, f"the data it was trained on cannot be read: {error}")
    except (KeyError, TypeError, ValueError, AttributeError):
        run = record.get("run", "the run")
        return Earlier("", None, f"config.json of {run} does not say how its data is read")
    if changed:
        return Earlier(place, None, f"{place} is not what it was trained on: it has changed since")
    return Earlier(place, dataset)


def _prepared(place: str, record: Record) -> Dataset:
    """The data of an earlier run, read and split as it was then."""
    values = record["settings"]
    settings = Settings(**{name: value for name, value in values.items() if name in _NAMES})
    if record["known"] is None:
        return prepare(place, settings)[0]
    fitted = record["data"]["preprocessing"]
    known = EarlierConstraints(
        tuple(record["known"]), None if fitted is None else Preprocessing.from_json(fitted)
    )
    input_kind, target = TEXTS if fitted is None else IMAGES, target_of(len(record["data"]["classes"]))
    return prepare_for(place, settings, known, input_kind, target)[0]
