"""The page of a served model: that of the app, which answers by itself where it can, or asks the server."""

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import quote

from pellucid.export.app.shell import (
    Choice,
    FolderPage,
    Served,
    ServedPage,
    asking_page,
    card_of_metadata,
    locked_page,
)
from pellucid.runtime.metadata import Metadata


class ServedModel(Protocol):
    """A model that is served, as its page needs it."""

    @property
    def name(self) -> str:
        """Name under which it is asked."""

    @property
    def metadata(self) -> Metadata:
        """Metadata of its file."""

    @property
    def others(self) -> Sequence[str]:
        """Names of the other models."""

    @property
    def needs_token(self) -> bool:
        """Whether `/api/` wants a bearer token."""

    @property
    def has_report(self) -> bool:
        """Whether its report is served."""

    @property
    def folder_page(self) -> FolderPage | None:
        """What its folder adds; `None` where there is only its file."""


def page_of(served: ServedModel) -> ServedPage:
    """The page of a model.

    Where a token is needed it asks for that, and with it fetches the page of the model from `/api/page`: the
    names of classes, and perhaps weights, are for those alone who may ask the model.
    """
    page = opened_page_of(served)
    return locked_page(page) if served.needs_token else page


def opened_page_of(served: ServedModel) -> ServedPage:
    """The page of the model itself, for whoever has shown the token."""
    own = served.folder_page
    page = None if own is None else own.page
    if page is None:
        card = card_of_metadata(served.metadata) if own is None else own.card
        page = asking_page(served.metadata, card, Served(asks=True, query=_query(served.name)))
    names = sorted((served.name, *served.others))
    return page.among(
        [Choice(name, _query(name), name == served.name) for name in names], has_report=served.has_report
    )


def _query(name: str) -> str:
    return f"?model={quote(name, safe='')}"
