"""Names of integer labels, as Hugging Face's `datasets` writes them into the metadata of a table.

A column of the feature `ClassLabel` holds the numbers 0, 1, 2 ..., and its names stand in the schema's
metadata under `huggingface`; -1 is no label.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pellucid.data.wording import quoted
from pellucid.errors import DataError
from pellucid.strict import parse_line

_KEY = b"huggingface"
_NO_LABEL = -1
_MOST_CLASSES = 1_000_000

# Names of the labels 0, 1, 2 ... of columns.
ClassNames = Mapping[str, Sequence[str]]


def names_in_schema(schema: Any) -> ClassNames:
    """Names of labels in the metadata of an Arrow schema; nothing where there are none."""
    content = (schema.metadata or {}).get(_KEY)
    if content is None:
        return {}
    try:
        document = parse_line(content.decode())
    except ValueError:
        return {}
    info = document.get("info") if isinstance(document, dict) else None
    return names_in_features(info.get("features") if isinstance(info, dict) else None)


def names_in_features(features: object) -> ClassNames:
    """Names of labels in the features of a data set, as JSON holds them."""
    if not isinstance(features, dict):
        return {}
    found = {}
    for column, feature in features.items():
        names = feature.get("names") if isinstance(feature, dict) else None
        if isinstance(names, dict):  # as old versions wrote them: number to name
            names = [names.get(str(number)) for number in range(len(names))]
        is_label = isinstance(feature, dict) and feature.get("_type", "ClassLabel") == "ClassLabel"
        if is_label and isinstance(names, list) and 0 < len(names) <= _MOST_CLASSES:
            found[column] = names if all(isinstance(name, str) for name in names) else []
    return {column: names for column, names in found.items() if names}


def with_names(
    blocks: Iterator[tuple[Mapping[str, Sequence[Any]], range]], names: ClassNames, place: str
) -> Iterator[tuple[Mapping[str, Sequence[Any]], range]]:
    """Put names in the place of integer labels, block by block; -1 becomes nothing.

    Raises: `DataError` if a label has no name.
    """
    for columns, numbers in blocks:
        labels = {
            column: [
                _named(value, names[column], place, column, row)
                for value, row in zip(values, numbers, strict=True)
            ]
            for column, values in columns.items()
            if column in names
        }
        yield {column: labels.get(column, values) for column, values in columns.items()}, numbers


def _named(value: object, names: Sequence[str], place: str, column: str, row: int) -> object:
    if type(value) is not int or value == _NO_LABEL:
        return None if value == _NO_LABEL else value
    if 0 <= value < len(names):
        return names[value]
    raise DataError(
        f"{place}: row {row} has the label {value} in column {quoted(column)}, which has names for 0 to "
        f"{len(names) - 1}; fix it"
    )
