"""Origin of weights that others trained."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

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
        names = set(cls.__dataclass_fields__)
        if not isinstance(document, Mapping) or set(document) != names:
            raise ValueError(f"origin needs exactly the fields {', '.join(sorted(names))}")
        fields: dict[str, Any] = dict(document)
        for name, value in fields.items():
            if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
                raise ValueError(f"origin: {name} is no text of 1 to {_LONGEST} characters")
        if not re.fullmatch(r"[0-9a-f]{64}", fields["sha256"]):
            raise ValueError("origin: sha256 is malformed")
        return cls(**fields)
