"""The journal of a run, `config.json`: what is decided once, and taken over by a resumed run."""

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from pellucid.errors import PellucidError
from pellucid.pipeline.run.folder import RunFolder, unusable

NAME = "config.json"
_FORMAT = 1
_REVISED = "within_limit"
# Key of the sentences on what a time limit leaves out.
NOTES = "left_out"

Decision = TypeVar("Decision")


def _as_it_is(value: Any) -> Any:
    return value


class Journal:
    """Decisions of a run by key; the only reader and writer of `config.json` while the run is under way.

    Until `begin`, decisions are kept in memory alone, so that a run that is refused leaves no file. From
    then on each is saved as soon as it is made.

    Args:
        folder: of the run.
        resume: take over what stands there; otherwise everything is decided afresh.
    """

    def __init__(self, folder: RunFolder, *, resume: bool = False) -> None:
        self._folder = folder
        before = folder.read_sealed(NAME) if resume else None
        self.is_resumed = before is not None
        self._is_begun = self.is_resumed
        self._content: dict[str, Any] = {"format": _FORMAT} if before is None else before

    @property
    def content(self) -> dict[str, Any]:
        """Decisions so far, by key."""
        return copy.deepcopy(self._content)

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def begin(self) -> None:
        """Save what is decided so far, and from now on every decision at once."""
        if not self._is_begun:
            self._is_begun = True
            self._folder.write_sealed(NAME, self._content)

    def decided(
        self,
        key: str,
        decide: Callable[[], Decision],
        to_json: Callable[[Decision], Any] = _as_it_is,
        from_json: Callable[[Any], Decision] = _as_it_is,
    ) -> Decision:
        """Take over what was decided before, or decide now and save it under a key of `config.json`.

        `to_json` and `from_json` turn a decision into what JSON can hold, and back.
        """
        if key in self._content:
            with self._taking_over(key):
                return from_json(self._content[key])
        found = decide()
        self._save({key: to_json(found)})
        return found

    @contextlib.contextmanager
    def _taking_over(self, key: str) -> Iterator[None]:
        """Name the file where a decision in it means nothing.

        Raises: `StorageError` instead of whatever the decision's own reader raises.
        """
        try:
            yield
        except PellucidError:
            raise
        except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
            reason = f"{key!r} means nothing ({error})"
            raise unusable(self._folder.path / NAME, reason) from error

    def revised(
        self,
        key: str,
        decision: Decision,
        revise: Callable[[Decision], Decision],
        to_json: Callable[[Decision], Any] = _as_it_is,
    ) -> Decision:
        """Decide once more, now that it is known how much of a time limit is left; a resumed run never does.

        `decision` is what `decided` gave, of a resumed run the revised one; `revise` makes it smaller where
        it was not yet revised. The decision that stands from now on.
        """
        before = self._content.get(_REVISED, [])
        if key in before:
            return decision
        found = revise(decision)
        self._save({key: to_json(found), _REVISED: [*before, key]})
        return found

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Save the decisions made meanwhile in one write: after a kill all of them stand, or none."""
        self._is_begun, was_begun = False, self._is_begun
        yield
        self._is_begun = was_begun
        self._save({})

    def replaced(self, key: str, decision: Any) -> None:
        """Put another decision in the place of one that was made, as JSON can hold it."""
        self._save({key: decision})

    def decided_for(
        self,
        key: str,
        name: str,
        decide: Callable[[], Decision],
        to_json: Callable[[Decision], Any] = _as_it_is,
    ) -> Any:
        """Take over, as JSON has it, what was decided under a key for one of several, or decide it now."""
        known = self._content.get(key, {})
        if name not in known:
            self._save({key: {**known, name: to_json(decide())}})
        return self._content[key][name]

    def note(self, sentence: str) -> bool:
        """Enter a sentence on what a time limit leaves out; false where it stands there already."""
        known = self._content.get(NOTES, [])
        if sentence in known:
            return False
        self._save({NOTES: [*known, sentence]})
        return True

    def is_revised(self, key: str) -> bool:
        """True where a decision was already fitted into the time limit."""
        return key in self._content.get(_REVISED, ())

    def _save(self, more: Mapping[str, Any]) -> None:
        self._content = {**self._content, **more}
        if self._is_begun:
            self._folder.write_sealed(NAME, self._content)
