"""Spoil SQL text and plans on the wire for some minutes; say what came of it.

python scripts/fuzz.py [--minutes 20] [--seed 1] [sql] [wire]
"""

from __future__ import annotations

import argparse
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.fuzzing.campaigns import CAMPAIGNS, Tally


def main() -> int:
    """Run the campaigns one after the other; the exit status is 1 if anything crashed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("campaigns", nargs="*", metavar="sql|wire")
    parser.add_argument("--minutes", type=float, default=20.0, help="for all campaigns together")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chosen = options.campaigns or list(CAMPAIGNS)
    if unknown := set(chosen) - set(CAMPAIGNS):
        parser.error(f"no such campaign: {', '.join(sorted(unknown))}")
    crashed = False
    for name in chosen:
        end = time.monotonic() + options.minutes * 60 / len(chosen)
        tally = CAMPAIGNS[name](options.seed, lambda _, end=end: time.monotonic() < end)
        sys.stdout.write(_report(name, tally))
        crashed |= bool(tally.crashes)
    return int(crashed)


def _report(name: str, tally: Tally) -> str:
    errors = ", ".join(f"{error} {count}" for error, count in tally.errors.most_common())
    lines = [
        f"{name}: {tally.tried} inputs, {tally.answers} answers, {len(tally.crashes)} crashes, "
        f"slowest {tally.slowest:.2f} s",
        f"  {errors}",
    ]
    seen = set()
    for given, error in tally.crashes:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = (type(error).__name__, frame.filename, frame.lineno)
        if place not in seen:
            seen.add(place)
            lines += [f"  {given!r}", f"    {type(error).__name__}: {error!s:.200}", f"    {frame}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
