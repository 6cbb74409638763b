"""How many digits of a decimal SQLite's doubles hold."""

from __future__ import annotations

from typing import Final

DIGITS: Final = 15
BEYOND: Final = f"decimals beyond {DIGITS} digits are not exact there"
