"""Figures in Markdown, as the page of the textbook shows them: tables, intervals, paired differences."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from drawing import Dots, Row
from trying import difference

Record = Mapping[str, Any]

YES, NO, PARTLY, INCONCLUSIVE = "yes", "no", "partly", "inconclusive"
_ALIKE = "no difference that matters"


class Conclusion(NamedTuple):
    """One row of the table at the top of the page: whether a claim holds, and the one number that says so."""

    holds: str
    number: str


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown, ending in a line end."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def span(mean: Record, digits: int = 3, signed: bool = False) -> str:
    """A value with its interval, such as `0.936 [0.931, 0.941]`; `digits` after the point."""
    plus = "+" if signed else ""
    value, low, high = (f"{mean[key]:{plus}.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def against(record: Record, a: str, b: str, measure: str = "accuracy") -> str:
    """The paired difference of two variants: a minus b with its interval."""
    return span(difference(record, a, b, measure), signed=True)


def finding(record: Record, a: str, b: str, measure: str = "accuracy") -> str:
    """The verdict of `compare` on two variants, in a word or two.

    Raises: `ValueError` if the verdict is about others.
    """
    verdict = str(difference(record, a, b, measure)["verdict"])
    for sign, words in (("no difference", _ALIKE), ("the same", "the same")):
        if sign in verdict:
            return words
    if "too few" in verdict:
        return INCONCLUSIVE
    for better, words in ((a, "better"), (b, "worse")):
        if verdict.startswith(f"{better} is better"):
            return words
    raise ValueError(f"{verdict!r} is no verdict on {a} and {b}")


def differences_table(record: Record, base: str, measure: str = "accuracy") -> str:
    """Every variant beside one of them, `base`: a table of means and paired differences."""
    rows = []
    for name, each in record["variants"].items():
        cells = [name, span(each[measure])]
        rows.append([*cells, *(["", ""] if name == base else beside(record, name, base, measure))])
    words = measure.replace("_", " ")
    return table(["", words, f"difference to {base}", "verdict"], rows)


def holds(record: Record, a: str, b: str, measure: str = "accuracy") -> str:
    """Whether "a is better than b" holds: yes, no (worse, or no difference that matters), or inconclusive."""
    verdict = finding(record, a, b, measure)
    return {"better": YES, INCONCLUSIVE: INCONCLUSIVE}.get(verdict, NO)


def beside(record: Record, name: str, base: str, measure: str = "accuracy") -> list[str]:
    """The paired difference of two variants, and the verdict on it."""
    return [against(record, name, base, measure), finding(record, name, base, measure)]


def sections(
    records: Mapping[str, Record], titles: Mapping[str, str], base: str, what: str = "images"
) -> list[str]:
    """A title, the table of differences to `base` and how many trainings, for each of several records."""
    return [
        f"{titles[name]}\n\n{differences_table(found, base)}\n{trainings(found, what)}\n"
        for name, found in records.items()
    ]


def trainings(record: Record, what: str = "images") -> str:
    """A sentence on the number of trainings behind the figures."""
    return (
        f"{record['trainings']} trainings of each, on {record['train']:,} {what}, judged on "
        f"{record['judged']:,} others."
    )


def rates_chosen(record: Record, rates: Iterable[float]) -> str:
    """A sentence on the learning rates that `best_rates` chose."""
    chosen = ", ".join(f"{name} {rate:g}" for name, rate in record["rates"].items())
    return f"Learning rates of Adam chosen from {', '.join(f'{rate:g}' for rate in rates)}: {chosen}."


def cost(record: Record) -> str:
    """A sentence on the cost of the whole experiment."""
    threads = "1 thread" if record["threads"] == 1 else f"{record['threads']} threads"
    return f"{record['processor_seconds']:,.0f} s of processor time with {threads}."


def rows_of(record: Record, measure: str = "accuracy", names: Mapping[str, str] | None = None) -> list[Row]:
    """Variants as rows of a dot plot; `names` are other labels."""
    return [
        Row((names or {}).get(name, name), mean["value"], mean["low"], mean["high"], mean["all"])
        for name, mean in ((name, each[measure]) for name, each in record["variants"].items())
    ]


def losses_table(record: Record, names: Iterable[str]) -> str:
    """The training loss in the first pass over the images, in the third and in the last.

    The record is that of `twins`, its variants of equally many passes.
    """
    curves = {name: record["variants"][name]["curve"] for name in names}
    most = min(len(curve) for curve in curves.values())
    passes = sorted({at for at in (1, 3, most) if at <= most})
    rows = [[name, *(f"{curve[at - 1]:.3f}" for at in passes)] for name, curve in curves.items()]
    return table(["training loss in pass", *map(str, passes)], rows)


def panels_of(
    record: Record, title: str, base: str, measure: str = "accuracy", names: Mapping[str, str] | None = None
) -> list[Dots]:
    """Two panels: means of all variants, and the paired difference of each from one of them, `base`."""
    labels, words = names or {}, measure.replace("_", " ")
    rows = []
    for name in record["variants"]:
        if name != base:
            each = difference(record, name, base, measure)
            rows.append(Row(labels.get(name, name), each["value"], each["low"], each["high"]))
    paired = f"Paired differences: each minus {labels.get(base, base)}"
    return [
        Dots(title, words, rows_of(record, measure, names)),
        Dots(paired, f"difference in {words}", rows, (0.0, "no difference")),
    ]


def plain(record: Mapping[str, Any], setting: str) -> dict[str, Any]:
    """A record of `compare` whose variants, such as `depth=2`, are named by their values alone."""
    start = f"{setting}="
    differences = [
        {key: value.replace(start, "") if isinstance(value, str) else value for key, value in each.items()}
        for each in record["differences"]
    ]
    variants = {name.removeprefix(start): each for name, each in record["variants"].items()}
    return {**record, "variants": variants, "differences": differences}
