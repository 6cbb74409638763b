"""Rows to where they are wanted, while the calling thread only waits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final

from wayfed_optimizer.errors import WayfedError

if TYPE_CHECKING:
    from wayfed_arrow import Stream
    from wayfed_optimizer.cancellation import CancellationToken
    from wayfed_optimizer.platform import Target

_STEP_SECONDS: Final = 0.1


def put(rows: Stream, target: Target, token: CancellationToken) -> int:
    """Write rows to a target and return their number.

    The writing is in a thread of its own, so that Ctrl-C reaches this one, which stops it by the
    token: a target undoes what it began.

    Raises
    ------
    ExecutionError, Cancelled
        What was there is as it was.
    """

    def write() -> int:
        try:
            return target.write(rows, token)
        except WayfedError:
            raise
        except Exception as error:
            # An engine that reads the stream may have wrapped what ended it.
            if isinstance(rows.error, WayfedError):
                raise rows.error from error
            raise

    with ThreadPoolExecutor(1, thread_name_prefix="wayfed_write") as workers:
        writing = workers.submit(write)
        try:
            while not writing.done():
                wait((writing,), _STEP_SECONDS)
        except BaseException:
            token.cancel("the writing was interrupted")
            rows.close()
            raise
        return writing.result()
