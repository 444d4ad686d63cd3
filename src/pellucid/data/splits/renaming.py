"""Classes by other names, from a table of old and new ones."""

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

from pellucid.data.labels.texts import require_classes
from pellucid.data.listing import Listing
from pellucid.data.wording import count_of, quoted, some

_NAMES_SHOWN = 10


def renamed(listing: Listing, names: Mapping[str, str]) -> Listing:
    """A listing whose classes have their new names; those that the table does not name keep theirs.

    Warnings say what was renamed, and which classes became one.

    Raises: `UsageError` if the table names a class that the data does not have.
    """
    counts = Counter(listing.labels)
    require_classes("--rename", names, counts, listing.place)
    return dataclasses.replace(
        listing,
        labels=new_names(listing.labels, names),
        warnings=(*listing.warnings, *_sentences(listing, counts, names)),
    )


def new_names(labels: Sequence[str], names: Mapping[str, str]) -> list[str]:
    """Labels by their new names."""
    return [names.get(label, label) for label in labels]


def _sentences(listing: Listing, counts: Mapping[str, int], names: Mapping[str, str]) -> list[str]:
    """What was renamed, and which classes became one, with the examples of each."""
    sources: dict[str, list[str]] = {}
    for name in counts:
        sources.setdefault(names.get(name, name), []).append(name)
    changed = [name for name in names if names[name] != name]
    pairs = [f"{quoted(name)} to {quoted(names[name])}" for name in changed]
    said = [f"Renamed: {count_of(len(changed), 'class')}, {some(pairs, _NAMES_SHOWN)}."] if changed else []
    for new, old in sources.items():
        if len(old) > 1:
            parts = " and ".join(f"{quoted(name)} ({count_of(counts[name], listing.noun)})" for name in old)
            said.append(f"Merged into {quoted(new)}: {parts}.")
    return said
