"""Lay out Tux Paint's stamps as a folder of classes, for `backbones.py`.

    python benchmarks/stamps.py groups FOLDER
    python benchmarks/stamps.py kinds FOLDER

The stamps come with Debian's package `tuxpaint-stamps-default`: photographs and drawings, cut out, in folders
by what they show. `groups` takes eight of the uppermost folders, 563 images; `kinds` takes every folder one
level below with at least 16 images, which are finer and smaller. Letters, coins and signs (`symbols`) take
no part in either.

Takes: FOLDER; less than a second
"""

import shutil
from pathlib import Path

from measuring import command_line

STAMPS = Path("/usr/share/tuxpaint/stamps")
_GROUPS = ("animals", "clothes", "food", "household", "people", "plants", "town", "vehicles")
_NO_IMAGES = ("symbols",)
_LEAST = 16


def classes(division: str) -> dict[str, Path]:
    """Folder of each class by its name, in a division that is `groups` or `kinds`."""
    if division == "groups":
        return {name: STAMPS / name for name in _GROUPS}
    below = [path for path in sorted(STAMPS.glob("*/*/")) if path.parent.name not in _NO_IMAGES]
    return {path.name: path for path in below if len(list(path.rglob("*.png"))) >= _LEAST}


def main() -> None:
    """Copy the images, each under the name of its whole path."""
    parser = command_line(__doc__, with_json=False)
    parser.add_argument("division", choices=("groups", "kinds"))
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="is made; must not exist")
    given = parser.parse_args()
    if not STAMPS.is_dir():
        parser.error(f"{STAMPS}: there is no such folder; apt install tuxpaint-stamps-default")
    if given.folder.exists():
        parser.error(f"{given.folder}: is there already; give a folder that is not")
    for name, source in classes(given.division).items():
        (given.folder / name).mkdir(parents=True)
        images = sorted(source.rglob("*.png"))
        for image in images:
            flat = "_".join(image.relative_to(STAMPS).parts)
            shutil.copy(image, given.folder / name / flat)
        print(f"{name:12s} {len(images):4d}")


if __name__ == "__main__":
    main()
