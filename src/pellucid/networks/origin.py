"""Origin of weights that others trained."""

from dataclasses import asdict, dataclass

from pellucid.strict import Fields, Text, read_object

_LONGEST = 300


@dataclass(frozen=True)
class Origin:
    """Weights of others, as the model card names them.

    Attributes:
        name: short name, such as `efficientnet-lite0`.
        title: what they are and what they were trained on.
        source: package or file they were taken from.
        licence: SPDX name, or words where it is not known.
        sha256: of the file they were taken from.
    """

    name: str
    title: str
    source: str
    licence: str
    sha256: str

    def facts(self) -> dict[str, str]:
        """Facts for the model card: names in words to texts, in the order to show."""
        return {
            "pretrained part": self.title,
            "its source": self.source,
            "its licence": self.licence,
            "its weights": f"SHA-256 {self.sha256}",
        }

    def to_json(self) -> dict[str, str]:
        """The fields as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: object) -> "Origin":
        """Read what `to_json` wrote, trusting nothing.

        Raises: `ValueError` if a field is missing, unknown, no text, too long or no checksum.
        """
        return cls(**read_object("origin", document, _FIELDS))


_FIELDS: Fields = {
    **{name: Text(_LONGEST) for name in Origin.__dataclass_fields__},
    "sha256": Text(_LONGEST, pattern="[0-9a-f]{64}"),
}
