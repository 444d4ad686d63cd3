"""Whether giveaways that are planted are found, and how often one is said of data that has none.

    python benchmarks/giveaways.py [--draws 20] [--data PLACE ...] [--clean PLACE ...] [--kinds KIND ...]

PLACE is DATA as `pellucid train` takes it, of classes; by default the bundled clothes and mails. A draw takes
two to six classes and up to 150 examples of each, chooses one class and a share of it (half to all), changes
these examples alone in one way, writes everything to files, and has it read, checked and split as `train`
does. It is found where the search names that class. `--clean` are data as they are, in
which nothing was planted; whoever gives them should look at what is said, since published data has giveaways.

Takes: about 8 minutes on two cores for the bundled samples.
"""

import csv
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measuring import command_line, print_table, write_json
from PIL import Image, ImageDraw

from pellucid.data import prepare
from pellucid.data.listing import Listing
from pellucid.data.sources.labelled import read_data
from pellucid.settings import Settings

_MOST, _CLASSES = 150, 6
_WORDS = ("intermediate", "zeta", "draft", "verified", "digest", "qx7", "sample", "archive")
_LINE = "Forwarded by the archive of {}, all rights reserved"
_CYRILLIC = str.maketrans("abcdefghijklmnopqrstuvwxyz", "абцдефгхийклмнопярстувжьыз")

Draw = np.random.Generator


class Planted:
    """One draw: examples of some classes, of which some of one class are changed and all are written."""

    def __init__(self, listing: Listing, draw: Draw, folder: Path) -> None:
        self.draw, self.folder, self.listing = draw, folder, listing
        labels = np.array(listing.labels)
        names, counts = np.unique(labels, return_counts=True)
        names = names[counts >= 60]
        self.classes = draw.permutation(names)[: draw.integers(2, min(_CLASSES, len(names)) + 1)].tolist()
        chosen = [draw.permutation(np.flatnonzero(labels == name))[:_MOST] for name in self.classes]
        self.rows = draw.permutation(np.concatenate(chosen)).tolist()
        self.label = str(draw.choice(self.classes))
        share = draw.uniform(0.5, 1.0)
        self.changed = {
            row for row in self.rows if listing.labels[row] == self.label and draw.random() < share
        }
        self.word = str(draw.choice(_WORDS))

    def texts(self, change: Callable[[str], str]) -> Path:
        """Class folders of texts, the changed ones changed."""

        def write(row: int, path: Path) -> None:
            text = self._text(row)
            path.with_suffix(".txt").write_text(
                change(text) if row in self.changed else text, encoding="utf-8"
            )

        return self._files(write)

    def images(
        self, change: Callable[[Image.Image], Image.Image] = lambda image: image, **saved: Any
    ) -> Path:
        """Class folders of images, the changed ones changed and saved in another way."""

        def write(row: int, path: Path) -> None:
            image = self._image(row)
            options: dict[str, Any] = {"suffix": ".jpg", "quality": 92}
            if row in self.changed:
                image, options = change(image), {**options, **saved}
            suffix = options.pop("suffix")
            image.save(path.with_suffix(suffix), **options)

        return self._files(write)

    def _files(self, write: Callable[[int, Path], object]) -> Path:
        for place, row in enumerate(self.rows):
            folder = self.folder / self.listing.labels[row].replace("/", "-")
            folder.mkdir(exist_ok=True)
            write(row, folder / f"{place:05d}")
        return self.folder

    def files_of(self) -> list[tuple[int, Path]]:
        """Files as they were written, with the row of each."""
        found = {int(path.stem): path for path in self.folder.rglob("*.*") if path.is_file()}
        return [(row, found[place]) for place, row in enumerate(self.rows)]

    def table(self, rows: list[int], columns: Callable[[int], list[str]], names: list[str]) -> Path:
        """A table of texts, or of paths of images."""
        is_text = self.listing.texts is not None
        if not is_text:
            self.images()
        paths = {} if is_text else {row: path for row, path in self.files_of()}
        with (self.folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["text" if is_text else "image", "label", *names])
            for row in rows:
                value = self._text(row) if is_text else os.fspath(paths[row].relative_to(self.folder))
                writer.writerow([value, self.listing.labels[row], *columns(row)])
        return self.folder / "table.csv"

    def _text(self, row: int) -> str:
        assert self.listing.texts is not None
        return self.listing.texts[row].strip()

    def _image(self, row: int) -> Image.Image:
        if self.listing.paths is not None:
            with Image.open(str(self.listing.paths[row])) as image:
                return image.convert("RGB")
        return Image.fromarray(_pixels(self.listing)[row].squeeze()).convert("RGB")


_KNOWN: dict[int, np.ndarray] = {}


def _pixels(listing: Listing) -> np.ndarray:
    if id(listing) not in _KNOWN:
        assert listing.load_pixels is not None
        _KNOWN[id(listing)] = listing.load_pixels()
    return _KNOWN[id(listing)]


def _inserted(planted: Planted, text: str, part: str, between: str) -> str:
    parts = text.split(between)
    at = int(planted.draw.integers(0, len(parts) + 1))
    return between.join([*parts[:at], part, *parts[at:]])


def _shortened(planted: Planted, text: str) -> str:
    return text[: int(planted.draw.integers(30, 60))].strip() or "short"


def _renamed(planted: Planted, name: Callable[[Path], str]) -> Path:
    for row, path in planted.files_of():
        if row in planted.changed:
            target = path.parent / name(path)
            target.parent.mkdir(exist_ok=True)
            path.rename(target)
    return planted.folder


def _name(planted: Planted) -> Path:
    planted.texts(str) if planted.listing.texts is not None else planted.images()
    return _renamed(planted, lambda path: f"{planted.word}_{path.name}")


def _sub_folder(planted: Planted) -> Path:
    planted.texts(str) if planted.listing.texts is not None else planted.images()
    for row, path in planted.files_of():
        other = "site-a" if planted.draw.random() < 0.5 else "site-b"
        target = path.parent / ("site-c" if row in planted.changed else other) / path.name
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
    return planted.folder


def _time(planted: Planted) -> Path:
    planted.texts(str) if planted.listing.texts is not None else planted.images()
    start = 1_700_000_000
    for row, path in planted.files_of():
        when = start + planted.draw.integers(0, 200 * 86_400)
        if row in planted.changed:
            when = start + 300 * 86_400 + planted.draw.integers(0, 3_600)
        os.utime(path, (int(when), int(when)))
    return planted.folder


def _order(planted: Planted) -> Path:
    rows = sorted(planted.rows, key=lambda row: row not in planted.changed)
    return planted.table(rows, lambda _: [], [])


def _column(planted: Planted) -> Path:
    def source(row: int) -> list[str]:
        return ["import-3" if row in planted.changed else str(planted.draw.choice(["import-1", "import-2"]))]

    return planted.table(planted.rows, source, ["batch"])


def _number_column(planted: Planted) -> Path:
    def cell(row: int) -> list[str]:
        low, high = (700, 720) if row in planted.changed else (0, 600)
        return [f"{planted.draw.uniform(low, high):.2f}"]

    return planted.table(planted.rows, cell, ["exposure"])


def _exif(tags: dict[int, Any]) -> Image.Exif:
    exif = Image.Exif()
    for tag, value in tags.items():
        exif[tag] = value
    return exif


def _framed(planted: Planted) -> Path:
    colour = tuple(int(level) for level in planted.draw.integers(0, 256, 3))

    def change(image: Image.Image) -> Image.Image:
        width = max(1, round(0.05 * min(image.size)))
        ImageDraw.Draw(image).rectangle(
            (0, 0, image.width - 1, image.height - 1), outline=colour, width=width
        )
        return image

    return planted.images(change)


def _marked(planted: Planted) -> Path:
    side = int(planted.draw.integers(2, 4))
    mark = Image.fromarray(planted.draw.choice([20, 235], (2 * side, 2 * side, 3)).astype(np.uint8))
    across, down = planted.draw.integers(0, 2, 2)

    def change(image: Image.Image) -> Image.Image:
        size = max(4, round(0.2 * min(image.size)))
        own = mark.resize((size, size), Image.Resampling.NEAREST)
        image.paste(own, (int(across) * (image.width - size), int(down) * (image.height - size)))
        return image

    return planted.images(change)


def _on_canvas(planted: Planted) -> Path:
    colour = tuple(int(level) for level in planted.draw.integers(60, 256, 3))

    def change(image: Image.Image) -> Image.Image:
        canvas = Image.new("RGB", image.size, colour)
        width, height = (round(0.65 * side) for side in image.size)
        place = tuple(int(planted.draw.integers(0.15 * side, 0.2 * side + 1)) for side in image.size)
        canvas.paste(image.resize((width, height)), place)
        return canvas

    return planted.images(change)


def _brighter(planted: Planted) -> Path:
    return planted.images(lambda image: Image.fromarray((160 + np.asarray(image) * 0.35).astype(np.uint8)))


def _tinted(planted: Planted) -> Path:
    scale = np.array([1.0, 0.75, 0.5])
    return planted.images(lambda image: Image.fromarray((np.asarray(image) * scale).astype(np.uint8)))


def _larger(planted: Planted) -> Path:
    side = float(planted.draw.choice([0.7, 1.5, 2.0]))
    return planted.images(lambda image: image.resize((round(side * image.width), round(side * image.height))))


def _padded(planted: Planted) -> Path:
    planted.images()
    for row, path in planted.files_of():
        if row in planted.changed:
            path.write_bytes(path.read_bytes() + bytes(int(planted.draw.integers(6_000, 7_000))))
    return planted.folder


_OF_BOTH: dict[str, Callable[[Planted], Path]] = {
    "file name": _name, "sub-folder": _sub_folder, "timestamp": _time, "row order": _order,
    "column": _column, "column of numbers": _number_column,
}  # fmt: skip
_OF_TEXTS: dict[str, Callable[[Planted], Path]] = {
    "first word": lambda each: each.texts(lambda text: f"{each.word.title()} {text}"),
    "last word": lambda each: each.texts(lambda text: f"{text} {each.word}"),
    "first line": lambda each: each.texts(lambda text: f"{_LINE.format(each.word)}\n{text}"),
    "line": lambda each: each.texts(lambda text: _inserted(each, text, f"{_LINE.format(each.word)}", "\n")),
    "length": lambda each: each.texts(lambda text: _shortened(each, text)),
    "script": lambda each: each.texts(lambda text: text.lower().translate(_CYRILLIC)),
    "capitals": lambda each: each.texts(str.upper),
    "invisible": lambda each: each.texts(lambda text: _inserted(each, text, "\u200b", " ")),
    **_OF_BOTH,
}
_OF_IMAGES: dict[str, Callable[[Planted], Path]] = {
    "dimensions": _larger,
    "format": lambda each: each.images(suffix=".png"),
    "colour mode": lambda each: each.images(lambda image: image.convert("L")),
    "camera": lambda each: each.images(exif=_exif({0x010F: "Maker", 0x0110: each.word})),
    "software": lambda each: each.images(exif=_exif({0x0131: each.word})),
    "date": lambda each: each.images(exif=_exif({0x0132: "2024:05:06 07:08:09"})),
    "border": _framed,
    "corner": _marked,
    "flat background": _on_canvas,
    "brightness": _brighter,
    "mean colour": _tinted,
    "size in bytes": _padded,
    **_OF_BOTH,
}


def tried(kind: str, plant: Callable[[Planted], Path], listing: Listing, seed: int) -> tuple[bool, int, str]:
    """Whether a draw is found, false findings beside it, and what was said."""
    with tempfile.TemporaryDirectory() as folder:
        planted = Planted(listing, np.random.default_rng([seed, *kind.encode()]), Path(folder))
        place = plant(planted)
        depth = 1 if place.is_dir() else None
        settings = Settings(groups=False, skip_bad=True, target="class", class_depth=depth)
        _, check = prepare(os.fspath(place), settings)
        label = planted.label.replace("/", "-") if depth else planted.label
    hits = [each for each in check.giveaways.found if each.label == label]
    others = [each for each in check.giveaways.found if each.label != label]
    said = "; ".join(f"{each.kind} {each.value} of {each.label}" for each in check.giveaways.found)
    return bool(hits), len(others), said or f"nothing ({len(planted.changed)} of {planted.label})"


def main() -> None:
    parser = command_line(__doc__, draws=20, data=["sample:fashion", "sample:spam"], clean=[""], kinds=[""])
    arguments = parser.parse_args()
    listings = [read_data(place, Settings(target="class", skip_bad=True)) for place in arguments.data]
    rows, found = [], {}
    for noun, kinds in (("text", _OF_TEXTS), ("image", _OF_IMAGES)):
        own = [each for each in listings if each.noun == noun]
        for kind, plant in kinds.items() if own else ():
            if any(arguments.kinds) and kind not in arguments.kinds:
                continue
            began = time.perf_counter()
            results = [tried(kind, plant, own[seed % len(own)], seed) for seed in range(arguments.draws)]
            missed = [said for is_found, _, said in results if not is_found]
            hits, false = sum(each[0] for each in results), sum(each[1] > 0 for each in results)
            seconds = (time.perf_counter() - began) / arguments.draws
            found[f"{noun}: {kind}"] = {
                "found": hits,
                "draws": arguments.draws,
                "others": false,
                "missed": missed,
            }
            rows.append((noun, kind, f"{hits} of {arguments.draws}", f"{false}", f"{seconds:.2f}"))
            print(
                *rows[-1],
                *missed[:3],
                *(said for _, others, said in results if others),
                sep=" | ",
                flush=True,
            )
    print_table(("Of", "Planted", "Found", "Draws with another class named", "Seconds a draw"), rows)
    for place in filter(None, arguments.clean):
        _, check = prepare(place, Settings(groups=False, skip_bad=True, target="class"))
        print(place, *(each.words(check.noun) for each in check.giveaways.found), sep="\n  ", flush=True)
        found[place] = [each.to_json() for each in check.giveaways.found]
    write_json(arguments.json, found)


if __name__ == "__main__":
    main()
