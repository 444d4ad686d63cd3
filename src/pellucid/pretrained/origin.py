"""Where pretrained weights come from, as the model card says it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """Who made weights that this package did not train, and under which licence they stand.

    Attributes:
        name: short, as commands name it.
        title: what it is, in words.
        source: where it was published, or the folder or file it was read from.
        licence: under which it stands; `not stated` where nothing says so.
        sha256: of the file with the weights.
    """

    name: str
    title: str
    source: str
    licence: str
    sha256: str

    def facts(self) -> dict[str, str]:
        """What the model card tells of it.

        Returns:
            Names in words to texts, in the order to show.
        """
        return {
            "pretrained part": self.title,
            "its source": self.source,
            "its licence": self.licence,
            "its weights": f"SHA-256 {self.sha256}",
        }
