"""Writes golden_unigram.json: what sentence-transformers and model2vec compute with `tiny_unigram.py`.

Run with `pip install sentence-transformers model2vec`, from the folder `tests`:
`python -m pretrained.make_golden_unigram`. Nothing of Pellucid is imported.
"""

import json
import tempfile
from importlib.metadata import version
from pathlib import Path

from model2vec import StaticModel
from sentence_transformers import SentenceTransformer

from pretrained.tiny_unigram import FORMS, STRANGE, TEXTS, write_folder

_MADE_BY = ("transformers", "sentence-transformers", "model2vec", "tokenizers", "torch")


def main() -> None:
    """Write the file beside this script."""
    document = {"made by": ", ".join(f"{name} {version(name)}" for name in _MADE_BY)}
    for form in FORMS:
        with tempfile.TemporaryDirectory() as place:
            folder = write_folder(Path(place), form)
            if form.startswith("model2vec"):
                features = StaticModel.from_pretrained(folder).encode(TEXTS)
            else:
                model = SentenceTransformer(place, device="cpu", local_files_only=True)
                features = model.encode(TEXTS + STRANGE)
        document[form] = [[round(float(number), 7) for number in row] for row in features]
    path = Path(__file__).with_name("golden_unigram.json")
    path.write_text(json.dumps(document, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
