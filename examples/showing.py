"""Figures in Markdown, as the page of the textbook shows them: tables, intervals, paired differences."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from drawing import Dots, Row
from trying import difference

Record = Mapping[str, Any]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table.

    Args:
        header: names of the columns.
        rows: cells.

    Returns:
        Markdown, ending in a line end.
    """
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def span(mean: Record, digits: int = 3, signed: bool = False) -> str:
    """A value with its interval.

    Args:
        mean: `value`, `low` and `high`.
        digits: behind the point.
        signed: whether a plus is written.

    Returns:
        Such as `0.936 [0.931, 0.941]`.
    """
    plus = "+" if signed else ""
    value, low, high = (f"{mean[key]:{plus}.{digits}f}" for key in ("value", "low", "high"))
    return f"{value} [{low}, {high}]"


def against(record: Record, a: str, b: str, measure: str = "accuracy") -> str:
    """The paired difference of two variants.

    Args:
        record: of trainings.
        a: one variant.
        b: the other.
        measure: of what.

    Returns:
        a minus b with its interval.
    """
    return span(difference(record, a, b, measure), signed=True)


def finding(record: Record, a: str, b: str, measure: str = "accuracy") -> str:
    """The verdict of `compare` on two variants.

    Args:
        record: of trainings.
        a: one variant.
        b: the other.
        measure: of what.

    Returns:
        A word or two.

    Raises:
        ValueError: the verdict is about others.
    """
    verdict = str(difference(record, a, b, measure)["verdict"])
    for sign, words in (("no difference", "no difference that matters"), ("the same", "the same")):
        if sign in verdict:
            return words
    if "too few" in verdict:
        return "not told apart"
    for better, words in ((a, "better"), (b, "worse")):
        if verdict.startswith(f"{better} is better"):
            return words
    raise ValueError(f"{verdict!r} is no verdict on {a} and {b}")


def differences_table(record: Record, base: str, measure: str = "accuracy") -> str:
    """Every variant beside one of them.

    Args:
        record: of trainings.
        base: the variant that the others are compared with.
        measure: of what.

    Returns:
        A table of means and paired differences.
    """
    rows = []
    for name, each in record["variants"].items():
        cells = [name, span(each[measure])]
        rows.append([*cells, *(["", ""] if name == base else _beside(record, name, base, measure))])
    words = measure.replace("_", " ")
    return table(["", words, f"difference to {base}", "verdict"], rows)


def _beside(record: Record, name: str, base: str, measure: str) -> list[str]:
    return [against(record, name, base, measure), finding(record, name, base, measure)]


def trainings(record: Record, what: str = "images") -> str:
    """How many trainings stand behind the figures.

    Args:
        record: of trainings.
        what: examples.

    Returns:
        A sentence.
    """
    return (
        f"{record['trainings']} trainings of each, on {record['train']:,} {what}, judged on "
        f"{record['judged']:,} others."
    )


def cost(record: Record) -> str:
    """What the try cost.

    Args:
        record: of the whole try.

    Returns:
        A sentence.
    """
    threads = "1 thread" if record["threads"] == 1 else f"{record['threads']} threads"
    return f"{record['processor_seconds']:,.0f} s of processor time with {threads}."


def rows_of(record: Record, measure: str = "accuracy", names: Mapping[str, str] | None = None) -> list[Row]:
    """Variants as rows of a dot plot.

    Args:
        record: of trainings.
        measure: of what.
        names: other labels.

    Returns:
        A row for each variant.
    """
    return [
        Row((names or {}).get(name, name), mean["value"], mean["low"], mean["high"], mean["all"])
        for name, mean in ((name, each[measure]) for name, each in record["variants"].items())
    ]


def losses_table(record: Record, names: Iterable[str]) -> str:
    """The training loss in the first pass over the images, in the third and in the last.

    Args:
        record: of `twins`.
        names: variants of equally many passes.

    Returns:
        A table.
    """
    curves = {name: record["variants"][name]["curve"] for name in names}
    most = min(len(curve) for curve in curves.values())
    passes = sorted({at for at in (1, 3, most) if at <= most})
    rows = [[name, *(f"{curve[at - 1]:.3f}" for at in passes)] for name, curve in curves.items()]
    return table(["training loss in pass", *map(str, passes)], rows)


def panels_of(
    record: Record, title: str, base: str, measure: str = "accuracy", names: Mapping[str, str] | None = None
) -> list[Dots]:
    """Means of all variants, and how far each lies from one of them.

    Args:
        record: of trainings.
        title: of the first panel.
        base: the variant that the others are compared with.
        measure: of what.
        names: other labels.

    Returns:
        Two panels.
    """
    labels, words = names or {}, measure.replace("_", " ")
    rows = []
    for name in record["variants"]:
        if name != base:
            each = difference(record, name, base, measure)
            rows.append(Row(labels.get(name, name), each["value"], each["low"], each["high"]))
    paired = f"The same, training by training, less {labels.get(base, base)}"
    return [
        Dots(title, words, rows_of(record, measure, names)),
        Dots(paired, f"difference in {words}", rows, (0.0, "no difference")),
    ]


def plain(record: Mapping[str, Any], setting: str) -> dict[str, Any]:
    """A record of `compare` whose variants are named by their values alone.

    Args:
        record: with variants such as `depth=2`.
        setting: the varied setting.

    Returns:
        The record with variants such as `2`.
    """
    start = f"{setting}="
    short = {name: name.removeprefix(start) for name in record["variants"]}
    return {
        **record,
        "variants": {short[name]: each for name, each in record["variants"].items()},
        "differences": [
            {**each, "a": short[each["a"]], "b": short[each["b"]]}
            | {"verdict": each["verdict"].replace(start, "")}
            for each in record["differences"]
        ],
    }
