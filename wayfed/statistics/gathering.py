"""Asks the stores of a plan's tables what they know, all at once and within a budget of time.

A store that is late or does not answer holds nobody up: the plan is made with what it told before,
or with guesses, which is said; its answer is there for the next plan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from threading import Event, Lock, Thread
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import WayfedError, mask_secrets
from wayfed_optimizer.platform import ARROW_TABLE
from wayfed_optimizer.statistics import TableStatistics, Told
from wayfed_optimizer.statistics.sanity import sound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from wayfed_optimizer.platform import Source

SECONDS: Final = 0.5
"""How long a plan waits for all its stores to tell what they know."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is known of the tables of a plan.

    Parameters
    ----------
    statistics
        By table.
    numbers
        Numbers that change with a table's statistics.
    versions
        What changes with a table's rows; missing where nobody knows that.
    troubles
        Why little is known of a table, where that is news: a sentence each.
    """

    statistics: Mapping[str, TableStatistics]
    numbers: Mapping[str, int]
    versions: Mapping[str, str]
    troubles: tuple[str, ...] = ()


class _Question:
    """What a store is asked in a thread of its own: the thread may hang, nobody else does.

    Parameters
    ----------
    names
        The tables that are asked about.
    ask
        Asks.
    here
        Whether it is asked at once: files and memory answer faster than a thread starts.
    """

    def __init__(
        self, names: Sequence[str], ask: Callable[[], Sequence[Told]], *, here: bool
    ) -> None:
        self.names = names
        self.answered = Event()
        self.answer: Sequence[Told] = ()
        self.trouble: str | None = None
        self.seconds = 0.0
        self._ask = ask
        self._here = here
        self._began = monotonic()
        if here:
            self._run()
        else:
            Thread(target=self._run, name="wayfed-statistics", daemon=True).start()

    @property
    def age(self) -> float:
        """How long ago it was asked."""
        return monotonic() - self._began

    def in_time(self, seconds: float) -> bool:
        """Return whether it was answered in so many seconds; one that is asked at once is."""
        return self.answered.is_set() and (self._here or self.seconds <= seconds)

    def _run(self) -> None:
        try:
            self.answer = self._ask()
        except WayfedError as error:
            self.trouble = error.message
        except Exception as error:  # noqa: BLE001  # whatever it is, plans go on without, and say so
            self.trouble = f"{type(error).__name__}: {error}"
        finally:
            self.seconds = self.age
            self.answered.set()


class Gatherer:
    """Gathers what is known of tables, and keeps it; safe across threads.

    Parameters
    ----------
    seconds
        How long a plan waits for all its stores together.
    """

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._known: dict[str, tuple[TableStatistics, TableStatistics, int]] = {}
        self._versions: dict[str, str] = {}
        self._asked: dict[tuple[object, tuple[str, ...]], _Question] = {}
        self._told_of: set[tuple[str, str]] = set()
        self._count = 0

    def gather(self, sources: Mapping[str, Source]) -> Gathered:
        """Return what is known of tables, asking their stores for what may have changed."""
        until = monotonic() + self._seconds
        questions = []
        for store, names in _by_store(sources).items():
            question, seconds = self._question(store, names, sources)
            questions.append((question, min(until, monotonic() + seconds)))
        for question, at in questions:
            question.answered.wait(max(0.0, at - monotonic()))
        with self._lock:
            for question, _ in questions:
                self._take(question)
            return self._gathered(sources, [question for question, _ in questions])

    def _question(
        self, store: object, names: tuple[str, ...], sources: Mapping[str, Source]
    ) -> tuple[_Question, float]:
        """Ask a store, unless it has yet to answer; return also how long to wait for it.

        One that was too late before is not waited for again: its answer is for later.
        """
        with self._lock:
            before = self._asked.get((store, names))
            if before is not None and not before.answered.is_set():
                return before, max(0.0, self._seconds - before.age)
            too_slow = before is not None and before.seconds > self._seconds
            if too_slow and before is not None:
                self._take(before)
            asked = [sources[name] for name in names]
            here = asked[0].channel.owner is None
            question = _Question(names, lambda: _ask(asked), here=here)
            self._asked[store, names] = question
            return question, 0.0 if too_slow else self._seconds

    def _take(self, question: _Question) -> None:
        """Keep an answer; a table keeps its number while nothing of what is known changes."""
        if not question.answered.is_set() or len(question.answer) != len(question.names):
            return
        for name, told in zip(question.names, question.answer, strict=True):
            before = self._known.get(name)
            if before is None or not (before[0] is told.statistics or before[0] == told.statistics):
                self._count += 1
                self._known[name] = (told.statistics, sound(told.statistics), self._count)
            self._versions[name] = told.version

    def _gathered(self, sources: Mapping[str, Source], questions: Sequence[_Question]) -> Gathered:
        statistics: dict[str, TableStatistics] = {}
        numbers: dict[str, int] = {}
        troubles: list[str] = []
        for question in questions:
            why = question.trouble if question.in_time(self._seconds) else self._late()
            for name in question.names:
                known = self._known.get(name)
                found, number = (known[1], known[2]) if known else (TableStatistics.unknown(), 0)
                if why is not None and found.keys:
                    # A key may have been dropped by now: plans rely on those that are there.
                    found, number = replace(found, keys=()), -number
                trouble = found.trouble if why is None else why
                if trouble is not None:
                    trouble = mask_secrets(trouble)
                    found = replace(found, trouble=trouble)
                    if told := self._news(name, trouble, sources[name], found):
                        troubles.append(told)
                statistics[name], numbers[name] = found, number
        versions = {name: version for name in sources if (version := self._versions.get(name, ""))}
        return Gathered(
            MappingProxyType(statistics),
            MappingProxyType(numbers),
            MappingProxyType(versions),
            tuple(troubles),
        )

    def _late(self) -> str:
        return f"its store did not tell what it knows within {self._seconds:g} s"

    def _news(self, name: str, trouble: str, source: Source, found: TableStatistics) -> str | None:
        """Return what to say of a table's trouble, the first time that it is met."""
        if (name, trouble) in self._told_of:
            return None
        self._told_of.add((name, trouble))
        return (
            f"{name} ({mask_secrets(source.description)}): {trouble}; the plan takes it to have "
            f"{found.rows}"
        )


def _by_store(sources: Mapping[str, Source]) -> dict[object, tuple[str, ...]]:
    """Return the tables that are asked for together: those of one store that tells of several."""
    found: dict[object, list[str]] = {}
    for name, source in sorted(sources.items()):
        teller = getattr(source, "teller", None)
        # By identity: two objects of one value are two stores.
        found.setdefault(id(source if teller is None else teller), []).append(name)
    return {store: tuple(names) for store, names in found.items()}


def _ask(sources: Sequence[Source]) -> Sequence[Told]:
    teller = getattr(sources[0], "teller", None)
    if teller is not None:
        told: Sequence[Told] = teller.told(sources)
        return told
    (source,) = sources
    return (Told(source.statistics(), "kept" if source.channel == ARROW_TABLE else ""),)
