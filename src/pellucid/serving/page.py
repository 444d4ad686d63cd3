"""The page of a served model: that of the app, which answers by itself where it can, or asks the server."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import quote

from pellucid.export.app.shell import Choice, Served, ServedPage, asking_page, card_of_metadata, locked_page
from pellucid.runtime.metadata import Metadata

if TYPE_CHECKING:
    from pellucid.export.app.content import Page


class FolderPage(NamedTuple):
    """What a model folder adds to the page of its model.

    Attributes:
        card: facts for the model card, of the run that the folder lies in.
        page: that answers by itself; `None` where the model is too large, or of a kind that pages lack.
    """

    card: Mapping[str, Any]
    page: "Page | None"


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
    def folder_page(self) -> FolderPage | None:
        """What its folder adds; `None` where there is only its file."""


def page_of(served: ServedModel) -> tuple[str, str]:
    """The page as HTML, and its policy of contents, which admits its own script and style alone.

    Where a token is needed it asks for that, and with it fetches the page of the model from `/api/page`: the
    names of classes, and perhaps weights, are for those alone who may ask the model.
    """
    page = _page(served)
    if served.needs_token:
        page = locked_page(page)
    return page.html, page.policy


def opened_page_of(served: ServedModel) -> tuple[str, str]:
    """The page of the model itself, as `page_of`, for whoever has shown the token."""
    page = _page(served)
    return page.html, page.policy


def _page(served: ServedModel) -> ServedPage:
    own = served.folder_page
    names = sorted((served.name, *served.others))
    choices = [Choice(name, _query(name), name == served.name) for name in names]
    asks = own is None or own.page is None
    way = Served(_query(served.name), asks, choices)
    if own is not None and own.page is not None:
        return own.page.served(way)
    card = card_of_metadata(served.metadata) if own is None else own.card
    return asking_page(served.metadata, card, way)


def _query(name: str) -> str:
    return f"?model={quote(name, safe='')}"
