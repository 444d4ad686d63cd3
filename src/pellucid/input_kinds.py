"""Kinds of input: images, texts and feature vectors, and everything in which they differ."""

from dataclasses import dataclass
from typing import Literal

# Names of the kinds of input, as `model.json` has them; values are feature vectors.
InputName = Literal["images", "texts", "values"]


@dataclass(frozen=True)
class InputKind:
    """A kind of input, and what follows from it wherever images, texts and feature vectors differ."""

    name: InputName
    task: str  # first word of the task's name, as in `image-classification`; a value of `--task`
    noun: str  # one example, for people
    classifier: str  # a model of classes, for people, with its article
    axes: int  # of an array of them; 0 where they are no array
    network: str  # family that serves by default; empty where the data decides
    has_lengths: bool  # whether examples differ in length, and steps of training with them
    is_augmented: bool  # whether a shifted or mirrored example keeps its label
    smaller: str  # setting that makes a step of training cheaper
    speed: str  # name of the examples trained on in a second in `history.jsonl`
    example: str  # one file as a command takes it
    examples: str  # new data as `pellucid predict` takes it

    @property
    def nouns(self) -> str:
        """Several examples, for people."""
        return f"{self.noun}s"

    def __reduce__(self) -> str:
        # Kinds are compared by identity: a copy of one, or one that was pickled, is the constant itself.
        return self.name.upper()


IMAGES = InputKind(
    name="images",
    task="image",
    noun="image",
    classifier="An image classifier",
    axes=4,
    network="cnn",
    has_lengths=False,
    is_augmented=True,
    smaller="--image-size",
    speed="images_per_second",
    example="IMAGE",
    examples="IMAGE...",
)
TEXTS = InputKind(
    name="texts",
    task="text",
    noun="text",
    classifier="A text classifier",
    axes=0,
    network="",
    has_lengths=True,
    is_augmented=False,
    smaller="--length",
    speed="texts_per_second",
    example="TEXT.txt",
    examples="TEXTS.csv",
)
VALUES = InputKind(
    name="values",
    task="feature",
    noun="feature vector",
    classifier="A classifier of feature vectors",
    axes=2,
    network="mlp",
    has_lengths=False,
    is_augmented=False,
    smaller="--image-size",
    speed="images_per_second",
    example="",
    examples="",
)

# Every kind of input by its name.
INPUT_KINDS: dict[InputName, InputKind] = {"images": IMAGES, "texts": TEXTS, "values": VALUES}
