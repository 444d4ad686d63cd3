"""What the texts themselves show about their language."""

import numpy as np
import pytest

from pellucid.data.raw_texts import Texts
from pellucid.encoding.survey import looks_english

ENGLISH = [
    "Ping utility to determine directional packet loss",
    "What is the exchange rate?",
    "Die hard, 4 stars",
]
OTHERS = {
    "German": ["Ein Werkzeug für die Verwaltung", "Spiel mit vielen Geheimnissen"],
    "Spanish": ["Herramienta de comprobación para el sistema", "Mi tarjeta no funciona en la tienda"],
    "Slovenian": ["Vlada je danes potrdila zakon", "To se ne bo zgodilo, ker ni denarja"],
    "Chinese": ["这本书很好", "Windows 10 用不了"],
    "Russian": ["Поезд отправляется в полдень"],
    "Greek": ["Καλημέρα κόσμε, this is it"],
}


def shown(texts: list[str]) -> bool:
    return looks_english(Texts.of(texts), np.arange(len(texts)))


@pytest.mark.parametrize("language", OTHERS)
def test_other_languages_show(language: str) -> None:
    assert not shown(OTHERS[language])


@pytest.mark.parametrize(
    "texts", [ENGLISH, ["word1 good", "word2 bad"], ["", "42"], ["x = f(a); naïve café"]]
)
def test_without_signs_of_another_language_texts_count_as_english(texts: list[str]) -> None:
    assert shown(texts)


def test_only_training_texts_count() -> None:
    texts = [*ENGLISH, *OTHERS["Chinese"] * 9]
    assert looks_english(Texts.of(texts), np.arange(3))
