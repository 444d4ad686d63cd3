"""Scripts of pages, which are joined from modules."""

import re
from collections import Counter

import pytest

from pellucid.pages.assembly import modules_from

_NAMED = re.compile(
    r"^(?:export )?(?:async function|function|const|let|class) (\w+|[\[{][^=]*[\]}]) ?[=({]", re.M
)
_NAME = re.compile(r"\w+(?=\s*(?:[,\]}=]|$))")


@pytest.mark.parametrize(
    "start",
    [
        *(f"export/app/script/{kind}/start.js" for kind in ("images", "texts")),
        "labelling/script/label.js",
        "reports/explain/script/start.js",
        "reports/script/corrections.js",
        "reports/script/live.js",
    ],
)
def test_no_two_modules_of_a_page_give_one_name_to_two_things(start):
    """They share one scope: a second declaration would leave the page blank."""
    modules = modules_from(start)
    named = Counter(
        name
        for text in modules.values()
        for declared in _NAMED.findall(text)
        for name in (_NAME.findall(declared) if declared[0] in "[{" else [declared])
    )
    assert len(named) >= 3 * len(modules)
    assert [name for name, count in named.items() if count > 1] == []
