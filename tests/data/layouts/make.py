"""Makes the data sets beside this file, each by the tool that people make it with.

    pip install datasets webdataset && python tests/data/layouts/make.py

Made with datasets 5.2, webdataset 1.0 and Pillow: images of 8 x 8 pixels of noise, reddish ones called cat,
greenish ones dog.
"""

import shutil
from pathlib import Path

import numpy as np
import webdataset
from datasets import ClassLabel, Dataset, DatasetDict, Features, Image, Value
from PIL import Image as PillowImage

HERE = Path(__file__).parent
NAMES = ["cat", "dog"]
DRAWS = np.random.default_rng(0)


def image(label: int) -> PillowImage.Image:
    pixels = DRAWS.integers(0, 60, (8, 8, 3))
    pixels[..., label] += 150
    return PillowImage.fromarray(pixels.astype(np.uint8))


def images(count: int) -> Dataset:
    labels = [row % 2 for row in range(count)]
    features = Features({"image": Image(), "label": ClassLabel(names=NAMES)})
    return Dataset.from_dict({"image": list(map(image, labels)), "label": labels}, features=features)


def texts(labels: list[int]) -> Dataset:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])})
    said = [f"Number {row} was {'good' if label else 'bad'}." for row, label in enumerate(labels)]
    return Dataset.from_dict({"text": said, "label": labels}, features=features)


def main() -> None:
    for folder in ("hub", "saved", "texts", "shards"):
        shutil.rmtree(HERE / folder, ignore_errors=True)
    train, validation, test = images(12), images(4), images(6)
    (HERE / "hub/data").mkdir(parents=True)
    for shard in range(2):
        part = train.shard(2, shard, contiguous=True)
        part.to_parquet(HERE / f"hub/data/train-{shard:05}-of-00002.parquet")
    validation.to_parquet(HERE / "hub/data/validation-00000-of-00001.parquet")
    test.to_parquet(HERE / "hub/data/test-00000-of-00001.parquet")
    DatasetDict(train=train, test=test).save_to_disk(HERE / "saved")
    (HERE / "texts").mkdir()
    texts([0, 1] * 6).to_parquet(HERE / "texts/train-00000-of-00001.parquet")
    texts([-1] * 4).to_parquet(HERE / "texts/test-00000-of-00001.parquet")
    (HERE / "shards").mkdir()
    with webdataset.ShardWriter(f"{HERE}/shards/train-%06d.tar", maxcount=4, verbose=0) as writer:
        for row in range(12):
            writer.write({"__key__": f"{row:06}", "png": image(row % 2), "cls": row % 2})
    with webdataset.TarWriter(f"{HERE}/shards/test-000000.tar") as writer:
        for row in range(4):
            writer.write({"__key__": f"{row:06}", "png": image(row % 2), "cls": row % 2})
    with webdataset.TarWriter(f"{HERE}/objects.tar") as writer:
        for row in range(4):
            label = {"label": NAMES[row % 2], "id": row}
            writer.write({"__key__": f"{row:06}", "png": image(row % 2), "json": label})
    with webdataset.TarWriter(f"{HERE}/words.tar.gz") as writer:
        for row in range(6):
            writer.write({"__key__": f"{row:06}", "png": image(row % 2), "txt": NAMES[row % 2]})
    with webdataset.TarWriter(f"{HERE}/mails.tar") as writer:
        for row in range(4):
            writer.write({"__key__": f"{row:06}", "txt": f"Mail {row} says so.", "cls": row % 2})


if __name__ == "__main__":
    main()
