"""A pool being labelled: who is asked what, what they answered, and a model that learns meanwhile.

Nothing here knows of a network or a page. Every method may be called by any thread. An example that was
given out is leased to that person for ten minutes, so that nobody else is asked about it. Training runs in a
thread of its own and leaves a list of what to ask next; to answer takes no longer than to write one row.
"""

import hashlib
import shlex
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from pellucid.data.wording import count_of
from pellucid.errors import DataError, UsageError
from pellucid.input_kinds import TEXTS
from pellucid.labelling.by_target import TAUGHT
from pellucid.labelling.judging import Judgement, judge
from pellucid.labelling.pool import Compared, Pool
from pellucid.labelling.selection import (
    AUDIT,
    MARGIN,
    RANDOM,
    TYPICAL,
    Label,
    Model,
    audit_sample,
    fit,
    is_early,
    next_policy,
    random_order,
    typical,
)
from pellucid.labelling.table import LabelTable, Row
from pellucid.language.sentence import Sentence
from pellucid.targets import SEPARATOR, TARGETS, Target

_LEASE_SECONDS = 600.0
# Examples that a person has at hand: the one on the screen and the next, whose image is fetched ahead.
_AT_HAND = 2
# Examples that are leased at a time, and the least of them whatever is left: whoever is not heard of for
# longest gives theirs back, so that a client of many names takes nobody's work away.
_MOST_LEASED = 64  # examples
_LEAST_LEASED = 16  # examples
_MOST_RANKED = 500
_LONGEST_LABEL = 200  # characters
_MOST_LABELS = 1_000  # different ones
_LONGEST_NAME = 100  # characters of a person's name
# People whose pages are remembered; of more the one not heard of for longest is forgotten.
_MOST_PEOPLE = 1_000


class Conflict(Exception):
    """An answer that comes too late: the example was labelled, or given to another, in the meantime."""


@dataclass
class _Person:
    """Somebody's page."""

    at_hand: list[int] = field(default_factory=list)  # positions, the one on the screen first
    answered: list[int] = field(default_factory=list)  # positions, the last one last


@dataclass(frozen=True)
class _Guide:
    """What the last training left: positions in the pool to ask about, the best first."""

    model: Model | None = None
    judgement: Judgement = field(default_factory=Judgement)
    typical: Sequence[int] = ()
    uncertain: Sequence[int] = ()


class Labelling:
    """The state of labelling one pool into one table."""

    def __init__(
        self,
        pool: Pool,
        table: LabelTable,
        *,
        target: Target = TARGETS["class"],
        seed: int = 0,
        classes: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.pool, self.target, self._taught = pool, target, TAUGHT[target]
        self._table, self._seed, self._clock = table, seed, clock
        self._lock, self._wake = threading.RLock(), threading.Condition()
        self._audit = audit_sample(len(pool), seed).tolist()
        self._in_audit = frozenset(self._audit)
        self._random = random_order(len(pool), seed).tolist()
        self._compared: Compared | None = None
        self._guide, self._fault, self._progress = _Guide(), "", (0, 0)
        self._labels: dict[int, Label] = {}  # by position in the pool, in the order of the answers
        self._skipped: set[int] = set()
        self._policies: dict[int, str] = {}  # of what was given out
        self._leases: dict[int, tuple[str, float]] = {}
        self._people: dict[str, _Person] = {}
        self._classes: dict[str, None] = {}
        for name in classes:
            self._classes[self._checked(name)] = None
        self._is_stopped = False
        self.token = hashlib.sha256("\0".join(pool.keys).encode(errors="surrogatepass")).hexdigest()[:16]
        self.elsewhere = self._take_over()

    def _take_over(self) -> int:
        """Take over what the table has; the number of its rows that are about nothing in the pool."""
        elsewhere = 0
        by_text: dict[str, int] = {}
        if self.pool.kind is TEXTS and self._table.rows:
            by_text = {text: at for at, text in reversed(list(enumerate(self.pool.texts)))}
        for row in self._table.rows:
            if row.labels and not self._taught.admits(row.labels):
                raise UsageError(
                    "{path}: an example has several labels, {labels!r}; add --several-labels",
                    self._table.path,
                    SEPARATOR.join(row.labels),
                )
            self._classes |= dict.fromkeys(row.labels)
            place = self.pool.places.get(row.key)
            if self.pool.kind is TEXTS and (place is None or self.pool.texts[place] != row.text):
                place = by_text.get(row.text)
            if place is None:
                elsewhere += 1
            elif self._taught.admits(row.labels):
                # Whatever the seed then was: an example that somebody learned from judges no more.
                self._note(Label(place, row.labels, row.policy))
        self._skipped = {self.pool.places[key] for key in self._table.skipped if key in self.pool.places}
        self._skipped -= self._labels.keys()
        return elsewhere

    def _note(self, label: Label) -> None:
        self._labels.pop(label.example, None)  # the last answer counts, in its own place
        self._labels[label.example] = label
        self._policies[label.example] = label.policy

    # What people do.

    def question(self, person: str) -> dict[str, Any]:
        """What a person is asked now, with the state of things; the same until it is answered."""
        with self._lock:
            return {**self._question(person), **self.status()}

    def answer(
        self, person: str, example: int, labels: Iterable[str], seconds: float = 0.0, by: str = ""
    ) -> dict[str, Any]:
        """Write an answer into the table, and ask the next question.

        Raises: `Conflict` if somebody else has, or had, the example; `UsageError` if labels are none;
        `StorageError` if they cannot be written.
        """
        with self._lock:
            names = tuple(sorted({self._checked(label) for label in labels}))
            if not self._taught.admits(names):
                raise UsageError("labels: exactly one is expected; choose one, or skip the example")
            mine = self._page_of(person)
            if example in self._labels and mine.answered[-1:] == [example]:
                if self._labels[example].labels == names:  # the same again, after a reply that was lost
                    return self.question(person)
            self._require_free(person, example)
            # One that was given out before a restart may have been chosen, and counts as such.
            policy = self._policies.get(example) or (AUDIT if example in self._in_audit else MARGIN)
            key = self.pool.keys[example]
            text = self.pool.texts[example] if self.pool.kind is TEXTS else ""
            self._table.append(Row(key, text, names, policy, seconds, _now(), by[:_LONGEST_NAME]))
            self._classes |= dict.fromkeys(names)
            self._note(Label(example, names, policy))
            self._leave(mine, example)
            found = self.question(person)
        self.learn_soon()
        return found

    def skip(self, person: str, example: int, by: str = "") -> dict[str, Any]:
        """Note that nobody is to be asked about an example, and ask the next question.

        Raises: as `answer`.
        """
        with self._lock:
            mine = self._page_of(person)
            if not (example in self._skipped and mine.answered[-1:] == [example]):
                self._require_free(person, example)
                self._table.skip(self.pool.keys[example], _now(), by[:_LONGEST_NAME])
                self._skipped.add(example)
                self._leave(mine, example)
            return self.question(person)

    def undo(self, person: str) -> dict[str, Any]:
        """Take back a person's last answer, and ask the same question again; the labels that it had.

        Raises: `Conflict` if there is nothing to take back; `StorageError` as `answer`.
        """
        with self._lock:
            mine = self._page_of(person)
            if not mine.answered:
                raise Conflict("Nothing to undo: this page has given no answer since the server was started")
            example, labels = mine.answered[-1], list[str]()
            key = self.pool.keys[example]
            if example in self._skipped:
                self._table.skip(key, _now(), "", is_taken_back=True)
                self._skipped.discard(example)
            elif (row := self._table.take_back(key)) is not None:
                labels = list(row.labels)
                self._labels.pop(example, None)
            mine.answered.pop()
            for each in mine.at_hand[_AT_HAND - 1 :]:
                self._leases.pop(each, None)
            mine.at_hand = [example, *mine.at_hand[: _AT_HAND - 1]]
            found = {**self.question(person), "had": labels}
        self.learn_soon()
        return found

    def suggestion(self, person: str, example: int) -> list[tuple[str, float]]:
        """Labels of an example that this person was asked about, with probabilities, the likeliest first.

        Raises: `Conflict` if it is not theirs, or there is no model yet.
        """
        with self._lock:
            model, compared = self._guide.model, self._compared
            if example not in self._page_of(person).at_hand:
                raise Conflict("Another example is on this page by now; reload it")
        if model is None or compared is None:
            raise Conflict("No model yet: it learns from the first labels outside the audit")
        place = int(np.searchsorted(compared.positions, example))
        if place == len(compared.positions) or compared.positions[place] != example:
            raise Conflict("No suggestion: this example is none of those that were compared")
        probabilities = model.probabilities(compared.features[place : place + 1])[0]
        order = np.argsort(-probabilities, kind="stable")
        return [(model.classes[at], float(probabilities[at])) for at in order]

    def status(self) -> dict[str, Any]:
        """How far labelling has come, and what the audit shows."""
        with self._lock:
            counts = Counter(label for each in self._labels.values() for label in each.labels)
            by_policy = Counter(each.policy for each in self._labels.values())
            done, of_all = self._progress
            noun = self.pool.kind.noun
            if self._fault:
                state: str = Sentence("Examples are drawn at random: {fault}.", self._fault)
            elif self._compared is None:
                read = Sentence(" ({done:,} of {of_all:,})", done, of_all) if of_all else ""
                state = Sentence(
                    "Features of the {noun}s are being computed{read}; random ones are asked meanwhile.",
                    noun,
                    read,
                )
            else:
                state = ""
            return {
                "classes": [{"name": name, "labelled": counts[name]} for name in self._classes],
                "labelled": len(self._labels),
                "skipped": len(self._skipped),
                "audited": by_policy[AUDIT],
                "pool": len(self.pool),
                "state": state,
                "sentences": [] if state else self._guide.judgement.sentences(self.target),
                "command": self.command,
            }

    @property
    def command(self) -> str:
        """The command that trains on the table."""
        several = self._taught.flags
        run = self._table.path.with_name(f"{self._table.path.stem}-run")
        return f"pellucid train {shlex.quote(str(self._table.path))}{several} --out {shlex.quote(str(run))}"

    def _checked(self, label: str) -> str:
        """A label that the table can have."""
        name = " ".join(str(label).split())
        if not name or len(name) > _LONGEST_LABEL or SEPARATOR in name or not name.isprintable():
            raise UsageError(
                "label {name!r}: 1 to {LONGEST_LABEL} visible characters without {SEPARATOR} are "
                "expected; choose another name",
                name[:40],
                _LONGEST_LABEL,
                SEPARATOR,
            )
        if name not in self._classes and len(self._classes) >= _MOST_LABELS:
            raise UsageError(
                "label {name!r}: more than {MOST_LABELS:,} labels; choose one that is there",
                name[:40],
                _MOST_LABELS,
            )
        return name

    # Who is asked what.

    def _page_of(self, person: str) -> _Person:
        mine = self._people.pop(person, None) or _Person()
        self._people[person] = mine  # the one heard of last comes last
        while len(self._people) > _MOST_PEOPLE:
            self._people.pop(next(iter(self._people)))
        return mine

    def _question(self, person: str) -> dict[str, Any]:
        """Fill up what a person has at hand, and describe the first of it."""
        mine, now = self._page_of(person), self._clock()
        self._leases = {at: lease for at, lease in self._leases.items() if lease[1] > now}
        mine.at_hand = [at for at in mine.at_hand if self._is_open(at) and self._is_free_for(person, at)]
        self._free_leases(person)
        while len(mine.at_hand) < _AT_HAND and (found := self._drawn(mine)) is not None:
            mine.at_hand.append(found)
            self._leases[found] = (person, now)
        for at in mine.at_hand:
            self._leases[at] = (person, now + _LEASE_SECONDS)
        waiting = len(self._leases) - len(mine.at_hand)
        if not mine.at_hand:
            return {"example": None, "upcoming": None, "waiting": waiting}
        example, *rest = mine.at_hand
        shown: dict[str, Any] = {"id": example}
        if self.pool.kind is TEXTS:
            shown["text"] = self.pool.text(example)
        return {"example": shown, "upcoming": rest[0] if rest else None, "waiting": waiting}

    def _free_leases(self, person: str) -> None:
        """Take the oldest leases of other people back where there are too many for this one to have some."""
        left = len(self.pool) - len(self._labels) - len(self._skipped)
        most = max(_LEAST_LEASED, min(_MOST_LEASED, left // 2)) - _AT_HAND
        others = [at for at, (name, _) in self._leases.items() if name != person]
        others.sort(key=lambda at: self._leases[at][1])
        for at in others[: max(0, len(others) - most)]:
            del self._leases[at]

    def _drawn(self, mine: _Person) -> int | None:
        """The next example for somebody, of whatever kind is due; `None` where nothing is left."""
        asked = Counter(each.policy for each in self._labels.values())
        asked += Counter(self._policies[at] for at in self._leases if at not in self._labels)
        guide = self._guide
        due = next_policy(
            asked,
            _classes_of(each for each in self._labels.values() if each.policy != AUDIT),
            is_ready=bool(guide.typical or guide.uncertain),
            is_harmful=guide.judgement.is_harmful,
        )
        others = {TYPICAL: guide.typical, MARGIN: guide.uncertain, RANDOM: self._random}
        sources = {
            due: self._audit if due == AUDIT else others[due],
            RANDOM: self._random,
            AUDIT: self._audit,
        }
        first = None if self._compared is None else self._compared.first
        closed = {*self._labels, *self._skipped, *self._leases, *mine.at_hand}
        sets = closed if first is None else set(first[list(closed)].tolist())
        kept = self._in_audit if first is None else set(first[self._audit].tolist())
        for policy, positions in sources.items():
            for at in positions:
                of_set = at if first is None else int(first[at])
                if at in closed or of_set in sets or not self._is_open(at):
                    continue
                if policy == AUDIT or of_set not in kept:
                    self._policies[at] = policy
                    return int(at)
        return None

    def _is_open(self, at: int) -> bool:
        """Whether nobody has answered yet, and there is something to see."""
        is_unreadable = self._compared is not None and at in self._compared.unreadable
        return at not in self._labels and at not in self._skipped and not is_unreadable

    def _is_free_for(self, person: str, at: int) -> bool:
        return self._leases.get(at, (person, 0.0))[0] == person

    def _require_free(self, person: str, example: int) -> None:
        if not 0 <= example < len(self.pool):
            raise UsageError("example {example}: there is none; reload the page", example)
        if not self._is_open(example) or not self._is_free_for(person, example):
            raise Conflict("Somebody else has this example, or it was answered meanwhile; here is another")

    def _leave(self, mine: _Person, example: int) -> None:
        self._leases.pop(example, None)
        mine.at_hand = [at for at in mine.at_hand if at != example]
        mine.answered.append(example)

    # What is learned meanwhile.

    def start(self) -> threading.Thread:
        """Compute features and train, from now on, in a thread that ends with the process."""
        thread = threading.Thread(target=self._learn_always, name="labelling", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """Train no more."""
        with self._wake:
            self._is_stopped = True
            self._wake.notify_all()

    def learn_soon(self) -> None:
        """Wake the training."""
        with self._wake:
            self._wake.notify_all()

    def _learn_always(self) -> None:
        from threadpoolctl import threadpool_limits

        try:
            self.compare()
            learned: object = None
            # On a busy machine the threads of such small products of matrices wait longest for one another.
            with threadpool_limits(1):
                while not self._is_stopped:
                    if (seen := self._seen()) != learned:
                        self.learn()
                        learned = seen
                        continue
                    with self._wake:
                        self._wake.wait(timeout=1.0)
        except Exception as error:  # people go on labelling without it
            reason = str(error) if isinstance(error, DataError) else f"{type(error).__name__}: {error}"
            with self._lock:
                self._fault = Sentence("choosing them has stopped ({reason})", reason)

    def _seen(self) -> object:
        """What a training would learn from, to be compared with what the last one did."""
        with self._lock:
            return tuple(self._labels.values()), frozenset(self._skipped)

    def compare(self) -> None:
        """Compute the features of the pool."""

        def note(done: int, of_all: int) -> None:
            self._progress = (done, of_all)

        found = self.pool.compare(self._seed, note)
        with self._lock:
            self._compared = found

    def learn(self) -> None:
        """Train on what is labelled, and leave what to ask next."""
        compared = self._compared
        assert compared is not None
        with self._lock:
            answers, skipped = list(self._labels.values()), set(self._skipped)
            leased, before = set(self._leases), self._guide
        places = {at: place for place, at in enumerate(compared.positions.tolist())}
        labels = [each._replace(example=places[each.example]) for each in answers if each.example in places]
        learned = [each for each in labels if each.policy != AUDIT]
        closed = {each.example for each in answers} | skipped
        sets = set(compared.first[[*closed, *self._audit]].tolist())
        candidates = np.array(
            [
                place
                for at, place in places.items()
                if compared.first[at] not in sets and compared.first[at] == at
            ],
            np.int64,
        )

        def in_pool(chosen: Iterable[int]) -> list[int]:
            return [int(compared.positions[place]) for place in chosen]

        model, uncertain = None, list[int]()
        if any(each.labels for each in learned):
            model = fit(compared.features, learned, self.target)
            if len(candidates):
                order = np.argsort(model.margins(compared.features[candidates]), kind="stable")
                uncertain = in_pool(candidates[order[:_MOST_RANKED]])
        asked = Counter(each.policy for each in answers)
        waiting = [at for at in before.typical if at not in closed and at not in leased]
        if not is_early(asked, _classes_of(learned)):
            waiting = []
        elif len(waiting) <= _AT_HAND:
            known = np.array([each.example for each in learned], np.int64)
            waiting = in_pool(typical(compared.features, candidates, known, self._seed))
        with self._lock:
            self._guide = _Guide(model, before.judgement, waiting, uncertain)
        if model is not None:
            judgement = judge(compared.features, labels, model)
        else:
            judgement = Judgement(0, asked[AUDIT])
        with self._lock:
            self._guide = _Guide(model, judgement, waiting, uncertain)

    def summary(self) -> str:
        """What there is, in a sentence."""
        labelled, skipped = count_of(len(self._labels), self.pool.kind.noun), len(self._skipped)
        return Sentence(
            "{labelled} labelled, {skipped:,} skipped, of {pool:,}", labelled, skipped, len(self.pool)
        )


def _classes_of(labels: Iterable[Label]) -> int:
    return len({name for each in labels for name in each.labels})


def _now() -> str:
    return datetime.now(UTC).astimezone().isoformat(timespec="seconds")
