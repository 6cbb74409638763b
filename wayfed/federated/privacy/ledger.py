"""What a party has spent of its privacy: on its own disk, charged before anything is told.

A charge is on the disk (fsync of the file and of its directory) before `Ledger.charge` returns, and
nothing is told before that: whenever a process dies, what was told was charged. The file is
replaced as a whole, under a lock that processes share, so that it is never half written. One that
cannot be read, or whose seal does not fit what stands in it, pays for nothing: forgetting is the
one thing that a ledger must not do.

A run that may be gone on with stands there too: how many rounds it has paid for, and how many of
them it has told. That is written down as a charge is, before each is told.
"""

from __future__ import annotations

import datetime
import fcntl
import json
import os
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from wayfed.federated.privacy.charges import (
    Book,
    Budget,
    Charge,
    Spending,
    Standing,
    of_table,
    overdrawn,
    sum_of,
)
from wayfed_optimizer.errors import PolicyViolation, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wayfed.federated.privacy.composition import Sides

__all__ = ["Budget", "Charge", "Ledger", "Spending", "Standing"]


class Ledger:
    """The charges of one party, in a file.

    Parameters
    ----------
    path
        The file; it is made at the first charge. Beside it stands one of the same name and
        ``.lock``.

    Examples
    --------
    >>> import tempfile
    >>> directory = tempfile.TemporaryDirectory()
    >>> ledger = Ledger(Path(directory.name, "bank.ledger"))
    >>> budget = Budget(epsilon=3.0, delta=1e-4)
    >>> ledger.charge([Charge("core#tx", "example", 2.0, 1e-5)], budget)
    >>> ledger.spent("core#tx", "example")
    Spending(epsilon=2.0, delta=1e-05)
    >>> ledger.charge([Charge("core#tx", "example", 2.0, 1e-5)], budget)
    Traceback (most recent call last):
    wayfed_optimizer.errors.PolicyViolation: core#tx has spent epsilon=2 of 3, ...
    >>> directory.cleanup()
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def read(self) -> Book:
        """Return all that stands in it.

        Raises
        ------
        SourceError
            The file cannot be read or is not as it was written; says how to go on.
        """
        try:
            return Book.from_plain(self._plain())
        except FileNotFoundError as error:
            if self._has_charged():
                raise self._unreadable("it is gone") from error
            return Book()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._unreadable(f"it is no ledger as one was written: {error}") from error

    def charges(self) -> tuple[Charge, ...]:
        """Return all charges, the oldest first.

        Raises
        ------
        SourceError
            As `read`.
        """
        return self.read().charges

    def spent(self, table: str, unit: str) -> Spending:
        """Return the sum of what was spent of a table."""
        return sum_of(of_table(self.charges(), table, unit))

    def standing(self, key: str) -> Standing | None:
        """Return how far a run is; None where nothing is known of it."""
        return self.read().runs.get(key)

    def charge(self, asked: Sequence[Charge], budget: Budget) -> None:
        """Write down charges, all or none; returns when they are on the disk.

        A charge with a key that stands there for a run that never began is not made again: whoever
        made it died, or could not write, before anything was told.

        Raises
        ------
        PolicyViolation
            A budget has not enough left; nothing is charged.
        SourceError
            The ledger cannot be read or written; nothing may be told.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with self._locked():
            book = self.read()
            asked = [each for each in asked if not book.has_paid(each)]
            for each in asked:
                before = of_table(book.charges, each.table, each.unit)
                together = of_table(asked, each.table, each.unit)
                if not budget.has((*before, *together)):
                    raise PolicyViolation(overdrawn(each.table, before, together, budget))
            dated = (replace(each, at=each.at or now) for each in asked)
            self._replace(replace(book, charges=(*book.charges, *dated)))

    def settle(
        self,
        key: str,
        sides: Sides,
        budget: Budget,
        *,
        epsilon: float = 0.0,
        standing: Standing | None = None,
        before: Standing | None = None,
    ) -> bool:
        """Write down what the run of some charges tells; returns when that is on the disk.

        Parameters
        ----------
        key
            Of the charges.
        sides
            What the run tells, all of it.
        budget
            What pays for it.
        epsilon
            What the run costs at least; a charge that is greater stays.
        standing
            How far the run is, where it may be gone on with.
        before
            How far it was when `standing` was made of it.

        Returns
        -------
        bool
            Whether it was written: it is not where the run is no more as far as `before`.

        Raises
        ------
        PolicyViolation
            A budget has not enough left. The charges stand, and pay for this refusal, in which rows
            have a part; where the run has never begun, they pay for nothing more.
        SourceError
            The ledger cannot be read or written; nothing may be told. The charges stand.
        """
        with self._locked():
            book = self.read()
            if standing is not None and book.runs.get(key) != before:
                return False
            charges = tuple(
                replace(each, sides=sides, epsilon=max(each.epsilon, epsilon))
                if each.key == key
                else each
                for each in book.charges
            )
            for old, each in zip(book.charges, charges, strict=True):
                if each.key != key:
                    continue
                if not budget.has(of_table(charges, each.table, each.unit)):
                    if each.epsilon == old.epsilon:
                        if key not in book.runs:
                            self._replace(book.closed(key))
                        raise PolicyViolation(
                            f"what this run would tell of {each.table} costs more beside earlier "
                            "runs than it was charged for, and is not told",
                            hint="ask for less, or without batch_size",
                        )
                    known = of_table(book.charges, each.table, each.unit)
                    more = replace(each, epsilon=each.epsilon - old.epsilon, delta=0.0)
                    raise PolicyViolation(overdrawn(each.table, known, [more], budget))
            runs = book.runs if standing is None else {**book.runs, key: standing}
            self._replace(Book(charges, runs))
            return True

    def close(self, key: str) -> None:
        """Let the charges of a run that never began pay for nothing more than why it did not.

        Raises
        ------
        SourceError
            The ledger cannot be read or written; nothing may be told.
        """
        with self._locked():
            book = self.read()
            if key not in book.runs:
                self._replace(book.closed(key))

    def note(self, key: str, kind: str, begun: int) -> None:
        """Write down that a run tells something once more; returns when that is on the disk.

        Parameters
        ----------
        key
            The run's.
        kind
            What it tells: ``train`` or ``evaluate``.
        begun
            How often the run had been begun when who tells it began.

        Raises
        ------
        PolicyViolation
            That was not paid for, or the run was begun again since.
        SourceError
            The ledger cannot be read or written, or does not know the run; nothing may be told.
        """
        with self._locked():
            book = self.read()
            standing = book.runs.get(key)
            if standing is None:
                raise self._unreadable("a run that has begun does not stand in it")
            if standing.begun != begun:
                raise PolicyViolation("this run was begun again by somebody else")
            told = standing.told.get(kind, 0)
            if told >= standing.rounds:
                raise PolicyViolation(
                    f"this run has paid for {standing.rounds} rounds, and they are over",
                    hint="begin another run, which is paid for by itself",
                )
            noted = replace(standing, told={**standing.told, kind: told + 1})
            self._replace(replace(book, runs={**book.runs, key: noted}))

    def seal(self) -> Book:
        """Seal the file as it stands, after a person has made sure that no charge is missing.

        This is how a ledger is repaired: restore it from a backup, or write its charges by hand,
        then seal it.

        Raises
        ------
        SourceError
            There is no file, or what stands there is no ledger.
        """
        with self._locked():
            book = self.unsealed()
            self._replace(book)
            return book

    def unsealed(self) -> Book:
        """Return what stands in it, whether its seal fits or not.

        Raises
        ------
        SourceError
            There is no file, or what stands there is no ledger.
        """
        try:
            return Book.from_plain(self._plain(), sealed=False)
        except FileNotFoundError as error:
            raise self._unreadable("there is no such file") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._unreadable(f"it is no ledger as one was written: {error}") from error

    def _plain(self) -> object:
        try:
            return json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self._unreadable(str(error)) from error

    @property
    def _lock_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.lock")

    def _has_charged(self) -> bool:
        """Say whether there was a ledger once: what is beside it outlives it by mistake only."""
        try:
            return self._lock_path.stat().st_size > 0
        except OSError:
            return False

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unreadable(str(error)) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _replace(self, book: Book) -> None:
        directory = self.path.resolve().parent
        try:
            # Its own name each time: what a killed process left is in nobody's way.
            number, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=directory)
            try:
                with os.fdopen(number, "w", encoding="utf-8") as file:
                    file.write(book.to_text())
                    file.flush()
                    os.fsync(file.fileno())
                Path(name).replace(self.path.resolve())
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
            opened = os.open(directory, os.O_RDONLY)
            try:
                os.fsync(opened)
            finally:
                os.close(opened)
            if not self._has_charged():
                self._lock_path.write_bytes(b"charged\n")
        except OSError as error:
            raise self._unreadable(str(error)) from error

    def _unreadable(self, reason: str) -> SourceError:
        return SourceError(
            f"the privacy ledger {self.path} cannot be used: {reason}",
            hint="restore it from a backup, or write down all that was spent and call "
            "`wayfed party ledger seal`; until then no private run is paid for",
        )
