"""Explanations of small trained models, for tests of the page."""

import functools

import numpy as np

from insight.small_networks import model
from pellucid.insight.explaining import explain_model
from pellucid.insight.explanation import Explanation, Like
from small_models import digits
from text_models import texts

HOSTILE = (
    "<script>document.title = 'owned'</script> & \"it\" \u202egnp </style><img src=/stolen onerror=1> zero"
)


@functools.cache
def explained(name: str, text: str | None = None) -> Explanation:
    """The explanation of one digit, or of one text."""
    made = model(name)
    if made.takes == "texts":
        return explain_model(made, [texts()[300] if text is None else text])
    return explain_model(made, digits()[0][300:301])


def likes() -> list[Like]:
    """Training examples of both kinds."""
    return [
        Like("a.png", HOSTILE, 0.25, digits()[0][3]),
        Like("b.png", "digit 4", 0.5, np.zeros((8, 8, 3), np.uint8)),
    ]
