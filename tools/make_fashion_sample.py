"""Cut the bundled sample out of Fashion-MNIST.

Takes the first 1,000 training and the first 200 test images of each of the ten classes, keeps
them in their original order, and writes four IDX files packed with gzip. The same input always
gives the same bytes (as long as zlib stays the same).

    python tools/make_fashion_sample.py /usr/share/datasets/fashion-mnist

The folder is the one of the Debian package `dataset-fashion-mnist`, or any with its four files.
"""

import argparse
import gzip
import struct
from pathlib import Path

import numpy as np

TARGET = Path(__file__).parent.parent / "src" / "pellucid" / "data" / "fashion"
IMAGES_EACH = {"train": 1000, "t10k": 200}
CLASSES = 10


def main() -> None:
    """Read the folder named on the command line and write the sample."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder of the four files of Fashion-MNIST")
    parser.add_argument("--out", type=Path, default=TARGET, help="folder to write")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for part, each in IMAGES_EACH.items():
        images_name, labels_name = f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz"
        images = np.frombuffer(
            gzip.decompress((arguments.folder / images_name).read_bytes()), np.uint8, offset=16
        )
        labels = np.frombuffer(
            gzip.decompress((arguments.folder / labels_name).read_bytes()), np.uint8, offset=8
        )
        images = images.reshape(len(labels), 28, 28)
        chosen = np.sort(np.concatenate([np.flatnonzero(labels == label)[:each] for label in range(CLASSES)]))
        image_header = struct.pack(">4B3I", 0, 0, 8, 3, len(chosen), 28, 28)
        label_header = struct.pack(">4BI", 0, 0, 8, 1, len(chosen))
        write(arguments.out / images_name, image_header + images[chosen].tobytes())
        write(arguments.out / labels_name, label_header + labels[chosen].tobytes())


def write(path: Path, content: bytes) -> None:
    """Pack with gzip, without a time or name, so that equal images are equal bytes."""
    path.write_bytes(gzip.compress(content, compresslevel=9, mtime=0))


if __name__ == "__main__":
    main()
