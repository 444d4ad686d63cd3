"""How many planted siblings are found together, and how many innocent examples are merged, by rule and data.

    python benchmarks/siblings.py [FOLDER]

FOLDER holds class folders of photographs; without it only the bundled samples are measured. Bursts are made
of every tenth photograph: 2 to 6 frames, each cut out at 90 to 100 % of its side at another place, up to 5 %
brighter or darker, with the noise of a sensor, and saved as JPEG; they stand in the order of their
numbers, or with the clock of a camera and names that say nothing. Single photographs among the same files
under shuffled numbers must not be merged. Near copies are saved again as JPEG of quality 75. Quotes are
answers that quote a bundled mail line for line, or with its lines broken elsewhere. Near copies of mails
lack every fifteenth word. Threads have headers, in which an answer names the mail that it answers.

An example counts as found when it stands in the largest part of its planted set that stayed together, as
innocent when nothing was planted on it and it stood alone before.

Takes: two minutes for the bundled samples; FOLDER of 3,000 small photographs another minute
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path

import measuring
import numpy as np
from PIL import Image

from pellucid.data.listing import Listing
from pellucid.data.preparing import prepare
from pellucid.data.raw_texts import Texts
from pellucid.data.reading.forms import read_sample
from pellucid.settings import Settings

MOST_OF_A_CLASS = 300
EVERY = 10


def main() -> None:
    """Print one table."""
    measuring.heading(("pellucid", "numpy", "pillow"))
    rows = [*mails(), near_garments()]
    if len(sys.argv) > 1:
        rows += photographs(Path(sys.argv[1]))
    measuring.print_table(
        ("rule and data", "planted", "found together", "innocent", "merged"),
        [
            (
                name,
                f"{planted:,}",
                f"{100 * found:.1f} %" if planted else "",
                f"{innocent:,}",
                f"{merged:,} ({100 * merged / max(1, innocent):.2f} %)",
            )
            for name, planted, found, innocent, merged in rows
        ],
    )


Row = tuple[str, int, float, int, int]


def judged(name: str, sets: np.ndarray, truth: np.ndarray, alone: np.ndarray) -> Row:
    """Compare the sets that were found with those that were planted, -1 where nothing was planted.

    `alone` says of each example that it stood alone before. Planted examples, share of them found together,
    innocent examples, and how many were merged.
    """
    planted = [np.flatnonzero(truth == each) for each in np.unique(truth[truth >= 0])]
    together = sum(max(Counter(sets[members].tolist()).values()) for members in planted)
    count = sum(map(len, planted))
    innocent = np.flatnonzero((truth < 0) & alone)
    merged = int((np.bincount(sets)[sets[innocent]] > 1).sum())
    return name, count, together / max(1, count), len(innocent), merged


def listing_of(texts: list[str], form: str = "table") -> Listing:
    """Texts with labels that say nothing."""
    count = len(texts)
    return Listing(
        place="mails",
        form=form,
        sources=[f"mails:{index}" for index in range(count)],
        labels=["ab"[index % 2] for index in range(count)],
        splits=[""] * count,
        groups=[""] * count,
        texts=Texts.of(texts),
    )


def sets_of(listing: Listing | str) -> np.ndarray:
    """Set of each example, as Pellucid keeps them together."""
    return prepare(listing, Settings())[0].together


def mails() -> list[Row]:
    """Quotes, near copies and threads made of the bundled mails of at least 50 words."""
    stored = read_sample("sample:spam").texts
    assert stored is not None
    texts = [text for text in stored if len(text.split()) >= 50]
    before = sets_of(listing_of(texts))
    alone = np.bincount(before)[before] == 1
    chosen = np.flatnonzero(alone)[::EVERY]
    changes = {
        "quotes, bundled mails, lines as they were": lambda text: quoting(text.split("\n")),
        "quotes, bundled mails, lines broken elsewhere": lambda text: quoting(broken(text)),
        "near copies, bundled mails": lambda text: " ".join(
            word for place, word in enumerate(text.split()) if place % 15 != 7
        ),
    }
    found = []
    for name, change in changes.items():
        planted = [change(texts[index]) for index in chosen]
        found.append(judged_mails(name, [*texts, *planted], chosen, alone))
    headed = [
        f"From: a@example.org\nMessage-ID: <{index}@example.org>\n\n{text}"
        for index, text in enumerate(texts)
    ]
    answers = [
        f"From: b@example.org\nMessage-ID: <answer-{index}@example.org>\n"
        f"In-Reply-To: <{index}@example.org>\n\nI agree about {index}."
        for index in chosen
    ]
    sets = sets_of(listing_of(headed))
    alone_with_header = np.bincount(sets)[sets] == 1
    found.append(
        judged_mails("threads, bundled mails with headers", [*headed, *answers], chosen, alone_with_header)
    )
    return found


def judged_mails(name: str, texts: list[str], chosen: np.ndarray, alone: np.ndarray) -> Row:
    """Judge mails to which one sibling each of the chosen ones was added."""
    truth = np.full(len(texts), -1)
    truth[chosen] = truth[len(texts) - len(chosen) :] = np.arange(len(chosen))
    return judged(name, sets_of(listing_of(texts)), truth, np.append(alone, np.zeros(len(chosen), bool)))


def quoting(lines: list[str]) -> str:
    """An answer that quotes lines."""
    return "Thanks for this.\n\n" + "\n".join(f"> {line}" for line in lines) + "\n\nI do not think so.\n"


def broken(text: str) -> list[str]:
    """A text in lines of nine words."""
    words = text.split()
    return [" ".join(words[start : start + 9]) for start in range(0, len(words), 9)]


def near_garments() -> Row:
    """Near copies among the bundled garments."""
    sample = read_sample("sample:fashion")
    assert sample.load_pixels is not None
    pixels = sample.load_pixels().reshape(-1, 28, 28)[:5000]
    with tempfile.TemporaryDirectory() as folder:
        for index, image in enumerate(pixels):
            save(image, Path(folder) / "ab"[index % 2] / f"{letters(index)}.png")
        paths, before = sets_by_name(folder)
        alone = np.bincount(before)[before] == 1
        chosen = {path for path, is_alone in zip(paths, alone, strict=True) if is_alone}
        chosen = set(sorted(chosen)[::EVERY])
        for path in chosen:
            with Image.open(path) as image:
                image.save(Path(path).with_suffix(".jpg"), quality=75)
        numbers = {str(Path(path).with_suffix("")): number for number, path in enumerate(sorted(chosen))}
        was_alone = dict(zip(paths, alone.tolist(), strict=True))
        paths, sets = sets_by_name(folder)
        truth = np.array([numbers.get(str(Path(path).with_suffix("")), -1) for path in paths])
        kept = np.array([was_alone.get(path, False) for path in paths])
        return judged("near copies, bundled garments", sets, truth, kept)


def photographs(folder: Path) -> list[Row]:
    """Bursts by number and by clock, and shuffled numbers, made of the photographs of a folder."""
    draws = np.random.default_rng(0)
    scenes: dict[str, list[list[np.ndarray]]] = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        images = []
        for number, path in enumerate(sorted(place.rglob("*.*"))[:MOST_OF_A_CLASS]):
            with Image.open(path) as opened:
                image = np.asarray(opened.convert("RGB"))
            frames = int(draws.integers(2, 7)) if number % EVERY == 0 else 1
            images.append([image] if frames == 1 else [framed(image, draws) for _ in range(frames)])
        scenes[place.name] = [images[at] for at in draws.permutation(len(images))]
    return [
        burst_row("bursts, photographs, numbered names", scenes, draws),
        burst_row("bursts, photographs, camera's clock", scenes, draws, by_clock=True),
        burst_row("bursts, photographs, shuffled numbers", scenes, draws, shuffled=True),
    ]


def burst_row(
    name: str,
    scenes: dict[str, list[list[np.ndarray]]],
    draws: np.random.Generator,
    *,
    by_clock: bool = False,
    shuffled: bool = False,
) -> Row:
    """Write the photographs one way, and judge what is found; nothing is planted in a shuffled order."""
    with tempfile.TemporaryDirectory() as folder:
        truth_of: dict[str, int] = {}
        scene = seconds = 0
        for label, images in scenes.items():
            frames = []
            for each in images:
                frames += [(frame, scene if len(each) > 1 else -1) for frame in each]
                scene += 1
            order = draws.permutation(len(frames)) if shuffled else np.arange(len(frames))
            last = -1
            for number, at in enumerate(order.tolist()):
                frame, truth = frames[at]
                seconds += 1 if truth >= 0 and truth == last else int(draws.integers(10, 600))
                last = truth
                file = f"{letters(int(draws.integers(1 << 40)))}.jpg" if by_clock else f"IMG_{number:04}.jpg"
                save(frame, Path(folder) / label / file, exif_of(seconds) if by_clock else None)
                truth_of[str(Path(folder) / label / file)] = truth
        paths, sets = sets_by_name(folder)
        truth = np.array([truth_of[path] for path in paths])
        single = truth < 0
        return judged(name, sets, np.where(shuffled, -1, truth), single)


def framed(image: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """One frame of a burst: cut out at another place, with another brightness and noise."""
    height, width = image.shape[:2]
    share = draws.uniform(0.9, 1.0)
    left, top = draws.uniform(0, width * (1 - share)), draws.uniform(0, height * (1 - share))
    box = (left, top, left + width * share, top + height * share)
    cut = Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC, box=box)
    noisy = np.asarray(cut) * draws.uniform(0.95, 1.05) + draws.normal(0, 3, image.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def exif_of(seconds: int) -> Image.Exif:
    """A moment of one camera."""
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Maker", "Model"
    moment = str(np.datetime64("2024-01-01T00:00:00") + np.timedelta64(seconds, "s"))
    exif.get_ifd(0x8769)[0x9003] = moment.replace("-", ":").replace("T", " ")
    return exif


def save(image: np.ndarray, path: Path, exif: Image.Exif | None = None) -> None:
    """Write an image as its ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    keywords = {} if exif is None else {"exif": exif}
    Image.fromarray(image).save(path, **({"quality": 92} | keywords if path.suffix == ".jpg" else {}))


def letters(number: int) -> str:
    """A name without digits."""
    return str(number).translate(str.maketrans("0123456789", "abcdefghij"))


def sets_by_name(folder: str) -> tuple[list[str], np.ndarray]:
    """Paths and sets of the images of a folder."""
    dataset, _ = prepare(folder, Settings())
    return list(dataset.sources), dataset.together


if __name__ == "__main__":
    main()
