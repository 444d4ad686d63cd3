"""Writes golden_vision.json: what transformers computes with the folders of `tiny_vision.py`.

Run with `pip install transformers`, from the folder `tests`: `python -m pretrained.make_golden_vision`.
Nothing of Pellucid is imported.
"""

import json
import tempfile
from pathlib import Path

import torch
import transformers
from transformers import AutoModel

from pretrained.tiny_vision import FORMS, REGISTERS, images, write_folder


def main() -> None:
    """Write the file beside this script."""
    document = {"made by": f"transformers {transformers.__version__}, torch {torch.__version__}"}
    for form in FORMS:
        with tempfile.TemporaryDirectory() as folder:
            model, facts = AutoModel.from_pretrained(
                write_folder(Path(folder), form), output_loading_info=True
            )
        assert not any(facts.values()), facts
        more = {"interpolate_pos_encoding": True} if form == "vit" else {}
        with torch.inference_mode():
            states = model.eval()(torch.from_numpy(images()), **more).last_hidden_state
        before = 1 + (REGISTERS if form == "dinov2_with_registers" else 0)
        features = torch.cat([states[:, 0], states[:, before:].mean(1)], 1)
        document[form] = [[round(float(number), 7) for number in row] for row in features]
    path = Path(__file__).with_name("golden_vision.json")
    path.write_text(json.dumps(document, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
