"""The networks of Pellucid, small and in float64, on real digits and on texts."""

from itertools import pairwise

import numpy as np
import torch
from sklearn.datasets import load_digits, load_sample_image

from pellucid.networks import InputFacts, Network, build, design
from pellucid.settings import Settings
from small_models import designed

TEXTS = [
    "the meeting moves to friday please bring the report", "win a prize now click here to win", "lunch",
    "your invoice is attached please pay by friday", "free free free money click now",
    "did you read the report on the meeting", "claim your free prize here",
    "see you at lunch on friday then",
]  # fmt: skip
IS_SPAM = np.array([0, 1, 0, 0, 1, 0, 1, 0])
WORDS = sorted({word for text in TEXTS for word in text.split()})
PAIRS = sorted({pair for text in TEXTS for pair in pairwise(text.split())})
FIRST_PAIR = 2 + len(WORDS)
VOCABULARY = FIRST_PAIR + len(PAIRS)


def tokens(with_pairs: bool = False) -> np.ndarray:
    """Ids of the texts' words, after which those of their pairs may follow; `lunch` is unknown."""
    rows = []
    for text in TEXTS:
        words = text.split()
        row = [1 if word == "lunch" else 2 + WORDS.index(word) for word in words]
        if with_pairs:
            row += [FIRST_PAIR + PAIRS.index(pair) for pair in pairwise(words)]
        rows.append(row)
    longest = max(map(len, rows))
    return np.array([row + [0] * (longest - len(row)) for row in rows])


def images(shape: tuple[int, int, int], count: int) -> np.ndarray:
    """Digits, or pieces of a photograph where another shape is asked for; 0 to 255."""
    if shape == (1, 8, 8):
        return load_digits().images[:count, None] * (255 / 16)
    channels, height, width = shape
    photograph = load_sample_image("flower.jpg").transpose(2, 0, 1)[:channels]
    places = [(7 + 40 * number, 11 + 60 * number) for number in range(count)]
    return np.stack([photograph[:, top : top + height, left : left + width] for top, left in places]).astype(
        np.float64
    )


def of_images(name: str, settings: Settings, images: np.ndarray, outputs: int) -> Network:
    """A network of images that was started from them."""
    facts = InputFacts(images.shape[1:], outputs, 1000)
    network = build(designed(name, settings, facts), torch.Generator().manual_seed(3)).double()
    numbers = torch.arange(len(images)).double() if outputs == 1 else None
    network.initialise_from_data(torch.from_numpy(images), numbers)
    return network


def of_texts(name: str, settings: Settings, outputs: int = 2) -> Network:
    """A network of texts that was started from them."""
    facts = InputFacts(
        (32,), outputs, 1000, vocabulary=VOCABULARY, embedding=5, groups=(2, FIRST_PAIR, VOCABULARY)
    )
    network = build(design(name, settings, facts), torch.Generator().manual_seed(3)).double()
    network.initialise_from_data(torch.zeros(8, 1).long(), torch.arange(8).double() if outputs == 1 else None)
    ids = tokens(with_pairs=True)
    counts = [(ids == id).any(axis=1).sum() for id in range(VOCABULARY)]
    network.weigh_ids(torch.tensor(np.array(counts)), len(TEXTS))
    return network
