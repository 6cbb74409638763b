"""The forms in which rows come to Python functions and leave them."""

from __future__ import annotations

from typing import Final

from wayfed_optimizer.platform import ARROW_STREAM, ARROW_TABLE

ACCEPTS: Final = (ARROW_STREAM, ARROW_TABLE)
PRODUCES: Final = (ARROW_STREAM, ARROW_TABLE)
