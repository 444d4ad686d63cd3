"""Max pooling is better than average pooling.

Trains LeNet and a narrow residual network with either kind of pooling, with `compare` and Pellucid's own
recipe. The residual network also ends in a pool over the whole map, of the same kind.

Takes: about 4 minutes with one thread.
"""

import sys
from typing import Any

from drawing import figure
from material import Options, images
from showing import cost, differences_table, panels_of, plain, trainings
from trying import compared, main

NETWORKS = {"lenet": {"epochs": 6}, "cnn": {"epochs": 4, "width": 8}}
TITLES = {"lenet": "LeNet", "cnn": "residual network"}
KINDS = ("max", "average")


def tried(options: Options) -> dict[str, Any]:
    """Train both networks with both kinds."""
    record: dict[str, Any] = {"networks": {}}
    for name, given in NETWORKS.items():
        own = {**given, "epochs": options.passes(given["epochs"])}
        found, _ = compared(options, images(options), {"pooling": KINDS}, model=name, augment=False, **own)
        record["networks"][name] = plain(found, "pooling")
    return record


def drawn(record: dict[str, Any]) -> str:
    """Accuracy of both networks."""
    panels = []
    for name, found in record["networks"].items():
        panels += panels_of(found, TITLES[name], "average")
    return figure(panels, "Accuracy of two networks with max and with average pooling")


def shown(record: dict[str, Any]) -> str:
    """The tables."""
    parts = [
        f"{TITLES[name]}\n\n{differences_table(found, 'average')}\n{trainings(found)}\n"
        for name, found in record["networks"].items()
    ]
    return "\n".join(parts) + f"\n{cost(record)}\n"


if __name__ == "__main__":
    sys.exit(main())
