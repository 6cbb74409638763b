"""What a party has spent of its privacy: on its own disk, charged before anything is told.

A charge is on the disk (fsync of the file and of its directory) before `Ledger.charge` returns, and
nothing is told before that: whenever a process dies, what was told was charged. The file is
replaced as a whole, under a lock that processes share, so that it is never half written. One that
cannot be read, or whose seal does not fit what stands in it, pays for nothing: forgetting is the
one thing that a ledger must not do.

Charges add up (basic composition; as budgets are fixed beforehand, what is asked may depend on
what was told: Rogers, Roth, Ullman and Vadhan, Privacy odometers and filters, NeurIPS 2016).
"""

from __future__ import annotations

import datetime
import fcntl
import hashlib
import json
import math
import os
import tempfile
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from wayfed_optimizer.errors import PolicyViolation, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VERSION: Final = 1
_ROUNDING: Final = 1 + 1e-12


@dataclass(frozen=True, slots=True)
class Charge:
    """What one run has cost one table.

    Parameters
    ----------
    table
        The table in the party's own store, whatever names it is published under.
    unit
        ``example`` or ``client``.
    epsilon, delta
        What was spent.
    at
        When, in UTC.
    """

    table: str
    unit: str
    epsilon: float
    delta: float
    at: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """What may be spent of each table, once and for all."""

    epsilon: float
    delta: float

    def has(self, spent: Spending, asked: Spending) -> bool:
        """Say whether something is left for what is asked."""
        return (
            spent.epsilon + asked.epsilon <= self.epsilon * _ROUNDING
            and spent.delta + asked.delta <= self.delta * _ROUNDING
        )


@dataclass(frozen=True, slots=True)
class Spending:
    """A sum of charges."""

    epsilon: float = 0.0
    delta: float = 0.0


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

    def charges(self) -> tuple[Charge, ...]:
        """Return all charges, the oldest first.

        Raises
        ------
        SourceError
            The file cannot be read or is not as it was written; says how to go on.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            if self._has_charged():
                raise self._unreadable("it is gone") from error
            return ()
        except (OSError, UnicodeDecodeError) as error:
            raise self._unreadable(str(error)) from error
        try:
            plain = json.loads(text)
            found = tuple(_charge(each) for each in plain["charges"])
            version, seal = plain["version"], plain["seal"]
        except (ValueError, KeyError, TypeError) as error:
            raise self._unreadable(f"it is not a ledger: {error}") from error
        if version != VERSION:
            raise self._unreadable(f"it is of version {version}, and this is {VERSION}")
        if seal != _seal(found):
            raise self._unreadable("its seal does not fit its charges")
        return found

    def spent(self, table: str, unit: str) -> Spending:
        """Return what was spent of a table."""
        return _sum(self.charges(), table, unit)

    def charge(self, asked: Sequence[Charge], budget: Budget) -> None:
        """Write down charges, all or none; returns when they are on the disk.

        Raises
        ------
        PolicyViolation
            A budget has not enough left; nothing is charged.
        SourceError
            The ledger cannot be read or written; nothing may be told.
        """
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with self._locked():
            known = self.charges()
            for each in asked:
                before = _sum(known, each.table, each.unit)
                together = _sum(asked, each.table, each.unit)
                if not budget.has(before, together):
                    raise PolicyViolation(overdrawn(each.table, before, together, budget))
            dated = (Charge(**{**asdict(each), "at": each.at or now}) for each in asked)
            self._replace((*known, *dated))
            self._lock_path.write_bytes(b"charged\n")

    def seal(self) -> None:
        """Seal the file as it stands, after a person has made sure that no charge is missing.

        This is how a ledger is repaired: restore it from a backup, or write its charges by hand,
        then seal it.
        """
        with self._locked():
            plain = json.loads(self.path.read_text(encoding="utf-8"))
            self._replace(tuple(_charge(each) for each in plain["charges"]))

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

    def _replace(self, charges: tuple[Charge, ...]) -> None:
        plain = {
            "version": VERSION,
            "charges": [asdict(each) for each in charges],
            "seal": _seal(charges),
        }
        directory = self.path.resolve().parent
        try:
            # Its own name each time: what a killed process left is in nobody's way.
            number, name = tempfile.mkstemp(prefix=f".{self.path.name}.", dir=directory)
            try:
                with os.fdopen(number, "w", encoding="utf-8") as file:
                    json.dump(plain, file, indent=1)
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
        except OSError as error:
            raise self._unreadable(str(error)) from error

    def _unreadable(self, reason: str) -> SourceError:
        return SourceError(
            f"the privacy ledger {self.path} cannot be used: {reason}",
            hint="restore it from a backup, or write down all that was spent and call "
            "Ledger(path).seal(); until then no private run is paid for",
        )


def overdrawn(table: str, spent: Spending, asked: Spending, budget: Budget) -> str:
    """Say that a budget has not enough left, and what to do."""
    return (
        f"{table} has spent epsilon={spent.epsilon:g} of {budget.epsilon:g}, "
        f"delta={spent.delta:g} of {budget.delta:g}, and epsilon={asked.epsilon:g}, "
        f"delta={asked.delta:g} is asked; ask for less, or let the party raise its "
        "[policy.privacy] budget"
    )


def _sum(charges: Sequence[Charge], table: str, unit: str) -> Spending:
    of_table = [each for each in charges if (each.table, each.unit) == (table, unit)]
    return Spending(
        math.fsum(each.epsilon for each in of_table), math.fsum(each.delta for each in of_table)
    )


def _charge(plain: Any) -> Charge:
    charge = Charge(**plain)
    for value in (charge.epsilon, charge.delta):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{value!r} is no number")
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{value!r} was never spent")
    return charge


def _seal(charges: Sequence[Charge]) -> str:
    text = json.dumps([asdict(each) for each in charges], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
