# ruff: noqa: RUF001  # odd characters are what is tested
"""Texts as people write them, and as nobody does."""

import numpy as np
from hypothesis import strategies

from pellucid.data.raw_texts import Texts

ODD = (
    "",
    " ",
    "\n\t \x00",
    "\x00",
    "'",
    "''s",
    "\u0301",
    "a\u0301\u0301 \u0301",
    "\ufeffword",
    "so\u00adft",
    "İstanbul ΣΊΣΥΦΟΣ Straße",
    "‏שלום‏ עולם 123 مرحبا بالعالم",
    "l'homme d’hier, John's don't",
    "if (x==1) { return my_var->y; }  # 3.14",
    "👨‍👩‍👧 👍🏽👍🏽 🇩🇪🇫🇷🇮 1️⃣ ❤️❤️❤️❤️",
    "我喜欢北京。東京へ行く！ สวัสดีครับ 한국어 말",
    "ᄒ\u1161\u11ab 한",
    "ﷺ ½ ™ … ① ｶﾞ ﬁn",
    "क्षत्रिय नमस्ते",
    "!!!!!!!! ---------- $$$",
    "a" * 3000,
    "\ud800 lone",
)

anything = strategies.text(
    strategies.one_of(
        strategies.characters(),
        strategies.sampled_from(" \n\x00'’.!aAbſßéاक्我の\u0301\u200d\u200c\ufe0f\u00ad👍🏽👨🇩🇪ﬁ½\ud800"),
    ),
    max_size=40,
)
"""Any Unicode, often with characters that stand close to each other in a hard way."""

any_texts = strategies.lists(strategies.one_of(anything, strategies.sampled_from(ODD)), max_size=8)

ENGLISH = (
    "the ship sails to the harbour at noon",
    "the captain of the ship is asleep",
    "grain prices rose at noon",
    "prices of grain and of oil rose again",
    "don't wake the captain, please!",
)


def everyone(texts: tuple[str, ...] | list[str]) -> tuple[Texts, np.ndarray]:
    """A store of texts, and the positions of all of them."""
    return Texts.of(texts), np.arange(len(texts))
